/** What people read when something goes wrong. */

import { isProblem, NetworkError, SignInError } from "@dutyline/client";

export function describeError(error: unknown): string {
  if (error instanceof NetworkError) return "No connection. Check your network and try again.";
  if (error instanceof SignInError) return "You were not signed in. Please try again.";
  if (isProblem(error, "rate_limited")) return "That was a lot at once. Wait a moment and try again.";
  if (isProblem(error, "export_failed")) return "Your PDF could not be made. Try again in a while.";
  if (isProblem(error) && error.status === 403) return "Your role does not include this. Ask your manager for access.";
  if (isProblem(error) && error.status === 404) return "This no longer exists. Go back and look again.";
  return "Something went wrong on our side. Please try again.";
}
