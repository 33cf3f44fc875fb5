"""The promise to call a caller back: stored before it is spoken, so that somebody keeps it."""

from datetime import UTC, datetime, time, timedelta

from accounts import permissions
from config import errors, journal
from telephony import dialing_rules, ivr
from telephony.calls import call_record, minutes
from telephony.calls.call_record import CallRecord
from telephony.calls.call_steps import CallEvent, CallStep, step_updates
from telephony.calls.lookups import look_up_rota, within_budget
from telephony.calls.next_opening import find_next_opening
from telephony.calls.speech import Speech
from telephony.ivr.instructions import Hangup, Instruction, callback_prompt, to_prompt
from telephony.models import Call
from telephony.twilio.voice import CallWebhook


def promise(call: CallRecord, path: str, action: ivr.IvrAction, webhook: CallWebhook) -> list[Instruction]:
    """Promise to call the caller back, and what to say of it; nothing if nobody could keep it.

    That is so if the caller's number is withheld or cannot be called from the location, or if the
    promise cannot be stored. A call has one promise: a repeated webhook says the same time.
    """
    caller = str(call.row.caller or "")
    if not caller or dialing_rules.rejection_reason(caller, call.line.country):
        return []
    due = call.promised_at or _store(call, path, webhook)
    if due is None:
        return []
    speech = Speech(call.line, webhook.at, lambda: due)
    return [speech.fill_in_prompt(to_prompt(callback_prompt(action, call.configuration))), Hangup()]


def _store(call: CallRecord, path: str, webhook: CallWebhook) -> datetime | None:
    """Store the promise, and return when it is due; None if the store fails."""
    due = look_up_rota(call.line, find_due, call, webhook.at) or webhook.at
    event = CallEvent(kind="callback", at=webhook.at.isoformat(), path=path, due=due.isoformat())
    return within_budget(_write, call, CallStep("asked", path), event, webhook.now)


def find_due(call: CallRecord, at: datetime) -> datetime | None:
    """When somebody can call back: when a caller would be answered and call minutes are left.

    Raises as `find_next_opening` does.
    """
    opening = find_next_opening(call.line, at)
    next_day = datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    if (opening or at) < next_day and minutes.are_used_up(call.row.customer_id, at):
        return find_next_opening(call.line, next_day) or next_day
    return opening


def _write(call: CallRecord, step: CallStep, event: CallEvent, now: datetime) -> datetime | None:
    """Store the promise and what follows from it, at once; None if the call is not stored.

    Raises `errors.Unavailable`.
    """
    is_first = Call.id.exists() & ~Call.steps.contains(str(step))
    try:
        with journal.write_intent(permissions.system_actor(call.row.customer_id), now) as write:
            write.update(call.row, step_updates(step, event), only_if=is_first)
            call_record.enqueue_follow_up(write, call)
    except errors.Conflict:  # a repeated webhook was faster
        stored_call = call_record.load(call.id)
        return stored_call.promised_at if stored_call else None
    return datetime.fromisoformat(event["due"])
