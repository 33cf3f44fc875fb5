"""Taking a call-back, so that nobody else calls the same caller, and releasing it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from accounts import users
from accounts.permissions import Actor
from config import dynamodb, errors, journal
from config.dynamodb import idempotency
from config.journal import write_set
from telephony.callbacks import callback_record, queries, rights
from telephony.callbacks.callback_record import CallbackClosed, CallbackTaken
from telephony.callbacks.queries import CallbackEntry
from telephony.calls.rota import neighbours
from telephony.models import Callback

IN_CHARGE_TIME = timedelta(hours=2)
"""How long somebody who is in charge holds a call-back at least."""
MAX_HOLD = timedelta(hours=12)
"""How long anybody holds a call-back, however long the shift is."""
MIN_EXTENSION = timedelta(minutes=1)
"""A hold that would be longer by less stays as it is, so that a repetition changes nothing."""


def take(
    callback_id: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> CallbackEntry:
    """Take an open call-back, until a moment after the actor's shift.

    Who has taken it already keeps it: longer, if it could be taken for longer now. Raises
    `errors.NotFound`, `errors.Forbidden`, `errors.PreconditionFailed`, `CallbackTaken` and
    `CallbackClosed`.
    """

    def decide(before: Callback, records: dynamodb.BatchResult) -> Callback:
        check_free(before, actor, at)
        after = _taken(before, actor, at)
        if before.taken_by == actor.id and before.status == "taken" and not _is_longer(before, after, at):
            return before
        with journal.write(
            actor,
            "callback.taken",
            before,
            at,
            changes=callback_record.audit_changes(before, after),
            related_streams=callback_record.concerned(before),
            prefetched=read_streams(records, before, actor),
        ) as write:
            _add_take(write, before, after, actor)
            write.record_response(idempotency_key, before.id, status=200)
        return after

    return change_callback(
        callback_id, decide, actor=actor, at=at, idempotency_key=idempotency_key, precondition=precondition
    )


def release(
    callback_id: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> CallbackEntry:
    """Let others take a call-back: by whoever holds it, or is in charge. Those on duty are told.

    Raises `errors.NotFound`, `errors.Forbidden`, `errors.PreconditionFailed`, `CallbackTaken` and
    `CallbackClosed`.
    """

    def decide(before: Callback, records: dynamodb.BatchResult) -> Callback:
        if before.is_closed:
            raise closed_error()
        if before.status == "open":
            return before
        if before.taken_by != actor.id and not rights.is_in_charge(actor, str(before.location_id)):
            raise callback_taken(before)
        after = callback_record.change(before, at, status="open", taken_by=None, taken_until=None)
        with journal.write(
            actor,
            "callback.released",
            before,
            at,
            changes=callback_record.audit_changes(before, after),
            related_streams=callback_record.concerned(before),
            prefetched=read_streams(records, before, actor),
        ) as write:
            write.save(before, after)
            write.enqueue("telephony.tell_handed_over", callback_id=before.id)
            write.record_response(idempotency_key, before.id, status=200)
        return after

    return change_callback(
        callback_id, decide, actor=actor, at=at, idempotency_key=idempotency_key, precondition=precondition
    )


def change_callback(
    callback_id: str,
    decide: Callable[[Callback, dynamodb.BatchResult], Callback],
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
    precondition: journal.Precondition,
) -> CallbackEntry:
    """Change a call-back that the actor may see; a repeated request gets it as it is now.

    ``decide`` gets the call-back and the records of the audit streams; it stores what it returns,
    with the response to the request, or returns the call-back as it was.
    """
    rights.require_handling(actor)
    if not dynamodb.is_id("cbk", callback_id):
        raise rights.callback_not_found()
    keys = [
        dynamodb.RecordKey(Callback, callback_id),
        *idempotency.record_keys(idempotency_key),
        *journal.stream_keys([actor.stream, actor.customer_id]),
    ]

    def attempt() -> Callback:
        records = dynamodb.batch_get(keys)
        before = records.get(Callback, callback_id)
        if before is None or callback_record.is_expired(before, at):
            raise rights.callback_not_found()
        idempotency.ensure_key_unused(idempotency_key, records, at)
        rights.check_callback(before, actor, at)
        precondition.check(before)
        after = decide(before, records)
        if after is before:
            idempotency.save_completed(idempotency_key, before.id, at, status=200)
        return after

    try:
        callback = journal.retry_on_conflict(attempt)
    except idempotency.DuplicateRequest:
        return queries.get_callback(callback_id, actor=actor, at=at)
    return queries.to_entries([callback])[0]


def check_free(callback: Callback, actor: Actor, at: datetime) -> None:
    """Raise `CallbackClosed`, or `CallbackTaken` if somebody else holds it still."""
    if callback.is_closed:
        raise closed_error()
    if callback.status == "taken" and callback.taken_by != actor.id and not rights.is_hold_over(callback, at):
        raise callback_taken(callback)


def add_call(write: write_set.Write, before: Callback, actor: Actor, at: datetime, *, until: datetime) -> Callback:
    """Have the actor, who calls the caller, hold a call-back at least until then; as it is then.

    It is a new version also if the actor held it before: of writes at once one succeeds.
    """
    is_held = before.status == "taken" and before.taken_by == actor.id and before.taken_until
    after = callback_record.change(before, at) if is_held else _taken(before, actor, at)
    after.taken_until, after.called_at = max(after.taken_until, until), at
    if is_held:
        write.save(before, after)
        _enqueue_return(write, after)
    else:
        _add_take(write, before, after, actor)
    return after


def _taken(before: Callback, actor: Actor, at: datetime) -> Callback:
    duty_end = rights.find_duty_end(str(before.location_id), actor, at)
    ends = [duty_end + rights.GRACE] if duty_end else []
    if not ends or rights.is_in_charge(actor, str(before.location_id)):
        ends.append(at + IN_CHARGE_TIME)
    until = min(max(ends), at + MAX_HOLD)
    return callback_record.change(before, at, status="taken", taken_by=actor.id, taken_until=until, taken_at=at)


def _is_longer(before: Callback, after: Callback, at: datetime) -> bool:
    return rights.is_hold_over(before, at) or after.taken_until >= before.taken_until + MIN_EXTENSION


def _add_take(write: write_set.Write, before: Callback, after: Callback, actor: Actor) -> None:
    write.save(before, after)
    duty_locations = neighbours.find_duty_locations(actor, str(after.location_id))
    callback_record.give_call(write, after, actor.id, duty_locations)
    if actor.type == "user":
        users.require_account_open(write, actor.id)
    _enqueue_return(write, after)


def _enqueue_return(write: write_set.Write, callback: Callback) -> None:
    write.enqueue(
        "telephony.return_callback",
        id=f"return-{callback.id}-{callback.version}",
        due=callback.taken_until,
        callback_id=callback.id,
        version=int(callback.version),
    )


def read_streams(records: dynamodb.BatchResult, callback: Callback, actor: Actor) -> dynamodb.BatchResult | None:
    """The records of the audit streams, unless the write concerns further people."""
    return records if set(callback_record.concerned(callback)) <= {actor.id} else None


def callback_taken(callback: Callback) -> CallbackTaken:
    """The refusal that names who holds a call-back."""
    holder_id = str(callback.taken_by)
    holder = users.load_users([holder_id], str(callback.customer_id)).get(holder_id)
    name = users.display_name(holder) if holder else "Somebody else"
    return CallbackTaken(name, holder_id, callback.taken_until)


def closed_error() -> errors.Conflict:
    """The refusal of changes of a closed call-back."""
    return CallbackClosed(CallbackClosed.example_detail)
