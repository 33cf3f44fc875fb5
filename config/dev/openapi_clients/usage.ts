// Compiles only if the generated types say what the API says.
import type * as HeyApi from "./hey-api";
import type { components } from "./openapi-typescript/schema";
import type * as Orval from "./orval/client";

type OpenapiTypescript = components["schemas"];

// An IVR configuration needs no cast, and actions are told apart by their type.
export const configuration: OpenapiTypescript["IvrConfiguration"] & HeyApi.IvrConfiguration & Orval.IvrConfiguration = {
  version: 1,
  language: "en-US",
  greeting: { say: "Hello." },
  hours: { mode: "weekly", weekly: { mo: [["09:00", "17:00"]] } },
  open: {
    type: "menu",
    prompt: { say: "Press 1." },
    keys: { "1": { type: "ring", target: { onDuty: { roles: ["staff"] } }, otherwise: { type: "voicemail" } } },
  },
  closed: { type: "say", prompt: { play: "https://files.example/closed.wav" }, then: { type: "hangup" } },
};

// @ts-expect-error a ring action needs a target
export const ring: OpenapiTypescript["IvrAction"] = { type: "ring" };
// @ts-expect-error a ring action needs a target
export const heyRing: HeyApi.IvrAction = { type: "ring" };
// @ts-expect-error a ring action needs a target
export const orvalRing: Orval.IvrAction = { type: "ring" };

type Item = OpenapiTypescript["ScheduleOrOccurrence"] | HeyApi.ScheduleOrOccurrence | Orval.ScheduleOrOccurrence;

export function scheduleId(item: Item): string {
  return item.kind === "schedule" ? item.id : item.scheduleId;
}

// A change names what it changes, and only permissions that exist can be granted.
export const changes: (OpenapiTypescript["UserChange"] & HeyApi.UserChange & Orval.UserChange)[] = [
  { id: "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF", userRole: "manager", permissions: ["calls:read"] },
  // @ts-expect-error `id` is required
  { name: "Sam" },
  // @ts-expect-error there is no such permission
  { id: "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF", permissions: ["cats:read"] },
];
