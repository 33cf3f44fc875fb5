"""What is still to come of schedules, and is not to be: of people who leave, of places that went.

What was stays: who was on duty when is the business's record. One schedule is one transaction and
one audit entry, so that a crash leaves nothing half done and the rest for the next try.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from config import audit, decisions, dynamo, journal
from staffing import busy, changes, recurrence
from staffing.edits import Edited
from staffing.models import Schedule, told
from staffing.recurrence import Change, Series

if TYPE_CHECKING:
    from accounts.models import User


def clear(schedule_id: str, *, actor: audit.Author, at: datetime) -> None:
    """End a schedule now."""
    _redone(schedule_id, lambda one: _ended(one.series(), at, keeps_others=False), actor, at)


def leave(user: "User", *, actor: audit.Author, at: datetime) -> None:
    """End what somebody who leaves has of schedules; may be repeated.

    Their own end now; shifts of theirs that others stand in for stay those others', and shifts of
    others that they were to stand in for are left out.
    """
    for row in busy.rows_from(user.id, at, None):

        def without(one: Schedule) -> Series | None:
            series = one.series()
            if one.staff_id == user.id:
                return _ended(series, at, keeps_others=True)
            return _without(series, user.id, at)

        _redone(str(row.schedule_id), without, actor, at)


def _redone(
    schedule_id: str,
    make: Callable[[Schedule], Series | None],
    actor: audit.Author,
    at: datetime,
) -> None:
    def decide() -> None:
        before = dynamo.get(Schedule, schedule_id)
        if before is None:
            return
        series = make(before)
        if series == before.series():
            return
        people = changes.members(before)
        keys = [*busy.heads_of(people), *journal.keys([actor.stream, *people])]
        found = dynamo.fetch(keys)
        after = [before.changed(**told(series), updated_at=at)] if series else []
        edited = Edited(series, staff_id=before.staff_id)
        changes.keep(before, after, edited, actor=actor, at=at, found=found)

    decisions.repeated(decide)


def _ended(series: Series, at: datetime, *, keeps_others: bool) -> Series | None:
    """A series without what starts from now on; None: nothing is left."""
    now = recurrence.wall(at, series.zone)
    kept = {
        id: change
        for id, change in series.changes.items()
        if _is_past(series, id, change, at) or (keeps_others and change.staff_id)
    }
    lost = {id: Change() for id in series.changes if id < now and id not in kept}
    if series.rule is None:
        return series if series.start < now else None
    last = recurrence.start_before(series.rule, series.start, now)
    if last is None and not any(change.start for change in kept.values()):
        return None
    if last is None:
        lost[series.start] = Change()  # nothing of its own, but others' shifts stand in it
    if series.rule.until and last and series.rule.until <= last:
        return replace(series, changes={**kept, **lost})
    rule = replace(series.rule, count=None, until=last or series.start)
    return replace(series, rule=rule, changes={**kept, **lost})


def _is_past(series: Series, id: datetime, change: Change, at: datetime) -> bool:
    shift = recurrence.single(series, id, change)
    return recurrence.instant(shift.start, series.zone) < at and (
        change.start is not None or recurrence.instant(id, series.zone) < at
    )


def _without(series: Series, user_id: str, at: datetime) -> Series:
    changed = {
        id: Change()
        if change.staff_id == user_id and not _is_past(series, id, change, at)
        else change
        for id, change in series.changes.items()
    }
    return replace(series, changes=changed)
