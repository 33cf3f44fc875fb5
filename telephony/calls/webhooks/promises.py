"""The promise to call a caller back: stored before it is spoken, so that somebody keeps it."""

from datetime import UTC, datetime, time, timedelta

from accounts import permissions
from config import dynamodb, errors, journal
from staffing.recurrence import wall_clock
from staffing.schedules.queries import QueryTooWide
from telephony import dialing_rules, ivr
from telephony.calls.limits import minutes
from telephony.calls.rota.next_opening import find_next_opening
from telephony.calls.speech import Speech
from telephony.calls.state import call_messages, call_record
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallEvent, CallStep, promised_time, step_updates
from telephony.calls.state.lookups import look_up_rota, within_budget
from telephony.ivr.instructions import Hangup, Instruction, callback_prompt, to_prompt
from telephony.models import Call
from telephony.twilio.voice import CallWebhook

DAY_BEGINS, DAY_ENDS = time(9), time(18)
"""Between which wall times a call-back is due at once if nobody is planned."""


def promise(call: CallRecord, path: str, action: ivr.IvrAction, webhook: CallWebhook) -> list[Instruction]:
    """Promise to call the caller back, and what to say of it; nothing if nobody could keep it.

    That is so if the caller's number is withheld or cannot be called from the location, or if the
    promise cannot be stored. A call has one promise: a repeated webhook says the same time.
    """
    caller = str(call.row.caller or "")
    if not caller or dialing_rules.rejection_reason(caller, call.line.country):
        return []
    event = call.promise or _store(call, path, webhook)
    if event is None:
        return []
    due = promised_time(event)
    speech = Speech(call.line, webhook.at, lambda: due)
    return [speech.fill_in_prompt(to_prompt(callback_prompt(action, call.configuration, path))), Hangup()]


def _store(call: CallRecord, path: str, webhook: CallWebhook) -> CallEvent | None:
    """Store the promise, and return its event; None if the store fails.

    If no time is found, there is none: the follow-up of the call chooses it.
    """
    event = CallEvent(kind="callback", at=webhook.at.isoformat(), path=path)
    if due := look_up_rota(webhook, call.line, find_due, call, webhook.at, path):
        event["due"] = due.isoformat()
    return within_budget(webhook, _write, call, CallStep("asked", path), event, webhook.now)


def find_due(call: CallRecord, at: datetime, path: str = "") -> datetime | None:
    """When somebody can call back: when a caller would be answered and call minutes are left.

    ``path`` and None as for `find_next_opening`, which raises the same.
    """
    opening = find_next_opening(call.line, at, path)
    next_day = _next_day(at)
    if opening and opening < next_day and minutes.are_used_up(call.row.customer_id, at):
        return find_next_opening(call.line, next_day, path) or next_day
    return opening


def choose_due(call: CallRecord, at: datetime) -> datetime:
    """When to call back a caller who was told no time: as `find_due`.

    If nobody is planned who could be rung, it is at once if the location was open, which then has
    somebody to tell, or by day. Raises `errors.Unavailable`.
    """
    path = call.promise.get("path", "") if call.promise else ""
    try:
        due = find_due(call, at, path)
    except QueryTooWide:
        due = None
    if due:
        return due
    earliest = _next_day(at) if minutes.are_used_up(call.row.customer_id, at) else at
    return earliest if call.row.outcome == "missed" else _to_daytime(earliest, call.line.time_zone)


def _next_day(at: datetime) -> datetime:
    """When the minutes of the next day count."""
    return datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def _to_daytime(at: datetime, zone: str) -> datetime:
    """The first instant from ``at`` on that is not in the evening or at night in a zone."""
    local = wall_clock.to_wall_time(at, zone)
    if DAY_BEGINS <= local.time() < DAY_ENDS:
        return at
    day = local.date() + timedelta(days=local.time() >= DAY_ENDS)
    return wall_clock.to_instant(datetime.combine(day, DAY_BEGINS), zone)


def _write(call: CallRecord, step: CallStep, event: CallEvent, now: datetime) -> CallEvent | None:
    """Store the promise and what follows from it, at once; None if the call is not stored.

    Raises `errors.Unavailable`.
    """
    is_first = Call.id.exists() & ~Call.steps.contains(str(step))
    try:
        with journal.write_intent(
            permissions.system_actor(call.row.customer_id), now, prefetched=dynamodb.NOTHING_READ
        ) as write:
            write.update(call.row, step_updates(step, event), only_if=is_first)
            call_messages.enqueue_follow_up(write, call)
    except errors.Conflict:  # a repeated webhook was faster
        stored_call = call_record.load(call.id)
        return stored_call.promise if stored_call else None
    return event
