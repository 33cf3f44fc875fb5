import type { Dutyline } from "@dutyline/client";
import { useState } from "react";
import { StyleSheet, View } from "react-native";

import { addDays, dayOf, formatWeek, mondayOf, today, weekFrom, zoneNote } from "../clock";
import { Button, Choice, IconButton, Notice } from "../components/controls";
import { DayRow } from "../components/DayRow";
import { Loaded, useLoad } from "../components/Loaded";
import { Page } from "../components/Page";
import { Words } from "../components/text";
import { loadDays, loadWeek, type LocationDay, type Workplace } from "../data";
import { AddShift } from "./AddShift";

const MINE = "mine";

export function Week({ dutyline, workplace }: { dutyline: Dutyline; workplace: Workplace }) {
  const { me, locations } = workplace;
  const [view, setView] = useState(MINE);
  const [isAdding, setIsAdding] = useState(false);
  const [added, setAdded] = useState<string>();
  const location = locations.find(({ id }) => id === view);
  const now = today((location ?? locations[0])?.timeZone);
  const [monday, setMonday] = useState(mondayOf(now));
  const [week, reload] = useLoad(
    () => Promise.all([loadWeek(dutyline, me, monday, location), loadDays(dutyline, monday, location)]),
    [view, monday],
  );

  const finish = (sentence?: string) => {
    setIsAdding(false);
    setAdded(sentence);
    if (sentence !== undefined) reload();
  };
  if (isAdding) return <AddShift dutyline={dutyline} workplace={workplace} monday={monday} finish={finish} />;

  const views = [{ value: MINE, label: "My shifts" }, ...locations.map(({ id, name }) => ({ value: id, label: name }))];
  const isThisWeek = monday === mondayOf(now);
  return (
    <Page title={location?.name ?? "My week"} intro={describeClock(location ? [location] : locations)}>
      <Choice label="Whose shifts" options={views} value={view} onChange={setView} />
      <View style={styles.row}>
        <View style={styles.grow}>
          <Words bold>{formatWeek(monday)}</Words>
          <Words kind="small" tone="quiet">
            {isThisWeek ? "This week" : monday === addDays(mondayOf(now), 7) ? "Next week" : " "}
          </Words>
        </View>
        {!isThisWeek && <Button look="plain" label="Today" onPress={() => setMonday(mondayOf(now))} />}
        <IconButton label="Previous week" icon="‹" onPress={() => setMonday(addDays(monday, -7))} />
        <IconButton label="Next week" icon="›" onPress={() => setMonday(addDays(monday, 7))} />
      </View>
      {added !== undefined && <Notice tone="good">{added}</Notice>}
      <Loaded from={week} reload={reload}>
        {([shifts, days]) => (
          <View role="list">
            {weekFrom(monday).map((day) => (
              <DayRow
                key={day}
                day={day}
                isToday={day === now}
                notes={describeDay(days.get(day))}
                shifts={shifts.filter((shift) => dayOf(shift.startTime) === day)}
                describe={(shift) =>
                  location
                    ? (shift.staffName ?? "A former colleague")
                    : (locations.find(({ id }) => id === shift.locationId)?.name ?? "Elsewhere")
                }
                showPeople={location !== undefined}
              />
            ))}
          </View>
        )}
      </Loaded>
      {me.permissions.includes("schedules:write") && <Button label="Add a shift" onPress={() => setIsAdding(true)} />}
    </Page>
  );
}

/** What everybody at a location should know about a day: its holidays and its note. */
const describeDay = (day?: LocationDay): string[] => [...(day?.holidays ?? []), ...(day?.note ? [day.note] : [])];

/** Whose clock the times are of, if this device has another one. */
function describeClock(locations: Workplace["locations"]): string {
  const notes = [...new Set(locations.map(({ timeZone }) => zoneNote(timeZone)))];
  if (notes.every((note) => note === "")) return "";
  return notes.length === 1 ? `All times are ${notes[0]}.` : "Times are those of each location.";
}

const styles = StyleSheet.create({
  row: { flexDirection: "row", alignItems: "center", gap: 8 },
  grow: { flex: 1 },
});
