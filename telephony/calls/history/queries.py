"""Stored calls: reading, the log of operators' access, and deletion."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import unaudited
from telephony.calls.history import listing, own_calls
from telephony.calls.state import call_creation, call_record
from telephony.calls.state.call_record import CallRecord
from telephony.models import Call, CallOfUser
from telephony.twilio import voice

DEPLOYMENT_TIME = timedelta(hours=1)
"""How long processes of two releases may run side by side."""
CALLS_PER_READ, UNLISTED_CALLS_PER_READ = 100, 50


def iter_calls_of_user(user_id: str, customer_id: str, at: datetime) -> Iterator[CallRecord]:
    """The calls for which a user was considered or of which they were told; only theirs are read.

    Calls from before `CallOfUser` are searched among those of the customer until they expire.
    """
    earliest = at - timedelta(days=settings.TELEPHONY["kept_days"])
    values = {":user": {"S": user_id}, ":low": {"S": dynamodb.format_timestamp(earliest)}}
    rows = list(dynamodb.iter_records(CallOfUser, "#user_id = :user AND #key >= :low", values, ConsistentRead=True))
    call_ids = list(dict.fromkeys(str(row.call_id) for row in rows))
    listed_ids = set(call_ids)
    for call in _iter_unlisted_calls(customer_id, earliest, at):
        if call.id not in listed_ids and user_id in {candidate.id for candidate in call.candidates}:
            yield call
    for start in range(0, len(call_ids), CALLS_PER_READ):
        yield from map(CallRecord, _read_calls(call_ids[start : start + CALLS_PER_READ]))


def _iter_unlisted_calls(customer_id: str, earliest: datetime, at: datetime) -> Iterator[CallRecord]:
    """The calls of a customer from before their people were listed.

    All calls from a moment on are listed, except those of processes that ran on an older release
    for a while: the search ends there, so it takes two reads once all calls are listed, however
    many locations and calls there are.
    """
    condition, values = listing.query_between("customer_id", customer_id, earliest, at)
    arguments = dynamodb.query_arguments(Call, condition, values)
    pages = dynamodb.iter_pages("Query", **arguments, IndexName="byCustomer", Limit=UNLISTED_CALLS_PER_READ)
    until = None
    for items in pages:
        for row in _read_calls([item["id"]["S"] for item in items]):
            if until and row.started_at > until:
                return
            if row.has_people:
                until = until or row.started_at + DEPLOYMENT_TIME
            else:
                yield CallRecord(row)


def _read_calls(call_ids: Sequence[str]) -> list[Call]:
    """The calls with these ids, in this order, that are still there."""
    records = dynamodb.batch_get(dynamodb.RecordKey(Call, id) for id in call_ids)
    return [call for id in call_ids if (call := records.get(Call, id))]


def get_visible_call(call_id: str, actor: Actor, at: datetime) -> CallRecord:
    """A call that an actor may see. Raises `errors.NotFound` and `errors.Forbidden`.

    Without ``calls:read``, one that they were considered for or told of. Who was rung while on duty
    at another location may see it as long as they have access to that one.
    """
    actor.require("calls:handle")
    call = call_record.load(call_id) if voice.is_call_sid(call_id) else None
    if call is None or call.row.customer_id != actor.customer_id or call_creation.expiry_time(call.row.started_at) < at:
        raise errors.NotFound("Call not found.")
    if not actor.can_access_locations([call.row.location_id]):
        if not own_calls.can_access(actor, call.row, own_calls.find_row(actor.id, call)):
            locations.check_access(actor, call.row.location_id)
    elif not actor.has_permission("calls:read") and not own_calls.is_call_of(actor.id, call):
        raise errors.Forbidden("You can see the calls that rang you, could have rung you, or that you were told of.")
    return call


def delete_call(call_id: str) -> None:
    """Delete a call if it is still there."""
    unaudited.remove(Call(call_id), Call.id.exists())


def delete_calls_of_user(user_id: str) -> None:
    """Delete what says which calls a deleted user was in; they may be many."""
    condition, values = "#user_id = :user", {":user": {"S": user_id}}
    unaudited.write_all(removals=dynamodb.iter_records(CallOfUser, condition, values, ConsistentRead=True))


def log_call_viewed(call: Call, *, actor: Actor, at: datetime) -> None:
    """Write to the audit log that an operator opened a call, which shows who called."""
    actor.require("calls:read")
    journal.write_audit_event(actor, "call.viewed", call, at)


def log_recording_played(call: Call, kind: str, *, actor: Actor, at: datetime) -> None:
    """Write to the audit log that an operator listened to a recording."""
    actor.require("calls:read")
    changes = [audit.FieldChange("recording", None, kind)]
    journal.write_audit_event(actor, "call.listened", call, at, changes=changes)
