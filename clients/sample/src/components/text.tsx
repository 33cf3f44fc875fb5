import type { ReactNode } from "react";
import { Text, type TextProps, type TextStyle } from "react-native";

import { useColors } from "../theme";

const STYLES = {
  title: { fontSize: 28, lineHeight: 34, fontWeight: "700", letterSpacing: -0.4 },
  heading: { fontSize: 17, lineHeight: 24, fontWeight: "600" },
  body: { fontSize: 16, lineHeight: 24 },
  small: { fontSize: 14, lineHeight: 20 },
} satisfies Record<string, TextStyle>;

interface Props extends TextProps {
  kind?: keyof typeof STYLES;
  tone?: "text" | "quiet" | "accent" | "onAccent" | "warning";
  bold?: boolean;
  children: ReactNode;
}

export function Words({ kind = "body", tone = "text", bold = false, style, ...props }: Props) {
  const color = useColors()[tone];
  return <Text {...props} style={[STYLES[kind], bold && { fontWeight: "600" }, { color, fontFamily: "system-ui" }, style]} />;
}

export function Heading({ level, children }: { level: 1 | 2 | 3; children: ReactNode }) {
  return (
    <Words role="heading" aria-level={level} kind={level === 1 ? "title" : "heading"}>
      {children}
    </Words>
  );
}
