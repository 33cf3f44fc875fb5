"""Ringing everybody at once: each phone is a call of its own, a leg.

The first person to press 1 meets the caller in a conference. Meanwhile the caller hears a ringing
tone and the ``wait`` webhook checks every few seconds whether somebody answered.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from django.conf import settings

from accounts import permissions
from config import dynamodb, errors, journal, outbox
from telephony import ivr
from telephony.calls.limits import minutes
from telephony.calls.rota import ongoing
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_record, call_steps
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import ENDED, CallEvent, CallStep
from telephony.calls.state.lookups import attempt, load_call, within_budget
from telephony.calls.webhooks.screening import ANSWER_KEY, PAUSE_KEY, ask_for_key, end_reason, pause_candidate
from telephony.ivr import instructions
from telephony.ivr.instructions import Hangup, Instruction, JoinConference, Prompt, Redirect, VoiceReply
from telephony.ivr.phrases import get_phrase
from telephony.ivr.webhook_paths import instant_parameter, webhook_path
from telephony.models import Call
from telephony.twilio import client
from telephony.twilio.voice import CallWebhook

RINGBACK_TONE_PATH = "/static/telephony/ringing.wav"
WAIT_SECONDS = 3
"""Length of the ringing tone: how often the caller's call asks whether somebody pressed 1."""
EXTRA_WAIT_SECONDS = 18
"""Wait beyond the ringing: Twilio adds some, and who has just picked up hears the screening."""


def record_and_call(
    call: CallRecord, path: str, plan: RingPlan, events: Sequence[CallEvent], at: datetime, now: datetime
) -> None:
    """Store a plan, and that its phones ring, and call them: whether or not the caller still waits.

    Whoever stores it calls them, also if the answer of the store came late. Not for a caller who
    has hung up, or was told meanwhile that nobody answers.
    """
    calling, closed = CallStep("place", path), CallStep("closed", path)
    step, unless = CallStep("plan", path), (ENDED, calling, closed)
    if call.record(step, *events, plan=plan, also=[calling], unless=unless, now=now):
        _call_phones(call, path, plan, at)


def call_again(call: CallRecord, path: str, plan: RingPlan, at: datetime) -> None:
    """Call the phones of a stored plan, unless another webhook already did."""
    events = [call_steps.ringing_event(candidate, at) for candidate in plan.ringable]
    calling, closed = CallStep("place", path), CallStep("closed", path)
    if call.record(calling, *events, unless=(ENDED, closed)):
        _call_phones(call, path, plan, at)


def _call_phones(call: CallRecord, path: str, plan: RingPlan, at: datetime) -> None:
    action = call.action(path) or {}
    base_url = f"{settings.PUBLIC_BASE_URL}/telephony/voice/"

    def call_phone(number: int) -> None:
        latest_call = CallRecord(call.row)  # of this thread
        try:
            leg_sid = client.create_call(
                plan.ringable[number].phone,
                caller_id=call.line.number,
                url=base_url + webhook_path("leg", action=path, c=call.id, n=number),
                ring_seconds=ivr.ring_seconds(action),
                status_callback_url=base_url + webhook_path("left", action=path, c=call.id, n=number),
                max_seconds=plan.minutes * 60,
            )
        except (client.TwilioRejected, errors.Unavailable):
            _record_leg_end(latest_call, path, number, "failed", at)
        else:
            latest_call.record(CallStep("leg", path, number, leg_sid))

    with ThreadPoolExecutor(len(plan.ringable)) as executor:
        list(executor.map(call_phone, range(len(plan.ringable))))


def waiting_instructions(path: str, poll_count: int, *, since: datetime | None) -> list[Instruction]:
    """Play the ringing tone once, then check again; ``since``: when the phones began to ring."""
    query = {"t": instant_parameter(since)} if since else {}
    tone = Prompt(play=settings.PUBLIC_BASE_URL + RINGBACK_TONE_PATH)
    return [tone, Redirect(webhook_path("wait", action=path, k=poll_count, **query))]


def conference_instruction(call: CallRecord, path: str) -> JoinConference:
    """Let the caller, or the person who answered, join the conference of the call."""
    return JoinConference(
        call.id,
        next_path="bye",
        max_seconds=(call.plan(path) or RingPlan()).minutes * 60,
        recording_path=webhook_path("recorded", c=call.id) if ivr.is_recording_enabled(call.configuration) else "",
    )


def is_ringing_over(call: CallRecord, webhook: CallWebhook) -> bool:
    """Whether ringing has ended: every leg has ended, or the time of the action is over.

    Then whoever has picked up may still press 1. The tone is not played again if the time would
    be over before its end.
    """
    path, action = webhook.path, call.action(webhook.path) or {}
    if is_answered(call, path):
        return False
    open_legs = _open_legs(call, path)
    waited = webhook.number * WAIT_SECONDS  # in calls that began with 0.2.0, which has no `since`
    if webhook.since:
        waited = round((webhook.at - webhook.since).total_seconds())
    if not open_legs or waited >= ivr.ring_seconds(action) + EXTRA_WAIT_SECONDS:
        return True
    is_screening = any(call.has_step("picked_up", path, number) for number in open_legs)
    return waited + WAIT_SECONDS > ivr.max_ring_seconds(action) and not is_screening


def _open_legs(call: CallRecord, path: str) -> list[int]:
    """The phones of an action that ring, or whose owner has picked up."""
    plan = call.plan(path) or RingPlan()
    return [number for number in range(len(plan.ringable)) if not call.has_step("left", path, number)]


def close_ringing(call: CallRecord, path: str, now: datetime) -> None:
    """Close ringing, so that nobody can answer any more, unless somebody just did."""
    if call.record(CallStep("closed", path), unless=(CallStep("accept", path),)) and _open_legs(call, path):
        enqueue_leg_hangup(call, now)


def take_back_answer(call: CallRecord, path: str) -> None:
    """Nobody has answered if who pressed 1 hung up before the caller, who still waits, met them."""
    if _answering_leg(call, path) is not None and not is_answered(call, path):
        call.record(CallStep("closed", path), updates=call_steps.not_answered("ringing"), unless=(ENDED,))


def is_ringing_closed(call: CallRecord, path: str) -> bool:
    """Whether ringing was closed without an answer, or who answered hung up before they met."""
    leg = _answering_leg(call, path)
    return call.has_step("closed", path) or (leg is not None and call.has_step("left", path, leg))


def is_answered(call: CallRecord, path: str) -> bool:
    """Whether somebody pressed 1 and has not hung up."""
    leg = _answering_leg(call, path)
    return leg is not None and not call.has_step("left", path, leg)


def _answering_leg(call: CallRecord, path: str) -> int | None:
    """The leg of this action that answered."""
    accepted = (event for event in call.events if event["kind"] == "accepted" and event.get("path") == path)
    return next((event["leg"] for event in accepted), None)


def handle_leg_pick_up(webhook: CallWebhook) -> VoiceReply:
    """A phone that rang with others was picked up, perhaps by a mailbox."""
    call = load_call(webhook)
    if candidate := call.ringing_candidate(webhook.path, webhook.number):
        if candidate.answers_without_key:
            notice = instructions.connection_notice(call.configuration)
            return _join(call, candidate, webhook, notice=notice)
        within_budget(webhook, call.record, CallStep("picked_up", webhook.path, webhook.number))
    return ask_for_key(call, webhook, next_webhook="joined")


def handle_join(webhook: CallWebhook) -> VoiceReply:
    """The person who picked up pressed a key: the first to press 1 joins the caller.

    Raises `errors.Unavailable`.
    """
    path, number = webhook.path, webhook.number
    call = call_record.load(webhook.call_id)
    candidate = call.ringing_candidate(path, number) if call else None
    if call and webhook.digit == PAUSE_KEY:
        return pause_candidate(call, candidate, webhook)
    if call is None or candidate is None or webhook.digit != ANSWER_KEY:
        return VoiceReply([Hangup()])
    return _join(call, candidate, webhook)


def _join(
    call: CallRecord, candidate: RingCandidate, webhook: CallWebhook, *, notice: Sequence[Instruction] = ()
) -> VoiceReply:
    """Let somebody join the caller, who hears ``notice`` before, unless another was faster."""
    path, number = webhook.path, webhook.number
    language = instructions.get_language(call.configuration)
    if call.row.ended_at:
        return call.reply([Prompt(get_phrase("gone", language)), Hangup()])
    is_first = call.record_answer(
        CallStep("accept", path),
        CallEvent(kind="accepted", at=webhook.at.isoformat(), who=candidate.id, path=path, leg=number),
        unless=(CallStep("closed", path), ENDED),
    )
    if (answering_leg := _answering_leg(call, path)) != number:
        phrase = "gone" if answering_leg is None else "taken"
        return call.reply([Prompt(get_phrase(phrase, language)), Hangup()])
    if is_first:
        longest = (call.plan(path) or RingPlan()).minutes
        dynamodb.gather(
            # otherwise the other legs end by themselves after their ringing time
            lambda: attempt(enqueue_leg_hangup, call, webhook.now),
            # otherwise other calls ring them meanwhile
            lambda: attempt(ongoing.begin, candidate.id, call.id, minutes=longest, at=webhook.at),
        )
    return call.reply([*notice, conference_instruction(call, path)])


def handle_leg_ended(webhook: CallWebhook) -> None:
    """A leg ended. Raises `errors.Unavailable`."""
    if call := call_record.load(webhook.call_id):
        reason = end_reason(call, webhook)
        has_answered = _answering_leg(call, webhook.path) == webhook.number
        _record_leg_end(call, webhook.path, webhook.number, reason, webhook.at, webhook.call_seconds)
        candidate = call.ringing_candidate(webhook.path, webhook.number) if has_answered else None
        user_id = candidate.id if candidate else None
        dynamodb.gather(lambda: minutes.settle(call), lambda: ongoing.end(user_id, call.id))


def _record_leg_end(call: CallRecord, path: str, number: int, reason: str, at: datetime, seconds: int = 0) -> None:
    candidate = call.ringing_candidate(path, number)
    if candidate:
        has_answered = _answering_leg(call, path) == number
        new_events = [] if has_answered else [call_steps.not_taken_event(candidate, reason, at)]
        used = [Call.leg_minutes.add(minutes.to_minutes(seconds))]
        call.record(CallStep("left", path, number), *new_events, updates=used)


def enqueue_leg_hangup(call: CallRecord, at: datetime) -> None:
    """End the legs that nobody needs any more, in the background."""
    if any(step.kind == "leg" for step in call.steps):
        with journal.write_intent(
            permissions.system_actor(call.row.customer_id), at, prefetched=dynamodb.NOTHING_READ
        ) as write:
            write.enqueue("telephony.hang_up", call_id=call.id)


@outbox.task("telephony.hang_up", lane="telephone")
def hang_up_legs(call_id: str) -> None:
    """End every leg except the one that talks with the caller. Raises `errors.Unavailable`."""
    call = call_record.load(call_id)
    if call is None:
        return
    for step in call.steps:
        if step.kind != "leg" or call.has_step("left", step.path, step.number):
            continue
        if call.row.ended_at or step.number != _answering_leg(call, step.path):
            with suppress(client.TwilioRejected):
                client.hang_up(step.sid)
