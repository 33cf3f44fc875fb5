import { Pressable, StyleSheet, View } from "react-native";

import { useColors, useIsWide } from "../theme";
import { Button } from "./controls";
import { Words } from "./text";

export const SCREENS = {
  week: "Week",
  team: "On duty",
  missed: "Missed calls",
  voicemail: "Voicemail",
  settings: "Settings",
} as const;
export type ScreenName = keyof typeof SCREENS;

interface Props {
  current: ScreenName;
  onChange: (screen: ScreenName) => void;
}

/** The screens: beside the page where there is room, below it on a phone. */
export function Navigation({ current, onChange }: Props) {
  const colors = useColors();
  const isWide = useIsWide();
  return (
    <View
      role="navigation"
      aria-label="Screens"
      style={isWide ? styles.column : [styles.bar, { borderColor: colors.line, backgroundColor: colors.surface }]}
    >
      {isWide && (
        <Words bold tone="accent" style={styles.brand}>
          Dutyline
        </Words>
      )}
      {(Object.keys(SCREENS) as ScreenName[]).map((screen) => {
        const isCurrent = screen === current;
        return (
          <Pressable
            key={screen}
            role="button"
            aria-current={isCurrent ? "page" : undefined}
            onPress={() => onChange(screen)}
            style={[styles.item, !isWide && styles.fill, isCurrent && { backgroundColor: colors.soft }]}
          >
            <Words bold={isCurrent} tone={isCurrent ? "accent" : "quiet"} kind={isWide ? "body" : "small"} style={isWide ? undefined : styles.label}>
              {SCREENS[screen]}
            </Words>
          </Pressable>
        );
      })}
    </View>
  );
}

export function Person({ name, signOut }: { name: string; signOut: () => void }) {
  return (
    <View role="banner" style={styles.person}>
      <Words kind="small" tone="quiet" numberOfLines={1} style={styles.name}>
        {name}
      </Words>
      <Button look="quiet" label="Sign out" onPress={signOut} />
    </View>
  );
}

const styles = StyleSheet.create({
  column: { gap: 4, flex: 1 },
  brand: { padding: 16 },
  bar: { flexDirection: "row", borderTopWidth: 1, padding: 8, gap: 4 },
  item: { minHeight: 48, paddingHorizontal: 16, borderRadius: 12, justifyContent: "center" },
  fill: { flexGrow: 1, flexShrink: 1, paddingHorizontal: 4, alignItems: "center" },
  label: { textAlign: "center" },
  person: { flexDirection: "row", alignItems: "center", gap: 12 },
  name: { flex: 1 },
});
