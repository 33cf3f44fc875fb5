"""Ringing phones for an action: whom, and one after another or all at once.

Ringing in turn ends after the action's `maxRingSeconds` by the clock of the call, so that whoever
declines at once leaves their time to the others. The query of each webhook says when it began.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pynamodb.expressions.update import Action

from config import dynamodb
from telephony import callers, ivr
from telephony.calls.limits import minutes
from telephony.calls.rota import ongoing, routing
from telephony.calls.rota.duty import DutyReader
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_steps
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import ENDED, CallEvent, CallStep
from telephony.calls.state.lookups import look_up_rota, ring_within_budget, within_budget
from telephony.calls.webhooks import ending, ring_all, screening
from telephony.ivr import instructions
from telephony.ivr.instructions import DialNumber, Instruction
from telephony.ivr.webhook_paths import instant_parameter, webhook_path
from telephony.models import Call, EventKind, Usage
from telephony.twilio.voice import CallWebhook

MIN_RING_SECONDS = 5
"""What a phone rings at least, or not at all."""


@dataclass(frozen=True)
class Known:
    """What a webhook knows already when it comes to a ring action."""

    duty: DutyReader | None = None
    """Set if the rota was read: it is not asked any more."""
    usage: Usage | None = None
    """The row of the day in which the call is counted."""


NOTHING = Known()


def start(call: CallRecord, path: str, action: ivr.IvrAction, webhook: CallWebhook, known: Known) -> list[Instruction]:
    """Ring the target of an action; no instructions if there is no phone to ring."""
    is_sequence = action.get("strategy", "sequence") == "sequence"
    plan = call.plan(path)
    if plan is None:
        plan = _create_plan(call, path, action, webhook, known, is_sequence=is_sequence)
    elif plan.ringable and not is_sequence and not call.has_step("place", path):
        ring_within_budget(webhook, ring_all.call_again, call, path, plan, webhook.at)
    if plan.lookup_failed:
        return instructions.fallback(call.configuration, path)
    if not plan.ringable:
        return []
    if is_sequence:
        return [_dial(call, path, plan, 0, since=webhook.at, seconds=ivr.ring_seconds(action))]
    return ring_all.waiting_instructions(path, 0, since=webhook.at)


def _create_plan(
    call: CallRecord, path: str, action: ivr.IvrAction, webhook: CallWebhook, known: Known, *, is_sequence: bool
) -> RingPlan:
    """Create and store the ring plan of an action; a repeated webhook uses the stored one.

    If all phones ring at once, they are called.
    """
    at = webhook.at
    plan_ringing = partial(_plan_ringing, call, path, action, at, known, is_sequence=is_sequence)
    needs_rota = known.duty is None and "onDuty" in action["target"]
    plan = look_up_rota(webhook, call.line, plan_ringing) if needs_rota else within_budget(webhook, plan_ringing)
    plan = plan or RingPlan(lookup_failed=True)
    outcome: EventKind = "planned" if plan.ringable else "nobody_to_ring"
    new_events = [CallEvent(kind="lookup_failed" if plan.lookup_failed else outcome, at=at.isoformat())]
    ringing_now = plan.ringable[:1] if is_sequence else plan.ringable
    new_events += [call_steps.ringing_event(candidate, at) for candidate in ringing_now]
    if plan.ringable and not is_sequence:
        ring_within_budget(webhook, ring_all.record_and_call, call, path, plan, new_events, webhook.at, webhook.now)
    else:
        step = CallStep("plan", path)
        within_budget(webhook, call.record, step, *new_events, plan=plan, unless=(ENDED,), now=webhook.now)
    return call.plan(path) or plan


def _plan_ringing(
    call: CallRecord, path: str, action: ivr.IvrAction, at: datetime, known: Known, *, is_sequence: bool
) -> RingPlan:
    """Whom a ring action rings: nobody if too few of the customer's call minutes are left."""
    caller = str(call.row.caller or "")
    plan = RingPlan(routing.list_candidates(call.line, action["target"], at, caller, duty=known.duty))
    if not plan.ringable:
        return plan
    return minutes.reserve(call, path, plan, is_sequence=is_sequence, at=at, known_usage=known.usage)


def _dial(call: CallRecord, path: str, plan: RingPlan, number: int, *, since: datetime, seconds: int) -> Instruction:
    phone = plan.ringable[number].phone
    return DialNumber(
        number=phone,
        caller_id=_caller_id(call, path, phone),
        seconds=seconds,
        screen_path=webhook_path("screen", action=path, c=call.id, n=number),
        next_path=webhook_path("dialled", action=path, n=number, t=instant_parameter(since)),
        max_seconds=plan.minutes * 60,
        recording_path=webhook_path("recorded") if ivr.is_recording_enabled(call.configuration) else "",
    )


def _caller_id(call: CallRecord, path: str, phone: str) -> str:
    """The number that a phone shows: its owner's own would lead to their mailbox."""
    caller = str(call.row.caller or "")
    shows_caller = ivr.shows_caller(call.configuration, call.action(path) or {})
    return caller if shows_caller and callers.is_phone_number(caller) and caller != phone else call.line.number


def continue_sequence(call: CallRecord, webhook: CallWebhook) -> list[Instruction]:
    """Record that a phone in turn was not answered, and ring the next.

    No instructions after the last phone, or if the time to ring is over.
    """
    path, number = webhook.path, webhook.number
    step, was_accepted = CallStep("dialled", path, number), call.has_step("accept", path, number)
    action, plan = call.action(path), call.plan(path)
    if action is None or plan is None or number >= len(plan.ringable):
        return instructions.fallback(call.configuration, path)
    new_events = [call_steps.not_taken_event(plan.ringable[number], screening.end_reason(call, webhook), webhook.at)]
    since = _ringing_since(action, webhook)
    seconds_left = round(ivr.max_ring_seconds(action) - (webhook.at - since).total_seconds())
    has_next = number + 1 < len(plan.ringable) and not webhook.is_over
    is_time_over = has_next and seconds_left < MIN_RING_SECONDS
    if is_time_over:
        new_events.append(CallEvent(kind="time_over", at=webhook.at.isoformat()))
    elif has_next:
        new_events.append(call_steps.ringing_event(plan.ringable[number + 1], webhook.at))
    updates = [_used_minutes(webhook), *(call_steps.not_answered("ringing") if was_accepted else [])]
    also = [CallStep("closed", path)] if is_time_over else []
    within_budget(webhook, call.record, step, *new_events, updates=updates, also=also, unless=(ENDED,))
    if not has_next or is_time_over:
        return []
    seconds = min(ivr.ring_seconds(action), seconds_left)
    return [_dial(call, path, plan, number + 1, since=since, seconds=seconds)]


def end_conversation(call: CallRecord, candidate: RingCandidate | None, webhook: CallWebhook) -> None:
    """Store that a phone in turn is over, whose owner talked with the caller; free the owner."""
    user_id = candidate.id if candidate else None
    dynamodb.gather(lambda: _record_conversation(call, webhook), lambda: ongoing.end(user_id, call.id))


def _record_conversation(call: CallRecord, webhook: CallWebhook) -> None:
    """Record that a phone in turn, whose owner talked with the caller, is over.

    They answered, also if that could not be stored, or the caller seemed to have gone before.
    """
    updates = [_used_minutes(webhook), Call.outcome.set("answered")]
    if candidate := call.ringing_candidate(webhook.path, webhook.number):
        updates.append(Call.answered_by.set(candidate.id))
    call.record(CallStep("dialled", webhook.path, webhook.number), updates=updates)


def record_last_phone(call: CallRecord, webhook: CallWebhook) -> None:
    """Record that a phone in turn was not answered, after the caller has hung up.

    Raises `errors.Unavailable`.
    """
    step = CallStep("dialled", webhook.path, webhook.number)
    candidate = call.ringing_candidate(webhook.path, webhook.number)
    if candidate is None or step in call.steps:
        return
    event = call_steps.not_taken_event(candidate, screening.end_reason(call, webhook), webhook.at)
    used = _used_minutes(webhook)
    if call.row.outcome == "answered" and call.row.answered_by == candidate.id:
        ending.record_unconnected(call, step, event, updates=[used], now=webhook.now)
    else:
        call.record(step, event, updates=[used])


def _used_minutes(webhook: CallWebhook) -> Action:
    return Call.leg_minutes.add(minutes.to_minutes(webhook.call_seconds))


def _ringing_since(action: ivr.IvrAction, webhook: CallWebhook) -> datetime:
    """When the first phone began to ring.

    The reply that rings it may have a greeting before. So its time is known only when its ringing
    has ended: it took no longer than its ringing time and its own call.
    """
    if webhook.number and webhook.since:
        return webhook.since
    longest = timedelta(seconds=ivr.ring_seconds(action) + webhook.call_seconds)
    return max(webhook.since or webhook.at, webhook.at - longest)
