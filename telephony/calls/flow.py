"""The flow of a call: each ``handle_`` function answers one webhook of Twilio's.

The functions keep no state: the query string says where the call is, the call record what happened.
A caller must hear something within seconds, so what they wait for has a time budget. If the store
or the rota fails, the call goes to voicemail or on to the next step, never to silence.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec, TypeVar

from config import bulkhead, dynamodb, errors
from telephony import callers, ivr, lines
from telephony.calls import call_record, concurrency, minutes, recordings, ring_all, routing
from telephony.calls.call_record import CallEvent, CallRecord, CallStep
from telephony.calls.concurrency import Admission
from telephony.calls.routing import RingPlan
from telephony.ivr import instructions
from telephony.ivr.instructions import ConnectCall, DialNumber, Hangup, Instruction, Prompt, VoiceReply
from telephony.ivr.phrases import get_phrase
from telephony.ivr.webhook_paths import webhook_path
from telephony.lines import ResolvedLine
from telephony.models import Call, EventKind
from telephony.twilio.voice import CallWebhook

logger = logging.getLogger("dutyline.calls")
P = ParamSpec("P")
T = TypeVar("T")
STEPS_BY_ADMISSION = {
    Admission.RING: {"counted"},
    Admission.MESSAGE: {"counted", "refused"},
    Admission.NONE: {"refused"},
}
"""The steps of a call that begins."""
_lookups = bulkhead.Bulkhead("The rota", max_concurrent=16, max_per_owner=4, budget_seconds=2.0)


def within_budget(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call a function in a thread; None if it fails or takes longer than a caller may wait."""
    return _attempt(lambda: function(*args, **kwargs), owner="")


def look_up_rota(line: ResolvedLine, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """`within_budget` for the rota of a line: a slow one leaves threads for the calls of others."""
    return _attempt(lambda: function(*args, **kwargs), owner=line.location_id)


def _attempt(task: Callable[[], T], *, owner: str) -> T | None:
    try:
        return _lookups.call(task, owner=owner)
    except errors.DomainError as error:
        logger.warning("a lookup or write failed; the call continues without it", extra={"why": error.detail})
    except Exception:  # whatever the error, the caller must hear something
        logger.exception("unexpected error; the call continues without the result")
    return None


def load_call(webhook: CallWebhook) -> CallRecord:
    """The call of a webhook; one without configuration if it is unknown or the store fails."""
    return within_budget(call_record.load, webhook.call_id) or CallRecord(Call(id=webhook.call_id))


# --- a new call -----------------------------------------------------------------------------------
def handle_incoming(webhook: CallWebhook) -> VoiceReply:
    """Answer a call to a number: greet, then follow the actions from its entrance on."""
    lookup = within_budget(_look_up, webhook)
    if lookup is None:
        return handle_failure()
    call, line = lookup
    if call is None:
        if line is None:
            return VoiceReply([Prompt(get_phrase("not_in_service", "en")), Hangup()])
        if line.is_suspended or line.is_called_by_own_number:
            language = instructions.get_language(line.configuration)
            return VoiceReply([Prompt(get_phrase("calls_refused", language)), Hangup()], language)
        call = _create_call(webhook, line)
        within_budget(call.save)
    if call.has_step("refused") and not call.has_step("counted"):
        language = instructions.get_language(call.configuration)
        return call.reply([Prompt(get_phrase("all_lines_busy", language)), Hangup()])
    greeting = instructions.greeting(call.configuration)
    if call.has_step("refused"):
        return call.reply([*greeting, *instructions.fallback(call.configuration, call.entrance)])
    return call.reply([*greeting, *_follow_actions(call, call.entrance, webhook.at)])


def _look_up(webhook: CallWebhook) -> tuple[CallRecord | None, ResolvedLine | None]:
    call, line = dynamodb.gather(
        lambda: call_record.load(webhook.call_id), lambda: lines.resolve_line(webhook.called_number, webhook.caller)
    )
    return call, line


def _create_call(webhook: CallWebhook, line: ResolvedLine) -> CallRecord:
    """A call that begins, not stored yet; it rings nobody if there are too many at once.

    While calls cannot be counted, they are taken.
    """
    caller = webhook.caller if callers.is_phone_number(webhook.caller) else ""
    identity = {"location_id": line.location_id, "caller": caller}
    admission = within_budget(concurrency.begin, line.customer_id, webhook.call_id, webhook.at, **identity)
    is_ringing = admission in (Admission.RING, None)
    entrance = _find_entrance(line, webhook.at) if is_ringing else ivr.Entrance("open", "")
    call = call_record.new_call(
        webhook.call_id,
        line,
        caller=webhook.caller,
        entrance=entrance.name,
        at=webhook.at,
        holiday=entrance.holiday,
        is_rota_unknown=entrance.is_rota_unknown,
    )
    call.row.steps = STEPS_BY_ADMISSION[admission] if admission else None
    return call


def _find_entrance(line: ResolvedLine, at: datetime) -> ivr.Entrance:
    """Where a call enters. While the rota cannot be read, the line is open, on holidays too."""
    staff = None
    if ivr.follows_rota(line.configuration):
        staff = look_up_rota(line, routing.staff_on_duty, line, at, ivr.grace_period(line.configuration))
    return routing.find_entrance(line, at, staff)


def handle_failure() -> VoiceReply:
    """Take a voicemail when another webhook of the call failed."""
    return VoiceReply(instructions.fallback({}, "open"))


# --- following the configuration ------------------------------------------------------------------
def _follow_actions(call: CallRecord, path: str, at: datetime) -> list[Instruction]:
    """The instructions from an action on, up to one that waits for the caller or a phone."""
    spoken: list[Instruction] = []
    while action := call.action(path):
        if action["type"] == "say":
            spoken.append(instructions.to_prompt(action["prompt"]))
            if "then" not in action:
                return [*spoken, Hangup()]
            path = f"{path}/then"
        elif action["type"] == "ring":
            if ringing := _ring(call, path, action, at):
                return [*spoken, *ringing]
            path = f"{path}/otherwise"
        elif action["type"] == "menu":
            return [*spoken, *instructions.menu(action, path, 0)]
        elif action["type"] == "voicemail":
            return [*spoken, *instructions.voicemail(action, path, instructions.get_language(call.configuration))]
        else:
            return [*spoken, Hangup()]
    return [*spoken, *instructions.fallback(call.configuration, path)]


def _ring(call: CallRecord, path: str, action: ivr.IvrAction, at: datetime) -> list[Instruction]:
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
        new_events.append(call_record.ringing_event(plan.ringable[0], at))
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


# --- later webhooks -------------------------------------------------------------------------------
def handle_key(webhook: CallWebhook) -> VoiceReply:
    """The caller pressed a key of a menu, or none in time."""
    call, path, attempt = load_call(webhook), webhook.path, webhook.number
    action = call.action(path)
    if action is None or action["type"] != "menu":
        return call.reply(instructions.fallback(call.configuration, path))
    event = CallEvent(kind="key", at=webhook.at.isoformat(), key=webhook.digit or None)
    within_budget(call.record, CallStep("key", path, attempt), event)
    next_target = ivr.resolve_key(action, path, webhook.digit, attempt)
    if isinstance(next_target, int):
        return call.reply(instructions.menu(action, path, next_target))
    return call.reply(_follow_actions(call, next_target, webhook.at))


def handle_pick_up(webhook: CallWebhook, *, next_webhook: str) -> VoiceReply:
    """Somebody, or their mailbox, picked up: ``next_webhook`` gets the key they press."""
    call = load_call(webhook)
    next_path = webhook_path(next_webhook, action=webhook.path, c=call.id, n=webhook.number)
    location_name = call.line.location_name or "Dutyline"
    return call.reply(instructions.screening(call.configuration, location_name, next_path))


def handle_screening_key(webhook: CallWebhook) -> VoiceReply:
    """The person who picked up pressed a key: 1 connects them with the caller."""
    if webhook.digit != "1":
        return VoiceReply([Hangup()])
    call = load_call(webhook)
    if candidate := call.ringing_candidate(webhook.path, webhook.number):
        event = CallEvent(kind="accepted", at=webhook.at.isoformat(), who=candidate.id)
        within_budget(call.record_answer, CallStep("accept", webhook.path, webhook.number), event)
    return VoiceReply([ConnectCall()])


def handle_dial_ended(webhook: CallWebhook) -> VoiceReply:
    """Ringing one person ended: they talked with the caller, or the next person's phone rings.

    Twilio counts a mailbox as an answer; whether somebody took the call depends on the key 1 only.
    """
    call, path, number = load_call(webhook), webhook.path, webhook.number
    used = [Call.leg_minutes.add(minutes.to_minutes(webhook.call_seconds))]
    if webhook.is_bridged or call.has_step("accept", path, number):
        if call.ringing_candidate(path, number):
            within_budget(call.record, CallStep("dialled", path, number), updates=used)
        return VoiceReply([Hangup()])
    action, plan = call.action(path), call.plan(path)
    if action is None or plan is None or number >= len(plan.ringable):
        return call.reply(instructions.fallback(call.configuration, path))
    new_events = [call_record.not_taken_event(plan.ringable[number], webhook.end_reason, webhook.at)]
    has_next = number + 1 < len(plan.ringable)
    if has_next:
        new_events.append(call_record.ringing_event(plan.ringable[number + 1], webhook.at))
    within_budget(call.record, CallStep("dialled", path, number), *new_events, updates=used)
    if has_next:
        return call.reply([_dial(call, path, action, plan, number + 1)])
    within_budget(minutes.settle, call)
    return call.reply(_follow_actions(call, f"{path}/otherwise", webhook.at))


def handle_wait(webhook: CallWebhook) -> VoiceReply:
    """The caller heard the ringing tone once while all phones ring."""
    call, path, poll_count = load_call(webhook), webhook.path, webhook.number
    if call.action(path) is None:
        return call.reply(instructions.fallback(call.configuration, path))
    if ring_all.is_ringing_over(call, path, poll_count):
        within_budget(ring_all.close_ringing, call, path)
    if ring_all.is_answered(call, path):
        return call.reply([ring_all.conference_instruction(call, path)])
    if ring_all.is_ringing_closed(call, path):
        within_budget(minutes.settle, call)
        return call.reply(_follow_actions(call, f"{path}/otherwise", webhook.at))
    return call.reply(ring_all.waiting_instructions(path, poll_count + 1))


def handle_bye(webhook: CallWebhook) -> VoiceReply:
    """The caller finished a voicemail, or a conference ended."""
    if webhook.path and webhook.recording_sid:
        within_budget(recordings.receive, webhook, kind="voicemail")
    return VoiceReply([Hangup()])


def handle_call_ended(webhook: CallWebhook) -> None:
    """The caller's call ended: legs that still ring are ended too. Raises `errors.Unavailable`."""
    call = call_record.load(webhook.call_id) or _create_missed_call(webhook)
    if call is None:
        return
    updates = [Call.ended_at.set(webhook.at), Call.seconds.set(webhook.call_seconds)]
    event = CallEvent(kind="ended", at=webhook.at.isoformat())
    is_first = call.record(CallStep("ended"), event, updates=updates)
    if is_first:
        call.set_unanswered_outcome()
        ring_all.enqueue_leg_hangup(call, webhook.now)
    if call.has_step("counted"):
        minutes.settle(call)
    elif is_first and not minutes.settle(call) and not call.has_step("refused"):
        minutes.count_without_lease(call)


def _create_missed_call(webhook: CallWebhook) -> CallRecord | None:
    """A call that could not be stored when it began; it counts, and the business sees it."""
    line = lines.resolve_line(webhook.called_number, webhook.caller)
    if line is None or line.is_suspended or line.is_called_by_own_number:
        return None
    call = call_record.new_call(webhook.call_id, line, caller=webhook.caller, entrance="open", at=webhook.at)
    call.save()
    return call
