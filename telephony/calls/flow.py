"""What a call meets, step by step: every function answers one webhook of Twilio's.

The steps hold no state between them: what a webhook needs is in its address and in the record of
the call. A rota that fails or takes longer than `ringing.BUDGET` leads to voicemail, never to
silence; so does a store that does not answer.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings

from config import bulkhead, dynamodb, errors
from telephony import ivr, lines, usage
from telephony.calls import call_record, ring_all, routing
from telephony.calls.call_record import RingPlan, encode_event
from telephony.ivr.phrases import get_phrase
from telephony.lines import ResolvedLine
from telephony.models import Call

logger = logging.getLogger("dutyline.calls")
T = TypeVar("T")
_lookup_gate = bulkhead.Bulkhead("The rota", max_concurrent=16, budget_seconds=routing.LOOKUP_BUDGET)


@dataclass(frozen=True)
class VoiceReply:
    """What a webhook is answered: instructions, and in what language and voice they are said."""

    instructions: Sequence[ivr.Instruction]
    language: str = "en-US"
    voice: str | None = None


def try_within_budget(task: Callable[[], T]) -> T | None:
    """What a task answers; None where it fails or takes too long: a caller is waiting."""
    try:
        return _lookup_gate.call(task)
    except errors.Unavailable as error:
        logger.warning("a call goes on without what it asked for", extra={"why": error.detail})
    except Exception:  # whatever is wrong with us, the caller must hear something
        logger.exception("a call goes on after a failure")
    return None


def handle_incoming(call_id: str, *, caller: str, number: str, at: datetime) -> VoiceReply:
    """Somebody calls a number."""
    line_and_call = try_within_budget(lambda: (lines.resolve_line(number, caller), call_record.get_call(call_id)))
    if line_and_call is None:
        return VoiceReply(ivr.fallback_instructions(None, "open"))
    line, call = line_and_call
    if call is not None:
        return _begin_flow(call, call_record.pinned_line(call), at)
    if line is None:
        return VoiceReply([ivr.Prompt(get_phrase("not_in_service", "en")), ivr.Hangup()])
    if line.is_suspended or line.is_called_by_own_number:
        language = str(line.configuration["language"])
        return VoiceReply([ivr.Prompt(get_phrase("closed", language)), ivr.Hangup()], language)
    call_fields: dict[str, Any] = {"caller": caller, "entrance": _select_entrance(line, at), "at": at}
    saved_call = try_within_budget(lambda: call_record.create_call_record(call_id, line, **call_fields))
    return _begin_flow(saved_call or call_record.build_unsaved_call(call_id, line, **call_fields), line, at)


def _select_entrance(line: ResolvedLine, at: datetime) -> str:
    """Where a call enters. Without knowing the rota, as if the line were open."""
    is_staffed: bool | None = True
    if ivr.follows_rota(line.configuration):
        grace_period = ivr.grace_period(line.configuration)
        is_staffed = try_within_budget(lambda: bool(routing.staff_on_duty(line, at, grace_period)))
    if is_staffed is None:
        return "open"
    return ivr.select_entrance(line.configuration, at, time_zone=line.time_zone, is_staffed=is_staffed)


def _begin_flow(call: Call, line: ResolvedLine, at: datetime) -> VoiceReply:
    greeting_instructions = ivr.greeting_instructions(line.configuration)
    return _to_reply(
        line, [*greeting_instructions, *_follow_actions(call, line, call_record.pinned_entrance(call), at)]
    )


def _to_reply(line: ResolvedLine, instructions: Sequence[ivr.Instruction]) -> VoiceReply:
    ivr_configuration = line.configuration
    return VoiceReply(instructions, str(ivr_configuration["language"]), ivr_configuration.get("voice"))


# --- following the configuration ------------------------------------------------------------------
def _follow_actions(call: Call, line: ResolvedLine, path: str, at: datetime) -> list[ivr.Instruction]:
    """From an action on, until something has to be waited for."""
    instructions: list[ivr.Instruction] = []
    while action := ivr.action_at(line.configuration, path):
        if action["type"] == "say":
            instructions.append(ivr.to_prompt(action["prompt"]))
            if "then" not in action:
                return [*instructions, ivr.Hangup()]
            path = f"{path}/then"
        elif action["type"] == "ring":
            ring_instructions = _ring_target(call, line, path, action, at)
            if ring_instructions:
                return [*instructions, *ring_instructions]
            path = f"{path}/otherwise"
        elif action["type"] == "menu":
            return [*instructions, *ivr.menu_instructions(action, path, 0)]
        elif action["type"] == "voicemail":
            return [*instructions, *ivr.voicemail_instructions(action, path, str(line.configuration["language"]))]
        else:
            return [*instructions, ivr.Hangup()]
    return [*instructions, *ivr.fallback_instructions(line.configuration, path)]


def _ring_target(
    call: Call, line: ResolvedLine, path: str, action: ivr.IvrAction, at: datetime
) -> list[ivr.Instruction]:
    """Ring whom the action says; nothing where nobody can be rung."""
    plan = _get_or_create_plan(call, line, path, action, at)
    if plan.lookup_failed:
        return ivr.fallback_instructions(line.configuration, path)
    if not plan.ringable:
        return []
    if action.get("strategy", "sequence") == "all":
        try_within_budget(lambda: ring_all.call_all_phones(call, line, path, action, plan, at))
        return ring_all.waiting_instructions(path, 0)
    return [_dial_instruction(call, line, path, action, plan, 0)]


def _get_or_create_plan(call: Call, line: ResolvedLine, path: str, action: ivr.IvrAction, at: datetime) -> RingPlan:
    """Whom an action rings: found out once per call."""
    existing_plan = call_record.find_plan(call, path)
    if existing_plan is not None:
        return existing_plan
    plan = try_within_budget(lambda: _build_plan(line, action, at)) or RingPlan(lookup_failed=True)
    new_events = [_plan_event(plan, at)]
    if plan.ringable and action.get("strategy", "sequence") == "sequence":
        new_events.append(encode_event("rung", at, who=plan.ringable[0].id, why=plan.ringable[0].why))
    encoded_plan = call_record.encode_plan(plan, path, call.id)
    if try_within_budget(
        lambda: (call_record.record_step(call.id, f"plan {path}", *new_events, encoded_plan=encoded_plan),)
    ) == (None,):
        latest_call = try_within_budget(lambda: call_record.get_call(call.id))  # the same webhook was quicker
        return (call_record.find_plan(latest_call, path) if latest_call else None) or plan
    return plan


def _build_plan(line: ResolvedLine, action: ivr.IvrAction, at: datetime) -> RingPlan:
    candidates, minutes_used = dynamodb.gather(
        lambda: routing.list_candidates(line, action["target"], at), lambda: usage.minutes_used(line.customer_id, at)
    )
    if minutes_used >= settings.TELEPHONY["daily_minutes"]:
        candidates = [
            routing.RingCandidate(candidate.id, candidate.name, candidate.why, why_not="minutes_used_up")
            for candidate in candidates
        ]
    return RingPlan(candidates)


def _plan_event(plan: RingPlan, at: datetime) -> str:
    if plan.lookup_failed:
        return encode_event("lookup_failed", at)
    return encode_event("planned" if plan.ringable else "nobody_to_ring", at)


def _dial_instruction(
    call: Call, line: ResolvedLine, path: str, action: ivr.IvrAction, plan: RingPlan, leg_index: int
) -> ivr.Instruction:
    query: dict[str, Any] = {"c": call.id, "p": path, "n": leg_index}
    return ivr.DialNumber(
        number=plan.ringable[leg_index].phone,
        caller_id=line.number,
        seconds=int(action.get("ringSeconds", ivr.RING_SECONDS)),
        screen_path=ivr.webhook_path("screen", **query),
        next_path=ivr.webhook_path("dialled", p=path, n=leg_index),
        max_seconds=settings.TELEPHONY["call_minutes"] * 60,
        recording_path=ivr.webhook_path("recorded") if ivr.is_recording_enabled(line.configuration) else "",
    )


# --- the steps after the first --------------------------------------------------------------------
def handle_key(call_id: str, path: str, attempt: int, digit: str, *, at: datetime) -> VoiceReply:
    """A key was pressed in a menu, or none in time."""
    call = try_within_budget(lambda: call_record.get_call(call_id))
    if call is None:
        return VoiceReply(ivr.fallback_instructions(None, path))
    line = call_record.pinned_line(call)
    action = ivr.action_at(line.configuration, path)
    if action is None or action["type"] != "menu":
        return _to_reply(line, ivr.fallback_instructions(line.configuration, path))
    next_target = ivr.resolve_key(action, path, digit, attempt)
    event = encode_event("key", at, key=digit or None)
    try_within_budget(lambda: call_record.record_step(call_id, f"key {path} {attempt}", event))
    if isinstance(next_target, int):
        return _to_reply(line, ivr.menu_instructions(action, path, next_target))
    return _to_reply(line, _follow_actions(call, line, next_target, at))


def handle_pick_up(call_id: str, path: str, leg_index: int) -> VoiceReply:
    """Somebody, or their mailbox, picked up: only who presses 1 is put through."""
    call = try_within_budget(lambda: call_record.get_call(call_id))
    next_path = ivr.webhook_path("screened", c=call_id, p=path, n=leg_index)
    if call is None:
        return VoiceReply(ivr.screening_instructions("Dutyline", language="en", next_path=next_path, is_recorded=False))
    line = call_record.pinned_line(call)
    instructions = ivr.screening_instructions(
        line.location_name,
        language=str(line.configuration["language"]),
        next_path=next_path,
        is_recorded=ivr.is_recording_enabled(line.configuration),
    )
    return _to_reply(line, instructions)


def handle_screening_key(call_id: str, path: str, leg_index: int, digit: str, *, at: datetime) -> VoiceReply:
    """What who picked up has pressed."""
    if digit != "1":
        return VoiceReply([ivr.Hangup()])

    def record_acceptance() -> None:
        call = call_record.get_call(call_id)
        plan = call_record.find_plan(call, path) if call else None
        if plan and leg_index < len(plan.ringable):
            candidate_id = plan.ringable[leg_index].id
            call_record.record_step(
                call_id,
                f"accept {path} {leg_index}",
                encode_event("accepted", at, who=candidate_id),
                extra_updates=[Call.outcome.set("answered"), Call.answered_by.set(candidate_id)],
            )

    try_within_budget(record_acceptance)
    return VoiceReply([ivr.ConnectCall()])


def handle_dial_ended(
    call_id: str, path: str, leg_index: int, *, status: str, is_bridged: bool, at: datetime
) -> VoiceReply:
    """Ringing somebody is over: they talked, or it is the next one's turn."""
    call = try_within_budget(lambda: call_record.get_call(call_id))
    if is_bridged or (call and call_record.is_step_done(call, f"accept {path} {leg_index}")):
        return VoiceReply([ivr.Hangup()])
    if call is None:
        return VoiceReply(ivr.fallback_instructions(None, path))
    line = call_record.pinned_line(call)
    action = ivr.action_at(line.configuration, path)
    plan = call_record.find_plan(call, path)
    if action is None or plan is None or leg_index >= len(plan.ringable):
        return _to_reply(line, ivr.fallback_instructions(line.configuration, path))
    new_events = [encode_event("not_taken", at, who=plan.ringable[leg_index].id, how=_leg_end_reason(status))]
    next_candidates = plan.ringable[leg_index + 1 : leg_index + 2]
    new_events += [encode_event("rung", at, who=candidate.id, why=candidate.why) for candidate in next_candidates]
    try_within_budget(lambda: call_record.record_step(call_id, f"dialled {path} {leg_index}", *new_events))
    if next_candidates:
        return _to_reply(line, [_dial_instruction(call, line, path, action, plan, leg_index + 1)])
    return _to_reply(line, _follow_actions(call, line, f"{path}/otherwise", at))


def _leg_end_reason(status: str) -> str:
    """Twilio's word for how a leg ended, in ours."""
    reasons = {"no-answer": "no_answer", "busy": "busy", "completed": "not_pressed"}
    return reasons.get(status, "failed")


def handle_wait(call_id: str, path: str, poll_count: int, *, at: datetime) -> VoiceReply:
    """The caller waits while everybody is rung at once."""
    call = try_within_budget(lambda: call_record.get_call(call_id))
    if call is None:
        return VoiceReply(ivr.fallback_instructions(None, path))
    line = call_record.pinned_line(call)
    action = ivr.action_at(line.configuration, path)
    if action is None:
        return _to_reply(line, ivr.fallback_instructions(line.configuration, path))
    if ring_all.is_ringing_over(call, path, action, poll_count):
        call = try_within_budget(lambda: ring_all.close_ringing(call_id, path)) or call
    if ring_all.is_answered(call, path):
        return _to_reply(line, [ring_all.conference_instruction(call, line)])
    if ring_all.is_ringing_closed(call, path):
        return _to_reply(line, _follow_actions(call, line, f"{path}/otherwise", at))
    return _to_reply(line, ring_all.waiting_instructions(path, poll_count + 1))


def handle_call_ended(call_id: str, *, seconds: int, at: datetime, due: datetime) -> None:
    """The caller's call is over; legs that nobody needs any more are ended at ``due``."""
    call = call_record.get_call(call_id)
    if call is None:
        return
    updates = [Call.ended_at.set(at), Call.seconds.set(seconds)]
    ended_call = call_record.record_step(call_id, "ended", encode_event("ended", at), extra_updates=updates)
    if ended_call:
        call_record.set_unanswered_outcome(ended_call)
        usage.add_minutes(call.customer_id, -(-seconds // 60), at)
        ring_all.enqueue_leg_hangup(ended_call, due)
