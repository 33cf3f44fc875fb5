"""FastAPI with aiodynamo over aiohttp: ``granian --interface asgi bench.peers.fastapi_app:app``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any

import aiohttp
import jwt
import orjson
from aiodynamo.client import Client
from aiodynamo.credentials import EnvironmentCredentials
from aiodynamo.expressions import F, HashKey, RangeKey
from aiodynamo.http.aiohttp import AIOHTTP
from aiodynamo.models import BatchGetRequest
from aiodynamo.operations import ConditionCheck, Put
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from pydantic import AwareDatetime, BaseModel
from yarl import URL

from bench.peers.common import (
    AUDIENCE,
    ENDPOINT,
    ISSUER,
    JWKS_URL,
    REGION,
    Item,
    Refused,
    ScheduleWrites,
    Window,
    check_access,
    check_location,
    display_name,
    new_id,
    schedule_answer,
    table,
    user_answer,
)

_state: dict[str, Any] = {}
_customer_ids: dict[str, str] = {}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        _state["client"] = Client(AIOHTTP(session), EnvironmentCredentials(), REGION, URL(ENDPOINT), numeric_type=int)
        async with session.get(JWKS_URL) as response:
            keys = (await response.json())["keys"]
        _state["keys"] = {key["kid"]: jwt.PyJWK.from_dict(key, "RS256").key for key in keys}
        yield


app = FastAPI(lifespan=_lifespan)


@app.exception_handler(Refused)
async def _answer_refused(request: Request, refused: Refused) -> Response:
    return _json({"detail": refused.detail}, refused.status)


class Caller:
    """The user of a verified token, and what was read with them, by table."""

    def __init__(self, user: Item, items_read: dict[str, list[Item]]) -> None:
        self.user, self.items_read = user, items_read


def _verify(authorization: str) -> str:
    """The user's id of a bearer token. Raises `Refused`."""
    token = authorization.removeprefix("Bearer ")
    try:
        key = _state["keys"][jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
    except (jwt.PyJWTError, KeyError) as error:
        raise Refused(401, "The access token is not valid.") from error
    return str(claims["sub"]).removeprefix("auth0|")


async def _load_caller(user_id: str, permission: str, named: dict[str, list[Item]] | None = None) -> Caller:
    """The user, read in one call with their customer and what the request names, by table."""
    customer_id = _customer_ids.get(user_id)
    if customer_id is None:
        user = await _client().get_item(table("users"), {"id": user_id}, consistent_read=True)
        customer_id = _customer_ids[user_id] = user["customer_id"]
    keys = {**(named or {}), "customers": [{"id": customer_id}]}
    keys["users"] = [{"id": id} for id in dict.fromkeys([user_id, *(key["id"] for key in keys.get("users", []))])]
    items_read = await _batch_get(keys)
    own = next((user for user in items_read["users"] if user["id"] == user_id), None)
    return Caller(check_access(own, _first(items_read["customers"]), permission), items_read)


def _client() -> Client:
    client: Client = _state["client"]
    return client


async def _batch_get(keys: dict[str, list[Item]]) -> dict[str, list[Item]]:
    """Items of several tables by their keys, consistent."""
    requests = {table(name): BatchGetRequest(table_keys, consistent_read=True) for name, table_keys in keys.items()}
    response = await _client().batch_get(requests)
    return {name: response.items.get(table(name), []) for name in keys}


def _first(items: list[Item]) -> Item | None:
    return items[0] if items else None


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


async def _self_reader(authorization: Annotated[str, Header()]) -> Caller:
    return await _load_caller(_verify(authorization), "self:read")


async def _schedule_reader(
    authorization: Annotated[str, Header()], location_id: Annotated[str, Query(alias="locationId")]
) -> Caller:
    return await _load_caller(_verify(authorization), "schedules:read", {"locations": [{"id": location_id}]})


@app.get("/user")
async def get_user(caller: Annotated[Caller, Depends(_self_reader)]) -> Response:
    """The caller's own record."""
    return _json(user_answer(caller.user))


@app.get("/staffSchedule")
async def list_schedules(
    caller: Annotated[Caller, Depends(_schedule_reader)],
    location_id: Annotated[str, Query(alias="locationId")],
    start: Annotated[AwareDatetime, Query(alias="from")],
    end: Annotated[AwareDatetime, Query(alias="to")],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Schedules of a location in a window, with the names of their people."""
    check_location(caller.user, _first(caller.items_read["locations"]))
    window = Window.between(start, end)
    ranges = await asyncio.gather(*(_query(location_id, keys, limit + 1) for keys in window))
    page = list(chain.from_iterable(ranges))[:limit]
    staff_ids = {schedule["staff_id"]: None for schedule in page if schedule["staff_id"] != caller.user["id"]}
    people = (await _batch_get({"users": [{"id": id} for id in staff_ids]}))["users"] if staff_ids else []
    names = {person["id"]: display_name(person) for person in [caller.user, *people]}
    items = [schedule_answer(schedule, names.get(schedule["staff_id"], "")) for schedule in page]
    return _json({"items": items, "nextCursor": None})


async def _query(location_id: str, keys: tuple[str, str], limit: int) -> list[Item]:
    condition = HashKey("location_id", location_id) & RangeKey("window").between(*keys)
    page = await _client().query_single_page(table("schedules"), condition, index="byLocation", limit=limit)
    items: list[Item] = page.items
    return items


class NewSchedule(BaseModel):
    """The body of POST /staffSchedule."""

    customerId: str
    locationId: str
    staffId: str
    startTime: AwareDatetime
    endTime: AwareDatetime


@app.post("/staffSchedule", status_code=201)
async def create_schedule(authorization: Annotated[str, Header()], body: NewSchedule) -> Response:
    """Create a single schedule with its audit entries and its outbox messages."""
    user_id = _verify(authorization)
    streams = list(dict.fromkeys([user_id, body.staffId]))
    named: dict[str, list[Item]] = {
        "locations": [{"id": body.locationId}],
        "users": [{"id": body.staffId}],
        "staff-busy": [{"staff_id": body.staffId, "end": "#"}],
        "audit": [{"stream": stream, "seq": 0} for stream in streams],
        "keys": [{"person": stream} for stream in streams],
    }
    caller = await _load_caller(user_id, "schedules:write", named)
    user, answers = caller.user, caller.items_read
    location = check_location(user, _first(answers["locations"]))
    person = next((person for person in answers["users"] if person["id"] == body.staffId), None)
    if person is None or person["customer_id"] != body.customerId != user["customer_id"]:
        raise Refused(404, "No such person.")
    busy_condition = HashKey("staff_id", body.staffId) & RangeKey("end").gt(_now_key())
    await _client().query_single_page(table("staff-busy"), busy_condition, consistent_read=True)
    heads = sorted(answers["audit"], key=lambda head: streams.index(head["stream"]))
    busy_version = _first(answers["staff-busy"])
    writes = ScheduleWrites.build(
        body.model_dump(), caller=user, location=location, busy_version=busy_version, heads=heads
    )
    actions = _transaction(writes, busy_version, heads)
    await _client().transact_write_items(actions, request_token=new_id("req"))
    return _json(schedule_answer(writes.schedule, display_name(person)), 201)


def _now_key() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _transaction(writes: ScheduleWrites, busy_version: Item | None, heads: list[Item]) -> list[Put | ConditionCheck]:
    unchanged = F("version").equals(busy_version["version"]) if busy_version else F("version").does_not_exist()
    return [
        Put(table("schedules"), writes.schedule, F("id").does_not_exist()),
        Put(table("staff-busy"), writes.busy_version, unchanged),
        Put(table("staff-busy"), writes.busy),
        ConditionCheck(table("users"), {"id": writes.schedule["staff_id"]}, F("status").is_in(["active", "invited"])),
        *(Put(table("audit"), entry, F("seq").does_not_exist()) for entry in writes.audit_entries),
        *(
            Put(table("audit"), new, F("last").equals(old["last"]) & F("hash").equals(old["hash"]))
            for old, new in zip(heads, writes.audit_heads, strict=True)
        ),
        *(Put(table("outbox"), message) for message in writes.messages),
    ]
