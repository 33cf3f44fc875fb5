"""Reminders before shifts, for people who want them.

One outbox message per person waits for their next shift; when processed, it enqueues the one after.
A change of their schedules enqueues again: the message id names the shift, so that adds nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import permissions, preferences
from accounts.notifications import dispatch, push, recipients
from config import dynamodb, journal, outbox, zone_rules
from config.dynamodb import idempotency
from config.journal import write_set
from staffing.models import Schedule, format_instant
from staffing.notifications import text
from staffing.recurrence import expand
from staffing.recurrence.expand import Occurrence
from staffing.schedules import availability

EVENT = "shift_reminder"
LOOKAHEAD = timedelta(days=35)
"""How far ahead the next shift is looked for."""
LOOK_AGAIN_AFTER = LOOKAHEAD - timedelta(days=3)
"""When it is looked for again if there was none: in time for the longest lead time, a day, even if
the outbox is a day late."""


@dataclass(frozen=True)
class NextShift:
    """When a person's next shift starts; ``is_found`` is False if one is to be looked for then."""

    at: datetime
    is_found: bool = True


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


def _enqueue_upcoming(write: write_set.Write, user_id: str, upcoming: NextShift, lead_time: timedelta) -> None:
    start = upcoming.at
    if upcoming.is_found:
        due = max(write.at, start - lead_time)
        message_id = f"remind-{user_id}-{format_instant(start)}"
        write.enqueue("staffing.remind", id=message_id, due=due, user_id=user_id, start=start.isoformat())
    else:
        message_id = f"look-{user_id}-{start:%Y%m%d}"
        write.enqueue("staffing.plan_reminder", id=message_id, due=start, user_id=user_id)


def _find_upcoming(user_id: str, after: datetime) -> NextShift | None:
    """The next shift of a person; None if they have no schedule."""
    rows = availability.fetch_rows(user_id, after, None, consistent=False)
    starts = [
        occurrence.start
        for row in rows
        for series in row.series()
        for occurrence in expand.iter_occurrences(series, after, after + LOOKAHEAD)
        if occurrence.start > after
    ]
    if starts:
        return NextShift(min(starts))
    return NextShift(after + LOOK_AGAIN_AFTER, is_found=False) if rows else None


def enqueue_planning(write: write_set.Write, user_id: str) -> None:
    """Have the reminder of a person's next shift planned anew, after a change of zone rules."""
    write.enqueue("staffing.plan_reminder", id=f"plan-{user_id}-{zone_rules.VERSION}", user_id=user_id)


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
    shift = find_shift_at(user_id, starts_at)
    is_due = recipient.is_notifiable and job.at < starts_at and shift is not None
    # If no shift starts then, it may start earlier now: zone rules change.
    after = max(starts_at, job.at) if shift else job.at
    try:
        _enqueue_and_plan_next(recipient, starts_at, channels if is_due else [], after=after, job=job)
    except idempotency.DuplicateRequest:
        _enqueue_and_plan_next(recipient, starts_at, [], after=after, job=job)


def _enqueue_and_plan_next(
    recipient: recipients.Recipient,
    start: datetime,
    channels: Sequence[str],
    *,
    after: datetime,
    job: outbox.TaskContext,
) -> None:
    """Enqueue messages on these channels and the reminder of the next shift ``after`` an instant.

    Raises `DuplicateRequest`.
    """
    user_id = str(recipient.user.id)
    upcoming = _find_upcoming(user_id, after)
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


@outbox.task("staffing.tell_reminder", lane=preferences.lane_of_channel, notifies=True)
def send_reminder(user_id: str, start: str, channel: str, *, job: outbox.TaskContext) -> None:
    """Send one reminder, unless the shift has started."""
    recipient = recipients.get_recipient(user_id)
    starts_at = datetime.fromisoformat(start)
    shift = find_shift_at(user_id, starts_at)
    if recipient is None or not recipient.is_notifiable or shift is None or job.at >= starts_at:
        return
    occurrence, zone = shift.occurrence, shift.zone
    values = {"when": text.format_time_range(occurrence.start, occurrence.end, zone, recipient)}
    schedule = dynamodb.get_record(Schedule, shift.schedule_id)
    location_id = str(schedule.location_id) if schedule else ""
    if channel == "email":
        location_ids = [location_id] if location_id else []
        dispatch.send_notification_email(user_id, EVENT, job=job, locations=location_ids, values=values)
    else:
        data = {"locationId": location_id, "scheduleId": shift.schedule_id} if location_id else {}
        push.send_push(user_id, EVENT, job=job, values=values, data=data)


@dataclass(frozen=True)
class UpcomingShift:
    """A shift of a person, with the id of its schedule and its zone."""

    schedule_id: str
    occurrence: Occurrence
    zone: str


def find_shift_at(user_id: str, start: datetime) -> UpcomingShift | None:
    """The shift of a person that starts at an instant."""
    for row in availability.fetch_rows(user_id, start, None, consistent=False):
        for series in row.series():
            for occurrence in expand.iter_occurrences(series, start, start + timedelta(seconds=1)):
                if occurrence.start == start:
                    return UpcomingShift(str(row.schedule_id), occurrence, series.zone)
    return None
