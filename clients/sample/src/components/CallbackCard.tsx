import type { Dutyline } from "@dutyline/client";
import { useState } from "react";
import { StyleSheet, View } from "react-native";

import { type Callback, callBack, closeCallback, type Outcome, OUTCOMES, releaseCallback, takeCallback } from "../callbacks";
import { describeCaller } from "../callers";
import { dayOf, formatAge, formatTime, formatWeekday, today, wallTimeAt } from "../clock";
import { type Call, loadRecording, type Location } from "../data";
import { useColors } from "../theme";
import { AudioPlayer } from "./AudioPlayer";
import { Button, Card, Choice, Field, Notice } from "./controls";
import { Words } from "./text";

interface Props {
  dutyline: Dutyline;
  callback: Callback;
  location: Location;
  myId: string;
  /** The name of whoever has taken it. */
  holder: string | undefined;
  /** The call with a message of the caller. */
  message: Call | undefined;
  isHighlighted: boolean;
  /** Called after a change, with a sentence if there is one to show. */
  finish: (sentence?: string) => void;
}

/** A caller who waits: who, since when, who has taken it, and what can be done. */
export function CallbackCard({ dutyline, callback, location, myId, holder, message, isHighlighted, finish }: Props) {
  const colors = useColors();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const [isClosing, setIsClosing] = useState(false);
  const caller = describeCaller(callback.caller);
  const isMine = callback.status === "taken" && callback.takenBy === myId;
  const isFree = callback.status === "open" || isMine;

  const run = async (change: () => Promise<string | undefined>, done?: string) => {
    setIsBusy(true);
    const failure = await change();
    setIsBusy(false);
    setProblem(failure);
    finish(failure === undefined ? done : undefined);
  };
  const close = (outcome: Outcome, note: string) =>
    run(() => closeCallback(dutyline, callback, outcome, note), `${caller}: done.`);

  return (
    <View role="group" aria-label={caller} style={isHighlighted && [styles.highlighted, { borderColor: colors.accent }]}>
      <Card>
        <View style={styles.row}>
          <View style={styles.words}>
            <Words bold>{caller}</Words>
            <Words kind="small" tone="quiet">
              {describeCalls(callback)}
            </Words>
          </View>
          <Status callback={callback} isMine={isMine} />
        </View>
        <Words kind="small" tone={isOverdue(callback) ? "warning" : "quiet"}>
          {describeDue(callback, location)}
        </Words>
        {callback.status === "taken" && (
          <Words kind="small" tone="quiet">
            {describeHolder(callback, location, isMine, holder)}
          </Words>
        )}
        {message !== undefined && (
          <AudioPlayer label={`Message from ${caller}`} load={() => loadRecording(dutyline, message)} />
        )}
        {problem !== undefined && <Notice tone="warning">{problem}</Notice>}
        {isClosing ? (
          <Closing isBusy={isBusy} close={close} cancel={() => setIsClosing(false)} />
        ) : (
          isFree && (
            <View style={styles.buttons}>
              {callback.canCall && (
                <Button
                  label="Call back"
                  disabled={isBusy}
                  onPress={() =>
                    run(() => callBack(dutyline, callback), `Your phone rings now. Pick up and press 1, and we call ${caller}.`)
                  }
                />
              )}
              {!isMine && (
                <Button look="plain" label="Take" disabled={isBusy} onPress={() => run(() => takeCallback(dutyline, callback))} />
              )}
              {isMine && (
                <Button
                  look="plain"
                  label="Release"
                  disabled={isBusy}
                  onPress={() => run(() => releaseCallback(dutyline, callback))}
                />
              )}
              <Button look="plain" label="Close" disabled={isBusy} onPress={() => setIsClosing(true)} />
            </View>
          )
        )}
      </Card>
    </View>
  );
}

function Status({ callback, isMine }: { callback: Callback; isMine: boolean }) {
  const colors = useColors();
  const isOpen = callback.status === "open";
  return (
    <View style={[styles.status, { backgroundColor: isOpen ? colors.warningSoft : colors.soft }]}>
      <Words kind="small" bold tone={isOpen ? "warning" : "accent"}>
        {isOpen ? "Open" : isMine ? "Yours" : "Taken"}
      </Words>
    </View>
  );
}

interface ClosingProps {
  isBusy: boolean;
  close: (outcome: Outcome, note: string) => void;
  cancel: () => void;
}

/** How it ended, and a note for whoever looks at it later. */
function Closing({ isBusy, close, cancel }: ClosingProps) {
  const [outcome, setOutcome] = useState<Outcome>();
  const [note, setNote] = useState("");
  return (
    <>
      <Choice label="How it ended" options={OUTCOMES} value={outcome} onChange={setOutcome} />
      <Field label="Note (optional)" value={note} onChange={(text) => setNote(text.slice(0, 500))} />
      <View style={styles.buttons}>
        <Button
          label="Close the call-back"
          disabled={isBusy || outcome === undefined}
          onPress={() => outcome !== undefined && close(outcome, note)}
        />
        <Button look="plain" label="Not yet" disabled={isBusy} onPress={cancel} />
      </View>
    </>
  );
}

function describeCalls({ calls, lastCallAt }: Callback): string {
  const times = calls === 1 ? "Called once" : calls === 2 ? "Called twice" : `Called ${calls} times`;
  return calls === 1 ? `Called ${formatAge(lastCallAt)}` : `${times}, the last time ${formatAge(lastCallAt)}`;
}

const isOverdue = ({ status, dueAt }: Callback) => status === "open" && Date.parse(dueAt) < Date.now() - 3_600_000;

function describeDue({ dueAt }: Callback, { timeZone }: Location): string {
  const isDue = Date.parse(dueAt) <= Date.now() + 60_000;  // clocks differ a little
  return isDue ? `Due since ${timeAt(dueAt, timeZone)}` : `To be called back at ${timeAt(dueAt, timeZone)}`;
}

function describeHolder(callback: Callback, { timeZone }: Location, isMine: boolean, holder = "Somebody else"): string {
  const until = callback.takenUntil === null ? "" : ` until ${timeAt(callback.takenUntil, timeZone)}`;
  return isMine ? `You have taken it${until}.` : `${holder} has taken it${until}.`;
}

/** 9:00 AM, or Mon 9:00 AM on another day, by the clock of the location. */
function timeAt(instant: string, timeZone: string): string {
  const wall = wallTimeAt(instant, timeZone);
  const day = dayOf(wall) === today(timeZone) ? "" : `${formatWeekday(dayOf(wall))} `;
  return `${day}${formatTime(wall)}`;
}

const styles = StyleSheet.create({
  row: { flexDirection: "row", alignItems: "center", gap: 12 },
  words: { flex: 1 },
  status: { borderRadius: 12, paddingHorizontal: 10, paddingVertical: 4 },
  buttons: { flexDirection: "row", flexWrap: "wrap", gap: 8 },
  highlighted: { borderWidth: 2, borderRadius: 18 },
});
