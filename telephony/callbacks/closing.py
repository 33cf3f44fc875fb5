"""Closing a call-back: the caller was called back, or is not to be."""

from datetime import datetime

from accounts.permissions import Actor
from config import dynamodb, journal
from config.dynamodb import idempotency
from telephony.callbacks import callback_record, holding
from telephony.callbacks.queries import CallbackEntry
from telephony.calls.rota import neighbours
from telephony.models import Callback, CallbackOutcome

MAX_NOTE_LENGTH = 500


def close(
    callback_id: str,
    outcome: CallbackOutcome,
    *,
    note: str | None = None,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> CallbackEntry:
    """Close a call-back that the actor holds, or that nobody does.

    One that was closed because they talked with the caller may be closed with another outcome for
    a while: perhaps a mailbox answered.

    Raises `errors.NotFound`, `errors.Forbidden`, `errors.PreconditionFailed`,
    `callback_record.CallbackTaken` and `callback_record.CallbackClosed`.
    """

    def decide(before: Callback, records: dynamodb.BatchResult) -> Callback:
        is_correction = _is_correctable(before, actor, at)
        if not is_correction:
            holding.check_free(before, actor, at)
        duty_locations = neighbours.find_duty_locations(actor, str(before.location_id))
        after = callback_record.closed(before, outcome, at, taken_by=actor.id, note=note or None)
        with journal.write(
            actor,
            "callback.closed",
            before,
            at,
            changes=callback_record.audit_changes(before, after),
            related_streams=callback_record.concerned(before),
            prefetched=holding.read_streams(records, before, actor),
        ) as write:
            if is_correction:
                write.save(before, after)
            else:
                callback_record.close_in(write, before, after)
            callback_record.give_call(write, after, actor.id, duty_locations)
            write.record_response(idempotency_key, before.id, status=200)
        return after

    return holding.change_callback(
        callback_id, decide, actor=actor, at=at, idempotency_key=idempotency_key, precondition=precondition
    )


def _is_correctable(callback: Callback, actor: Actor, at: datetime) -> bool:
    until = callback.taken_until
    return bool(callback.is_closed and callback.taken_by == actor.id and until and until > at)
