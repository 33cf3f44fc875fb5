"""What follows from a call that has ended, or that has left a voicemail, once per call."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import locations, users
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency, pagination
from config.journal import write_set
from config.journal.write_set import StaleRecord
from telephony import line_lookup
from telephony.callbacks import callback_record
from telephony.calls.state import call_record, call_steps, continuity
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallStep
from telephony.calls.webhooks import promises
from telephony.models import BlockedCaller, Call, Callback, OpenCallback, PhoneVerification

MIN_SECONDS = 5
"""Of a call without a voicemail: whoever hangs up sooner has dialed a wrong number."""
MAX_COLLEAGUES = 20
"""Users with the same phone in their profiles whose verifications are read."""
VOICEMAIL_TIME = timedelta(seconds=30)
"""By then Twilio has sent the recording of a call that has ended."""
FOLLOWED, TOLD = CallStep("followed"), CallStep("told")


@dataclass(frozen=True)
class Wish:
    """Why a caller is to be called back."""

    at: datetime
    """When the call ended, or began if it has not ended."""
    due_at: datetime
    """When to call back."""
    is_promised: bool = False
    """Whether the caller, or whoever asks for the call-back, was told this time, or soon."""
    is_announced: bool = False
    """Whether people know of it, or are told of the voicemail."""
    is_missed: bool = False
    """Whether the call came while the location was open, and nobody took it."""


@outbox.task("telephony.follow_up_call")
def follow_up_call(call_id: str, *, job: outbox.TaskContext) -> None:
    """Open, join or close the call-back of a call's caller and place. Raises `errors.Unavailable`.

    An answered call closes it. A missed call, a voicemail and a call that asked for it open one, or
    join the one that is not closed. A repetition changes nothing.
    """

    def decide() -> None:
        call = call_record.load(call_id)
        if call is None or call.row.erased_at or call.row.direction == "out":
            return
        if call.row.outcome == "answered":
            continuity.remember(call)
        if call.has_step(FOLLOWED.kind):
            return
        if call.row.outcome == "answered":
            _close(call, job.author, job.at)
        elif wish := _read_wish(call):
            _open_or_join(call, wish, job.author, job.at)
        elif _is_meant(call):
            _tell_of_withheld(call, job.author, job.at)

    with suppress(errors.NotFound):  # the location was removed
        journal.retry_on_conflict(decide)


def _read_wish(call: CallRecord) -> Wish | None:
    """Why the caller is to be called back; None: there is nothing to do, or nobody to call."""
    row, has_voicemail = call.row, any(recording.kind == "voicemail" for recording in call.recordings)
    is_promised = call.promise is not None
    if not has_voicemail and not (row.caller and (_is_meant(call) or is_promised)):
        return None
    at, is_missed = row.ended_at or row.started_at, row.outcome == "missed"
    return Wish(
        at,
        call_steps.promised_time(call.promise) or promises.choose_due(call, at),
        is_promised,
        has_voicemail,
        is_missed,
    )


def _is_meant(call: CallRecord) -> bool:
    """Whether a call was missed whose caller did not hang up at once."""
    return bool(call.row.outcome == "missed" and int(call.row.seconds or 0) >= MIN_SECONDS)


def _tell_of_withheld(call: CallRecord, author: audit.Author, at: datetime) -> None:
    """Have people told of a missed call that nobody can call back, unless it has a voicemail then.

    Raises `StaleRecord` if the call was changed meanwhile.
    """
    if call.has_step(TOLD.kind):
        return
    is_new = Call.id.exists() & ~Call.steps.contains(str(TOLD))
    with journal.write_intent(author, at) as write:
        write.update(call.row, call_steps.step_updates(TOLD), only_if=is_new, error=StaleRecord())
        due, id = at + VOICEMAIL_TIME, f"withheld-{call.id}"
        write.enqueue("telephony.tell_withheld", id=id, due=due, call_id=call.id)


def _is_excluded(call: CallRecord, wish: Wish) -> bool:
    """Whether nobody calls this caller back: they are blocked by now, or work for the customer.

    Who works there is not excluded who was promised a call-back, or has left a voicemail.
    """
    caller = str(call.row.caller or "")
    if not caller:
        return False
    block_keys, colleagues = line_lookup.list_block_keys(call.row, caller), []
    if not wish.is_promised and not wish.is_announced:
        colleagues = users.find_users_by_phone(caller, str(call.row.customer_id), limit=MAX_COLLEAGUES)
    verification_keys = [dynamodb.RecordKey(PhoneVerification, user.id) for user in colleagues]
    records = dynamodb.batch_get([*block_keys, *verification_keys])
    verifications = (records.get(PhoneVerification, key.hash) for key in verification_keys)
    return any(records.get(BlockedCaller, key.hash) for key in block_keys) or any(
        verification and verification.phone == caller for verification in verifications
    )


def _was_reached_since(call: CallRecord) -> bool:
    """Whether a later call of the caller was answered, which was followed up before this one."""
    if not call.row.caller:
        return False
    values = {
        ":of": {"S": call.row.location_id},
        ":since": {"S": dynamodb.format_timestamp(call.row.started_at)},
        ":caller": {"S": call.row.caller},
        ":answered": {"S": "answered"},
        ":in": {"S": "in"},
    }
    page = pagination.query_filtered_page(
        Call,
        "byLocation",
        "#location_id = :of AND #started_at > :since",
        values,
        filter_expression="#caller = :caller AND #outcome = :answered AND (attribute_not_exists(#direction) OR "
        "#direction = :in)",
        limit=1,
        cursor=None,
    )
    return bool(page.records)


def _open_or_join(call: CallRecord, wish: Wish, author: audit.Author, at: datetime) -> None:
    """Unless nobody is to call back. Raises `StaleRecord` if one of both was changed meanwhile."""
    if _is_excluded(call, wish) or _was_reached_since(call):
        return
    marker, before = callback_record.load_open(call.row, at)
    if before:
        _join(call, before, wish, author, at)
    else:
        open_new(call, marker, wish, author, at)


def open_new(
    call: CallRecord,
    marker: OpenCallback | None,
    wish: Wish,
    author: audit.Author,
    at: datetime,
    *,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> Callback:
    """Open a call-back. ``marker`` as in `callback_record.add_to`.

    Raises `StaleRecord`, and `errors.NotFound` if the location was removed.
    """
    callback = callback_record.new_callback(call.row, due_at=wish.due_at, at=at)
    changes = callback_record.audit_changes(None, callback)
    with journal.write(author, "callback.opened", callback, at, changes=changes) as write:
        callback_record.add_to(write, callback, marker)
        locations.require_exists(write, str(callback.location_id))
        _follow(write, call, callback)
        write.record_response(idempotency_key, callback.id, status=201)
        _announce(write, callback, wish, is_new_time=True)
    return callback


def _join(call: CallRecord, before: Callback, wish: Wish, author: audit.Author, at: datetime) -> None:
    """Count a call with the call-back of its caller. Raises `StaleRecord`.

    It is not due later than before, unless the caller was told when.
    """
    is_latest = call.row.started_at >= before.last_call_at
    due_at = wish.due_at if call_steps.promised_time(call.promise) and is_latest else min(before.due_at, wish.due_at)
    latest = {"call_id": call.id, "last_call_at": call.row.started_at} if is_latest and before.caller else {}
    after = callback_record.change(
        before,
        at,
        calls=int(before.calls) + (before.call_id != call.id),  # it was opened on request during the call
        due_at=due_at,
        expires_at=max(int(before.expires_at), callback_record.expiry_of(call.row, due_at)),
        **latest,
    )
    changes = callback_record.audit_changes(before, after)
    with journal.write(
        author, "callback.joined", before, at, changes=changes, related_streams=callback_record.concerned(before)
    ) as write:
        write.save(before, after)
        callback_record.extend_marker(write, after)
        _follow(write, call, after)
        _announce(write, after, wish, is_new_time=after.due_at != before.due_at)


def _close(call: CallRecord, author: audit.Author, at: datetime) -> None:
    """Close the call-back of a caller who has talked with somebody, unless they called again.

    Raises `StaleRecord`.
    """
    _, before = callback_record.load_open(call.row, at)
    if before is None or before.last_call_at > (call.row.ended_at or call.row.started_at):
        return
    answered_by = str(call.row.answered_by or "")
    taken_by = answered_by if dynamodb.is_id("usr", answered_by) else None
    after = callback_record.closed(before, "reached", at, taken_by=taken_by)
    with journal.write(
        author,
        "callback.closed",
        before,
        at,
        changes=callback_record.audit_changes(before, after),
        related_streams=callback_record.concerned(before, after),
    ) as write:
        callback_record.close_in(write, before, after)
        _follow(write, call, before)


def _follow(write: write_set.Write, call: CallRecord, callback: Callback) -> None:
    """Record with the call that it was followed up. Raises `StaleRecord` at the commit.

    What follows from a call that nobody has answered yet is decided when it ends.
    """
    steps = [] if call.row.outcome == "ringing" else call_steps.step_updates(FOLLOWED)
    updates = [*steps, Call.callback_id.set(callback.id)]
    is_followed = Call.steps.contains(str(FOLLOWED))
    is_unchanged = (is_followed if call.has_step(FOLLOWED.kind) else ~is_followed) & (Call.outcome == call.row.outcome)
    is_known = Call.id.exists() & Call.erased_at.does_not_exist()
    write.update(call.row, updates, only_if=is_known & is_unchanged, error=StaleRecord())


def _announce(write: write_set.Write, callback: Callback, wish: Wish, *, is_new_time: bool) -> None:
    """Have people told: now, unless they are told otherwise, and when it is due."""
    is_due_later = callback.due_at > wish.at
    if is_due_later and is_new_time:
        write.enqueue(
            "telephony.callback_due",
            id=f"due-{callback.id}-{callback.version}",
            due=callback.due_at,
            callback_id=callback.id,
            version=int(callback.version),
        )
    if not wish.is_announced and (wish.is_missed or not is_due_later):
        write.enqueue("telephony.tell_missed", callback_id=callback.id, call_id=callback.call_id)
    elif not is_due_later and not wish.is_promised:  # those on duty hear of the voicemail
        write.enqueue("telephony.await_shift", callback_id=callback.id)
