"""Reminders before shifts, for who wants them.

One errand per person waits for their next shift; done, it plans the one after. A change of their
schedules plans anew: an errand is named by its shift, so planning one twice is planning it once.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from accounts import permissions, preferences
from accounts.notifications import dispatch, push, recipients
from config import journal
from config.dynamodb import idempotency
from config.journal import write_set
from config.outbox import worker
from staffing.models import Busy, stamp
from staffing.notifications import text
from staffing.recurrence import expand
from staffing.recurrence.expand import Occurrence
from staffing.schedules import availability

EVENT = "shift_reminder"
AHEAD = timedelta(days=35)
"""How far the next shift is looked for before it is looked for again later."""


def plan(user_id: str, *, job: worker.Job) -> None:
    """Plan the reminder of a person's next shift, whether or not they want it by now."""
    reader = recipients.get(user_id)
    upcoming = _next(user_id, job.at) if reader else None
    if reader and upcoming:
        with journal.intend(actor=permissions.system(reader.customer.id), at=job.at) as write:
            _add(write, user_id, upcoming, _lead(reader))
            write.hand_over(job.id, job.claim)


def _lead(reader: recipients.Reader) -> timedelta:
    return timedelta(minutes=preferences.reminder_minutes(reader.user.settings))


def _add(write: write_set.Write, user_id: str, upcoming: "Upcoming", lead: timedelta) -> None:
    start, is_shift = upcoming
    if is_shift:
        due = max(write.at, start - lead)
        id = f"remind-{user_id}-{stamp(start)}"
        write.later("staffing.remind", id=id, due=due, user_id=user_id, start=start.isoformat())
    else:
        id = f"look-{user_id}-{start:%Y%m%d}"
        write.later("staffing.plan_reminder", id=id, due=start, user_id=user_id)


Upcoming = tuple[datetime, bool]
"""When the next shift starts; or when to look again, for what is further away."""


def _next(user_id: str, after: datetime) -> Upcoming | None:
    rows = availability.rows_from(user_id, after, None, consistent=False)
    starts = _starts(rows, after, after + AHEAD)
    first = min(starts, default=None)
    if first:
        return first, True
    return (after + AHEAD - timedelta(days=3), False) if rows else None


def _starts(rows: list[Busy], after: datetime, until: datetime) -> Iterator[datetime]:
    for row in rows:
        for series in row.series():
            every = expand.occurrences(series, after, until)
            yield from (one.start for one in every if one.start > after)


def remind(user_id: str, start: datetime, *, job: worker.Job) -> None:
    """Remind a person of the shift that starts then, if it is still theirs and to come; once only.

    Their next reminder is planned in the same transaction.
    """
    reader = recipients.get(user_id)
    if reader is None:
        return
    settings = reader.user.settings
    wanted = [c for c in preferences.CHANNELS if preferences.wants(settings, c, EVENT)]
    is_due = reader.listens and job.at < start and _shift_at(user_id, start) is not None
    try:
        _go_on(reader, start, wanted if is_due else [], job=job)
    except idempotency.Seen:
        _go_on(reader, start, [], job=job)


def _go_on(
    reader: recipients.Reader, start: datetime, channels: Sequence[str], *, job: worker.Job
) -> None:
    """Have it told on these channels, and plan what comes next. Raises `idempotency.Seen`."""
    user_id = str(reader.user.id)
    upcoming = _next(user_id, max(start, job.at))
    if not channels and upcoming is None:
        return
    with journal.intend(actor=permissions.system(reader.customer.id), at=job.at) as write:
        for channel in channels:
            write.later(
                "staffing.tell_reminder",
                id=f"{job.id}-{channel}",
                user_id=user_id,
                start=start.isoformat(),
                channel=channel,
            )
        if channels:
            told = f"reminded {user_id} {stamp(start)}".encode()
            once = idempotency.Once(hashlib.sha256(told).hexdigest(), "")
            write.answer(once, user_id, status=200)
        if upcoming:
            _add(write, user_id, upcoming, _lead(reader))
        write.hand_over(job.id, job.claim)


def tell(user_id: str, start: datetime, channel: str, *, job: worker.Job) -> None:
    """Send one reminder, unless it comes too late to be of use."""
    reader = recipients.get(user_id)
    found = _shift_at(user_id, start)
    if reader is None or not reader.listens or found is None or job.at >= start:
        return
    one, zone = found
    values = {"when": text.when(one.start, one.end, zone, reader)}
    if channel == "email":
        dispatch.send(user_id, EVENT, job=job, values=values)
    else:
        push.send(user_id, EVENT, job=job, values=values)


def _shift_at(user_id: str, start: datetime) -> tuple[Occurrence, str] | None:
    """The shift of a person that starts then, and its zone."""
    for row in availability.rows_from(user_id, start, None, consistent=False):
        for series in row.series():
            for one in expand.occurrences(series, start, start + timedelta(seconds=1)):
                if one.start == start:
                    return one, series.zone
    return None
