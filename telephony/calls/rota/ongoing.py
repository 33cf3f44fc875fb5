"""Who talks in a call right now: other calls do not ring them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from config import dynamodb
from config.dynamodb import unaudited
from telephony.models import Call, OngoingCall


def begin(user_id: str, call_id: str, *, minutes: int, at: datetime, replaces_other: bool = True) -> bool:
    """Store that a user talks in a call, for so many minutes at most.

    The time bounds what a lost report of the end does. Numbers of a configuration are not stored.
    False if the user seems to talk in another call, unless this ``replaces_other``: what is not
    certain yet must not free somebody who talks. Raises `errors.Unavailable`.
    """
    if not dynamodb.is_id("usr", user_id):
        return True
    condition = OngoingCall.user_id.does_not_exist() | (OngoingCall.call_id == call_id)
    condition |= OngoingCall.user_id.exists() if replaces_other else OngoingCall.expires_at <= int(at.timestamp())
    changes = [
        OngoingCall.call_id.set(call_id),
        OngoingCall.began_at.set(at),
        OngoingCall.expires_at.set(int((at + timedelta(minutes=minutes)).timestamp())),
    ]
    return unaudited.update(OngoingCall(user_id), changes, condition) is not None


def extend(user_id: str, call_id: str, *, until: datetime) -> None:
    """Set when a call ends at the latest, unless it has ended. Raises `errors.Unavailable`."""
    expires_at = int(until.timestamp())
    unaudited.update(OngoingCall(user_id), [OngoingCall.expires_at.set(expires_at)], OngoingCall.call_id == call_id)


def find_talking(records: Iterable[OngoingCall | None], at: datetime) -> set[str]:
    """The users who talk at this time. One round trip, if any of the records says so.

    Their calls are read too: `begin` may come after the end of the call, or its end have been
    processed by a release that does not know these records. Raises `errors.Unavailable`.
    """
    current = [record for record in records if record and record.is_ongoing(at)]
    calls = dynamodb.batch_get(dynamodb.RecordKey(Call, record.call_id) for record in current)
    ended_ids = {record.call_id for record in current if (call := calls.get(Call, record.call_id)) and call.ended_at}
    return {record.user_id for record in current if record.call_id not in ended_ids}


def end(user_id: str | None, call_id: str) -> None:
    """Remove what `begin` stored, unless it is of another call. Raises `errors.Unavailable`."""
    if dynamodb.is_id("usr", user_id or ""):
        unaudited.remove(OngoingCall(user_id), OngoingCall.call_id == call_id)


def forget(user_id: str) -> None:
    """Remove it whatever the call: the user was deleted. Raises `errors.Unavailable`."""
    unaudited.remove(OngoingCall(user_id), OngoingCall.user_id.exists())
