import { type ReactNode, useCallback, useEffect, useState } from "react";

import { describeError } from "../messages";
import { Button, Loading, Notice } from "./controls";

export type Load<Value> =
  | { state: "loading" }
  | { state: "failed"; error: unknown }
  | { state: "loaded"; value: Value };

/** Load a value now and whenever a dependency changes; `reload` loads it again. */
export function useLoad<Value>(load: () => Promise<Value>, dependencies: unknown[]): [Load<Value>, () => void] {
  const [result, setResult] = useState<Load<Value>>({ state: "loading" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    const finish = (value: Load<Value>) => isCurrent && setResult(value);
    setResult({ state: "loading" });
    load().then(
      (value) => finish({ state: "loaded", value }),
      (error: unknown) => finish({ state: "failed", error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [...dependencies, round]);
  return [result, useCallback(() => setRound((count) => count + 1), [])];
}

/** As `useLoad`, and again every few seconds while the page is visible; what was loaded stays meanwhile. */
export function useLive<Value>(
  load: () => Promise<Value>,
  dependencies: unknown[],
  seconds: number,
): [Load<Value>, () => void] {
  const [result, setResult] = useState<Load<Value>>({ state: "loading" });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((count) => count + 1), []);
  useEffect(() => {
    let isCurrent = true;
    load().then(
      (value) => isCurrent && setResult({ state: "loaded", value }),
      (error: unknown) => isCurrent && setResult((last) => (last.state === "loaded" ? last : { state: "failed", error })),
    );
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), seconds * 1000);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [...dependencies, round]);
  return [result, reload];
}

interface Props<Value> {
  from: Load<Value>;
  reload: () => void;
  children: (value: Value) => ReactNode;
}

/** What was loaded, or that it loads, or why not. */
export function Loaded<Value>({ from, reload, children }: Props<Value>) {
  if (from.state === "loading") return <Loading />;
  if (from.state === "loaded") return <>{children(from.value)}</>;
  return (
    <>
      <Notice tone="warning">{describeError(from.error)}</Notice>
      <Button look="plain" label="Try again" onPress={reload} />
    </>
  );
}
