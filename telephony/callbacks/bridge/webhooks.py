"""Twilio's webhooks of the call of a call-back: each ``handle_`` function answers one.

The caller is called at most once, whatever fails: the step is recorded before the instruction is
returned. Whoever repeats the webhook, because its answer was lost, is told to call again.
"""

from telephony import ivr
from telephony.callbacks import spoken
from telephony.callbacks.bridge import call_end, outbound_call
from telephony.callbacks.bridge.outbound_call import ACCEPTED, DIALLED, REACHED
from telephony.calls.limits import minutes
from telephony.calls.rota import ongoing
from telephony.calls.speech import Speech
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import ENDED, CallEvent
from telephony.calls.state.lookups import within_budget
from telephony.ivr import instructions
from telephony.ivr.instructions import ConnectCall, DialNumber, GatherKey, Hangup, Instruction, Prompt, VoiceReply
from telephony.ivr.phrases import get_phrase
from telephony.ivr.webhook_paths import webhook_path
from telephony.models import Call
from telephony.twilio.voice import CallWebhook


def handle_pick_up(webhook: CallWebhook) -> VoiceReply:
    """The user, or their mailbox, picked up: whom they call back, and that 1 calls."""
    call = within_budget(webhook, outbound_call.load_ongoing, webhook.call_id)
    if call is None or outbound_call.has(call, ACCEPTED):
        return _refuse(call)
    language = instructions.get_language(call.configuration)
    announcement = spoken.announce(
        str(call.row.caller), outbound_call.called_at(call), webhook.at, zone=call.line.time_zone, language=language
    )
    texts = [announcement]
    texts += [get_phrase("recorded", language)] if ivr.is_recording_enabled(call.configuration) else []
    texts += [get_phrase("press_1_to_call", language)] * 2
    key_path = webhook_path("back-key", c=call.id)
    return call.reply([GatherKey(tuple(map(Prompt, texts)), instructions.SCREENING_SECONDS, key_path)])


def handle_key(webhook: CallWebhook) -> VoiceReply:
    """The user pressed a key: 1 calls the caller, once."""
    if webhook.digit != "1":
        return VoiceReply([Hangup()])
    call = within_budget(webhook, outbound_call.load_ongoing, webhook.call_id)
    if call is None:
        return _refuse(None)
    user_id = outbound_call.user_id(call)
    event = CallEvent(kind="called_back", at=webhook.at.isoformat(), who=user_id)
    if not within_budget(webhook, call.record, ACCEPTED, event, unless=(ENDED,)):
        return _refuse(call)
    longest = outbound_call.longest_conversation(call)
    within_budget(webhook, ongoing.extend, user_id, call.id, until=webhook.at + outbound_call.longest_time(call))
    return call.reply([_dial_caller(call, int(longest.total_seconds()))])


def _dial_caller(call: CallRecord, max_seconds: int) -> Instruction:
    is_recorded = ivr.is_recording_enabled(call.configuration)
    return DialNumber(
        number=str(call.row.caller),
        caller_id=call.line.number,
        seconds=outbound_call.CALLER_RING_SECONDS,
        screen_path=webhook_path("back-reached", c=call.id, n=int(is_recorded)),
        next_path=webhook_path("back-dialled", c=call.id),
        max_seconds=max_seconds,
        recording_path=webhook_path("recorded", c=call.id) if is_recorded else "",
    )


def handle_caller_reached(webhook: CallWebhook) -> VoiceReply:
    """The caller picked up: they hear that the call is recorded, if it is, and are connected.

    Without the configuration nobody is recorded who has not heard so: then the call ends.
    """
    call, is_recorded = within_budget(webhook, outbound_call.load_ongoing, webhook.call_id), webhook.number == 1
    if call is None:
        return VoiceReply([Hangup() if is_recorded else ConnectCall()])
    _record_reached(call, webhook)
    consent = [instructions.to_prompt(call.configuration["recording"]["consentPrompt"])] if is_recorded else []
    return call.reply([*Speech.of_call(call.line, webhook).fill_in_all(consent), ConnectCall()])


def _record_reached(call: CallRecord, webhook: CallWebhook) -> None:
    event = CallEvent(kind="accepted", at=webhook.at.isoformat(), who=outbound_call.user_id(call))
    within_budget(webhook, call.record_answer, REACHED, event)


def handle_dial_ended(webhook: CallWebhook) -> VoiceReply:
    """The caller's side is over: they have talked, or could not be reached."""
    call = within_budget(webhook, outbound_call.load_ongoing, webhook.call_id)
    if call is None:
        return VoiceReply([Hangup()])
    if webhook.is_bridged:
        _record_reached(call, webhook)
    is_reached = outbound_call.has(call, REACHED)
    how = "failed" if webhook.end_reason == "not_pressed" else webhook.end_reason
    events = [] if is_reached else [CallEvent(kind="not_reached", at=webhook.at.isoformat(), how=how)]
    used = Call.leg_minutes.add(minutes.to_minutes(webhook.call_seconds))
    within_budget(webhook, call.record, DIALLED, *events, updates=[used])
    language = instructions.get_language(call.configuration)
    return call.reply([*([] if is_reached else [Prompt(get_phrase("not_reached", language))]), Hangup()])


def handle_ended(webhook: CallWebhook) -> None:
    """The user's phone is over. Raises `errors.Unavailable`: Twilio reports it again."""
    ending = call_end.Ending(webhook.at, webhook.now, webhook.end_reason, webhook.call_seconds, is_reported=True)
    call_end.end(webhook.call_id, ending)


def handle_failure(webhook: CallWebhook) -> VoiceReply:
    """Another webhook failed; whether the caller was called is unknown, so nobody is called."""
    return _refuse(within_budget(webhook, outbound_call.load_ongoing, webhook.call_id))


def _refuse(call: CallRecord | None) -> VoiceReply:
    """Tell the user to call again, in English if the call is unknown."""
    if call is None:
        return VoiceReply([Prompt(get_phrase("call_again", "en")), Hangup()])
    return call.reply([Prompt(get_phrase("call_again", instructions.get_language(call.configuration))), Hangup()])
