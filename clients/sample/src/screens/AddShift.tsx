import type { Dutyline } from "@dutyline/client";
import { useState } from "react";
import { StyleSheet, View } from "react-native";

import { addDays, type Day, formatDay, formatDayOfMonth, formatShift, formatWeekday, parseTime, today, weekFrom } from "../clock";
import { Button, Choice, Field, Notice } from "../components/controls";
import { Loaded, useLoad } from "../components/Loaded";
import { Page } from "../components/Page";
import { Words } from "../components/text";
import { addShift, type Colleague, loadColleagues, type Workplace } from "../data";
import { describeError } from "../messages";

interface Props {
  dutyline: Dutyline;
  workplace: Workplace;
  monday: Day;
  /** Called with a sentence if a shift was added. */
  finish: (added?: string) => void;
}

const NOT_A_TIME = "Write a time, such as 9:00 AM.";

export function AddShift({ dutyline, workplace, monday, finish }: Props) {
  const [colleagues, reload] = useLoad(() => loadColleagues(dutyline), []);
  return (
    <Page title="Add a shift">
      <Loaded from={colleagues} reload={reload}>
        {(people) => (
          <ShiftForm people={withSelf(people, workplace)} {...{ dutyline, workplace, monday, finish }} />
        )}
      </Loaded>
    </Page>
  );
}

function ShiftForm({ people, dutyline, workplace, monday, finish }: Props & { people: Person[] }) {
  const { locations } = workplace;
  const [locationId, setLocationId] = useState(locations[0]?.id);
  const location = locations.find(({ id }) => id === locationId);
  const here = today(location?.timeZone);
  const days = weekFrom(monday);
  const [personId, setPersonId] = useState<string>();
  const [day, setDay] = useState(days.includes(here) ? here : monday);
  const [from, setFrom] = useState("9:00 AM");
  const [to, setTo] = useState("5:00 PM");
  const [problem, setProblem] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);

  const person = people.find(({ id }) => id === personId);
  const [start, end] = [parseTime(from), parseTime(to)];

  const save = async () => {
    if (person === undefined || location === undefined) return setProblem("Choose who works, and where.");
    if (start === undefined || end === undefined) return;
    const startTime = `${day}T${start}`;
    const endTime = `${end > start ? day : addDays(day, 1)}T${end}`;
    setIsBusy(true);
    const failure = await addShift(dutyline, { person, location, startTime, endTime }).catch(describeError);
    setIsBusy(false);
    setProblem(failure);
    if (failure === undefined) {
      finish(`${person.name} works at ${location.name} on ${formatDay(day)}, ${formatShift(startTime, endTime)}.`);
    }
  };

  return (
    <>
      <Question title="Who">
        <Choice label="Who" options={people.map(toOption)} value={personId} onChange={setPersonId} />
      </Question>
      <Question title="Where">
        <Choice label="Where" options={locations.map(toOption)} value={locationId} onChange={setLocationId} />
      </Question>
      <Question title="When">
        <Choice
          label="Day"
          options={days.map((value) => ({ value, label: `${formatWeekday(value)} ${formatDayOfMonth(value)}` }))}
          value={day}
          onChange={setDay}
        />
        <View style={styles.row}>
          <Field label="From" value={from} onChange={setFrom} error={start === undefined ? NOT_A_TIME : undefined} />
          <Field label="To" value={to} onChange={setTo} error={end === undefined ? NOT_A_TIME : undefined} />
        </View>
        {location !== undefined && (
          <Words kind="small" tone="quiet">{`By the clock in ${location.name}.`}</Words>
        )}
      </Question>
      {problem !== undefined && <Notice tone="warning">{problem}</Notice>}
      <Button label={isBusy ? "One moment …" : "Add the shift"} disabled={isBusy} onPress={save} />
      <Button look="plain" label="Cancel" onPress={() => finish()} />
    </>
  );
}

function Question({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <View style={styles.question}>
      <Words bold>{title}</Words>
      {children}
    </View>
  );
}

type Person = Pick<Colleague, "id" | "name">;

/** The colleagues, and the person who is signed in if the list leaves them out. */
function withSelf(colleagues: Colleague[], { me }: Workplace): Person[] {
  return colleagues.some(({ id }) => id === me.id) ? colleagues : [me, ...colleagues];
}

const toOption = ({ id, name }: { id: string; name: string }) => ({ value: id, label: name });

const styles = StyleSheet.create({
  question: { gap: 10 },
  row: { flexDirection: "row", gap: 12 },
});
