/** Callers who wait to be called back: what the app asks for, and what people read if that fails. */

import { type Dutyline, isProblem, type Item } from "@dutyline/client";

import { type Call, type Colleague, loadColleagues, loadMessages, type Location, type Me } from "./data";
import { describeError } from "./messages";

export type Callback = Item<"/callback">;
export type Outcome = NonNullable<Callback["outcome"]>;

export const OUTCOMES: { value: Outcome; label: string }[] = [
  { value: "reached", label: "Reached" },
  { value: "no_answer", label: "No answer" },
  { value: "wrong_number", label: "Wrong number" },
  { value: "spam", label: "Spam" },
];

/** The call-backs of a location that are not closed, and what belongs to them. */
export interface MissedCalls {
  callbacks: Callback[];
  /** By the id of the call-back: the call with a message to listen to. */
  messages: Map<string, Call>;
  /** Whether only the person's own are shown: others are for those on duty. */
  onlyMine: boolean;
}

export async function loadMissedCalls(dutyline: Dutyline, location: Location): Promise<MissedCalls> {
  const [{ callbacks, onlyMine }, calls] = await Promise.all([
    loadCallbacks(dutyline, location),
    loadMessages(dutyline, location),
  ]);
  const messages = new Map<string, Call>();
  for (const call of calls) {
    if (call.callbackId !== null && !messages.has(call.callbackId)) messages.set(call.callbackId, call);
  }
  return { callbacks, messages, onlyMine };
}

async function loadCallbacks(dutyline: Dutyline, { id }: Location): Promise<Pick<MissedCalls, "callbacks" | "onlyMine">> {
  try {
    const { data } = await dutyline.GET("/callback", { params: { query: { locationId: id, limit: 100 } } });
    return { callbacks: data.items, onlyMine: false };
  } catch (error) {
    if (!isProblem(error, "not_on_duty")) throw error;
    const query = { locationId: id, limit: 100, mine: "true" } as const;
    const { data } = await dutyline.GET("/callback", { params: { query } });
    return { callbacks: data.items, onlyMine: true };
  }
}

/** The names of everybody who may hold a call-back, by id. */
export async function loadNames(dutyline: Dutyline, me: Me): Promise<Map<string, string>> {
  const people: Pick<Colleague, "id" | "name">[] = await loadColleagues(dutyline);
  return new Map([...people, me].map(({ id, name }) => [id, name]));
}

export const findCallback = async (dutyline: Dutyline, id: string): Promise<Callback> =>
  (await dutyline.GET("/callback/{id}", { params: { path: { id } } })).data;

const path = ({ id }: Callback) => ({ params: { path: { id } } });

export const takeCallback = (dutyline: Dutyline, callback: Callback) => attempt(() => dutyline.POST("/callback/{id}/take", path(callback)));

export const releaseCallback = (dutyline: Dutyline, callback: Callback) =>
  attempt(() => dutyline.POST("/callback/{id}/release", path(callback)));

/** Has the product ring the person's own phone, and then the caller. */
export const callBack = (dutyline: Dutyline, callback: Callback) => attempt(() => dutyline.POST("/callback/{id}/call", path(callback)));

export const closeCallback = (dutyline: Dutyline, callback: Callback, outcome: Outcome, note: string) =>
  attempt(() => dutyline.POST("/callback/{id}/close", { ...path(callback), body: note.trim() === "" ? { outcome } : { outcome, note } }));

/** Send a change; the sentence to show if it is refused, undefined if it was made. */
async function attempt(send: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await send();
    return undefined;
  } catch (error) {
    return describeRefusal(error);
  }
}

function describeRefusal(error: unknown): string {
  if (isProblem(error, "callback_taken")) return error.message;  // it says who
  if (isProblem(error, "callback_closed")) return "Somebody has closed this one meanwhile.";
  if (isProblem(error, "phone_not_verified")) return "Verify your phone first: it rings before we call the caller.";
  if (isProblem(error, "caller_withheld", "caller_not_callable")) return "This caller cannot be called back from here.";
  if (isProblem(error, "on_a_call")) return "You are in a call already. Hang up first.";
  if (isProblem(error, "minutes_used_up")) return "The call minutes of the day are used up. Call from your own phone.";
  if (isProblem(error, "lines_busy")) return "All lines are busy. Try again in a few minutes.";
  if (isProblem(error, "call_not_placed")) return "The call could not be placed. Try again, or call from your own phone.";
  if (isProblem(error, "phone_not_callable")) return "Your phone cannot be called from here. Set another one and verify it.";
  if (isProblem(error, "no_line")) return "This location has no phone number to call from. Call from your own phone.";
  if (isProblem(error, "not_on_duty")) return "You are not on duty here now.";
  if (isProblem(error) && error.status === 409) return error.message;
  return describeError(error);
}
