"""Call-backs follow the rota: nobody holds one who is not on duty, or in charge for a while.

Whoever takes a call-back holds it until some time (`Callback.taken_until`); then, or when their
rights or their rota change before, it is decided again whether they keep it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from accounts import locations, permissions, users
from config import dynamodb, journal, outbox
from telephony.callbacks import callback_record, holding, notifications, rights
from telephony.callbacks.bridge import outbound_call
from telephony.models import Callback

INDEX_DELAY = timedelta(minutes=1)
"""By then an index has what was written."""


# --- when it is decided ---------------------------------------------------------------------------
@outbox.task("telephony.return_callback")
def return_callback(callback_id: str, *, job: outbox.TaskContext) -> None:
    """At the end of the time for which a call-back was taken: open again, or extended.

    Raises `errors.Unavailable`.
    """
    callback = callback_record.load(callback_id)
    if callback and callback.status == "taken" and callback.taken_until and callback.taken_until <= job.at:
        decide_again(callback_id, job.at)


@outbox.task("telephony.check_holder")
def check_callbacks_of_user(user_id: str, *, job: outbox.TaskContext, is_repeated: bool = False) -> None:
    """Decide which call-backs a user keeps, whose rights or shifts were changed.

    And once more a moment later: what they took just before may not be in the index yet.
    """
    if not is_repeated:
        with journal.write_intent(job.author, job.at) as write:
            due, id = job.at + INDEX_DELAY, f"{job.id}-again"
            write.enqueue("telephony.check_holder", id=id, due=due, user_id=user_id, is_repeated=True)
    for callback in _iter_held(user_id, job.author.customer_id):
        decide_again(callback.id, job.at)


def _iter_held(user_id: str, customer_id: str) -> Iterator[Callback]:
    """The call-backs that a user of a customer holds."""
    condition = "#customer_id = :of AND begins_with(#queue, :taken)"
    values = {":of": {"S": customer_id}, ":taken": {"S": "2#"}}
    rows = list(dynamodb.iter_records(Callback, condition, values, IndexName="byCustomer"))
    for start in range(0, len(rows), 100):
        ids = [str(row.id) for row in rows[start : start + 100]]
        records = dynamodb.batch_get(dynamodb.RecordKey(Callback, id) for id in ids)
        for id in ids:
            callback = records.get(Callback, id)
            if callback and callback.status == "taken" and callback.taken_by == user_id:
                yield callback


# --- the decision ---------------------------------------------------------------------------------
def decide_again(callback_id: str, at: datetime) -> None:
    """Leave a call-back with its holder until their shift ends, or open it again."""

    def decide() -> None:
        callback = callback_record.load(callback_id)
        if callback is None or callback.status != "taken":
            return
        until = _find_holding_end(callback, at)
        if until is None:
            _open_again(callback, at)
        elif until != callback.taken_until:
            _hold_until(callback, until, at)

    journal.retry_on_conflict(decide)


def _find_holding_end(callback: Callback, at: datetime) -> datetime | None:
    """Until when the holder of a call-back may have it; None: not any longer.

    Those on duty until a moment after their shift; those in charge as long as they took it for, if
    that is longer. Nobody for longer than `holding.MAX_HOLD`, but who is calling the caller keeps
    it meanwhile, so that nobody else calls them too.
    """
    holder_id, customer_id = str(callback.taken_by), str(callback.customer_id)
    holder = users.load_users([holder_id], customer_id).get(holder_id)
    if holder is None or not notifications.may_handle(holder, str(callback.location_id)):
        return None
    if call_end := outbound_call.find_end(callback, at):
        return max(call_end, callback.taken_until or call_end)
    holder_actor = permissions.user_actor(holder)
    duty_end = rights.find_duty_end(str(callback.location_id), holder_actor, at)
    ends = [duty_end + rights.GRACE] if duty_end else []
    if rights.is_in_charge(holder_actor, str(callback.location_id)) and callback.taken_until:
        ends.append(min(callback.taken_until, at + holding.IN_CHARGE_TIME))
    until = min(max(ends, default=at), (callback.taken_at or callback.updated_at) + holding.MAX_HOLD)
    return until if until > at else None


def _open_again(before: Callback, at: datetime) -> None:
    """Raises `StaleRecord` at the commit if the call-back was changed."""
    after = callback_record.change(before, at, status="open", taken_by=None, taken_until=None)
    with journal.write(
        permissions.system_actor(str(before.customer_id)),
        "callback.returned",
        before,
        at,
        changes=callback_record.audit_changes(before, after),
        related_streams=callback_record.concerned(before),
    ) as write:
        write.save(before, after)
        write.enqueue("telephony.tell_handed_over", callback_id=before.id)


def _hold_until(before: Callback, until: datetime, at: datetime) -> None:
    """Raises `StaleRecord` at the commit if the call-back was changed."""
    after = callback_record.change(before, at, taken_until=until)
    with journal.write_intent(permissions.system_actor(str(before.customer_id)), at) as write:
        write.save(before, after)
        write.enqueue("telephony.return_callback", due=until, callback_id=before.id, version=int(after.version))


# --- locations ------------------------------------------------------------------------------------
def _find_blocker(location_id: str, at: datetime) -> str | None:
    if any(not callback_record.is_expired(callback, at) for callback in _iter_waiting(location_id)):
        return "This location has call-backs that are not closed; close them first."
    return None


def _iter_waiting(location_id: str) -> Iterator[Callback]:
    """The call-backs of a location that are not closed."""
    condition = "#location_id = :of AND #queue < :closed"
    values = {":of": {"S": location_id}, ":closed": {"S": "3#"}}
    return dynamodb.iter_records(Callback, condition, values, IndexName="byLocation")


@outbox.task("telephony.clear_callbacks")
def drop_callbacks_of_location(location_id: str, *, job: outbox.TaskContext) -> None:
    """Close call-backs that were opened while the location was being removed."""
    if locations.load_locations([location_id], job.author.customer_id):
        return
    for callback in list(_iter_waiting(location_id)):
        _drop(str(callback.id), job.at)


def _drop(callback_id: str, at: datetime) -> None:
    def decide() -> None:
        before = callback_record.load(callback_id)
        if before is None or before.is_closed:
            return
        after = callback_record.change(before, at, status="dropped", taken_until=None)
        with journal.write(
            permissions.system_actor(str(before.customer_id)),
            "callback.closed",
            before,
            at,
            changes=callback_record.audit_changes(before, after),
            related_streams=callback_record.concerned(before),
        ) as write:
            callback_record.close_in(write, before, after)

    journal.retry_on_conflict(decide)


LOCATION_GUARD = locations.LocationGuard(find_blocker=_find_blocker, cleanup_task="telephony.clear_callbacks")
