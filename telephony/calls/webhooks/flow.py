"""The flow of a call: each ``handle_`` function answers one webhook of Twilio's.

The functions keep no state: the query string says where the call is, the call record what happened.
A caller must hear something within seconds, so what they wait for has a time budget. If the store
or the rota fails, the call goes to voicemail or on to the next step, never to silence.
"""

from collections.abc import Sequence

from telephony import ivr
from telephony.calls import recordings
from telephony.calls.limits import minutes
from telephony.calls.rota import ongoing
from telephony.calls.speech import Speech
from telephony.calls.state import call_creation
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallEvent, CallStep
from telephony.calls.state.lookups import load_call_of_caller, within_budget
from telephony.calls.webhooks import arrival, promises, ring_all, ringing
from telephony.calls.webhooks.arrival import Arrival
from telephony.calls.webhooks.ringing import NOTHING, Known
from telephony.ivr import instructions
from telephony.ivr.instructions import Hangup, Instruction, Prompt, Reject, VoiceReply
from telephony.ivr.phrases import get_phrase
from telephony.twilio.voice import CallWebhook


# --- a new call -----------------------------------------------------------------------------------
def handle_incoming(webhook: CallWebhook) -> VoiceReply:
    """Answer a call to a number: greet, then follow the actions from its entrance on."""
    lookup = within_budget(webhook, arrival.look_up, webhook)
    if lookup is None:
        return handle_failure()
    call, line = lookup
    known = Known()
    if call is None:
        if line is None:
            return VoiceReply([Prompt(get_phrase("not_in_service", "en")), Hangup()])
        webhook.owner.id = line.location_id or webhook.owner.id
        if line.is_suspended or line.is_called_by_own_number:
            language = instructions.get_language(line.configuration)
            return VoiceReply([Prompt(get_phrase("calls_refused", language)), Hangup()], language)
        if line.is_caller_blocked:
            call = call_creation.blocked_call(webhook.call_id, line, caller=webhook.caller, at=webhook.at)
        else:
            arriving = Arrival(webhook, line)
            call = arriving.decide()
            known = Known(arriving.duty, arriving.usage)
    entrance, reply = call.entrance, _answer(call, webhook, known)
    if call.is_new:
        within_budget(webhook, call.save, webhook.now)
    return reply if call.entrance == entrance else _answer(call, webhook)


def _answer(call: CallRecord, webhook: CallWebhook, known: Known = NOTHING) -> VoiceReply:
    """The first reply of a call."""
    if call.row.outcome == "blocked":
        return call.reply([Reject()])
    if call.has_step("refused") and not call.has_step("counted"):
        language = instructions.get_language(call.configuration)
        return call.reply([Prompt(get_phrase("all_lines_busy", language)), Hangup()])
    greeting = instructions.greeting(call.configuration)
    if call.has_step("refused"):
        return _reply(call, [*greeting, *instructions.fallback(call.configuration, call.entrance)], webhook)
    return _continue_at(call, call.entrance, webhook, greeting, known)


def handle_failure() -> VoiceReply:
    """Take a voicemail when another webhook of the call failed."""
    return VoiceReply(instructions.fallback({}, "open"))


def _reply(call: CallRecord, reply_instructions: list[Instruction], webhook: CallWebhook, path: str = "") -> VoiceReply:
    """A reply with texts of the configuration, as they are spoken at this moment at a path."""
    return call.reply(Speech.of_call(call.line, webhook, path).fill_in_all(reply_instructions))


# --- following the configuration ------------------------------------------------------------------
def _continue_at(
    call: CallRecord, path: str, webhook: CallWebhook, greeting: Sequence[Instruction] = (), known: Known = NOTHING
) -> VoiceReply:
    """The reply from an action on, up to one that waits for the caller or a phone."""
    spoken = [*greeting]
    while action := call.action(path):
        if action["type"] == "say":
            spoken.append(instructions.to_prompt(action["prompt"]))
            if "then" not in action:
                return _reply(call, [*spoken, Hangup()], webhook, path)
            path = f"{path}/then"
        elif next_instructions := _start_action(call, path, action, webhook, known):
            return _reply(call, [*spoken, *next_instructions], webhook, path)
        else:
            path = f"{path}/otherwise"
    return _reply(call, [*spoken, *instructions.fallback(call.configuration, path)], webhook, path)


def _start_action(
    call: CallRecord, path: str, action: ivr.IvrAction, webhook: CallWebhook, known: Known
) -> list[Instruction]:
    """The instructions of an action; none if there is nobody to ring, or to call back.

    Nobody is rung for a caller who has gone, who is promised nothing either.
    """
    is_gone = call.has_step("ended") or webhook.is_over
    if is_gone and action["type"] in ("ring", "callback") and not (call.plan(path) or call.promise):
        return [Hangup()]
    if action["type"] == "ring":
        return ringing.start(call, path, action, webhook, known)
    if action["type"] == "callback":
        if call.is_new:
            within_budget(webhook, call.save, webhook.now)
        if call.deferred:
            within_budget(webhook, call.record_deferred)
        return promises.promise(call, path, action, webhook)
    if action["type"] == "menu":
        return instructions.menu(action, path, 0)
    if action["type"] == "voicemail":
        return instructions.voicemail(action, path, call.configuration)
    return [Hangup()]


# --- later webhooks -------------------------------------------------------------------------------
def handle_key(webhook: CallWebhook) -> VoiceReply:
    """The caller pressed a key of a menu, or none in time."""
    call, path, attempt = load_call_of_caller(webhook), webhook.path, webhook.number
    action = call.action(path)
    if action is None or action["type"] != "menu":
        return _reply(call, instructions.fallback(call.configuration, path), webhook)
    event = CallEvent(kind="key", at=webhook.at.isoformat(), key=webhook.digit or None)
    call.defer(CallStep("key", path, attempt), event)
    next_target = ivr.resolve_key(action, path, webhook.digit, attempt)
    if isinstance(next_target, int):
        reply = _reply(call, instructions.menu(action, path, next_target), webhook, path)
    else:
        reply = _continue_at(call, next_target, webhook)
    if call.deferred:
        within_budget(webhook, call.record_deferred)
    return reply


def handle_dial_ended(webhook: CallWebhook) -> VoiceReply:
    """Ringing one person ended: they talked with the caller, or the next person's phone rings.

    Twilio counts a mailbox as an answer: somebody took the call who pressed 1 and was connected.
    """
    call, path, number = load_call_of_caller(webhook), webhook.path, webhook.number
    was_accepted = call.has_step("accept", path, number)
    candidate = call.ringing_candidate(path, number) if was_accepted or webhook.is_bridged else None
    if webhook.is_bridged or (was_accepted and not webhook.is_unbridged):
        within_budget(webhook, ringing.end_conversation, call, candidate, webhook)
        return VoiceReply([Hangup()])
    if candidate:
        within_budget(webhook, ongoing.end, candidate.id, call.id)
    next_instructions = [] if _is_late(call, path, number) else ringing.continue_sequence(call, webhook)
    if _is_late(call, path, number):
        within_budget(webhook, ringing.record_last_phone, call, webhook)
        next_instructions = [Hangup()]
    if next_instructions:
        return _reply(call, next_instructions, webhook)
    within_budget(webhook, minutes.settle, call)
    return _continue_at(call, f"{path}/otherwise", webhook)


def _is_late(call: CallRecord, path: str, number: int) -> bool:
    """Whether the end of a phone is reported after that of the caller's call."""
    return call.has_step("ended") and not call.has_step("dialled", path, number)


def handle_wait(webhook: CallWebhook) -> VoiceReply:
    """The caller heard the ringing tone once while all phones ring."""
    call, path = load_call_of_caller(webhook), webhook.path
    if call.action(path) is None:
        return _reply(call, instructions.fallback(call.configuration, path), webhook)
    if ring_all.is_ringing_over(call, webhook):
        within_budget(webhook, ring_all.close_ringing, call, path, webhook.now)
    if ring_all.is_answered(call, path):
        return call.reply([ring_all.conference_instruction(call, path)])
    if ring_all.is_ringing_closed(call, path):
        within_budget(webhook, ring_all.take_back_answer, call, path)
        within_budget(webhook, minutes.settle, call)
        return _continue_at(call, f"{path}/otherwise", webhook)
    return call.reply(ring_all.waiting_instructions(path, webhook.number + 1, since=webhook.since))


def handle_bye(webhook: CallWebhook) -> VoiceReply:
    """The caller finished a voicemail, or a conference ended."""
    if webhook.path and webhook.recording_sid:
        within_budget(webhook, recordings.receive, webhook, kind="voicemail")
    return VoiceReply([Hangup()])
