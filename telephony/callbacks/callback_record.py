"""The record of a call-back: creating, loading and changing it. Every writer of one uses these."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from config import audit, dynamodb, errors
from config.journal import write_set
from telephony.calls.state import call_creation
from telephony.models import Call, Callback, CallbackOutcome, OpenCallback, caller_key, queue_key

KEPT_AFTER_DUE = timedelta(days=7)
"""How long a call-back is stored at least after it was due."""
DROPPED_OUTCOMES = ("wrong_number", "spam")
"""Outcomes of callers who are not called back."""
AUDITED = ("status", "due_at", "calls", "call_id", "taken_by", "taken_until", "outcome")
"""Attributes that audit entries show: none says who called."""


class CallbackTaken(errors.Conflict):
    """Somebody else has taken the call-back; it is open again when they or a manager release it."""

    code = "callback_taken"
    title = "Call-back taken"
    members: ClassVar = {
        "takenBy": errors.Member("Id of the user who has taken it."),
        "takenUntil": errors.Member("When it is open again unless it is closed by then.", is_date_time=True),
    }

    def __init__(self, name: str, taken_by: str, taken_until: datetime) -> None:
        detail = f"{name} has taken this call-back. Others can take it once it is released or not closed in time."
        super().__init__(detail)
        extra = {"takenBy": taken_by, "takenUntil": f"{taken_until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        self.field_errors.append(errors.FieldError("", self.code, detail, extra))

    @classmethod
    def example(cls) -> "CallbackTaken":
        return cls("Sam Reed", "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF", datetime(2026, 11, 23, 17, 15, tzinfo=UTC))


class CallbackClosed(errors.Conflict):
    """The call-back is closed and does not change; create one to call the caller again."""

    code = "callback_closed"
    title = "Call-back closed"
    example_detail = "This call-back is closed. To call the caller again, create one with `POST /callback`."


class CallerWithheld(errors.Conflict):
    """The caller's number is withheld or erased, so nobody can call back."""

    code = "caller_withheld"
    title = "No number to call"
    example_detail = "The number of this caller is withheld or erased; close the call-back."


def new_callback(call: Call, *, due_at: datetime, at: datetime) -> Callback:
    """An open call-back for the caller of a call; not stored yet."""
    return Callback(
        id=dynamodb.new_id("cbk", at),
        customer_id=call.customer_id,
        location_id=call.location_id,
        queue=queue_key("open", due_at),
        caller=call.caller,
        call_id=call.id,
        last_call_at=call.started_at,
        due_at=due_at,
        created_at=at,
        updated_at=at,
        expires_at=expiry_of(call, due_at),
    )


def expiry_of(call: Call, due_at: datetime) -> int:
    """When the call-back of a call is deleted: with the call, in seconds since 1970.

    Not before there was time to keep a promise.
    """
    return int(max(call_creation.expiry_time(call.started_at), due_at + KEPT_AFTER_DUE).timestamp())


def is_expired(callback: Callback, at: datetime) -> bool:
    """Whether it counts as deleted; DynamoDB may not have deleted it yet."""
    return bool(callback.expires_at < at.timestamp())


def change(before: Callback, at: datetime, **values: Any) -> Callback:
    """The next version with these values, in its place in the queue."""
    after = before.with_changes(**values, updated_at=at)
    after.queue = queue_key(str(after.status), after.due_at)
    return after


def marker_key(callback: Callback | Call) -> str:
    """The key of the `OpenCallback` of a call-back, or of the call-back that a call would open.

    Callers with a withheld number may be anybody: each of their calls has one of its own.
    """
    call_id = callback.id if isinstance(callback, Call) else callback.call_id
    return caller_key(str(callback.location_id), str(callback.caller or call_id))


def load(callback_id: str) -> Callback | None:
    """A call-back."""
    return dynamodb.get_record(Callback, callback_id) if dynamodb.is_id("cbk", callback_id) else None


def load_open(call: Call, at: datetime) -> tuple[OpenCallback | None, Callback | None]:
    """The uniqueness record of a call's caller and place, and the call-back that is not closed.

    The second is None although the first exists where only the first has not expired.
    """
    marker = dynamodb.get_record(OpenCallback, marker_key(call))
    callback = load(str(marker.callback_id)) if marker else None
    return marker, None if callback is None or callback.is_closed or is_expired(callback, at) else callback


def add_to(write: write_set.Write, callback: Callback, marker: OpenCallback | None) -> None:
    """Store a new call-back. Raises `StaleRecord` at the commit if another was opened meanwhile.

    ``marker`` is the uniqueness record of a call-back that has expired, if there is one.
    """
    new_marker = OpenCallback(key=marker_key(callback), callback_id=callback.id, expires_at=callback.expires_at)
    free = OpenCallback.callback_id == marker.callback_id if marker else OpenCallback.key.does_not_exist()
    write.put(new_marker, only_if=free, error=write_set.StaleRecord())
    write.put(callback, only_if=Callback.id.does_not_exist(), error=write_set.StaleRecord())


def extend_marker(write: write_set.Write, callback: Callback) -> None:
    """Keep the uniqueness record as long as its call-back, whose caller has called again."""
    marker = OpenCallback(key=marker_key(callback))
    is_its_own = OpenCallback.callback_id == callback.id
    change = [OpenCallback.expires_at.set(callback.expires_at)]
    write.update(marker, change, only_if=is_its_own, error=write_set.StaleRecord())


def close_in(write: write_set.Write, before: Callback, after: Callback) -> None:
    """Store a closed call-back: the next call of its caller opens another one."""
    write.save(before, after)
    is_its_own = OpenCallback.callback_id == before.id
    write.remove(
        OpenCallback(key=marker_key(before)),
        only_if=OpenCallback.key.does_not_exist() | is_its_own,
        error=write_set.StaleRecord(),
    )


def closed(
    before: Callback,
    outcome: CallbackOutcome,
    at: datetime,
    *,
    taken_by: str | None,
    note: str | None = None,
    correctable_until: datetime | None = None,
) -> Callback:
    """A call-back with its outcome."""
    status = "dropped" if outcome in DROPPED_OUTCOMES else "done"
    return change(
        before, at, status=status, outcome=outcome, note=note, taken_by=taken_by, taken_until=correctable_until
    )


def give_call(write: write_set.Write, callback: Callback, user_id: str, duty_locations: Mapping[str, str]) -> None:
    """Let a user who takes or closes a call-back see its last call, and hear the voicemail.

    ``duty_locations``: as in `Call.list_users`.
    """
    call = Call(
        id=callback.call_id,
        location_id=callback.location_id,
        started_at=callback.last_call_at,
        expires_at=callback.expires_at,
    )
    for row in call.list_users([user_id], duty_locations):
        write.put(row)


def concerned(*callbacks: Callback) -> list[str]:
    """The audit streams of the users who hold, or held, these versions of a call-back."""
    holders = dict.fromkeys(str(callback.taken_by) for callback in callbacks if callback.taken_by)
    return [id for id in holders if dynamodb.is_id("usr", id)]


def audit_changes(before: Callback | None, after: Callback) -> list[audit.FieldChange]:
    """What an audit entry shows of a change; times as text."""
    changes = audit.diff_records(before, after, AUDITED)
    return [audit.FieldChange(item.field, _to_json(item.before), _to_json(item.after)) for item in changes]


def _to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
