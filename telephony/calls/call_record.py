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
from telephony.calls.routing import RingCandidate
from telephony.lines import ResolvedLine
from telephony.models import Call

ENCRYPTION_KEY_NAME = "calls"
CallEvent = Mapping[str, Any]


def get_call(call_id: str) -> Call | None:
    """A call that has not expired."""
    return dynamodb.get_record(Call, call_id)


def create_call_record(call_id: str, line: ResolvedLine, *, caller: str, entrance: str, at: datetime) -> Call:
    """Keep a call; of two that begin the same one, the first. ``entrance`` is where it enters."""
    pinned = {
        "configuration": line.configuration,
        "location": line.location_name,
        "zone": line.time_zone,
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
            Call.events.set([encode_event("entered", at, where=entrance)]),
            Call.recordings.set([]),
            Call.expires_at.set(_ttl_timestamp(at)),
        ],
        Call.id.does_not_exist(),
    )
    call = Call.from_item(item) if item else get_call(call_id)
    if call is None:
        raise errors.NotFound("There is no such call.")
    return call


def build_unsaved_call(call_id: str, line: ResolvedLine, *, caller: str, entrance: str, at: datetime) -> Call:
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
            "location": line.location_name,
            "zone": line.time_zone,
            "entrance": entrance,
        },
        expires_at=_ttl_timestamp(at),
    )


def _ttl_timestamp(started_at: datetime) -> int:
    """After the errand that forgets the recordings: it needs nothing of the row, but is first."""
    return int((expiry_time(started_at) + timedelta(days=7)).timestamp())


def expiry_time(started_at: datetime) -> datetime:
    """When a call, and what was recorded of it, is forgotten."""
    return started_at + timedelta(days=settings.TELEPHONY["kept_days"])


def pinned_line(call: Call) -> ResolvedLine:
    """What a call rests on, as it was when the call began."""
    pinned: dict[str, Any] = call.pinned or {}
    return ResolvedLine(
        number=call.number,
        customer_id=call.customer_id,
        location_id=call.location_id,
        location_name=pinned["location"],
        time_zone=pinned["zone"],
        configuration=pinned["configuration"],
        is_suspended=False,
    )


def pinned_entrance(call: Call) -> str:
    """Where the call entered: open, closed, holiday."""
    return str((call.pinned or {}).get("entrance", "open"))


# --- what happened --------------------------------------------------------------------------------
def encode_event(kind: str, at: datetime, **details: Any) -> str:
    """Something that happened, as it is kept: no name, no phone of ours."""
    return orjson.dumps({"kind": kind, "at": at.isoformat(), **details}).decode()


def decode_events(call: Call) -> list[dict[str, Any]]:
    """What happened, in order."""
    return [json.loads(text) for text in call.events or ()]


def is_step_done(call: Call, step: str) -> bool:
    """Whether a step was done."""
    return step in (call.steps or ())


def was_answered(call: Call) -> bool:
    """Whether somebody pressed 1."""
    return any(step.startswith("accept ") for step in call.steps or ())


def record_step(
    call_id: str,
    step: str,
    *encoded_events: str,
    extra_updates: Sequence[Action] = (),
    encoded_plan: str = "",
    unless_step: str = "",
) -> Call | None:
    """Do a step of a call: note what happened.

    The call as it then is; None: it was done before, or the step ``unless`` was.
    """
    updates: list[Action] = [Call.steps.add({step}), *extra_updates]
    if encoded_events:
        updates.append(Call.events.set(Call.events.append(list(encoded_events))))
    if encoded_plan:
        updates.append(Call.plans.set(Call.plans.append([encoded_plan])))
    condition = Call.id.exists() & ~Call.steps.contains(step)
    if unless_step:
        condition = condition & ~Call.steps.contains(unless_step)
    item = unaudited.update(Call(call_id), updates, condition)
    return Call.from_item(item) if item else None


def set_unanswered_outcome(call: Call) -> None:
    """Say what came of a call that ended and that nobody took, nor left a message."""
    outcome = "missed" if pinned_entrance(call) == "open" else "closed"
    unaudited.update(call, [Call.outcome.set(outcome)], Call.outcome == "ringing")


# --- whom it rings --------------------------------------------------------------------------------
@dataclass(frozen=True)
class RingPlan:
    """Whom a ring action rings; ``is_lost``: nobody could tell in time."""

    candidates: Sequence[RingCandidate] = ()
    lookup_failed: bool = False

    @property
    def ringable(self) -> list[RingCandidate]:
        """Those with a phone to ring, in order."""
        return [candidate for candidate in self.candidates if candidate.phone]


def find_plan(call: Call, path: str) -> RingPlan | None:
    """What was planned for an action; None: nothing yet."""
    for encoded_plan in call.plans or ():
        body = json.loads(encoded_plan)
        if body["path"] == path:
            return _decode_plan(body, call.id)
    return None


def encode_plan(plan: RingPlan, path: str, call_id: str) -> str:
    """A plan as it is kept: phones are sealed."""
    phones = {candidate.id: candidate.phone for candidate in plan.candidates if candidate.phone}
    encrypted_phones = encryption.encrypt_json(
        encryption.application_key(ENCRYPTION_KEY_NAME), phones, f"{call_id} {path}"
    )
    candidates = [[candidate.id, candidate.why, candidate.why_not] for candidate in plan.candidates]
    body = {"path": path, "people": candidates, "lost": plan.lookup_failed, "sealed": encrypted_phones.hex()}
    return orjson.dumps(body).decode()


def _decode_plan(body: Mapping[str, Any], call_id: str) -> RingPlan:
    context = f"{call_id} {body['path']}"
    phones = encryption.decrypt_json(
        encryption.application_key(ENCRYPTION_KEY_NAME), bytes.fromhex(body["sealed"]), context
    )
    candidates = [
        RingCandidate(id, "", why, phone=phones.get(id, ""), why_not=why_not) for id, why, why_not in body["people"]
    ]
    return RingPlan(candidates, lookup_failed=body["lost"])


def list_candidates(call: Call) -> list[RingCandidate]:
    """Everybody that was considered for a call, without phones."""
    candidates_by_id: dict[str, RingCandidate] = {}
    for encoded_plan in call.plans or ():
        for id, why, why_not in json.loads(encoded_plan)["people"]:
            candidates_by_id.setdefault(id, RingCandidate(id, "", why, why_not=why_not))
    return list(candidates_by_id.values())


# --- what was recorded ----------------------------------------------------------------------------
@dataclass(frozen=True)
class CallRecording:
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


def list_recordings(call: Call) -> list[CallRecording]:
    """What was recorded of a call."""
    fields_by_sid: dict[str, dict[str, Any]] = {}
    for encoded_recording in call.recordings or ():
        fields = json.loads(encoded_recording)
        fields_by_sid[fields["sid"]] = {**fields_by_sid.get(fields["sid"], {}), **fields}
    return [
        CallRecording(**{**fields, "at": datetime.fromisoformat(fields["at"])})
        for fields in fields_by_sid.values()
        if "at" in fields
    ]


def encode_recording(**fields: Any) -> str:
    """Something to add to what was recorded, as it is kept."""
    return orjson.dumps(fields).decode()


# --- looking at calls -----------------------------------------------------------------------------
def list_calls(
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    start: pagination.Cursor | None,
) -> pagination.CursorPage[Call]:
    """The calls to a location, newest first. Raises `errors.NotFound` and `errors.Forbidden`."""
    actor.require("calls:read")
    if not ids.is_id("loc", location_id):
        raise errors.NotFound("There is no such location.", pointer="?locationId")
    records = dynamodb.batch_get([locations.location_key(location_id)])
    locations.get_location_from(records, location_id, actor, pointer="?locationId")
    locations.check_access(actor, location_id)
    earliest = max(since or _EARLIEST, at - timedelta(days=settings.TELEPHONY["kept_days"]))
    latest = (until or at + timedelta(days=1)) - timedelta(microseconds=1)
    if earliest > latest:
        return pagination.CursorPage([], None)
    return _query_between(location_id, earliest, latest, limit=limit, start=start)


def _query_between(
    location_id: str, earliest: datetime, latest: datetime, *, limit: int, start: pagination.Cursor | None
) -> pagination.CursorPage[Call]:
    serialize = dynamodb.UTCTimestampAttribute().serialize
    values = {":of": {"S": location_id}, ":low": {"S": serialize(earliest)}, ":high": {"S": serialize(latest)}}
    condition = "#location_id = :of AND #started_at BETWEEN :low AND :high"
    return pagination.query_page(Call, "byLocation", condition, values, limit=limit, cursor=start, newest_first=True)


_EARLIEST = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


def get_visible_call(call_id: str, actor: Actor, at: datetime) -> Call:
    """A call that somebody asks about. Raises `errors.NotFound`."""
    actor.require("calls:read")
    call = get_call(call_id) if is_call_sid(call_id) else None
    if call is None or call.customer_id != actor.customer_id or expiry_time(call.started_at) < at:
        raise errors.NotFound("There is no such call.")
    locations.check_access(actor, call.location_id)
    return call


def is_call_sid(call_sid: str) -> bool:
    """Whether this is what Twilio calls a call sid."""
    return len(call_sid) == 34 and call_sid.startswith("CA") and call_sid[2:].isalnum() and call_sid.isascii()


def list_calls_of_user(location_ids: Sequence[str], user_id: str, at: datetime) -> list[Call]:
    """The calls to these locations for which somebody was considered."""
    earliest = at - timedelta(days=settings.TELEPHONY["kept_days"])
    calls = []
    for location_id in location_ids:
        start: pagination.Cursor | None = None
        while True:
            page = _query_between(location_id, earliest, at, limit=500, start=start)
            calls += [call for call in page.records if user_id in {candidate.id for candidate in list_candidates(call)}]
            start = page.next_cursor
            if start is None:
                break
    return calls


def delete_call(call: Call) -> None:
    """Forget a call."""
    unaudited.remove(call, Call.id.exists())
