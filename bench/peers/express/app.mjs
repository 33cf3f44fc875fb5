// Express 5 with AWS SDK v3: `node app.mjs`. What it does is in bench/README.md.
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchGetCommand, DynamoDBDocumentClient, GetCommand, QueryCommand, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const settings = process.env;
const constants = JSON.parse(readFileSync(settings.BENCH_CONSTANTS, "utf8"));
const filler = "x".repeat(600); // as long as the encrypted part of an audit entry of the product
const dynamo = DynamoDBDocumentClient.from(
  new DynamoDBClient({ region: settings.AWS_REGION, endpoint: settings.DYNAMODB_ENDPOINT_URL }),
  { marshallOptions: { removeUndefinedValues: true } },
);
const table = (name) => `${settings.DYNAMODB_TABLE_PREFIX}-${name}`;

class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function batchGet(keys) {
  const requests = Object.entries(keys).map(([name, Keys]) => [table(name), { Keys, ConsistentRead: true }]);
  const answer = await dynamo.send(new BatchGetCommand({ RequestItems: Object.fromEntries(requests) }));
  return Object.fromEntries(Object.keys(keys).map((name) => [name, answer.Responses[table(name)] ?? []]));
}

const permissionsOf = (user) => {
  const granted = new Set([...constants.rolePermissions[user.role], ...user.extra]);
  return [...granted].filter((name) => !user.denied.includes(name)).sort();
};

const customerIds = new Map();

/** The middleware that loads the caller and what a request names, and checks the account's status and a permission. */
const requires = (permission, named = () => ({})) => async (request, response, next) => {
  const id = request.auth.payload.sub.replace(/^auth0\|/, "");
  let customerId = customerIds.get(id);
  if (!customerId) {
    const { Item } = await dynamo.send(new GetCommand({ TableName: table("users"), Key: { id }, ConsistentRead: true }));
    if (!Item) throw new Refused(401, "No user account belongs to this token.");
    customerIds.set(id, (customerId = Item.customer_id));
  }
  const keys = named(request, id);
  const ids = new Set([id, ...(keys.users ?? [])]);
  const found = await batchGet({ ...keys, users: [...ids].map((id) => ({ id })), customers: [{ id: customerId }] });
  const user = found.users.find((user) => user.id === id);
  if (user?.status !== "active" || found.customers[0]?.status !== "active") throw new Refused(401, "This account cannot sign in.");
  if (!permissionsOf(user).includes(permission)) throw new Refused(403, "You may not do this.");
  request.user = user;
  request.found = found;
  next();
};

const checkLocation = (user, location) => {
  if (location?.customer_id !== user.customer_id || !user.locations.includes(location.id)) {
    throw new Refused(404, "No such location.");
  }
  return location;
};

const shortTime = (text) => `${text.slice(0, 19)}Z`;
const formats = new Map();

/** The offset of a zone at a time, in milliseconds. */
function offsetAt(time, zone) {
  let format = formats.get(zone);
  if (!format) {
    const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    formats.set(zone, (format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, hourCycle: "h23", ...parts })));
  }
  const values = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  const { year, month, day, hour, minute, second } = values;
  return Date.UTC(year, month - 1, day, hour, minute, second) - time;
}

function localTime(text, zone) {
  const wall = Date.parse(`${text}Z`);
  const offset = offsetAt(wall - offsetAt(wall, zone), zone) / 60_000;
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map((n) => String(n).padStart(2, "0"));
  return `${text}${offset < 0 ? "-" : "+"}${hours}:${minutes}`;
}

const displayName = (user) => user.profile_name || user.name;

const userAnswer = (user) => ({
  id: user.id,
  email: user.email,
  name: user.name,
  profileName: user.profile_name ?? null,
  phone: user.phone ?? null,
  customerId: user.customer_id,
  role: user.role,
  permissions: permissionsOf(user),
  extraPermissions: user.extra,
  deniedPermissions: user.denied,
  locations: user.locations,
  userSkills: user.skills,
  isSetup: user.is_setup,
  status: user.status,
  invitedAt: shortTime(user.invited_at),
  invitationExpiresAt: shortTime(user.invitation_expires_at),
  acceptedAt: shortTime(user.accepted_at),
  settings: { ...constants.settings, ...JSON.parse(user.settings) },
  createdAt: shortTime(user.created_at),
  updatedAt: shortTime(user.updated_at),
  version: user.version,
});

const patternAnswer = (text, zone) => {
  if (text === undefined) return null;
  const pattern = JSON.parse(text);
  const days = pattern.byDay.map(({ day }) => day.toUpperCase()).join(",");
  return { ...pattern, timeZone: zone, rrule: `FREQ=${pattern.frequency.toUpperCase()};BYDAY=${days}` };
};

const scheduleAnswer = (schedule, staffName) => ({
  kind: "schedule",
  id: schedule.id,
  customerId: schedule.customer_id,
  locationId: schedule.location_id,
  staffId: schedule.staff_id,
  staffName,
  startTime: localTime(schedule.start, schedule.zone),
  endTime: localTime(schedule.end, schedule.zone),
  timeZone: schedule.zone,
  recurring: schedule.pattern !== undefined,
  recurrencePattern: patternAnswer(schedule.pattern, schedule.zone),
  templateId: schedule.template_id ?? null,
  splitFrom: schedule.split_from ?? null,
  notes: schedule.notes ?? null,
  position: schedule.position ?? null,
  breakMinutes: schedule.break_minutes ?? null,
  color: schedule.color ?? null,
  createdAt: shortTime(schedule.created_at),
  updatedAt: shortTime(schedule.updated_at),
  version: schedule.version,
});

const app = express();
app.disable("x-powered-by");
app.use(express.json());
app.use(
  auth({
    audience: settings.AUTH0_AUDIENCE,
    issuer: settings.AUTH0_ISSUER,
    jwksUri: `${settings.AUTH0_ISSUER}.well-known/jwks.json`,
    tokenSigningAlg: "RS256",
  }),
);

app.get("/user", requires("self:read"), (request, response) => {
  response.json(userAnswer(request.user));
});

const hour = 3_600_000;
const keyTime = (time) => `${new Date(time).toISOString().slice(0, 19)}Z`;

const querySchedules = async (locationId, [low, high], limit) => {
  const query = {
    TableName: table("schedules"),
    IndexName: "byLocation",
    KeyConditionExpression: "#location_id = :of AND #window BETWEEN :low AND :high",
    ExpressionAttributeNames: { "#location_id": "location_id", "#window": "window" },
    ExpressionAttributeValues: { ":of": locationId, ":low": low, ":high": high },
    Limit: limit,
  };
  return (await dynamo.send(new QueryCommand(query))).Items;
};

app.get("/staffSchedule", requires("schedules:read", ({ query }) => ({ locations: [{ id: query.locationId }] })), async (request, response) => {
  const { locationId } = request.query;
  const [from, to] = [Date.parse(request.query.from), Date.parse(request.query.to)];
  const limit = Number(request.query.limit ?? 100);
  if (!locationId || Number.isNaN(from) || Number.isNaN(to) || !(limit >= 1 && limit <= 1000)) {
    throw new Refused(400, "locationId, from, to and limit are needed.");
  }
  checkLocation(request.user, request.found.locations[0]);
  const ranges = [
    [`O#${keyTime(from - 51 * hour)}`, `O#${keyTime(to)}`],
    [`R#${keyTime(from)}`, "R#~"],
    [`P#${keyTime(from - (31 * 24 + 3) * hour)}`, `P#${keyTime(to)}`],
  ];
  const schedules = await Promise.all(ranges.map((range) => querySchedules(locationId, range, limit + 1)));
  const page = schedules.flat().slice(0, limit);
  const ids = [...new Set(page.map((schedule) => schedule.staff_id))].filter((id) => id !== request.user.id);
  const { users } = ids.length ? await batchGet({ users: ids.map((id) => ({ id })) }) : { users: [] };
  const names = new Map([request.user, ...users].map((user) => [user.id, displayName(user)]));
  response.json({ items: page.map((schedule) => scheduleAnswer(schedule, names.get(schedule.staff_id) ?? "")), nextCursor: null });
});

const newId = (prefix) => `${prefix}_${randomUUID().replaceAll("-", "").slice(0, 26).toUpperCase()}`;
const storedTime = (time) => `${new Date(time).toISOString().slice(0, 23)}000Z`;
const isText = (value) => typeof value === "string" && value !== "";

function auditEntry(head, scheduleId, caller, heads, at) {
  const body = JSON.stringify({
    id: newId("aud"),
    action: "schedule.created",
    actor: { type: "user", id: caller.id },
    subject: { type: "schedule", id: scheduleId },
    fields: ["staffId", "locationId", "startTime", "endTime", "timeZone"],
    requestId: randomUUID().slice(0, 26),
    streams: heads.map(({ stream }) => stream),
    sealed: filler,
  });
  return {
    stream: head.stream,
    seq: head.last + 1,
    action: "schedule.created",
    at: storedTime(at),
    body,
    customer_id: caller.customer_id,
    hash: createHash("sha256").update(head.hash + body).digest("hex"),
    prev_hash: head.hash,
    listed_for: head === heads[0] ? caller.customer_id : undefined,
  };
}

/** One for the person, and one for the location whose calls may ring others than before. */
function outboxMessages(staffId, locationId, caller, at) {
  const minute = at - (at % 60_000);
  const dueAt = storedTime(minute + 65_000);
  const digits = new Date(minute).toISOString().replace(/\D/g, "").slice(0, 12);
  const message = (id, task, values) => ({
    id,
    arguments: JSON.stringify(values),
    attempts: 0,
    author: JSON.stringify({ type: "user", id: caller.id, sealed: filler.slice(0, 250) }),
    deferrals: 0,
    due_at: dueAt,
    first_due_at: dueAt,
    shard: "2",
    task,
  });
  return [
    message(`rota-${staffId}-${caller.id}-${digits}`, "staffing.follow", {
      user_id: staffId,
      since: storedTime(minute),
    }),
    message(`reach-${locationId}-${digits}`, "telephony.reach_changed", {
      subject_id: locationId,
      customer_id: caller.customer_id,
      look_at: storedTime(minute),
    }),
  ];
}

const put = (name, Item, condition, names, values) => ({
  Put: {
    TableName: table(name),
    Item,
    ConditionExpression: condition,
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  },
});

/** The keys that creating a schedule needs, by table; of users, their ids. */
function keysOfNew({ body }, callerId) {
  for (const name of ["customerId", "locationId", "staffId", "startTime", "endTime"]) {
    if (!isText(body?.[name])) throw new Refused(400, `${name} is needed.`);
  }
  const streams = [...new Set([callerId, body.staffId])];
  return {
    locations: [{ id: body.locationId }],
    users: [body.staffId],
    "staff-busy": [{ staff_id: body.staffId, end: "#" }],
    audit: streams.map((stream) => ({ stream, seq: 0 })),
    keys: streams.map((person) => ({ person })),
  };
}

app.post("/staffSchedule", requires("schedules:write", keysOfNew), async (request, response) => {
  const { user: caller, body, found } = request;
  const [start, end] = [Date.parse(body.startTime), Date.parse(body.endTime)];
  if (Number.isNaN(start) || Number.isNaN(end)) throw new Refused(400, "Times are RFC 3339.");
  const streams = [...new Set([caller.id, body.staffId])];
  const location = checkLocation(caller, found.locations[0]);
  const person = found.users.find((user) => user.id === body.staffId);
  if (!person || body.customerId !== caller.customer_id || person.customer_id !== caller.customer_id) {
    throw new Refused(404, "No such person.");
  }
  await dynamo.send(
    new QueryCommand({
      TableName: table("staff-busy"),
      KeyConditionExpression: "#staff_id = :staff AND #end > :low",
      ExpressionAttributeNames: { "#staff_id": "staff_id", "#end": "end" },
      ExpressionAttributeValues: { ":staff": body.staffId, ":low": keyTime(Date.now()) },
      ConsistentRead: true,
    }),
  );
  const at = Date.now();
  const id = newId("sch");
  const zone = location.time_zone;
  const [wallStart, wallEnd] = [start, end].map((time) => new Date(time + offsetAt(time, zone)).toISOString().slice(0, 19));
  const schedule = {
    id,
    created_at: storedTime(at),
    customer_id: caller.customer_id,
    end: wallEnd,
    location_id: location.id,
    staff_id: person.id,
    start: wallStart,
    updated_at: storedTime(at),
    version: 1,
    window: `O#${keyTime(start)}`,
    zone,
    zone_rules: "2026.6",
  };
  const busyKey = `${keyTime(end)}#${id}`;
  const [busyVersion] = found["staff-busy"];
  const version = { staff_id: person.id, end: "#", version: (busyVersion?.version ?? 0) + 1, wrote: JSON.stringify({ [busyKey]: 1 }) };
  const busy = {
    staff_id: person.id,
    end: busyKey,
    schedule_id: id,
    shifts: JSON.stringify([[wallStart, wallEnd, zone, null]]),
    version: 1,
  };
  const heads = streams.map((stream) => found.audit.find((head) => head.stream === stream));
  const entries = heads.map((head) => auditEntry(head, id, caller, heads, at));
  const isNew = (name) => ["attribute_not_exists (#0)", { "#0": name }];
  const unchanged = busyVersion ? ["#0 = :0", { "#0": "version" }, { ":0": busyVersion.version }] : isNew("version");
  await dynamo.send(
    new TransactWriteCommand({
      ClientRequestToken: randomUUID(),
      TransactItems: [
        put("schedules", schedule, ...isNew("id")),
        put("staff-busy", version, ...unchanged),
        put("staff-busy", busy),
        {
          ConditionCheck: {
            TableName: table("users"),
            Key: { id: person.id },
            ConditionExpression: "#0 IN (:0, :1)",
            ExpressionAttributeNames: { "#0": "status" },
            ExpressionAttributeValues: { ":0": "active", ":1": "invited" },
          },
        },
        ...entries.map((entry) => put("audit", entry, ...isNew("seq"))),
        ...heads.map((head, n) =>
          put(
            "audit",
            { ...head, hash: entries[n].hash, last: entries[n].seq, seal: entries[n].prev_hash },
            "#0 = :0 AND #1 = :1",
            { "#0": "last", "#1": "hash" },
            { ":0": head.last, ":1": head.hash },
          ),
        ),
        ...outboxMessages(person.id, schedule.location_id, caller, at).map((message) =>
          put("outbox", message),
        ),
      ],
    }),
  );
  response.status(201).json(scheduleAnswer(schedule, displayName(person)));
});

app.use((error, request, response, next) => {
  if (!error.status) console.error(error);
  response.status(error.status ?? 500).json({ detail: error.message });
});

app.listen(Number(settings.PORT), "127.0.0.1");
