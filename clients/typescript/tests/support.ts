/** The running product that the tests use, and what they put between it and the client. */

import { webcrypto } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { createSession, type Session, type SessionOptions, type TokenStorage } from "../src/index.js";

globalThis.crypto ??= webcrypto as Crypto; // Node 18

interface Product {
  api: string;
  issuer: string;
  audience: string;
  clientId: string;
  redirectUri: string;
  customerId: string;
  locationId: string;
  /** An owner and somebody whose shifts are free to plan. */
  email: string;
  password: string;
  staffId: string;
}

export const product = JSON.parse(process.env.DUTYLINE_TEST ?? "{}") as Product;

export class MemoryStorage extends Map<string, string> implements TokenStorage {
  getItem = (key: string) => this.get(key) ?? null;
  setItem = (key: string, value: string) => void this.set(key, value);
  removeItem = (key: string) => void this.delete(key);
}

/** Opens the sign-in page as a native app does: fills in the form and returns the last redirect. */
export async function fillInSignInPage(url: string): Promise<string | undefined> {
  const form = new URLSearchParams({ username: product.email, password: product.password });
  const isSignIn = new URL(url).pathname === "/authorize";
  const response = await fetch(url, isSignIn ? { method: "POST", body: form, redirect: "manual" } : { redirect: "manual" });
  return isSignIn ? (response.headers.get("Location") ?? undefined) : undefined;
}

export function newSession(options: Partial<SessionOptions> = {}): Session {
  const { issuer, audience, clientId, redirectUri } = product;
  const native = { storage: new MemoryStorage(), open: fillInSignInPage };
  return createSession({ issuer, audience, clientId, redirectUri, ...native, ...options });
}

/** What happens to a request: `cut` lets the product answer, but the answer is lost. */
export type Fault = "cut" | 429 | 503;

/** A proxy in front of the product: one fault per request from the front of `faults`. */
export class Proxy {
  readonly faults: Fault[] = [];
  readonly requests: { method: string; path: string; key: string | undefined }[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      this.requests.push({ method, path: url, key: headers["idempotency-key"] as string | undefined });
      const fault = this.faults.shift();
      if (typeof fault === "number") {
        response.writeHead(fault, { "Retry-After": "0" }).end();
        return;
      }
      void forward(request).then(async (answer) => {
        if (fault === "cut") return void request.socket.destroy();
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        return void response.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function forward(request: IncomingMessage): Promise<Response> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { host: _host, connection: _connection, "content-length": _length, ...headers } = request.headers;
  headers["accept-encoding"] = "identity"; // fetch would decode the answer but keep its headers
  return fetch(product.api + request.url, {
    method: request.method ?? "GET",
    headers: headers as Record<string, string>,
    ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
  });
}
