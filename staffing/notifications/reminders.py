"""Reminders before shifts, for people who want them.

One outbox message per person waits for their next shift; when processed, it enqueues the one after.
A change of their schedules enqueues again: the message id names the shift, so that adds nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from accounts import permissions, preferences
from accounts.notifications import dispatch, push, recipients
from config import journal, outbox
from config.dynamodb import idempotency
from config.journal import write_set
from staffing.models import StaffAvailability, format_instant
from staffing.notifications import text
from staffing.recurrence import expand
from staffing.recurrence.expand import Occurrence
from staffing.schedules import availability

EVENT = "shift_reminder"
LOOKAHEAD = timedelta(days=35)
"""How far ahead the next shift is looked for; then it is looked for again."""


@outbox.task("staffing.plan_reminder")
def plan_reminder(user_id: str, *, job: outbox.TaskContext) -> None:
    """Enqueue the reminder of a person's next shift, whether or not they want one now."""
    recipient = recipients.get_recipient(user_id)
    upcoming = _find_upcoming(user_id, job.at) if recipient else None
    if recipient and upcoming:
        with journal.write_intent(permissions.system_actor(recipient.customer.id), job.at) as write:
            _enqueue_upcoming(write, user_id, upcoming, _get_lead_time(recipient))
            write.replace(job.id, job.claim)


def _get_lead_time(recipient: recipients.Recipient) -> timedelta:
    return timedelta(minutes=preferences.reminder_minutes_of(recipient.user.settings))


def _enqueue_upcoming(write: write_set.Write, user_id: str, upcoming: "UpcomingShift", lead_time: timedelta) -> None:
    start, is_shift = upcoming
    if is_shift:
        due = max(write.at, start - lead_time)
        message_id = f"remind-{user_id}-{format_instant(start)}"
        write.enqueue("staffing.remind", id=message_id, due=due, user_id=user_id, start=start.isoformat())
    else:
        message_id = f"look-{user_id}-{start:%Y%m%d}"
        write.enqueue("staffing.plan_reminder", id=message_id, due=start, user_id=user_id)


UpcomingShift = tuple[datetime, bool]
"""When the next shift starts and True, or when to look again and False."""


def _find_upcoming(user_id: str, after: datetime) -> UpcomingShift | None:
    rows = availability.fetch_rows(user_id, after, None, consistent=False)
    starts = _iter_starts(rows, after, after + LOOKAHEAD)
    next_start = min(starts, default=None)
    if next_start:
        return next_start, True
    return (after + LOOKAHEAD - timedelta(days=3), False) if rows else None


def _iter_starts(rows: list[StaffAvailability], after: datetime, until: datetime) -> Iterator[datetime]:
    for row in rows:
        for series in row.series():
            occurrences = expand.iter_occurrences(series, after, until)
            yield from (occurrence.start for occurrence in occurrences if occurrence.start > after)


@outbox.task("staffing.remind")
def enqueue_reminders(user_id: str, start: str, *, job: outbox.TaskContext) -> None:
    """Remind a person once of the shift that starts then, if it is still theirs and in the future.

    The next reminder is enqueued in the same transaction.
    """
    recipient = recipients.get_recipient(user_id)
    if recipient is None:
        return
    channels = [channel for channel in preferences.CHANNELS if recipient.has_enabled(channel, EVENT)]
    starts_at = datetime.fromisoformat(start)
    is_due = recipient.is_notifiable and job.at < starts_at and _find_shift_at(user_id, starts_at) is not None
    try:
        _enqueue_and_plan_next(recipient, starts_at, channels if is_due else [], job=job)
    except idempotency.DuplicateRequest:
        _enqueue_and_plan_next(recipient, starts_at, [], job=job)


def _enqueue_and_plan_next(
    recipient: recipients.Recipient, start: datetime, channels: Sequence[str], *, job: outbox.TaskContext
) -> None:
    """Enqueue messages on these channels and the next reminder. Raises `DuplicateRequest`."""
    user_id = str(recipient.user.id)
    upcoming = _find_upcoming(user_id, max(start, job.at))
    if not channels and upcoming is None:
        return
    with journal.write_intent(permissions.system_actor(recipient.customer.id), job.at) as write:
        for channel in channels:
            write.enqueue(
                "staffing.tell_reminder",
                id=f"{job.id}-{channel}",
                user_id=user_id,
                start=start.isoformat(),
                channel=channel,
            )
        if channels:
            key_text = f"reminded {user_id} {format_instant(start)}".encode()
            idempotency_key = idempotency.IdempotencyKey(hashlib.sha256(key_text).hexdigest(), "")
            write.record_response(idempotency_key, user_id, status=200)
        if upcoming:
            _enqueue_upcoming(write, user_id, upcoming, _get_lead_time(recipient))
        write.replace(job.id, job.claim)


@outbox.task("staffing.tell_reminder")
def send_reminder(user_id: str, start: str, channel: str, *, job: outbox.TaskContext) -> None:
    """Send one reminder, unless the shift has started."""
    recipient = recipients.get_recipient(user_id)
    starts_at = datetime.fromisoformat(start)
    shift = _find_shift_at(user_id, starts_at)
    if recipient is None or not recipient.is_notifiable or shift is None or job.at >= starts_at:
        return
    occurrence, zone = shift
    values = {"when": text.format_time_range(occurrence.start, occurrence.end, zone, recipient)}
    if channel == "email":
        dispatch.send_notification_email(user_id, EVENT, job=job, values=values)
    else:
        push.send_push(user_id, EVENT, job=job, values=values)


def _find_shift_at(user_id: str, start: datetime) -> tuple[Occurrence, str] | None:
    """The shift of a person that starts at an instant, and its zone."""
    for row in availability.fetch_rows(user_id, start, None, consistent=False):
        for series in row.series():
            for occurrence in expand.iter_occurrences(series, start, start + timedelta(seconds=1)):
                if occurrence.start == start:
                    return occurrence, series.zone
    return None
