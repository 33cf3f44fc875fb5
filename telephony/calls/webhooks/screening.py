"""Screening: whoever picks up hears what the call is, and presses 1, which no mailbox does.

The key 2 gives a user a break. Users may choose to be connected as soon as they pick up.
"""

from contextlib import suppress
from datetime import datetime
from functools import partial

from accounts import permissions, users
from config import dynamodb, errors
from config.journal.write_set import Write
from telephony import phone_pauses
from telephony.calls.rota import ongoing
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import ENDED, CallEvent, CallStep, step_updates
from telephony.calls.state.lookups import attempt, load_call, within_budget
from telephony.ivr import instructions
from telephony.ivr.instructions import ConnectCall, Hangup, Prompt, VoiceReply
from telephony.ivr.phrases import get_phrase
from telephony.ivr.webhook_paths import webhook_path
from telephony.models import Call
from telephony.twilio.voice import CallWebhook

ANSWER_KEY, PAUSE_KEY = "1", "2"


def handle_pick_up(webhook: CallWebhook) -> VoiceReply:
    """A phone that rang in turn was picked up, perhaps by a mailbox."""
    call = load_call(webhook)
    candidate = call.ringing_candidate(webhook.path, webhook.number)
    if candidate and candidate.answers_without_key:
        if not _accept(call, candidate, webhook):
            return _say_caller_is_gone(call)
        return call.reply([*instructions.connection_notice(call.configuration), ConnectCall()])
    return ask_for_key(call, webhook, next_webhook="screened")


def ask_for_key(call: CallRecord, webhook: CallWebhook, *, next_webhook: str) -> VoiceReply:
    """Ask whoever picked up for a key, which ``next_webhook`` gets."""
    candidate = call.ringing_candidate(webhook.path, webhook.number)
    screening = instructions.screening(
        call.configuration,
        call.line.location_name or "Dutyline",
        webhook_path(next_webhook, action=webhook.path, c=call.id, n=webhook.number),
        caller=call.row.caller,
        pause_minutes=phone_pauses.KEY_MINUTES if candidate and _is_user(candidate) else None,
    )
    return call.reply(screening)


def _is_user(candidate: RingCandidate) -> bool:
    """Numbers that a configuration names are nobody's who could have a break."""
    return dynamodb.is_id("usr", candidate.id)


def handle_screening_key(webhook: CallWebhook) -> VoiceReply:
    """The person who picked up pressed a key: 1 connects them with the caller."""
    if webhook.digit not in (ANSWER_KEY, PAUSE_KEY):
        return VoiceReply([Hangup()])
    call = load_call(webhook)
    candidate = call.ringing_candidate(webhook.path, webhook.number)
    if webhook.digit == PAUSE_KEY:
        return pause_candidate(call, candidate, webhook)
    if candidate and not _accept(call, candidate, webhook):
        return _say_caller_is_gone(call)
    return VoiceReply([ConnectCall()])


def _accept(call: CallRecord, candidate: RingCandidate, webhook: CallWebhook) -> bool:
    """Record that somebody whose phone rang in turn answered; False if the caller has hung up.

    If it cannot be recorded, they are connected all the same.
    """
    event = CallEvent(kind="accepted", at=webhook.at.isoformat(), who=candidate.id)
    step, dialled = (CallStep(kind, webhook.path, webhook.number) for kind in ("accept", "dialled"))
    longest = (call.plan(webhook.path) or RingPlan()).minutes
    begin = partial(ongoing.begin, candidate.id, call.id, minutes=longest, at=webhook.at)

    def store() -> bool:
        is_first, has_begun = dynamodb.gather(
            lambda: call.record_answer(step, event, unless=(ENDED, dialled)),
            lambda: attempt(begin, replaces_other=False),
        )
        if not is_first and _is_over(call, dialled):
            ongoing.end(candidate.id, call.id)
        elif has_begun is False:  # their last call has ended unreported
            attempt(begin)
        return bool(is_first)

    return bool(within_budget(webhook, store)) or not _is_over(call, dialled)


def _is_over(call: CallRecord, dialled: CallStep) -> bool:
    """Whether the caller, or who picked up, has hung up."""
    return ENDED in call.steps or dialled in call.steps


def _say_caller_is_gone(call: CallRecord) -> VoiceReply:
    return call.reply([Prompt(get_phrase("gone", instructions.get_language(call.configuration))), Hangup()])


# --- breaks ---------------------------------------------------------------------------------------
def pause_candidate(call: CallRecord, candidate: RingCandidate | None, webhook: CallWebhook) -> VoiceReply:
    """Leave somebody alone for a while who pressed 2; whose phone rang says who it is."""
    if candidate is None or not _is_user(candidate):
        return VoiceReply([Hangup()])
    step = CallStep("paused", webhook.path, webhook.number)
    is_paused = step in call.steps or within_budget(webhook, _pause, call, candidate, step, webhook.at)
    phrase = get_phrase("paused" if is_paused else "not_paused", instructions.get_language(call.configuration))
    return call.reply([Prompt(phrase.format(minutes=phone_pauses.KEY_MINUTES)), Hangup()])


def _pause(call: CallRecord, candidate: RingCandidate, step: CallStep, at: datetime) -> bool:
    """Store the break with its step, so that a repeated webhook begins no other.

    The person is the actor. False if the account is closed meanwhile. Raises `errors.Unavailable`.
    """
    customer_id = call.row.customer_id
    user = users.load_users([candidate.id], customer_id).get(candidate.id)
    if user is None or user.status not in users.WORKING_STATUSES:
        return False
    actor, is_first = permissions.user_actor(user), Call.id.exists() & ~Call.steps.contains(str(step))

    def record_step(write: Write) -> None:
        write.update(
            call.row, step_updates(step), only_if=is_first, error=errors.Conflict("The key was pressed before.")
        )

    with suppress(errors.Conflict):
        phone_pauses.extend(user, phone_pauses.KEY_MINUTES, actor=actor, at=at, also=record_step)
    return True


def end_reason(call: CallRecord, webhook: CallWebhook) -> str:
    """Why whoever was rung did not answer: as the webhook reports it, or for a break."""
    return "on_a_break" if call.has_step("paused", webhook.path, webhook.number) else webhook.end_reason
