import { useEffect, useState } from "react";

import { describeError } from "../messages";
import { Button, Notice } from "./controls";

/** Fetches a recording when it is wanted and plays it. A native app plays the file with expo-audio. */
export function AudioPlayer({ label, load }: { label: string; load: () => Promise<Blob> }) {
  const [source, setSource] = useState<string>();
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  useEffect(() => () => (source === undefined ? undefined : URL.revokeObjectURL(source)), [source]);

  const play = async () => {
    setIsBusy(true);
    setFailure(undefined);
    try {
      setSource(URL.createObjectURL(await load()));
    } catch (error) {
      setFailure(describeError(error));
    }
    setIsBusy(false);
  };

  if (source !== undefined) return <audio controls autoPlay src={source} aria-label={label} style={{ width: "100%" }} />;
  return (
    <>
      {failure !== undefined && <Notice tone="warning">{failure}</Notice>}
      <Button look="plain" label={isBusy ? "One moment …" : "Listen"} disabled={isBusy} onPress={play} />
    </>
  );
}
