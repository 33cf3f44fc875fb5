import type { ReactNode } from "react";
import { ScrollView, StyleSheet, View } from "react-native";

import { Heading, Words } from "./text";

interface Props {
  title: string;
  intro?: string;
  children: ReactNode;
}

/** A screen: its title and its content, no wider than is comfortable to read. */
export function Page({ title, intro, children }: Props) {
  return (
    <ScrollView style={styles.scroll} contentContainerStyle={styles.content}>
      <View role="main" style={styles.column}>
        <View style={styles.head}>
          <Heading level={1}>{title}</Heading>
          {intro !== undefined && <Words tone="quiet">{intro}</Words>}
        </View>
        {children}
      </View>
    </ScrollView>
  );
}

const styles = StyleSheet.create({
  scroll: { flex: 1 },
  content: { padding: 20, paddingBottom: 40, alignItems: "center" },
  column: { width: "100%", maxWidth: 720, gap: 20 },
  head: { gap: 4 },
});
