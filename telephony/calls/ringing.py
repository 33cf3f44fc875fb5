"""Ringing phones for an action: whom, and one after another or all at once."""

from datetime import datetime

from telephony import ivr
from telephony.calls import call_steps, minutes, ring_all, routing
from telephony.calls.call_record import CallRecord
from telephony.calls.call_steps import CallEvent, CallStep
from telephony.calls.lookups import look_up_rota, within_budget
from telephony.calls.routing import RingPlan
from telephony.ivr import instructions
from telephony.ivr.instructions import DialNumber, Instruction
from telephony.ivr.webhook_paths import webhook_path
from telephony.models import Call, EventKind
from telephony.twilio.voice import CallWebhook


def start(call: CallRecord, path: str, action: ivr.IvrAction, at: datetime) -> list[Instruction]:
    """Ring the target of an action; no instructions if there is no phone to ring."""
    is_sequence = action.get("strategy", "sequence") == "sequence"
    plan = call.plan(path) or _create_plan(call, path, action, at, is_sequence=is_sequence)
    if plan.lookup_failed:
        return instructions.fallback(call.configuration, path)
    if not plan.ringable:
        return []
    if is_sequence:
        return [_dial(call, path, action, plan, 0)]
    within_budget(ring_all.call_phones, call, path, plan, at)
    return ring_all.waiting_instructions(path, 0)


def _create_plan(call: CallRecord, path: str, action: ivr.IvrAction, at: datetime, *, is_sequence: bool) -> RingPlan:
    """Create and store the ring plan of an action; a repeated webhook uses the stored one."""
    plan = look_up_rota(call.line, _plan_ringing, call, path, action, at, is_sequence=is_sequence) or RingPlan(
        lookup_failed=True
    )
    outcome: EventKind = "planned" if plan.ringable else "nobody_to_ring"
    new_events = [CallEvent(kind="lookup_failed" if plan.lookup_failed else outcome, at=at.isoformat())]
    if is_sequence and plan.ringable:
        new_events.append(call_steps.ringing_event(plan.ringable[0], at))
    within_budget(call.record, CallStep("plan", path), *new_events, plan=plan)
    return call.plan(path) or plan


def _plan_ringing(call: CallRecord, path: str, action: ivr.IvrAction, at: datetime, *, is_sequence: bool) -> RingPlan:
    """Whom a ring action rings: nobody if too few of the customer's call minutes are left."""
    plan = RingPlan(routing.list_candidates(call.line, action["target"], at))
    if not plan.ringable:
        return plan
    return minutes.reserve(call, path, plan, is_sequence=is_sequence, at=at)


def _dial(call: CallRecord, path: str, action: ivr.IvrAction, plan: RingPlan, number: int) -> Instruction:
    return DialNumber(
        number=plan.ringable[number].phone,
        caller_id=call.line.number,
        seconds=int(action.get("ringSeconds", ivr.RING_SECONDS)),
        screen_path=webhook_path("screen", action=path, c=call.id, n=number),
        next_path=webhook_path("dialled", action=path, n=number),
        max_seconds=plan.minutes * 60,
        recording_path=webhook_path("recorded") if ivr.is_recording_enabled(call.configuration) else "",
    )


def continue_sequence(call: CallRecord, webhook: CallWebhook) -> list[Instruction]:
    """Record that a phone in turn was not answered, and ring the next; nothing after the last."""
    path, number = webhook.path, webhook.number
    action, plan = call.action(path), call.plan(path)
    if action is None or plan is None or number >= len(plan.ringable):
        return instructions.fallback(call.configuration, path)
    new_events = [call_steps.not_taken_event(plan.ringable[number], webhook.end_reason, webhook.at)]
    has_next = number + 1 < len(plan.ringable)
    if has_next:
        new_events.append(call_steps.ringing_event(plan.ringable[number + 1], webhook.at))
    used = Call.leg_minutes.add(minutes.to_minutes(webhook.call_seconds))
    within_budget(call.record, CallStep("dialled", path, number), *new_events, updates=[used])
    return [_dial(call, path, action, plan, number + 1)] if has_next else []
