import { StyleSheet, View } from "react-native";

import { type Day, formatDay, formatDayOfMonth, formatShift, formatWeekday } from "../clock";
import type { Shift } from "../data";
import { useColors } from "../theme";
import { Avatar } from "./controls";
import { Words } from "./text";

interface Props {
  day: Day;
  isToday: boolean;
  /** Holidays, and what else to know about the day. */
  notes: string[];
  shifts: Shift[];
  /** The line below the time: who, or where. */
  describe: (shift: Shift) => string;
  showPeople: boolean;
}

/** A day of the week and its shifts. */
export function DayRow({ day, isToday, notes, shifts, describe, showPeople }: Props) {
  const colors = useColors();
  return (
    <View role="listitem" aria-label={formatDay(day)} style={[styles.row, { borderColor: colors.line }]}>
      <View aria-hidden style={[styles.day, shifts.length + notes.length === 0 && styles.oneLine, isToday && { backgroundColor: colors.accent }]}>
        <Words kind="small" tone={isToday ? "onAccent" : "quiet"}>
          {formatWeekday(day)}
        </Words>
        <Words kind="heading" tone={isToday ? "onAccent" : "text"}>
          {formatDayOfMonth(day)}
        </Words>
      </View>
      <View style={styles.shifts}>
        {notes.map((note) => (
          <Words key={note} kind="small" bold>
            {note}
          </Words>
        ))}
        {shifts.length === 0 && <Words tone="quiet">{showPeople ? "Nobody" : "Free"}</Words>}
        {shifts.map((shift) => (
          <View
            key={`${shift.scheduleId} ${shift.startTime} ${shift.staffId}`}
            style={[styles.shift, { backgroundColor: colors.surface, borderColor: colors.line }]}
          >
            {showPeople ? <Avatar name={describe(shift)} /> : <View style={[styles.bar, { backgroundColor: colors.accent }]} />}
            <View style={styles.words}>
              <Words bold>{showPeople ? describe(shift) : formatShift(shift.startTime, shift.endTime)}</Words>
              <Words kind="small" tone="quiet">
                {showPeople ? formatShift(shift.startTime, shift.endTime) : describe(shift)}
              </Words>
            </View>
          </View>
        ))}
      </View>
    </View>
  );
}

const styles = StyleSheet.create({
  row: { flexDirection: "row", gap: 12, paddingVertical: 8, borderTopWidth: 1 },
  day: { width: 64, alignSelf: "flex-start", minHeight: 56, borderRadius: 12, alignItems: "center", justifyContent: "center" },
  oneLine: { flexDirection: "row", gap: 6, minHeight: 32 },
  shifts: { flex: 1, gap: 8, justifyContent: "center" },
  shift: { flexDirection: "row", alignItems: "center", gap: 12, padding: 12, borderRadius: 12, borderWidth: 1 },
  bar: { width: 4, alignSelf: "stretch", borderRadius: 2 },
  words: { flex: 1 },
});
