"""Opening a call-back on request, for a call that somebody can see."""

from datetime import datetime, timedelta

from accounts import locations
from accounts.permissions import Actor
from config import dynamodb, errors, journal, local_time
from config.dynamodb import idempotency
from telephony.callbacks import callback_record, opening, queries, rights
from telephony.callbacks.queries import CallbackEntry
from telephony.calls.history import queries as call_queries
from telephony.calls.state import call_creation

CLOCK_SKEW = timedelta(minutes=5)
"""By how much the clock of a client may be late: a due time so little past is now."""


def open_for_call(
    call_id: str,
    *,
    due_at: datetime | None = None,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> tuple[CallbackEntry, bool]:
    """Open a call-back for the caller of a call, and whether that was needed.

    If one of this caller and place is not closed, that one is returned as it is. ``due_at`` is by
    default now; a naive one is local at the location. Raises `errors.NotFound`, `errors.Forbidden`
    `callback_record.CallerWithheld` and `errors.InvalidRequest`.
    """
    rights.require_handling(actor)

    def decide() -> tuple[CallbackEntry, bool]:
        records = dynamodb.batch_get(idempotency.record_keys(idempotency_key))
        idempotency.ensure_key_unused(idempotency_key, records, at)
        call = call_queries.get_visible_call(call_id, actor, at)
        location = locations.load_locations([call.row.location_id], actor.customer_id).get(call.row.location_id)
        if location is None:
            raise errors.NotFound("The location of this call was removed.", pointer="/callId")
        rights.check_location(location.id, actor, at)
        if call.row.direction == "out" or call.row.outcome == "blocked":
            raise errors.InvalidRequest("Only a call that came in can be called back.", pointer="/callId")
        if not call.row.caller:
            raise callback_record.CallerWithheld("The number of this caller is withheld or erased.", pointer="/callId")
        due = local_time.resolve_instant(due_at, location.time_zone, pointer="/dueAt") if due_at else at
        if not at - CLOCK_SKEW <= due < call_creation.expiry_time(call.row.started_at):
            raise errors.InvalidRequest("Must not be past, and before the call is deleted.", pointer="/dueAt")
        due = max(due, at)
        marker, current = callback_record.load_open(call.row, at)
        if current:
            idempotency.save_completed(idempotency_key, current.id, at, status=200)
            return queries.to_entries([current], [location])[0], False
        wish = opening.Wish(at, due, is_promised=True, is_announced=True)
        callback = opening.open_new(call, marker, wish, actor, at, idempotency_key=idempotency_key)
        return queries.to_entries([callback], [location])[0], True

    try:
        return journal.retry_on_conflict(decide)
    except idempotency.DuplicateRequest as duplicate:
        entry = queries.get_callback(duplicate.resource_id, actor=actor, at=at)
        return entry, duplicate.status == 201
