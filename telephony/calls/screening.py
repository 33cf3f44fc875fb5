"""Screening: whoever picks up hears what the call is, and presses 1, which no mailbox does."""

from telephony.calls import ongoing
from telephony.calls.call_record import CallRecord
from telephony.calls.call_steps import CallEvent, CallStep
from telephony.calls.lookups import load_call, within_budget
from telephony.calls.routing import RingPlan
from telephony.ivr import instructions
from telephony.ivr.instructions import ConnectCall, Hangup, VoiceReply
from telephony.ivr.webhook_paths import webhook_path
from telephony.twilio.voice import CallWebhook


def handle_pick_up(webhook: CallWebhook) -> VoiceReply:
    """A phone that rang in turn was picked up, perhaps by a mailbox."""
    return ask_for_key(load_call(webhook), webhook, next_webhook="screened")


def ask_for_key(call: CallRecord, webhook: CallWebhook, *, next_webhook: str) -> VoiceReply:
    """Ask whoever picked up for a key, which ``next_webhook`` gets."""
    next_path = webhook_path(next_webhook, action=webhook.path, c=call.id, n=webhook.number)
    location_name = call.line.location_name or "Dutyline"
    return call.reply(instructions.screening(call.configuration, location_name, next_path, caller=call.row.caller))


def handle_screening_key(webhook: CallWebhook) -> VoiceReply:
    """The person who picked up pressed a key: 1 connects them with the caller."""
    if webhook.digit != "1":
        return VoiceReply([Hangup()])
    call = load_call(webhook)
    if candidate := call.ringing_candidate(webhook.path, webhook.number):
        event = CallEvent(kind="accepted", at=webhook.at.isoformat(), who=candidate.id)
        if within_budget(call.record_answer, CallStep("accept", webhook.path, webhook.number), event):
            longest = (call.plan(webhook.path) or RingPlan()).minutes
            within_budget(ongoing.begin, candidate.id, call.id, minutes=longest, at=webhook.at)
    return VoiceReply([ConnectCall()])
