"""The record of a call: what it rests on, what happened, whom it rang, what was recorded.

A webhook may come twice, or late: every step is named, and done once. What was found out for a
call, such as whom to ring, is kept with it, so that a webhook that comes again is told the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from pynamodb.expressions.update import Action

from accounts import locations
from accounts.permissions import Actor
from config import dynamodb, errors
from config.dynamodb import encryption, ids, pagination, unaudited
from telephony.calls.routing import Candidate
from telephony.lines import Answering
from telephony.models import Call

KEY = "calls"
Happening = Mapping[str, Any]


def get(call_id: str) -> Call | None:
    """A call that has not expired."""
    return dynamodb.get(Call, call_id)


def begin(call_id: str, line: Answering, *, caller: str, entrance: str, at: datetime) -> Call:
    """Keep a call; of two that begin the same one, the first. ``entrance`` is where it enters."""
    pinned = {
        "configuration": line.configuration,
        "location": line.location,
        "zone": line.zone,
        "entrance": entrance,
    }
    item = unaudited.update(
        Call(call_id),
        [
            Call.customer_id.set(line.customer_id),
            Call.location_id.set(line.location_id),
            Call.number.set(line.number),
            Call.caller.set(caller),
            Call.started_at.set(at),
            Call.outcome.set("ringing"),
            Call.pinned.set(pinned),
            Call.plans.set([]),
            Call.events.set([told("entered", at, where=entrance)]),
            Call.recordings.set([]),
            Call.expires_at.set(_row_expiry(at)),
        ],
        Call.id.does_not_exist(),
    )
    call = Call.read(item) if item else get(call_id)
    if call is None:
        raise errors.NotFound("There is no such call.")
    return call


def unkept(call_id: str, line: Answering, *, caller: str, entrance: str, at: datetime) -> Call:
    """A call that could not be kept: it goes on all the same."""
    return Call(
        id=call_id,
        customer_id=line.customer_id,
        location_id=line.location_id,
        number=line.number,
        caller=caller,
        started_at=at,
        pinned={
            "configuration": line.configuration,
            "location": line.location,
            "zone": line.zone,
            "entrance": entrance,
        },
        expires_at=_row_expiry(at),
    )


def _row_expiry(started_at: datetime) -> int:
    """After the errand that forgets the recordings: it needs nothing of the row, but is first."""
    return int((expiry(started_at) + timedelta(days=7)).timestamp())


def expiry(started_at: datetime) -> datetime:
    """When a call, and what was recorded of it, is forgotten."""
    return started_at + timedelta(days=settings.TELEPHONY["kept_days"])


def line_of(call: Call) -> Answering:
    """What a call rests on, as it was when the call began."""
    pinned: dict[str, Any] = call.pinned or {}
    return Answering(
        number=call.number,
        customer_id=call.customer_id,
        location_id=call.location_id,
        location=pinned["location"],
        zone=pinned["zone"],
        configuration=pinned["configuration"],
        is_suspended=False,
    )


def entrance(call: Call) -> str:
    """Where the call entered: open, closed, holiday."""
    return str((call.pinned or {}).get("entrance", "open"))


# --- what happened --------------------------------------------------------------------------------
def told(kind: str, at: datetime, **about: Any) -> str:
    """Something that happened, as it is kept: no name, no phone of ours."""
    return orjson.dumps({"kind": kind, "at": at.isoformat(), **about}).decode()


def events(call: Call) -> list[dict[str, Any]]:
    """What happened, in order."""
    return [json.loads(one) for one in call.events or ()]


def is_done(call: Call, step: str) -> bool:
    """Whether a step was done."""
    return step in (call.steps or ())


def was_taken(call: Call) -> bool:
    """Whether somebody pressed 1."""
    return any(step.startswith("accept ") for step in call.steps or ())


def once(
    call_id: str,
    step: str,
    *happened: str,
    also: Sequence[Action] = (),
    plan: str = "",
    unless: str = "",
) -> Call | None:
    """Do a step of a call: note what happened.

    The call as it then is; None: it was done before, or the step ``unless`` was.
    """
    changes: list[Action] = [Call.steps.add({step}), *also]
    if happened:
        changes.append(Call.events.set(Call.events.append(list(happened))))
    if plan:
        changes.append(Call.plans.set(Call.plans.append([plan])))
    is_new = Call.id.exists() & ~Call.steps.contains(step)
    if unless:
        is_new = is_new & ~Call.steps.contains(unless)
    item = unaudited.update(Call(call_id), changes, is_new)
    return Call.read(item) if item else None


def conclude(call: Call) -> None:
    """Say what came of a call that ended and that nobody took, nor left a message."""
    outcome = "missed" if entrance(call) == "open" else "closed"
    unaudited.update(call, [Call.outcome.set(outcome)], Call.outcome == "ringing")


# --- whom it rings --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Plan:
    """Whom a ring action rings; ``is_lost``: nobody could tell in time."""

    people: Sequence[Candidate] = ()
    is_lost: bool = False

    @property
    def rung(self) -> list[Candidate]:
        """Those with a phone to ring, in order."""
        return [one for one in self.people if one.phone]


def plan_of(call: Call, path: str) -> Plan | None:
    """What was planned for an action; None: nothing yet."""
    for text in call.plans or ():
        kept = json.loads(text)
        if kept["path"] == path:
            return _restored(kept, call.id)
    return None


def planned(plan: Plan, path: str, call_id: str) -> str:
    """A plan as it is kept: phones are sealed."""
    phones = {one.id: one.phone for one in plan.people if one.phone}
    sealed = encryption.seal(encryption.house_key(KEY), phones, f"{call_id} {path}")
    people = [[one.id, one.why, one.why_not] for one in plan.people]
    kept = {"path": path, "people": people, "lost": plan.is_lost, "sealed": sealed.hex()}
    return orjson.dumps(kept).decode()


def _restored(kept: Mapping[str, Any], call_id: str) -> Plan:
    context = f"{call_id} {kept['path']}"
    phones = encryption.unseal(encryption.house_key(KEY), bytes.fromhex(kept["sealed"]), context)
    people = [
        Candidate(id, "", why, phone=phones.get(id, ""), why_not=why_not)
        for id, why, why_not in kept["people"]
    ]
    return Plan(people, is_lost=kept["lost"])


def people_of(call: Call) -> list[Candidate]:
    """Everybody that was considered for a call, without phones."""
    found: dict[str, Candidate] = {}
    for text in call.plans or ():
        for id, why, why_not in json.loads(text)["people"]:
            found.setdefault(id, Candidate(id, "", why, why_not=why_not))
    return list(found.values())


# --- what was recorded ----------------------------------------------------------------------------
@dataclass(frozen=True)
class Recording:
    """Something that was recorded."""

    sid: str
    kind: str
    """voicemail or conversation"""
    seconds: int
    at: datetime
    path: str = ""
    """Of the action that took it."""
    file: str = ""
    """Where it is kept; empty while Twilio still has it."""


def recordings(call: Call) -> list[Recording]:
    """What was recorded of a call."""
    found: dict[str, dict[str, Any]] = {}
    for text in call.recordings or ():
        one = json.loads(text)
        found[one["sid"]] = {**found.get(one["sid"], {}), **one}
    return [
        Recording(**{**one, "at": datetime.fromisoformat(one["at"])})
        for one in found.values()
        if "at" in one
    ]


def recorded(**about: Any) -> str:
    """Something to add to what was recorded, as it is kept."""
    return orjson.dumps(about).decode()


# --- looking at calls -----------------------------------------------------------------------------
def of_location(
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    start: pagination.Place | None,
) -> pagination.Page[Call]:
    """The calls to a location, newest first. Raises `errors.NotFound` and `errors.Forbidden`."""
    actor.require("calls:read")
    if not ids.is_id("loc", location_id):
        raise errors.NotFound("There is no such location.", pointer="?locationId")
    found = dynamodb.fetch([locations.key(location_id)])
    locations.among(found, location_id, actor, pointer="?locationId")
    locations.check_reach(actor, location_id)
    low = max(since or _EARLIEST, at - timedelta(days=settings.TELEPHONY["kept_days"]))
    high = (until or at + timedelta(days=1)) - timedelta(microseconds=1)
    if low > high:
        return pagination.Page([], None)
    return _between(location_id, low, high, limit=limit, start=start)


def _between(
    location_id: str,
    low: datetime,
    high: datetime,
    *,
    limit: int,
    start: pagination.Place | None,
) -> pagination.Page[Call]:
    wire = dynamodb.UTCTime().serialize
    values = {
        ":of": {"S": location_id},
        ":low": {"S": wire(low)},
        ":high": {"S": wire(high)},
    }
    condition = "#location_id = :of AND #started_at BETWEEN :low AND :high"
    return pagination.page(
        Call, "byLocation", condition, values, limit=limit, start=start, newest_first=True
    )


_EARLIEST = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


def seen_by(call_id: str, actor: Actor, at: datetime) -> Call:
    """A call that somebody asks about. Raises `errors.NotFound`."""
    actor.require("calls:read")
    call = get(call_id) if is_id(call_id) else None
    if call is None or call.customer_id != actor.customer_id or expiry(call.started_at) < at:
        raise errors.NotFound("There is no such call.")
    locations.check_reach(actor, call.location_id)
    return call


def is_id(text: str) -> bool:
    """Whether this is what Twilio calls a call sid."""
    return len(text) == 34 and text.startswith("CA") and text[2:].isalnum() and text.isascii()


def of_person(location_ids: Sequence[str], user_id: str, at: datetime) -> list[Call]:
    """The calls to these locations for which somebody was considered."""
    low = at - timedelta(days=settings.TELEPHONY["kept_days"])
    found = []
    for location_id in location_ids:
        start: pagination.Place | None = None
        while True:
            page = _between(location_id, low, at, limit=500, start=start)
            found += [c for c in page.records if user_id in {p.id for p in people_of(c)}]
            start = page.next
            if start is None:
                break
    return found


def forget(call: Call) -> None:
    """Forget a call."""
    unaudited.remove(call, Call.id.exists())
