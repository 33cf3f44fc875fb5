"""Calling a caller back: from the location's number, first the user's phone, then the caller's.

The intent is stored before Twilio is asked: the call, who has taken the call-back, and the answer
to a repeated request, which therefore never places a second call. What the process does not live to
do is not done later; a message ends the call in the records.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency
from telephony import dialing_rules, lines, phone_verification
from telephony.callbacks import bridge_call, callback_record, holding, queries, rights
from telephony.calls import concurrency, minutes, neighbours
from telephony.calls.call_record import CallRecord
from telephony.calls.call_steps import CallStep
from telephony.calls.concurrency import Admission
from telephony.calls.routing import RingCandidate, RingPlan
from telephony.ivr.webhook_paths import webhook_path
from telephony.lines import ResolvedLine
from telephony.models import Call, Callback, OngoingCall, PhoneVerification
from telephony.twilio import client

if TYPE_CHECKING:
    from accounts.models import User

END_TASK = "telephony.end_unreported_call"
UNREPORTED = timedelta(minutes=2)
"""After how long a call is over that nobody accepted, or whose longest conversation is over."""
NOT_PLACED = "The telephone service does not answer, so nobody was called; send another request to call."


class PhoneNotVerified(errors.Conflict):
    """The user's own phone is not verified."""

    code = "phone_not_verified"
    example_detail = "Your phone is not verified; verify it with `POST /user/phone/verify`."


class CallerNotCallable(errors.Conflict):
    """Numbers such as the caller's are not called from the location, or it is no phone number."""

    code = "caller_not_callable"
    title = "Caller cannot be called"
    example_detail = "This number cannot be called from this location; call it from another phone."


class OnACall(errors.Conflict):
    """The user talks in another call."""

    code = "on_a_call"
    example_detail = "You are in another call; call back when it is over."


class NoLine(errors.Conflict):
    """The location has no active phone number."""

    code = "no_line"
    example_detail = "This location has no phone number any more."


class MinutesUsedUp(errors.TooManyRequests):
    """The customer's call minutes of the day, or its calls at once, are used up."""

    code = "minutes_used_up"
    title = "Call minutes used up"
    example_detail = "The call minutes of the day are used up; call back tomorrow."


def call_back(
    callback_id: str,
    user: "User",
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> str:
    """Ring the user's phone, to call the caller of a call-back. Returns the id of the call.

    An open call-back is taken by the user. Raises `errors.NotFound`, `errors.Forbidden`,
    `callback_record.CallbackTaken`, `callback_record.CallbackClosed`,
    `callback_record.CallerWithheld`, `CallerNotCallable`, `NoLine`, `PhoneNotVerified`,
    `phone_verification.PhoneNotCallable`, `OnACall`, `MinutesUsedUp` and `errors.Unavailable`.
    """
    rights.require_handling(actor)
    try:
        call = journal.retry_on_conflict(lambda: _begin(callback_id, user, actor, at, idempotency_key))
    except idempotency.DuplicateRequest as duplicate:
        return _repeat_answer(duplicate)
    try:
        _place(call)
    except (client.TwilioRejected, errors.Unavailable) as error:
        refusal = _to_refusal(error)
        with suppress(errors.Unavailable):  # otherwise the message ends the call
            bridge_call.end(call.id, at, how="failed")
            idempotency.replace_answer(idempotency_key, status=refusal.status, code=refusal.code)
        raise refusal from error
    return call.id


def _to_refusal(error: Exception) -> errors.DomainError:
    if isinstance(error, client.TwilioRejected):
        return phone_verification.PhoneNotCallable("This phone cannot be called.")
    return errors.Unavailable(NOT_PLACED)


def _repeat_answer(duplicate: idempotency.DuplicateRequest) -> str:
    """The answer of the first request with the same key."""
    if duplicate.status == phone_verification.PhoneNotCallable.status:
        raise phone_verification.PhoneNotCallable("This phone cannot be called.") from duplicate
    if duplicate.status == errors.Unavailable.status:
        raise errors.Unavailable(NOT_PLACED) from duplicate
    return duplicate.resource_id


def _begin(
    callback_id: str, user: "User", actor: Actor, at: datetime, key: idempotency.IdempotencyKey | None
) -> CallRecord:
    """Check everything, reserve minutes, and store the intent. Raises `StaleRecord` too."""
    records = dynamodb.batch_get(
        [
            dynamodb.RecordKey(PhoneVerification, user.id),
            dynamodb.RecordKey(OngoingCall, user.id),
            *idempotency.record_keys(key),
        ]
    )
    idempotency.ensure_key_unused(key, records, at)
    callback = queries.load_visible(callback_id, actor, at)
    holding.check_free(callback, actor, at)
    line = lines.find_active_line(str(callback.location_id), actor.customer_id)
    if line is None:
        raise NoLine("This location has no phone number any more.")
    if not callback.caller:
        raise callback_record.CallerWithheld(callback_record.CallerWithheld.example_detail)
    if dialing_rules.rejection_reason(str(callback.caller), line.country):
        raise CallerNotCallable(CallerNotCallable.example_detail)
    _check_own_phone(user, records.get(PhoneVerification, user.id), line)
    ongoing_call = records.get(OngoingCall, user.id)
    if ongoing_call and ongoing_call.is_ongoing(at):
        raise _on_a_call()
    person = RingCandidate(user.id, user.name, "calling_back", phone=str(user.phone))
    call = bridge_call.new_call(callback, line, person, at)
    _reserve_minutes(call, person, at)
    try:
        _store_intent(call, callback, actor, at, key, ongoing_call)
    except BaseException:
        call.row.ended_at = at
        with suppress(errors.Unavailable):  # otherwise what is reserved is free after a while
            minutes.settle(call)
        raise
    return call


def _check_own_phone(user: "User", verification: PhoneVerification | None, line: ResolvedLine) -> None:
    """The phone must be one that calls to the location may ring."""
    if not user.phone or verification is None or verification.phone != user.phone:
        raise PhoneNotVerified("Your phone is not verified; verify it with `POST /user/phone/verify`.")
    if reason := dialing_rules.rejection_reason(str(user.phone), line.country):
        raise phone_verification.PhoneNotCallable(lines.REJECTION_DETAILS[reason])


def _on_a_call() -> OnACall:
    return OnACall("You are in another call; call back when it is over.")


def _reserve_minutes(call: CallRecord, person: RingCandidate, at: datetime) -> None:
    """Reserve what two phones may cost. Raises `MinutesUsedUp` and `errors.Unavailable`."""
    row = call.row
    admission = concurrency.begin(
        row.customer_id, call.id, at, location_id=str(row.location_id), caller=str(row.caller)
    )
    plan = RingPlan([person])
    if admission is Admission.RING:
        plan = minutes.reserve(call, bridge_call.PATH, plan, is_sequence=True, at=at)
    if admission is not Admission.RING or not plan.ringable:
        row.ended_at = at
        minutes.settle(call)
        raise _minutes_used_up(plan)
    row.plans = [call.encode_plan(plan, bridge_call.PATH)]


def _minutes_used_up(plan: RingPlan) -> MinutesUsedUp:
    if plan.candidates[0].why_not == "minutes_used_up":
        return MinutesUsedUp("The call minutes of the day are used up; call back tomorrow.", retry_after=3_600)
    return MinutesUsedUp("Calls under way take all lines and minutes; retry in a few minutes.", retry_after=120)


def _store_intent(
    call: CallRecord,
    callback: Callback,
    actor: Actor,
    at: datetime,
    key: idempotency.IdempotencyKey | None,
    ongoing_call: OngoingCall | None,
) -> None:
    """Store the call, and that its user is in it and has taken the call-back."""
    ringing_time = timedelta(seconds=bridge_call.RING_SECONDS + bridge_call.PROMPT_SECONDS)
    new_ongoing_call = OngoingCall(
        user_id=actor.id, call_id=call.id, began_at=at, expires_at=int((at + ringing_time).timestamp())
    )
    is_free = OngoingCall.call_id == ongoing_call.call_id if ongoing_call else OngoingCall.user_id.does_not_exist()
    duty_locations = neighbours.find_duty_locations(actor, str(callback.location_id))
    changes = [audit.FieldChange("call_id", None, call.id)]
    related = callback_record.concerned(callback)
    with journal.write(actor, "callback.called", callback, at, changes=changes, related_streams=related) as write:
        write.record_response(key, call.id, status=202)
        if callback.status == "taken" and callback.taken_by == actor.id:
            write.require(callback, Callback.version == callback.version, error=journal.StaleRecord())
        else:
            after = holding.add_take(write, callback, actor, at)
            changes = callback_record.audit_changes(callback, after)
            write.add_audit_event("callback.taken", callback, changes=changes, related_streams=related)
        write.put(call.row, only_if=Call.id.does_not_exist())
        for row in call.row.list_users([actor.id], duty_locations):
            write.put(row)
        write.put(new_ongoing_call, only_if=is_free, error=_on_a_call())
        write.enqueue(END_TASK, id=f"end-{call.id}", due=at + UNREPORTED, call_id=call.id)


def _place(call: CallRecord) -> None:
    """Have Twilio call the user's phone, once. Raises `TwilioRejected` and `errors.Unavailable`."""
    plan = call.plan(bridge_call.PATH) or RingPlan()
    base_url = f"{settings.PUBLIC_BASE_URL}/telephony/voice/"
    sid = client.create_call(
        plan.ringable[0].phone,
        caller_id=call.line.number,
        url=base_url + webhook_path("back", c=call.id),
        ring_seconds=bridge_call.RING_SECONDS,
        fallback_url=base_url + webhook_path("back-failed", c=call.id),
        status_callback_url=base_url + webhook_path("back-ended", c=call.id),
        max_seconds=plan.minutes * 60 + bridge_call.PROMPT_SECONDS,
    )
    with suppress(errors.Unavailable):  # the call goes on
        call.record(CallStep("leg", bridge_call.PATH, 0, sid))


@outbox.task(END_TASK)
def end_unreported(call_id: str, *, job: outbox.TaskContext) -> None:
    """End a call whose end nobody reports: its request did not get to Twilio, or reports are lost.

    Raises `errors.Unavailable`.
    """
    call = bridge_call.load_ongoing(call_id)
    if call is None:
        return
    over_at = call.row.started_at + UNREPORTED
    if bridge_call.has(call, bridge_call.ACCEPTED):
        over_at += bridge_call.longest_conversation(call)
    if job.at < over_at:
        with journal.write_intent(job.author, job.at) as write:
            write.enqueue(END_TASK, due=over_at, call_id=call_id)
        return
    bridge_call.end(call_id, job.at, how="failed")
