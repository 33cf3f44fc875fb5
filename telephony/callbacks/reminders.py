"""Reminders of call-backs: when they are due, when they are late, and when the next shift begins.

And of missed calls whose number is withheld: nobody can call back, but people know.
"""

from datetime import datetime, timedelta

from config import journal, outbox
from staffing.schedules import expansion, queries
from staffing.schedules.queries import QueryTooWide, ScheduleFilter
from telephony.callbacks import callback_record, notifications
from telephony.callbacks.subjects import DUE, HELD, LATE, MISSED, WITHHELD
from telephony.calls.history import own_calls
from telephony.calls.state import call_record
from telephony.models import Callback

LATE_AFTER = timedelta(minutes=30)
"""How long after it was due those in charge are told of a call-back that is not closed."""
LOOK_AHEAD = timedelta(days=31)
"""How far ahead the next shift is looked for."""


@outbox.task("telephony.callback_due")
def tell_of_due_callback(callback_id: str, *, job: outbox.TaskContext) -> None:
    """Tell whoever has taken a call-back that it is due; else those on duty, or else in charge."""
    callback = _load_due(callback_id, job.at)
    if callback is None:
        return
    if job.at < callback.due_at + LATE_AFTER:
        with journal.write_intent(job.author, job.at) as write:
            due, id = callback.due_at + LATE_AFTER, f"late-{callback.id}-{callback.due_at:%Y%m%d%H%M%S}"
            write.enqueue("telephony.callback_late", id=id, due=due, callback_id=callback.id)
    if callback.status == "taken":
        notifications.tell(DUE, callback.location_id, [str(callback.taken_by)], job, callback=callback, topic=HELD)
        return
    user_ids = notifications.find_on_duty(callback, job.at)
    if not user_ids:
        _await_next_shift(callback, job)
    notifications.tell(
        DUE, callback.location_id, user_ids or notifications.find_in_charge(callback), job, callback=callback
    )


@outbox.task("telephony.callback_late")
def tell_of_late_callback(callback_id: str, *, job: outbox.TaskContext) -> None:
    """Tell those in charge of a call-back that nobody has closed in time."""
    callback = _load_due(callback_id, job.at - LATE_AFTER)
    if callback:
        in_charge = notifications.find_in_charge(callback)
        notifications.tell(DUE, callback.location_id, in_charge, job, callback=callback, topic=LATE)


def _load_due(callback_id: str, at: datetime) -> Callback | None:
    """A call-back that is due and not closed."""
    callback = callback_record.load(callback_id)
    if callback is None or callback.is_closed or callback_record.is_expired(callback, at) or callback.due_at > at:
        return None
    return callback


@outbox.task("telephony.await_shift")
def await_next_shift(callback_id: str, *, job: outbox.TaskContext) -> None:
    """Have the next shift told of a call-back that nobody has, if nobody is on duty."""
    callback = callback_record.load(callback_id)
    if callback and callback.status == "open" and not notifications.find_on_duty(callback, job.at):
        _await_next_shift(callback, job)


def _await_next_shift(callback: Callback, job: outbox.TaskContext) -> None:
    start = _find_next_shift(callback, job.at)
    if start:
        with journal.write_intent(job.author, job.at) as write:
            id = f"shift-{callback.id}-{start:%Y%m%d%H%M%S}"
            write.enqueue("telephony.callback_due", id=id, due=start, callback_id=callback.id)


def _find_next_shift(callback: Callback, at: datetime) -> datetime | None:
    """When the next shift at a location begins; None: there is none within `LOOK_AHEAD`."""
    window = ScheduleFilter(location_id=callback.location_id, since=at, until=at + LOOK_AHEAD)
    try:
        schedules = queries.list_schedules_in(window)
    except QueryTooWide:
        return None
    starts = (shift.occurrence.start for shift in expansion.iter_series_shifts(schedules, window))
    return next((start for start in starts if start > at), None)


@outbox.task("telephony.tell_withheld")
def tell_of_withheld_call(call_id: str, *, job: outbox.TaskContext) -> None:
    """Tell those on duty and in charge of a missed call that nobody can call back."""
    call = call_record.load(call_id)
    if call is None or call.row.outcome != "missed" or call.row.erased_at:
        return  # they have left a message
    on_duty_at = notifications.find_on_duty(call.row, job.at)
    user_ids = [*on_duty_at, *notifications.find_in_charge(call.row)]
    own_calls.add_users(call, user_ids, {id: at for id, at in on_duty_at.items() if at != call.row.location_id})
    notifications.tell(MISSED, str(call.row.location_id), user_ids, job, call_id=call.id, topic=WITHHELD)
