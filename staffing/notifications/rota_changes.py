"""Telling people what others changed about their rota: once for all changes of a minute.

What happened is read from the person's own log, so nothing is told that was not written, and an
errand holds no personal data. Times are told by the clock that the person chose, or the shift's.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from accounts import preferences
from accounts.notifications import dispatch, push, recipients
from config import dynamodb, journal
from config.audit import reader
from config.audit.log import AuditEntry
from config.dynamodb import encryption
from config.outbox import worker
from staffing.models import Schedule
from staffing.notifications import text
from staffing.notifications.text import Kind, News
from staffing.recurrence import expand

# recurrence
from staffing.schedules.side_effects import BATCH

EVENT = "rota_changed"
MOST = 10
"""Changes that one message tells one by one."""


def follow(user_id: str, since: datetime, *, job: worker.Job) -> None:
    """Let a person hear of a batch of changes on each channel, and plan their next reminder."""
    with journal.intend(actor=job.author, at=job.at) as write:
        if job.author.id != user_id:
            for channel in preferences.CHANNELS:
                id = f"{job.id}-{channel}"
                write.later(
                    "staffing.tell_changes",
                    id=id,
                    user_id=user_id,
                    since=since.isoformat(),
                    channel=channel,
                )
        write.later("staffing.plan_reminder", id=f"{job.id}-plan", user_id=user_id)
        write.hand_over(job.id, job.claim)


def tell(user_id: str, since: datetime, channel: str, *, job: worker.Job) -> None:
    """Tell a person on one channel what the author of the job changed within a batch."""
    recipient = recipients.get(user_id)
    if recipient is None or not recipient.listens:
        return
    if not preferences.wants(recipient.user.settings, channel, EVENT):
        return
    news = list(dict.fromkeys(_news(user_id, str(job.author.id), since)))
    if not news:
        return
    told = [text.line(one, recipient) for one in news[:MOST]]
    values = {"news": told, "count": len(news), "more": len(news) - len(told)}
    if channel == "email":
        dispatch.send(user_id, EVENT, job=job, values=values)
    else:
        push.send(user_id, EVENT, job=job, values=values)


# --- what happened --------------------------------------------------------------------------------
def _news(user_id: str, author_id: str, since: datetime) -> Iterator[News]:
    head = dynamodb.get(AuditEntry, user_id, 0)
    if head is None:
        return
    wanted = reader.Filter(since=since, until=since + BATCH)
    numbers = sorted(reader.find(user_id, int(head.last), wanted))
    entries = [
        entry
        for entry in reader.some(user_id, numbers)
        if entry.action.startswith("schedule.") and entry.body["actor"]["id"] == author_id
    ]
    people = {person for entry in entries for person in entry.people}
    found = dynamodb.fetch(dynamodb.Key(encryption.PersonKey, person) for person in people)
    for told in reader.lines(entries, encryption.opened(found, people)):
        yield from of_line(told, user_id)


def of_line(told: reader.Line, user_id: str) -> Iterator[News]:
    """What an entry means for somebody: of the series if it is theirs, of single shifts else."""
    before = {change["field"]: change["before"] for change in told.changes}
    after = {change["field"]: change["after"] for change in told.changes}
    if told.action == "schedule.created" and after["staffId"] == user_id:
        yield _whole("new", after)
    elif told.action == "schedule.removed" and before["staffId"] == user_id:
        yield _whole("gone", before)
    elif told.action == "schedule.split":
        rest = {name.removeprefix("rest/"): value for name, value in after.items()}
        kind = _kind(before["rest/staffId"], rest["staffId"], user_id)
        yield from [_whole(kind, rest)] if kind else []
    elif told.action == "schedule.changed":
        yield from _of_series(str(told.subject["id"]), before, after, user_id)
    for name in after:
        if name.startswith("shift/"):
            yield from _of_shift(before[name], after[name], user_id)


def _kind(was: Any, becomes: Any, user_id: str) -> Kind | None:
    """What a change is for somebody, by whose it was and whose it becomes."""
    if user_id not in (was, becomes):
        return None
    if was == becomes:
        return "changed"
    return "new" if becomes == user_id else "gone"


def _whole(kind: Kind, values: dict[str, Any]) -> News:
    start, end, zone = (str(values[name]) for name in ("startTime", "endTime", "timeZone"))
    return News(kind, start, end, zone, recurs=bool(values.get("rrule")))


def _of_shift(was: Any, becomes: Any, user_id: str) -> Iterator[News]:
    """One shift; ``staffId`` says who has it."""
    kind = _kind((was or {}).get("staffId"), (becomes or {}).get("staffId"), user_id)
    if kind:
        yield _whole(kind, was if kind == "gone" else becomes)


def _of_series(
    schedule_id: str, before: dict[str, Any], after: dict[str, Any], user_id: str
) -> Iterator[News]:
    """A change of a whole series or single shift, told by how it stands now."""
    if not set(after) & {"staffId", "locationId", "startTime", "endTime", "timeZone", "rrule"}:
        return
    schedule = dynamodb.get(Schedule, schedule_id)
    if schedule is None:
        return  # it was removed since, which is told
    owner = schedule.staff_id
    kind = _kind(before.get("staffId", owner), after.get("staffId", owner), user_id)
    if kind:
        yield News(kind, schedule.start, schedule.end, schedule.zone, schedule.is_series)
    elif "locationId" in after:
        for shift in expand.shares(schedule.series(), owner).get(user_id, ()):
            yield News("changed", shift.start.isoformat(), shift.end.isoformat(), shift.zone)
