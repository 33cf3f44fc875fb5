/** What goes wrong: an answer that is a problem, a failed sign-in, no connection. */

import type { components } from "./schema.js";

/** The problem document (RFC 9457) of an answer. */
export type Problem = components["schemas"]["Problem"];

/** An answer with a status other than 2xx. `code` is stable: compare it, not the sentences. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly code: string;
  readonly title: string;
  /** One entry per invalid field: `pointer` (RFC 6901; `?name` in the query), `code`, `detail`. */
  readonly errors: Problem["errors"];
  /** Quote it when you report a problem. */
  readonly requestId: string;
  /** Seconds to wait before the next attempt, if the answer says so. */
  readonly retryAfter: number | undefined;

  constructor(response: Response, body: unknown) {
    const problem = (isDocument(body) ? body : {}) as Partial<Problem>;
    super(problem.detail ?? `Unexpected answer with status ${response.status}.`);
    this.status = response.status;
    this.code = problem.code ?? "unexpected_answer";
    this.title = problem.title ?? response.statusText;
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId ?? response.headers.get("X-Request-Id") ?? "";
    this.retryAfter = readRetryAfter(response);
  }
}

/** No answer came: no connection, or the server ended it. Nothing is known about the outcome. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
}

/** Whether an error is a problem, and if codes are given, one of these. */
export function isProblem<Code extends string>(
  error: unknown,
  ...codes: Code[]
): error is ProblemError & { readonly code: Code } {
  return error instanceof ProblemError && (codes.length === 0 || codes.some((code) => code === error.code));
}

/** Seconds of `Retry-After`, which is a number or a date. */
export function readRetryAfter(response: Response): number | undefined {
  const value = response.headers.get("Retry-After");
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function isDocument(body: unknown): body is object {
  return typeof body === "object" && body !== null;
}
