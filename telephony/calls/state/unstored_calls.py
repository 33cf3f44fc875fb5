"""Calls that could not be stored when they began: the next webhook of the caller's stores them."""

from datetime import datetime, timedelta

from config import errors
from telephony import ivr, line_lookup
from telephony.calls.rota import routing
from telephony.calls.rota.duty import DutyReader
from telephony.calls.state import call_creation, call_record
from telephony.calls.state.call_record import CallRecord
from telephony.lines import ResolvedLine
from telephony.twilio.voice import CallWebhook


def load_or_store(webhook: CallWebhook) -> CallRecord | None:
    """The call of a webhook that names the number called; None if no line takes calls to it.

    A call that could not be stored when it began is stored now: where it entered, its line would
    take it as well. Raises `errors.Unavailable`.
    """
    if call := call_record.load(webhook.call_id):
        return call
    line = line_lookup.resolve_line(webhook.called_number, webhook.caller)
    if line is None or line.is_suspended or line.is_called_by_own_number:
        return None
    started_at = webhook.at - timedelta(seconds=webhook.recording_seconds or webhook.call_seconds)
    if line.is_caller_blocked:
        call = call_creation.blocked_call(webhook.call_id, line, caller=webhook.caller, at=started_at)
        call.save(webhook.now)
        return call
    entrance = _find_entrance(line, started_at)
    call = call_creation.new_call(
        webhook.call_id,
        line,
        caller=webhook.caller,
        entrance=entrance.name,
        at=started_at,
        holiday=entrance.holiday,
        is_rota_unknown=entrance.is_rota_unknown,
    )
    call.save(webhook.now)
    return call


def _find_entrance(line: ResolvedLine, at: datetime) -> ivr.Entrance:
    """Where the call entered. While the rota cannot be read, the line is open."""
    staff = None
    if ivr.follows_rota(line.configuration):
        try:
            staff = DutyReader(line, at).list_staff(ivr.grace_period(line.configuration))
        except errors.Unavailable:
            staff = None
    return routing.find_entrance(line, at, staff)
