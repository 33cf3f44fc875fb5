/** What the screens show, through the client. */

import { type Data, type Dutyline, isProblem, type Item, type ProblemError } from "@dutyline/client";

import { addDays, type Day, dayOf, formatDay, formatShift, formatTime } from "./clock";

export type Me = Data<"/user">;
export type Location = Item<"/location">;
export type Shift = Extract<Item<"/staffSchedule">, { kind: "occurrence" }>;
export type Colleague = Item<"/colleague">;
export type Call = Item<"/call">;
export type LocationDay = Data<"/location/{id}/days">["items"][number];
export type Phone = Data<"/user/phone">;
export type OnDuty = Data<"/location/{id}/on-duty">["items"][number];

/** The signed-in person and where they work. */
export interface Workplace {
  me: Me;
  locations: Location[];
}

export async function loadWorkplace(dutyline: Dutyline): Promise<Workplace> {
  const [me, locations] = await Promise.all([dutyline.GET("/user"), collect(dutyline.pages("/location"))]);
  return { me: me.data, locations };
}

/** The shifts of a week: at one location everybody's, otherwise the person's own at all locations. */
export async function loadWeek(dutyline: Dutyline, me: Me, monday: Day, location?: Location): Promise<Shift[]> {
  const whose = location ? { locationId: location.id } : { customerId: me.customerId, staffId: me.id };
  const range = location
    ? { from: monday, to: addDays(monday, 7) }
    : { from: `${addDays(monday, -1)}T00:00:00Z`, to: `${addDays(monday, 8)}T00:00:00Z` };
  return loadShifts(dutyline, { ...whose, ...range }, (shift) => {
    const day = dayOf(shift.startTime);
    return monday <= day && day < addDays(monday, 7);
  });
}

/** The holidays and notes of a week at a location, by day. */
export async function loadDays(dutyline: Dutyline, monday: Day, location?: Location): Promise<Map<Day, LocationDay>> {
  if (location === undefined) return new Map();
  const params = { path: { id: location.id }, query: { from: monday, to: addDays(monday, 6) } };
  const { data } = await dutyline.GET("/location/{id}/days", { params });
  return new Map(data.items.map((item) => [item.date, item]));
}

type ShiftQuery = { from: string; to: string; locationId?: string; customerId?: string; staffId?: string };

async function loadShifts(dutyline: Dutyline, query: ShiftQuery, isWanted: (shift: Shift) => boolean): Promise<Shift[]> {
  const shifts: Shift[] = [];
  const pages = dutyline.pages("/staffSchedule", { params: { query: { ...query, expand: "occurrences" } } });
  for await (const item of pages) if (item.kind === "occurrence" && isWanted(item)) shifts.push(item);
  return shifts;
}

export async function loadOnDuty(dutyline: Dutyline, locations: Location[]): Promise<Map<string, OnDuty[]>> {
  const answers = await Promise.all(
    locations.map(({ id }) => dutyline.GET("/location/{id}/on-duty", { params: { path: { id } } })),
  );
  return new Map(answers.map(({ data }) => [data.locationId, data.items]));
}

export const loadColleagues = (dutyline: Dutyline): Promise<Colleague[]> => collect(dutyline.pages("/colleague"));

/** The latest calls to a location that have something to listen to. */
export async function loadMessages(dutyline: Dutyline, location: Location): Promise<Call[]> {
  const { data } = await dutyline.GET("/call", { params: { query: { locationId: location.id, limit: 50 } } });
  return data.items.filter((call) => call.recordings.some((recording) => recording.ready));
}

export async function loadRecording(dutyline: Dutyline, call: Call): Promise<Blob> {
  const answer = await dutyline.GET("/call/{id}/recording", { params: { path: { id: call.id } }, parseAs: "blob" });
  return answer.data;
}

export async function loadPhone(dutyline: Dutyline): Promise<Phone> {
  return (await dutyline.GET("/user/phone")).data;
}

/** Leave the person alone for a while; `aloneAt` names the locations where nobody else can be called. */
export async function beginBreak(dutyline: Dutyline, minutes: number): Promise<Phone & { aloneAt: string[] }> {
  return (await dutyline.PUT("/user/phone/break", { body: { minutes } })).data;
}

export async function endBreak(dutyline: Dutyline): Promise<Phone> {
  return (await dutyline.DELETE("/user/phone/break")).data;
}

/** Whether picking up is enough to answer; the settings as they are then. */
export async function saveAnswering(dutyline: Dutyline, answerWithoutKey: boolean): Promise<Me["settings"]> {
  return (await dutyline.PATCH("/user", { body: { settings: { answerWithoutKey } } })).data.settings;
}

export interface NewShift {
  person: Pick<Colleague, "id" | "name">;
  location: Location;
  startTime: string;
  endTime: string;
}

/** Add a shift; the sentence to show if it cannot be, undefined if it was added. */
export async function addShift(dutyline: Dutyline, shift: NewShift): Promise<string | undefined> {
  const { person, location, startTime, endTime } = shift;
  const body = { customerId: location.customerId, locationId: location.id, staffId: person.id, startTime, endTime };
  try {
    await dutyline.POST("/staffSchedule", { body });
    return undefined;
  } catch (error) {
    if (isProblem(error, "schedule_clash")) return describeClash(dutyline, error, shift);
    throw error;
  }
}

/** The other shift, where it is, in the time of that place. */
async function describeClash(dutyline: Dutyline, clash: ProblemError, { person, location }: NewShift): Promise<string> {
  const { scheduleId, at = "" } = clash.errors[0] ?? {};
  const to = new Date(Date.parse(at) + 60_000).toISOString();
  const query = { customerId: location.customerId, staffId: person.id, from: at, to };
  const [[other], { data }] = await Promise.all([
    loadShifts(dutyline, query, (shift) => shift.scheduleId === scheduleId),
    dutyline.GET("/location"),
  ]);
  if (other === undefined) {
    return `${person.name} already works elsewhere on ${formatDay(dayOf(at))} at ${formatTime(at)}, by the clock there.`;
  }
  const place = data.items.find(({ id }) => id === other.locationId)?.name ?? "another location";
  return `${person.name} already works then: ${place}, ${formatDay(dayOf(other.startTime))}, ${formatShift(other.startTime, other.endTime)}.`;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
