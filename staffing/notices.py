"""Telling people what others changed about their rota: once for all changes of a minute.

What happened is read from the person's own log, so nothing is told that was not written, and an
errand holds no personal data. Times are told by the clock that the person chose, or the shift's.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from accounts import notices, preferences, pushes, readers
from config import dynamo, errands, journal, sealing, trail
from config.audit import AuditEntry
from staffing import wording

# recurrence
from staffing.follow_ups import BATCH
from staffing.models import Schedule
from staffing.wording import Kind, News

EVENT = "rota_changed"
MOST = 10
"""Changes that one message tells one by one."""


def follow(user_id: str, since: datetime, *, job: errands.Job) -> None:
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


def tell(user_id: str, since: datetime, channel: str, *, job: errands.Job) -> None:
    """Tell a person on one channel what the author of the job changed within a batch."""
    reader = readers.get(user_id)
    if reader is None or not preferences.wants(reader.user.settings, channel, EVENT):
        return
    news = list(dict.fromkeys(_news(user_id, str(job.author.id), since)))
    if not news:
        return
    told = [wording.line(one, reader) for one in news[:MOST]]
    values = {"news": told, "count": len(news), "more": len(news) - len(told)}
    if channel == "email":
        notices.send(user_id, EVENT, job=job, values=values)
    else:
        pushes.send(user_id, EVENT, job=job, values=values)


# --- what happened --------------------------------------------------------------------------------
def _news(user_id: str, author_id: str, since: datetime) -> Iterator[News]:
    head = dynamo.get(AuditEntry, user_id, 0)
    if head is None:
        return
    wanted = trail.Filter(since=since, until=since + BATCH)
    numbers = sorted(trail.find(user_id, int(head.last), wanted))
    entries = [
        entry
        for entry in trail.some(user_id, numbers)
        if entry.action.startswith("schedule.") and entry.body["actor"]["id"] == author_id
    ]
    people = {person for entry in entries for person in entry.people}
    found = dynamo.fetch(dynamo.Key(sealing.PersonKey, person) for person in people)
    for told in trail.lines(entries, sealing.opened(found, people)):
        yield from of_line(told, user_id)


def of_line(told: trail.Line, user_id: str) -> Iterator[News]:
    """What an entry means for somebody."""
    before = {change["field"]: change["before"] for change in told.changes}
    after = {change["field"]: change["after"] for change in told.changes}
    shifts = [name for name in after if name.startswith("shift/")]
    if told.action == "schedule.created":
        yield from _whole("new", after, user_id)
    elif told.action == "schedule.removed":
        yield from _whole("gone", before, user_id)
    elif told.action == "schedule.split":
        rest = {name.removeprefix("rest/"): value for name, value in after.items()}
        yield from _whole("changed", rest, user_id)
    elif shifts:
        for name in shifts:
            yield from _of_shift(before[name], after[name], user_id)
    else:
        yield from _of_series(str(told.subject["id"]), before, after, user_id)


def _whole(kind: Kind, values: dict[str, Any], user_id: str) -> Iterator[News]:
    if values.get("startTime"):
        mine = values.get("staffId") == user_id
        recurs = bool(values.get("rrule"))
        other: Kind = "gone" if kind == "changed" and not mine else kind
        yield News(other, values["startTime"], values["endTime"], values["timeZone"], recurs)


def _of_shift(was: Any, becomes: Any, user_id: str) -> Iterator[News]:
    """One shift of a series: ``staffId`` says who has it."""
    had = bool(was and was["staffId"] == user_id)
    has = bool(becomes and becomes["staffId"] == user_id)
    if has:
        kind: Kind = "changed" if had else "new"
        yield News(kind, becomes["startTime"], becomes["endTime"], becomes["timeZone"])
    elif had:
        yield News("gone", was["startTime"], was["endTime"], was["timeZone"])


def _of_series(
    schedule_id: str, before: dict[str, Any], after: dict[str, Any], user_id: str
) -> Iterator[News]:
    """A change of a whole series or single shift, told by how it stands now."""
    schedule = dynamo.get(Schedule, schedule_id)
    if schedule is None:
        return  # it was removed since, which is told
    kind: Kind = "changed"
    if "staffId" in after:
        kind = "new" if after["staffId"] == user_id else "gone"
    yield News(kind, schedule.start, schedule.end, schedule.zone, schedule.is_series)
