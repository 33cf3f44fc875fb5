/** Where a push leads: its `data` as a screen, and as the part of the address after `#`. */

import type { ScreenName } from "./components/Navigation";

export interface Route {
  screen: ScreenName;
  locationId?: string | undefined;
  callbackId?: string | undefined;
}

/** The `data` of a push: see `docs/api.md`. */
export interface PushData {
  event?: string;
  locationId?: string;
  callbackId?: string;
  callId?: string;
  scheduleId?: string;
}

/** The screen that a push opens. An Expo app calls it with `notification.request.content.data`. */
export function routeOfPush({ event, locationId, callbackId, callId }: PushData): Route {
  if (callbackId !== undefined || event === "call_missed") return { screen: "missed", locationId, callbackId };
  return callId === undefined ? { screen: "week" } : { screen: "voicemail", locationId };
}

/** `#missed?locationId=…&callbackId=…`: for a link that leads to the same place. */
export function parseRoute(hash: string): Route | undefined {
  const [screen, query = ""] = hash.replace(/^#/, "").split("?");
  if (screen !== "missed") return undefined;
  const values = new URLSearchParams(query);
  return { screen, locationId: values.get("locationId") ?? undefined, callbackId: values.get("callbackId") ?? undefined };
}

const STORED_AS = "dutyline.route";

/** The place that the address names; it outlives signing in, which leaves the page. */
export function takeRoute(): Route | undefined {
  const hash = window.location.hash || sessionStorage.getItem(STORED_AS) || "";
  const route = parseRoute(hash);
  if (route !== undefined) sessionStorage.setItem(STORED_AS, hash);
  return route;
}

/** Whoever is signed in has been led there: a later visit begins as usual. */
export function finishRoute(): void {
  sessionStorage.removeItem(STORED_AS);
  if (parseRoute(window.location.hash) !== undefined) window.history.replaceState(null, "", "/");
}
