import type { Dutyline } from "@dutyline/client";
import { useEffect, useRef, useState } from "react";

import { describeError } from "../messages";
import { loadPersonalData } from "../personalData";
import { Button, Card, Notice } from "./controls";
import { Heading, Words } from "./text";

/** Saves the person's data as a file. A native app writes it with expo-file-system and shares it. */
export function PersonalData({ dutyline }: { dutyline: Dutyline }) {
  const [state, setState] = useState<"idle" | "asked" | "waiting" | "saved">("idle");
  const [error, setError] = useState<unknown>();
  const leaving = useRef<AbortController>();
  useEffect(() => () => leaving.current?.abort(), []);

  const download = async () => {
    const { signal } = (leaving.current = new AbortController());
    setState("asked");
    setError(undefined);
    try {
      saveFile(await loadPersonalData(dutyline, () => setState("waiting"), signal), "my-data.pdf");
      setState("saved");
    } catch (problem) {
      if (signal.aborted) return;
      setState("idle");
      setError(problem);
    }
  };

  const isBusy = state === "asked" || state === "waiting";
  return (
    <Card>
      <Heading level={2}>Your data</Heading>
      <Words tone="quiet">A PDF with everything that is stored about you.</Words>
      {state === "waiting" && (
        <Notice tone="good">
          Your PDF is being made. This can take a few minutes. Stay on this screen, and it is downloaded when it is ready.
        </Notice>
      )}
      {state === "saved" && <Notice tone="good">Your PDF is in your downloads.</Notice>}
      {error !== undefined && <Notice tone="warning">{describeError(error)}</Notice>}
      <Button look="plain" label={isBusy ? "One moment …" : "Download my data"} disabled={isBusy} onPress={download} />
    </Card>
  );
}

function saveFile(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
