"""Calling a caller back: from the location's number, first the user's phone, then the caller's.

The intent is stored before Twilio is asked: the call, who has taken the call-back, and the answer
to a repeated request, which therefore never places a second call. What the process does not live to
do is not done later; a message ends the call in the records.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency
from telephony import dialing_rules, lines, phone_verification
from telephony.callbacks import callback_record, holding, queries, rights
from telephony.callbacks.bridge import call_end, outbound_call
from telephony.calls.limits import concurrency, minutes, usage
from telephony.calls.limits.concurrency import Admission
from telephony.calls.rota import neighbours, ongoing
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallStep
from telephony.ivr.webhook_paths import webhook_path
from telephony.lines import ResolvedLine
from telephony.models import Call, Callback, OngoingCall, PhoneVerification
from telephony.twilio import client

if TYPE_CHECKING:
    from accounts.models import User


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
    title = "No phone number"
    example_detail = "This location has no phone number to call from; call the caller from another phone."


class CallNotPlaced(errors.Conflict):
    """The telephone service did not place the call; send a new `Idempotency-Key` to call again."""

    code = "call_not_placed"
    title = "Call not placed"
    example_detail = (
        "The telephone service does not answer. Your phone may ring all the same, but then calls nobody; "
        "send a new `Idempotency-Key` to call again."
    )


class AllLinesInUse(errors.TooManyRequests):
    """Calls under way take all lines or minutes; retry in a few minutes."""

    code = "lines_busy"
    title = "All lines busy"
    example_detail = "Calls under way take all lines or minutes; retry in a few minutes."


class MinutesUsedUp(errors.TooManyRequests):
    """The call minutes of the day, of the customer or for the caller, are used up."""

    code = "minutes_used_up"
    title = "Call minutes used up"
    example_detail = "The call minutes of the day are used up; call back tomorrow."


_REFUSALS: dict[str, Callable[[], errors.DomainError]] = {
    phone_verification.PhoneNotCallable.code: lambda: phone_verification.PhoneNotCallable(
        "Your phone cannot be called from this location; set another one and verify it."
    ),
    NoLine.code: lambda: NoLine(
        "The telephone service does not place calls from the number of this location; call from another phone."
    ),
    CallNotPlaced.code: lambda: CallNotPlaced(CallNotPlaced.example_detail),
}
"""What is said, also to a repeated request, if Twilio does not place the call; by code."""


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
    `phone_verification.PhoneNotCallable`, `OnACall`, `CallNotPlaced`, `MinutesUsedUp`,
    `AllLinesInUse` and `errors.Unavailable`.
    """
    rights.require_handling(actor)
    known: list[Callback] = []

    def attempt() -> CallRecord:
        known.append(queries.load_visible(callback_id, actor, at))
        is_overtaken = known[-1].called_at != known[0].called_at
        return _begin(known[-1], user, actor, at, idempotency_key, is_overtaken=is_overtaken)

    try:
        call = journal.retry_on_conflict(attempt)
    except idempotency.DuplicateRequest as duplicate:
        if to_error := _REFUSALS.get(duplicate.code or ""):
            raise to_error() from duplicate
        return duplicate.resource_id
    try:
        _place(call)
    except (client.TwilioRejected, errors.Unavailable) as error:
        refusal = _to_refusal(error)
        with suppress(errors.Unavailable):  # otherwise the message ends the call
            ending = call_end.Ending(at, at, "failed", unless_accepted=isinstance(error, errors.Unavailable))
            if not call_end.end(call.id, ending):  # the phone rings, and its user has pressed 1
                return call.id
            idempotency.replace_answer(idempotency_key, status=refusal.status, code=refusal.code)
        raise refusal from error
    return call.id


def _to_refusal(error: Exception) -> errors.DomainError:
    if not isinstance(error, client.TwilioRejected):
        return _REFUSALS[CallNotPlaced.code]()
    is_caller_id = error.code in client.CALLER_ID_CODES
    return _REFUSALS[NoLine.code if is_caller_id else phone_verification.PhoneNotCallable.code]()


def _begin(
    callback: Callback,
    user: "User",
    actor: Actor,
    at: datetime,
    key: idempotency.IdempotencyKey | None,
    *,
    is_overtaken: bool,
) -> CallRecord:
    """Check everything, reserve minutes, and store the intent. Raises `StaleRecord` too.

    Two requests of a user at once store one intent, also if its call is over before the other
    request gets on: each makes a new version of the call-back, and whoever finds that another
    request has (``is_overtaken``) does not call.
    """
    records = dynamodb.batch_get(
        [
            dynamodb.RecordKey(PhoneVerification, user.id),
            dynamodb.RecordKey(OngoingCall, user.id),
            *idempotency.record_keys(key),
        ]
    )
    idempotency.ensure_key_unused(key, records, at)
    holding.check_free(callback, actor, at)
    line = lines.find_active_line(str(callback.location_id), actor.customer_id, str(callback.caller))
    if line is None:
        raise NoLine(NoLine.example_detail)
    if not callback.caller:
        raise callback_record.CallerWithheld(callback_record.CallerWithheld.example_detail)
    if dialing_rules.rejection_reason(str(callback.caller), line.country):
        raise CallerNotCallable(CallerNotCallable.example_detail)
    if line.is_called_by_own_number:
        raise CallerNotCallable("The number of this caller is that of a location; locations cannot call each other.")
    _check_own_phone(user, records.get(PhoneVerification, user.id), line)
    ongoing_call = records.get(OngoingCall, user.id)
    latest = max(at, ongoing_call.began_at) if ongoing_call else at  # it may have begun after this request
    if is_overtaken or ongoing.find_talking([ongoing_call], latest):
        raise _on_a_call()
    person = RingCandidate(user.id, user.name, "calling_back", phone=str(user.phone))
    call = outbound_call.new_call(callback, line, person, at)
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
    """Reserve what two phones may cost.

    Raises `MinutesUsedUp`, `AllLinesInUse` and `errors.Unavailable`.
    """
    row = call.row
    counted_as = outbound_call.counted_as(str(row.caller))
    admission = concurrency.begin(row.customer_id, call.id, at, location_id=str(row.location_id), caller=counted_as)
    plan = RingPlan([person])
    if admission is Admission.RING:
        plan = minutes.reserve(call, outbound_call.PATH, plan, is_sequence=True, at=at)
    if admission is not Admission.RING or not plan.ringable:
        row.ended_at = at
        minutes.settle(call)
        raise _minutes_used_up(row.customer_id, counted_as, at)
    row.plans = [call.encode_plan(plan, outbound_call.PATH)]


def _minutes_used_up(customer_id: str, counted_as: str, at: datetime) -> MinutesUsedUp | AllLinesInUse:
    """The refusal that says what is used up, and until when. Raises `errors.Unavailable`."""
    row, limits = usage.load(customer_id, at), settings.TELEPHONY
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    until_midnight = int((midnight - at).total_seconds()) + 1
    if row.used >= limits["daily_minutes"]:
        detail = "The call minutes of the day are used up; call back tomorrow."
        return MinutesUsedUp(detail, retry_after=until_midnight)
    if usage.minutes_of_caller(row, usage.pseudonym_of(counted_as)) >= limits["daily_minutes_of_caller"]:
        detail = "The call minutes of the day for calls to this caller are used up; call back tomorrow."
        return MinutesUsedUp(detail, retry_after=until_midnight)
    return AllLinesInUse(AllLinesInUse.example_detail, retry_after=120)


def _store_intent(
    call: CallRecord,
    callback: Callback,
    actor: Actor,
    at: datetime,
    key: idempotency.IdempotencyKey | None,
    ongoing_call: OngoingCall | None,
) -> None:
    """Store the call, and that its user is in it and has taken the call-back."""
    ringing_time = timedelta(seconds=outbound_call.RING_SECONDS + outbound_call.PROMPT_SECONDS)
    new_ongoing_call = OngoingCall(
        user_id=actor.id, call_id=call.id, began_at=at, expires_at=int((at + ringing_time).timestamp())
    )
    is_free = OngoingCall.call_id == ongoing_call.call_id if ongoing_call else OngoingCall.user_id.does_not_exist()
    duty_locations = neighbours.find_duty_locations(actor, str(callback.location_id))
    changes = [audit.FieldChange("call_id", None, call.id)]
    related = callback_record.concerned(callback)
    with journal.write(actor, "callback.called", callback, at, changes=changes, related_streams=related) as write:
        write.record_response(key, call.id, status=202)
        after = holding.add_call(write, callback, actor, at, until=at + outbound_call.longest_time(call))
        if callback.status != "taken" or callback.taken_by != actor.id:
            changes = callback_record.audit_changes(callback, after)
            write.add_audit_event("callback.taken", callback, changes=changes, related_streams=related)
        write.put(call.row, only_if=Call.id.does_not_exist())
        for row in call.row.list_users([actor.id], duty_locations):
            write.put(row)
        write.put(new_ongoing_call, only_if=is_free, error=_on_a_call())
        write.enqueue(call_end.END_TASK, id=f"end-{call.id}", due=at + call_end.UNREPORTED, call_id=call.id)


def _place(call: CallRecord) -> None:
    """Have Twilio call the user's phone, once. Raises `TwilioRejected` and `errors.Unavailable`."""
    plan = call.plan(outbound_call.PATH) or RingPlan()
    base_url = f"{settings.PUBLIC_BASE_URL}/telephony/voice/"
    sid = client.create_call(
        plan.ringable[0].phone,
        caller_id=call.line.number,
        url=base_url + webhook_path("back", c=call.id),
        ring_seconds=outbound_call.RING_SECONDS,
        fallback_url=base_url + webhook_path("back-failed", c=call.id),
        status_callback_url=base_url + webhook_path("back-ended", c=call.id),
        max_seconds=plan.minutes * 60 + outbound_call.PROMPT_SECONDS,
    )
    with suppress(errors.Unavailable):  # the call goes on
        call.record(CallStep("leg", outbound_call.PATH, 0, sid))
