/**
 * Times as the clock at the location shows them.
 *
 * Shifts come with the location's offset (2027-03-01T09:00:00-05:00), so the date and time to show
 * are the text itself, whatever the zone of this device.
 */

/** A day as 2027-03-01. */
export type Day = string;

const DAY_MILLISECONDS = 86_400_000;

export const dayOf = (time: string): Day => time.slice(0, 10);

/** Midnight UTC stands for the day: only formatted in UTC, never compared with an instant. */
const asDate = (wallTime: string) => new Date(wallTime.length === 10 ? `${wallTime}T00:00Z` : `${wallTime.slice(0, 16)}Z`);

export const addDays = (day: Day, count: number): Day =>
  new Date(asDate(day).getTime() + count * DAY_MILLISECONDS).toISOString().slice(0, 10);

/** The Monday on or before a day. */
export const mondayOf = (day: Day): Day => addDays(day, -((asDate(day).getUTCDay() + 6) % 7));

export const weekFrom = (monday: Day): Day[] => Array.from({ length: 7 }, (_, index) => addDays(monday, index));

/** Today at a location; without a zone on this device. */
export const today = (timeZone?: string): Day =>
  new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(new Date());

const format = (wallTime: string, options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" }).format(asDate(wallTime));

/** 9:00 AM, never broken between two lines. */
export const formatTime = (time: string) => format(time, { hour: "numeric", minute: "2-digit" }).replace(/\s/g, "\u00a0");
export const formatWeekday = (day: Day) => format(day, { weekday: "short" });
export const formatDayOfMonth = (day: Day) => format(day, { day: "numeric" });
export const formatDay = (day: Day) => format(day, { weekday: "long", month: "long", day: "numeric" });

/** 9:00 AM – 5:00 PM, with the day of the end if it is another one. */
export function formatShift(startTime: string, endTime: string): string {
  const isOvernight = dayOf(startTime) !== dayOf(endTime);
  return `${formatTime(startTime)} – ${isOvernight ? `${formatWeekday(dayOf(endTime))} ` : ""}${formatTime(endTime)}`;
}

export const formatWeek = (monday: Day) =>
  new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" }).formatRange(
    asDate(monday),
    asDate(addDays(monday, 6)),
  );

/** An instant as the clock of a zone shows it, as 2027-03-01T09:00. */
export function wallTimeAt(instant: string, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
  return parts.format(new Date(instant)).replace(" ", "T");
}

/** "Eastern Time" for people elsewhere; empty if this device has the same time, whatever it calls its zone. */
export function zoneNote(timeZone: string): string {
  const note = describeZone(timeZone);
  return note === describeZone() ? "" : note;
}

/** "India Standard Time" of Asia/Kolkata and of Asia/Calcutta; of the device's zone by default. */
function describeZone(timeZone?: string): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longGeneric" }).formatToParts(new Date());
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

/** What people type for a time, as 09:00; undefined if it is none. */
export function parseTime(text: string): string | undefined {
  const match = /^\s*(\d{1,2})(?:[:.](\d{2}))?\s*([ap])?\.?m?\.?\s*$/i.exec(text);
  if (!match) return undefined;
  const [, hours = "", minutes = "00", half] = match;
  const hour = half === undefined ? Number(hours) : (Number(hours) % 12) + (half.toLowerCase() === "p" ? 12 : 0);
  const isTime = hour < 24 && Number(minutes) < 60 && (half === undefined || Number(hours) <= 12);
  return isTime ? `${String(hour).padStart(2, "0")}:${minutes}` : undefined;
}

/** "5 minutes ago"; a clock that is slow does not show the future. */
export function formatAge(instant: string): string {
  const minutes = Math.max(0, Math.round((Date.now() - Date.parse(instant)) / 60_000));
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  if (minutes < 1) return "just now";
  if (minutes < 60) return words.format(-minutes, "minute");
  const hours = Math.round(minutes / 60);
  return hours < 36 ? words.format(-hours, "hour") : words.format(-Math.round(hours / 24), "day");
}

/** 1:05 for 65 seconds. */
export const formatLength = (seconds: number) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
