/** Sign-in with PKCE, refresh and sign-out against the running identity provider. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDutyline, isProblem, SignInError, type Tokens } from "../src/index.js";
import { fillInSignInPage, MemoryStorage, newSession, product } from "./support.js";

interface Stored {
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
}
const STORED = "dutyline.tokens";
const readTokens = (storage: MemoryStorage) => JSON.parse(storage.get(STORED) ?? "null") as Stored;
const storeTokens = (storage: MemoryStorage, changes: Partial<Stored>) =>
  storage.set(STORED, JSON.stringify({ ...readTokens(storage), ...changes }));
const client = (tokens: Tokens) => createDutyline({ baseUrl: product.api, tokens });

async function signedIn() {
  const storage = new MemoryStorage();
  const session = newSession({ storage });
  await session.signIn();
  return { storage, session };
}

test("a native app signs in", async () => {
  const { session, storage } = await signedIn();
  assert.equal((await client(session).GET("/user")).data.email, product.email);
  assert.deepEqual([...storage.keys()], [STORED]);
  assert.ok(readTokens(storage).refreshToken);
});

test("a browser signs in over two pages that share a storage", async () => {
  const storage = new MemoryStorage();
  let answer = "";
  const firstPage = newSession({
    storage,
    open: async (url) => {
      answer = (await fillInSignInPage(url)) ?? "";
      return undefined;
    },
  });
  await firstPage.signIn();
  const secondPage = newSession({ storage });
  assert.equal(await secondPage.current(), undefined);
  assert.equal(await secondPage.handleRedirect(product.redirectUri), false);
  assert.equal(await secondPage.handleRedirect(answer), true);
  assert.equal((await client(secondPage).GET("/user")).data.email, product.email);
  await assert.rejects(secondPage.handleRedirect(answer), SignInError, "an answer works once");
});

test("an answer to another sign-in is refused", async () => {
  const forge = async (url: string) => (await fillInSignInPage(url))?.replace(/state=[^&]+/, "state=forged");
  const session = newSession({ open: forge });
  await assert.rejects(session.signIn(), SignInError);
  assert.equal(await session.current(), undefined);
});

test("the person closes the page, or the identity provider refuses", async () => {
  const closed = newSession({ open: async () => undefined });
  await closed.signIn();
  assert.equal(await closed.current(), undefined);

  const refuse = async (url: string) => {
    const state = new URL(url).searchParams.get("state") ?? "";
    return `${product.redirectUri}?error=access_denied&state=${state}`;
  };
  await assert.rejects(newSession({ open: refuse }).signIn(), (error) => error instanceof SignInError && error.code === "access_denied");
});

test("a refused token is refreshed once for all calls, and they are repeated", async () => {
  const { session, storage } = await signedIn();
  const before = readTokens(storage);
  let stores = 0;
  storage.setItem = (key, value) => {
    stores++;
    storage.set(key, value);
  };
  storeTokens(storage, { accessToken: "stale" });
  const dutyline = client(session);
  const answers = await Promise.all([dutyline.GET("/user"), dutyline.GET("/location"), dutyline.GET("/user/terms-status")]);
  assert.deepEqual(answers.map(({ response }) => response.status), [200, 200, 200]);
  assert.equal(stores, 1);
  assert.notEqual(readTokens(storage).refreshToken, before.refreshToken, "refresh tokens rotate");
});

test("a token is refreshed before it expires", async () => {
  const { session, storage } = await signedIn();
  const { refreshToken } = readTokens(storage);
  storeTokens(storage, { expiresAt: Date.now() + 5_000 });
  const tokens = await Promise.all([session.current(), session.current()]);
  assert.equal(tokens[0], tokens[1]);
  assert.notEqual(readTokens(storage).refreshToken, refreshToken);
});

test("tokens of one's own are refreshed once for all calls", async () => {
  const { session } = await signedIn();
  let refreshes = 0;
  let token: string | undefined = "stale";
  const tokens = {
    current: async () => token,
    refresh: async () => {
      refreshes++;
      return (token = await session.current());
    },
  };
  const dutyline = client(tokens);
  await Promise.all([dutyline.GET("/user"), dutyline.GET("/location")]);
  assert.equal(refreshes, 1);
});

test("sign-out forgets the tokens and ends the refresh token", async () => {
  const { session, storage } = await signedIn();
  const stolen = readTokens(storage);
  await session.signOut();
  assert.equal(storage.size, 0);
  await assert.rejects(client(session).GET("/user"), (error) => isProblem(error, "unauthenticated") && error.status === 401);

  const thief = new MemoryStorage([[STORED, JSON.stringify({ ...stolen, expiresAt: 0 })]]);
  assert.equal(await newSession({ storage: thief }).current(), undefined);
  assert.equal(thief.size, 0);
});
