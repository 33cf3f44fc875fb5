import { useState } from "react";
import { StyleSheet, View } from "react-native";

import { Button, Notice } from "../components/controls";
import { Heading, Words } from "../components/text";
import { describeError } from "../messages";

export function SignIn({ signIn, error }: { signIn: () => Promise<void>; error?: unknown }) {
  const [failure, setFailure] = useState(error);
  const [isBusy, setIsBusy] = useState(false);

  const start = async () => {
    setIsBusy(true);
    setFailure(undefined);
    try {
      await signIn();
    } catch (reason) {
      setFailure(reason);
      setIsBusy(false);
    }
  };

  return (
    <View role="main" style={styles.screen}>
      <View style={styles.column}>
        <View style={styles.words}>
          <Words kind="small" bold tone="accent">
            Dutyline
          </Words>
          <Heading level={1}>Your shifts, at a glance</Heading>
          <Words tone="quiet">See your week, who is on duty, and the messages that callers left.</Words>
        </View>
        {failure !== undefined && <Notice tone="warning">{describeError(failure)}</Notice>}
        <Button label={isBusy ? "One moment …" : "Sign in"} disabled={isBusy} onPress={start} />
      </View>
    </View>
  );
}

const styles = StyleSheet.create({
  screen: { flex: 1, padding: 24, justifyContent: "center", alignItems: "center" },
  column: { width: "100%", maxWidth: 380, gap: 32 },
  words: { gap: 8 },
});
