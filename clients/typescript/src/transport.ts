/** Sends requests: access token and its refresh, Idempotency-Key, retries. */

import { NetworkError, readRetryAfter } from "./problems.js";

/** Where access tokens come from. `createSession` makes one; a server brings its own. */
export interface Tokens {
  /** The present access token; undefined sends the request without one. */
  current(): Promise<string | undefined>;
  /** A token in place of the refused one, which was answered with 401; undefined if there is none. */
  refresh(refused: string): Promise<string | undefined>;
}

export interface TransportOptions {
  tokens: Tokens;
  /** How often a request is sent at most if it can be repeated safely. Default: 4. */
  attempts?: number | undefined;
  fetch?: typeof globalThis.fetch | undefined;
}

type Send = (request: Request) => Promise<Response>;

const GATEWAY_ERRORS = [502, 503, 504];
const LONGEST_WAIT = 20;
const FIRST_WAIT = 0.25;

/** A `fetch` that signs requests and repeats them where that is safe. */
export function createTransport({ tokens, attempts = 4, fetch = globalThis.fetch }: TransportOptions): Send {
  const sendSigned = createSignedSend(tokens, (request) => sendOnce(fetch, request));
  return async (request) => {
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", newIdempotencyKey());
    }
    for (let attempt = 1; ; attempt++) {
      const outcome = await sendSigned(request).catch(asNetworkError);
      const wait = secondsUntilRetry(request, outcome, attempt);
      if (attempt >= attempts || wait === undefined || wait > LONGEST_WAIT) {
        if (outcome instanceof NetworkError) throw outcome;
        return outcome;
      }
      if (outcome instanceof Response) await drain(outcome);
      await sleep(wait, request.signal);
    }
  };
}

/** Sends with the present token. A 401 refreshes it and repeats once; simultaneous ones share a refresh. */
function createSignedSend(tokens: Tokens, send: Send): Send {
  let refreshing: Promise<string | undefined> | undefined;
  const refreshOnce = (refused: string) =>
    (refreshing ??= tokens.refresh(refused).finally(() => (refreshing = undefined)));

  return async (request) => {
    const token = await tokens.current();
    const response = await send(sign(request, token));
    if (response.status !== 401 || token === undefined) return response;
    const present = await tokens.current();
    const fresh = present !== undefined && present !== token ? present : await refreshOnce(token);
    if (fresh === undefined) return response;
    await drain(response);
    return send(sign(request, fresh));
  };
}

/** Read a short answer that nobody wants, so that its connection can serve again. */
const drain = (response: Response) => response.arrayBuffer();

function sign(request: Request, token: string | undefined): Request {
  const signed = request.clone();
  if (token !== undefined) signed.headers.set("Authorization", `Bearer ${token}`);
  return signed;
}

async function sendOnce(fetch: typeof globalThis.fetch, request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    request.signal.throwIfAborted();
    throw new NetworkError("No answer; check the connection.", { cause: error });
  }
}

function asNetworkError(error: unknown): NetworkError {
  if (error instanceof NetworkError) return error;
  throw error;
}

/** Seconds to wait before this outcome is tried again; undefined if it must not be. */
function secondsUntilRetry(request: Request, outcome: Response | NetworkError, attempt: number): number | undefined {
  if (!isRepeatable(request, outcome)) return undefined;
  const backoff = FIRST_WAIT * 2 ** attempt * Math.random();
  return ((outcome instanceof Response && readRetryAfter(outcome)) || 0) + backoff;
}

/**
 * 429 is answered before any work begins. After a lost connection or a gateway's error the work may
 * be done: only a GET, or a POST with the same Idempotency-Key, may then be sent again.
 */
function isRepeatable(request: Request, outcome: Response | NetworkError): boolean {
  if (outcome instanceof Response && outcome.status === 429) return true;
  const isSafe = request.method === "GET" || request.method === "POST";
  return isSafe && (outcome instanceof NetworkError || GATEWAY_ERRORS.includes(outcome.status));
}

/** Unique per actor for 24 hours; it is no secret, and `crypto` is missing in React Native. */
function newIdempotencyKey(): string {
  const part = () => Math.random().toString(36).slice(2, 12);
  return `${Date.now().toString(36)}-${part()}-${part()}`;
}

function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, seconds * 1000);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
