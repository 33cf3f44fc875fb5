// Reads calendars with ical.js and their own VTIMEZONEs: node ical_js.mjs URL-OF-ICAL.JS < JSON
import { readFileSync } from "node:fs";

const { default: ICAL } = await import(process.argv[2]);
const { calendars, window } = JSON.parse(readFileSync(0, "utf8"));
const [since, until] = window;
const seconds = (time) => time.toJSDate().getTime() / 1000;

function read(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  calendar.getAllSubcomponents("vtimezone").forEach((zone) => ICAL.TimezoneService.register(zone));
  const events = calendar.getAllSubcomponents("vevent").map((component) => new ICAL.Event(component));
  const mains = new Map(events.filter((event) => !event.recurrenceId).map((event) => [event.uid, event]));
  for (const event of events) if (event.recurrenceId) mains.get(event.uid).relateException(event);
  return [...mains.values()].flatMap((event) => [...expand(event)]);
}

function* expand(event) {
  if (!event.isRecurring()) {
    yield* overlapping(event.startDate, event.endDate);
    return;
  }
  const iterator = event.iterator();
  for (let next = iterator.next(); next && seconds(next) < until + 40 * 86400; next = iterator.next()) {
    const { startDate, endDate } = event.getOccurrenceDetails(next);
    yield* overlapping(startDate, endDate);
  }
}

function* overlapping(start, end) {
  const times = [seconds(start), seconds(end)];
  if (times[0] < until && times[1] > since) yield times;
}

const shifts = Object.entries(calendars).map(([name, text]) => [name, read(text)]);
process.stdout.write(JSON.stringify(Object.fromEntries(shifts)));
