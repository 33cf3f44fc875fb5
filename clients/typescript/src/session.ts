/** Sign-in at the identity provider: authorization code with PKCE, rotating refresh tokens. */

import { createProvider, createPendingSignIn, type PendingSignIn, type ProviderOptions, SignInError, type StoredTokens } from "./provider.js";
import type { Tokens } from "./transport.js";

/** Where tokens are stored: `localStorage`, React Native's AsyncStorage, or the like. */
export interface TokenStorage {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): void | Promise<void>;
  removeItem(key: string): void | Promise<void>;
}

/**
 * Opens a page of the identity provider. A browser leaves this page; a native app shows it and
 * returns the URL that it was sent back to, or undefined if the person closed it.
 */
export type Opener = (url: string, redirectUri: string) => Promise<string | undefined>;

export interface SessionOptions extends ProviderOptions {
  /** Default: `localStorage`. */
  storage?: TokenStorage;
  /** Default: leaves this page. */
  open?: Opener;
}

/** A person's session on this device; also the `tokens` of `createDutyline`. */
export interface Session extends Tokens {
  /** Begin to sign in. In a browser, `handleRedirect` ends it on the next page. */
  signIn(): Promise<void>;
  /** End a sign-in if this URL is the answer to one. Raises `SignInError`. */
  handleRedirect(url: string): Promise<boolean>;
  /** Forget the tokens, also if `NetworkError` is raised, and end the session at the identity provider. */
  signOut(): Promise<void>;
}

const TOKENS = "dutyline.tokens";
const PENDING = "dutyline.sign-in";
const EARLY_MILLISECONDS = 30_000;

export function createSession(options: SessionOptions): Session {
  const storage = options.storage ?? globalThis.localStorage;
  const open = options.open ?? leavePage;
  const provider = createProvider(options);

  const read = async <Value>(key: string): Promise<Value | undefined> =>
    JSON.parse((await storage.getItem(key)) ?? "null") ?? undefined;
  const store = async (key: string, value: StoredTokens | PendingSignIn) => storage.setItem(key, JSON.stringify(value));

  async function signIn(): Promise<void> {
    const pending = createPendingSignIn();
    await store(PENDING, pending);
    const answer = await open(await provider.signInUrl(pending), options.redirectUri);
    if (answer !== undefined) await handleRedirect(answer);
  }

  async function handleRedirect(url: string): Promise<boolean> {
    const { searchParams } = new URL(url);
    if (!searchParams.has("state") || !(searchParams.has("code") || searchParams.has("error"))) return false;
    const pending = await read<PendingSignIn>(PENDING);
    if (pending === undefined) throw new SignInError("unknown_sign_in", "This sign-in did not begin here; begin again.");
    await storage.removeItem(PENDING);
    await store(TOKENS, await provider.redeem(searchParams, pending));
    return true;
  }

  async function refreshUnlessDone(refused: string): Promise<string | undefined> {
    const tokens = await read<StoredTokens>(TOKENS);
    if (tokens === undefined || tokens.accessToken !== refused) return tokens?.accessToken;
    const fresh = tokens.refreshToken === undefined ? undefined : await provider.refresh(tokens);
    await (fresh === undefined ? storage.removeItem(TOKENS) : store(TOKENS, fresh));
    return fresh?.accessToken;
  }

  let refreshing: Promise<string | undefined> | undefined;
  const refresh = (refused: string) =>
    (refreshing ??= inOneTab(() => refreshUnlessDone(refused)).finally(() => (refreshing = undefined)));

  async function current(): Promise<string | undefined> {
    const tokens = await read<StoredTokens>(TOKENS);
    if (tokens === undefined) return undefined;
    return tokens.expiresAt - EARLY_MILLISECONDS > Date.now() ? tokens.accessToken : refresh(tokens.accessToken);
  }

  async function signOut(): Promise<void> {
    const tokens = await read<StoredTokens>(TOKENS);
    await storage.removeItem(TOKENS);
    if (tokens === undefined) return;
    await provider.revoke(tokens);
    await open(await provider.signOutUrl(tokens), options.signedOutUri ?? options.redirectUri);
  }

  return { signIn, handleRedirect, signOut, current, refresh };
}

/** One tab at a time: a rotated refresh token that is used twice ends the session. */
async function inOneTab<Value>(action: () => Promise<Value>): Promise<Value> {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  return locks === undefined ? action() : await locks.request("dutyline.refresh", action);
}

function leavePage(url: string): Promise<undefined> {
  globalThis.location.assign(url);
  return new Promise(() => undefined);
}
