"""Ringing everybody at once, so that it holds when a mailbox picks up first.

Every phone is called by itself, and who presses 1 first meets the caller in a conference; the
caller hears a ringing tone meanwhile and asks every few seconds what became of it.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from django.conf import settings

from accounts import permissions
from config import errors, journal, outbox
from telephony import ivr
from telephony.calls import call_record
from telephony.calls.call_record import RingPlan, encode_event
from telephony.ivr.phrases import get_phrase
from telephony.lines import ResolvedLine
from telephony.models import Call
from telephony.twilio import client

RINGBACK_TONE_PATH = "/static/telephony/ringing.wav"
"""As long as `ivr.WAIT_SECONDS`."""
EXTRA_WAIT_SECONDS = 18
"""Beyond the ringing: Twilio adds some, and who has just picked up hears what it is about."""


def call_all_phones(
    call: Call, line: ResolvedLine, path: str, action: ivr.IvrAction, plan: RingPlan, at: datetime
) -> None:
    """Call every phone of a plan; once, however often it is asked for."""
    ringing_events = [encode_event("rung", at, who=candidate.id, why=candidate.why) for candidate in plan.ringable]
    if call_record.record_step(call.id, f"place {path}", *ringing_events) is None:
        return
    ring_seconds = int(action.get("ringSeconds", ivr.RING_SECONDS))
    base_url = f"{settings.PUBLIC_BASE_URL}/telephony/voice/"

    def call_phone(leg_index: int) -> None:
        query = {"c": call.id, "p": path, "n": leg_index}
        try:
            leg_sid = client.create_call(
                plan.ringable[leg_index].phone,
                caller_id=line.number,
                url=base_url + ivr.webhook_path("leg", **query),
                ring_seconds=ring_seconds,
                status_callback_url=base_url + ivr.webhook_path("left", **query),
                max_seconds=settings.TELEPHONY["call_minutes"] * 60,
            )
        except (client.TwilioRejected, errors.Unavailable):
            handle_leg_ended(call.id, path, leg_index, status="failed", at=at)
        else:
            call_record.record_step(call.id, f"leg {path} {leg_index} {leg_sid}")

    with ThreadPoolExecutor(len(plan.ringable)) as executor:
        list(executor.map(call_phone, range(len(plan.ringable))))


def waiting_instructions(path: str, poll_count: int) -> list[ivr.Instruction]:
    """A ringing tone, then ask again."""
    ringback = ivr.Prompt(play=settings.PUBLIC_BASE_URL + RINGBACK_TONE_PATH)
    return [ringback, ivr.Redirect(ivr.webhook_path("wait", p=path, k=poll_count))]


def conference_instruction(call: Call, line: ResolvedLine) -> ivr.JoinConference:
    """Where the caller and who took the call meet."""
    is_recorded = ivr.is_recording_enabled(line.configuration)
    return ivr.JoinConference(
        call.id,
        next_path="bye",
        max_seconds=settings.TELEPHONY["call_minutes"] * 60,
        recording_path=ivr.webhook_path("recorded", c=call.id) if is_recorded else "",
    )


def is_ringing_over(call: Call, path: str, action: ivr.IvrAction, poll_count: int) -> bool:
    """Whether nobody will take the call any more."""
    if is_answered(call, path):
        return False
    ring_seconds = int(action.get("ringSeconds", ivr.RING_SECONDS))
    if poll_count * ivr.WAIT_SECONDS >= ring_seconds + EXTRA_WAIT_SECONDS:
        return True
    plan = call_record.find_plan(call, path)
    leg_count = len(plan.ringable) if plan else 0
    return all(call_record.is_step_done(call, f"left {path} {leg_index}") for leg_index in range(leg_count))


def close_ringing(call_id: str, path: str) -> Call | None:
    """Let nobody take the call by this action any more, unless somebody just did."""
    closed_call = call_record.record_step(call_id, f"closed {path}", unless_step=f"accept {path}")
    return closed_call or call_record.get_call(call_id)


def is_ringing_closed(call: Call, path: str) -> bool:
    """Whether the caller has gone on; also from who pressed 1 and hung up before they met."""
    return call_record.is_step_done(call, f"closed {path}") or _has_answering_leg_left(call, path)


def is_answered(call: Call, path: str) -> bool:
    """Whether somebody pressed 1 and is there."""
    return call_record.is_step_done(call, f"accept {path}") and not _has_answering_leg_left(call, path)


def _has_answering_leg_left(call: Call, path: str) -> bool:
    return any(call_record.is_step_done(call, f"left {path} {leg_index}") for leg_index in _answering_legs(call, path))


def _answering_legs(call: Call, path: str) -> list[int]:
    return [
        event["leg"]
        for event in call_record.decode_events(call)
        if event["kind"] == "accepted" and event.get("path") == path
    ]


def screen_leg(call: Call, path: str, leg_index: int) -> list[ivr.Instruction]:
    """Somebody, or their mailbox, picked up."""
    line = call_record.pinned_line(call)
    return ivr.screening_instructions(
        line.location_name,
        language=str(line.configuration["language"]),
        next_path=ivr.webhook_path("joined", c=call.id, p=path, n=leg_index),
        is_recorded=ivr.is_recording_enabled(line.configuration),
    )


def handle_join(
    call_id: str, path: str, leg_index: int, digit: str, *, at: datetime, due: datetime
) -> list[ivr.Instruction]:
    """What who picked up has pressed: the first to press 1 joins the caller.

    The other legs are ended at ``due``.
    """
    call = call_record.get_call(call_id)
    plan = call_record.find_plan(call, path) if call else None
    if call is None or plan is None or digit != "1" or leg_index >= len(plan.ringable):
        return [ivr.Hangup()]
    line = call_record.pinned_line(call)
    language = str(line.configuration["language"])
    if call.ended_at:
        return [ivr.Prompt(get_phrase("gone", language)), ivr.Hangup()]
    candidate_id = plan.ringable[leg_index].id
    accepted_call = call_record.record_step(
        call_id,
        f"accept {path}",
        encode_event("accepted", at, who=candidate_id, path=path, leg=leg_index),
        extra_updates=[Call.outcome.set("answered"), Call.answered_by.set(candidate_id)],
        unless_step=f"closed {path}",
    )
    current_call = accepted_call or call_record.get_call(call_id) or call
    if leg_index not in _answering_legs(current_call, path):
        return [ivr.Prompt(get_phrase("taken", language)), ivr.Hangup()]
    if accepted_call:
        with suppress(errors.Unavailable):  # they end by themselves, only later
            enqueue_leg_hangup(current_call, due)
    return [conference_instruction(call, line)]


def handle_leg_ended(call_id: str, path: str, leg_index: int, *, status: str, at: datetime) -> None:
    """A leg is over."""
    call = call_record.get_call(call_id)
    plan = call_record.find_plan(call, path) if call else None
    if call is None or plan is None or leg_index >= len(plan.ringable):
        return
    candidate_id = plan.ringable[leg_index].id
    end_reasons = {"no-answer": "no_answer", "busy": "busy", "completed": "not_pressed"}
    new_events = (
        []
        if call.answered_by == candidate_id
        else [encode_event("not_taken", at, who=candidate_id, how=end_reasons.get(status, "failed"))]
    )
    call_record.record_step(call_id, f"left {path} {leg_index}", *new_events)


def enqueue_leg_hangup(call: Call, at: datetime) -> None:
    """Have the legs of a call ended that nobody needs any more."""
    if any(step.startswith("leg ") for step in call.steps or ()):
        with journal.write_intent(permissions.system_actor(call.customer_id), at) as write:
            write.enqueue("telephony.hang_up", call_id=call.id)


@outbox.task("telephony.hang_up")
def hang_up_legs(call_id: str) -> None:
    """End every leg but the one that was taken. Raises `errors.Unavailable`."""
    call = call_record.get_call(call_id)
    if call is None:
        return
    for step in sorted(call.steps or ()):
        if not step.startswith("leg "):
            continue
        _, path, leg_index, leg_sid = step.split(" ")
        is_connected = int(leg_index) in _answering_legs(call, path) and call.ended_at is None
        if not is_connected and not call_record.is_step_done(call, f"left {path} {leg_index}"):
            with suppress(client.TwilioRejected):
                client.hang_up(leg_sid)
