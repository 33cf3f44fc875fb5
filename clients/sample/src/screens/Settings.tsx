import type { Dutyline } from "@dutyline/client";
import { useState } from "react";

import { formatTime, wallTimeAt } from "../clock";
import { Button, Card, Choice, Notice } from "../components/controls";
import { Loaded, useLoad } from "../components/Loaded";
import { Page } from "../components/Page";
import { PersonalData } from "../components/PersonalData";
import { Heading, Words } from "../components/text";
import { beginBreak, endBreak, loadPhone, type Location, type Phone, saveAnswering, type Workplace } from "../data";
import { describeError } from "../messages";

const LENGTHS = [
  { value: "30", label: "30 minutes" },
  { value: "60", label: "1 hour" },
  { value: "120", label: "2 hours" },
];
const ANSWERS = [
  { value: "key", label: "Press 1 to answer" },
  { value: "pick up", label: "Answer by picking up" },
] as const;
type Answer = (typeof ANSWERS)[number]["value"];

/** How calls reach the person: a break, and whether picking up is enough to answer. Their data. */
export function Settings({ dutyline, workplace }: { dutyline: Dutyline; workplace: Workplace }) {
  const [phone, reload] = useLoad(() => loadPhone(dutyline), []);
  return (
    <Page title="Settings" intro="How calls reach you while you are on duty, and what is stored about you.">
      <Loaded from={phone} reload={reload}>
        {(loaded) => <Break dutyline={dutyline} locations={workplace.locations} loaded={loaded} />}
      </Loaded>
      <Answering dutyline={dutyline} workplace={workplace} />
      <PersonalData dutyline={dutyline} />
    </Page>
  );
}

function Break({ dutyline, locations, loaded }: { dutyline: Dutyline; locations: Location[]; loaded: Phone }) {
  const [phone, setPhone] = useState(loaded);
  const [minutes, setMinutes] = useState("30");
  const [aloneAt, setAloneAt] = useState<string[]>([]);
  const [error, setError] = useState<unknown>();
  const change = async (request: Promise<Phone & { aloneAt?: string[] }>) => {
    setError(undefined);
    try {
      const changed = await request;
      setPhone(changed);
      setAloneAt(changed.aloneAt ?? []);
    } catch (problem) {
      setError(problem);
    }
  };
  const names = locations.filter(({ id }) => aloneAt.includes(id)).map(({ name }) => name);
  return (
    <Card>
      <Heading level={2}>Break from calls</Heading>
      {phone.breakUntil === null ? (
        <>
          <Words tone="quiet">{describeRinging(phone)} During a break, calls ring the others on duty.</Words>
          <Choice label="Length of the break" options={LENGTHS} value={minutes} onChange={setMinutes} />
          <Button label="Begin a break" onPress={() => change(beginBreak(dutyline, Number(minutes)))} />
        </>
      ) : (
        <>
          <Notice tone="good">{`Calls do not ring your phone until ${formatEnd(phone.breakUntil, locations)}.`}</Notice>
          {names.length > 0 && (
            <Notice tone="warning">{`Nobody else on duty at ${names.join(" and ")} can be called meanwhile.`}</Notice>
          )}
          <Button look="plain" label="End the break" onPress={() => change(endBreak(dutyline))} />
        </>
      )}
      {error !== undefined && <Notice tone="warning">{describeError(error)}</Notice>}
    </Card>
  );
}

function describeRinging({ phone, verified, rings }: Phone): string {
  if (phone === null) return "You have no phone number yet, so calls do not ring it.";
  if (!verified) return `Calls do not ring ${phone}, because it is not verified.`;
  return rings ? `Calls ring ${phone} while you are on duty.` : `Calls do not ring ${phone}: you have turned them off.`;
}

/** By the clock of the place where the person works. */
function formatEnd(instant: string, locations: Location[]): string {
  const zone = locations[0]?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return formatTime(wallTimeAt(instant, zone));
}

function Answering({ dutyline, workplace }: { dutyline: Dutyline; workplace: Workplace }) {
  const { settings } = workplace.me;
  const [answer, setAnswer] = useState<Answer>(settings.answerWithoutKey ? "pick up" : "key");
  const [error, setError] = useState<unknown>();
  const choose = async (chosen: Answer) => {
    const before = answer;
    setAnswer(chosen);
    setError(undefined);
    try {
      workplace.me.settings = await saveAnswering(dutyline, chosen === "pick up");
    } catch (problem) {
      setAnswer(before);
      setError(problem);
    }
  };
  return (
    <Card>
      <Heading level={2}>Answering</Heading>
      <Choice label="How to answer" options={[...ANSWERS]} value={answer} onChange={choose} />
      <Words tone="quiet">
        {answer === "key"
          ? "You hear which location the call is for, and press 1 to take it. A mailbox cannot press a key, so it never takes a call."
          : "You talk with the caller as soon as you pick up. If your mailbox picks up, it takes the call, and nobody else is called."}
      </Words>
      {error !== undefined && <Notice tone="warning">{describeError(error)}</Notice>}
    </Card>
  );
}
