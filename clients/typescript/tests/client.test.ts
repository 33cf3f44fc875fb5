/** The client against a running product: answers, pages, problems, versions, retries. */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { createDutyline, ifMatch, isProblem, NetworkError, ProblemError, type Dutyline, type Session } from "../src/index.js";
import { newSession, product, Proxy } from "./support.js";

const proxy = new Proxy();
let session: Session;
let dutyline: Dutyline;
let proxied: Dutyline;
let proxyUrl: string;

before(async () => {
  session = newSession();
  await session.signIn();
  dutyline = createDutyline({ baseUrl: product.api, tokens: session });
  proxyUrl = await proxy.start();
  proxied = createDutyline({ baseUrl: proxyUrl, tokens: session });
});
beforeEach(() => {
  proxy.requests.length = 0;
  proxy.faults.length = 0;
});
after(() => proxy.stop());

let nextDay = Date.UTC(2031, 0, 6) + Math.floor(Math.random() * 3000) * 86_400_000;
function newShift() {
  const day = new Date((nextDay += 86_400_000)).toISOString().slice(0, 10);
  const { customerId, locationId, staffId } = product;
  return { customerId, locationId, staffId, startTime: `${day}T09:00`, endTime: `${day}T17:00` };
}

test("an answer has the operation's type", async () => {
  const { data, response } = await dutyline.GET("/user");
  const email: string = data.email;
  assert.equal(email, product.email);
  assert.equal(response.status, 200);
});

test("lists also come as text", async () => {
  const asText = { parseAs: "text", headers: { Accept: "text/csv" } } as const;
  const { data, response } = await dutyline.GET("/userManagement", asText);
  assert.match(response.headers.get("Content-Type") ?? "", /^text\/csv/);
  assert.ok(data.includes(product.email));
});

test("pages iterates over all items", async () => {
  for (let count = 0; count < 3; count++) await dutyline.POST("/scheduleTemplate", { body: newTemplate() });
  const all = await dutyline.GET("/scheduleTemplate");
  const ids: string[] = [];
  for await (const template of dutyline.pages("/scheduleTemplate", { params: { query: { limit: 1 } } })) ids.push(template.id);
  assert.ok(ids.length >= 3);
  assert.deepEqual(ids, all.data.items.map(({ id }) => id));
});

const newTemplate = () => ({ name: "Early", startTime: "06:00", endTime: "14:00" });

test("a problem is an exception with code, fields and request id", async () => {
  const shift = { ...newShift(), endTime: "never" };
  await assert.rejects(dutyline.POST("/staffSchedule", { body: shift }), (error) => {
    assert.ok(error instanceof ProblemError);
    assert.ok(isProblem(error, "invalid_request", "schedule_clash"));
    assert.ok(!isProblem(error, "not_found"));
    assert.equal(error.status, 400);
    assert.deepEqual(error.errors.map(({ pointer }) => pointer), ["/endTime"]);
    assert.match(error.requestId, /^\w{20,}$/);
    return true;
  });
});

test("ifMatch refuses to change what somebody else changed", async () => {
  const created = await dutyline.POST("/staffSchedule", { body: newShift() });
  const path = { params: { path: { id: created.data.id } } };
  const read = await dutyline.GET("/staffSchedule/{id}", path);
  const body = { endTime: `${created.data.startTime.slice(0, 10)}T18:00` };
  await dutyline.PUT("/staffSchedule/{id}", { ...path, body, headers: ifMatch(read) });
  await assert.rejects(
    dutyline.PUT("/staffSchedule/{id}", { ...path, body: { ...body, allowOverlap: true }, headers: ifMatch(read) }),
    (error) => isProblem(error, "precondition_failed") && error.status === 412,
  );
  assert.throws(() => ifMatch({ etag: undefined }), TypeError);
});

test("a POST whose answer is lost is sent again with its key, and done once", async () => {
  proxy.faults.push("cut", 503);
  const created = await proxied.POST("/staffSchedule", { body: newShift() });
  assert.equal(created.response.status, 201);
  assert.equal(proxy.requests.length, 3);
  assert.equal(new Set(proxy.requests.map(({ key }) => key)).size, 1);
  assert.ok(proxy.requests[0]?.key);
  const query = { locationId: product.locationId, staffId: product.staffId, from: created.data.startTime, to: created.data.endTime };
  const { data } = await dutyline.GET("/staffSchedule", { params: { query } });
  assert.equal(data.items.length, 1);
});

test("every call has a key of its own, or the caller's", async () => {
  await proxied.POST("/staffSchedule", { body: newShift() });
  await proxied.POST("/staffSchedule", { body: newShift() });
  const key = `mine-${Date.now()}`;
  await proxied.POST("/staffSchedule", { body: newShift(), headers: { "Idempotency-Key": key } });
  const keys = proxy.requests.map(({ key }) => key);
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[2], key);
});

test("a GET is sent again, a change without a key is not", async () => {
  proxy.faults.push("cut", 503);
  assert.equal((await proxied.GET("/user")).data.email, product.email);
  assert.equal(proxy.requests.length, 3);

  proxy.faults.push("cut");
  const body = { profileName: "Boss" };
  await assert.rejects(proxied.PATCH("/user", { body }), NetworkError);
  assert.equal(proxy.requests.length, 4);
});

test("a change that was limited, and so not begun, is sent again", async () => {
  proxy.faults.push(429);
  assert.equal((await proxied.PATCH("/user", { body: { profileName: "Boss" } })).data.profileName, "Boss");
  assert.equal(proxy.requests.length, 2);
});

test("attempts are limited; the last answer is reported", async () => {
  proxy.faults.push(503, 503, 503);
  const impatient = createDutyline({ baseUrl: proxyUrl, tokens: session, attempts: 2 });
  await assert.rejects(impatient.GET("/user"), (error) => isProblem(error, "unexpected_answer") && error.retryAfter === 0);
  assert.equal(proxy.requests.length, 2);
});

test("a wait ends when the caller aborts", async () => {
  proxy.faults.push(503, 503, 503, 503);
  const controller = new AbortController();
  const call = proxied.GET("/user", { signal: controller.signal });
  setTimeout(() => controller.abort(), 100);
  await assert.rejects(call, { name: "AbortError" });
});
