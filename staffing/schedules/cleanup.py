"""What is still to come of schedules, and is not to be: of people who leave, of places that went.

What was stays: who was on duty when is the business's record. One schedule is one transaction and
one audit entry, so that a crash leaves nothing half done and the rest for the next try.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from config import audit, dynamodb, journal
from config.dynamodb import ids, optimistic
from staffing.models import Schedule, told
from staffing.recurrence import expand
from staffing.recurrence.edit import Edited
from staffing.recurrence.expand import Change, Series
from staffing.schedules import availability, save

if TYPE_CHECKING:
    from accounts.models import User

STEP = 8
"""Shifts that become schedules of their own in one transaction."""


def clear(schedule_id: str, *, actor: audit.Author, at: datetime) -> None:
    """End a schedule now."""
    _redone(schedule_id, lambda one: _ended(one.series(), at), actor, at)


def leave(user: "User", *, actor: audit.Author, at: datetime) -> None:
    """End what somebody who leaves has of schedules; may be repeated.

    Their own end now; shifts of theirs that others stand in for become those others' own, and
    shifts of others that they were to stand in for are left out.
    """
    for row in availability.rows_from(user.id, at, None):
        while _parted(str(row.schedule_id), user.id, actor, at):
            pass

        def without(one: Schedule) -> Series | None:
            if one.staff_id == user.id:
                return _ended(one.series(), at)
            return _without(one.series(), user.id, at)

        _redone(str(row.schedule_id), without, actor, at)


def _parted(schedule_id: str, owner_id: str, actor: audit.Author, at: datetime) -> bool:
    """Make some shifts that others stand in for schedules of their own; whether there were any."""

    def decide() -> bool:
        before = dynamodb.get(Schedule, schedule_id)
        if before is None or before.staff_id != owner_id:
            return False
        series = before.series()
        some = [
            (id, change)
            for id, change in sorted(series.changes.items())
            if change.staff_id and not _is_past(series, id, change, at)
        ][:STEP]
        if not some:
            return False
        left_out = {**series.changes, **{id: Change() for id, _ in some}}
        kept = before.changed(**told(replace(series, changes=left_out)), updated_at=at)
        singles = [_single(before, series, id, change, at) for id, change in some]
        found = _read(save.members(before), actor)
        touched = availability.touched([before], [kept, *singles])
        with journal.write(
            actor=actor,
            action="schedule.parted",
            subject=before.party,
            at=at,
            customer_id=before.customer_id,
            changes=[audit.Change("splitOff", None, [one.id for one in singles])],
            concerns=touched,
            found=found,
        ) as write:
            save.put(write, before, [kept, *singles])
            availability.settle(write, touched, found)
        return True

    return optimistic.repeated(decide)


def _single(
    before: Schedule, series: Series, id: datetime, change: Change, at: datetime
) -> Schedule:
    return Schedule(
        id=ids.new("sch", at),
        customer_id=before.customer_id,
        location_id=before.location_id,
        staff_id=change.staff_id,
        split_from=before.id,
        created_at=at,
        updated_at=at,
        version=1,
        **told(expand.single(series, id, change)),
    )


def _read(people: set[str], actor: audit.Author) -> dynamodb.Found:
    return dynamodb.fetch([*availability.heads_of(people), *journal.keys([actor.stream, *people])])


def _redone(
    schedule_id: str,
    make: Callable[[Schedule], Series | None],
    actor: audit.Author,
    at: datetime,
) -> None:
    def decide() -> None:
        before = dynamodb.get(Schedule, schedule_id)
        if before is None:
            return
        series = make(before)
        if series == before.series():
            return
        found = _read(save.members(before), actor)
        after = [before.changed(**told(series), updated_at=at)] if series else []
        edited = Edited(series, staff_id=before.staff_id)
        save.keep(before, after, edited, actor=actor, at=at, found=found)

    optimistic.repeated(decide)


def _ended(series: Series, at: datetime) -> Series | None:
    """A series without what starts from now on; None: nothing is left."""
    now = expand.wall(at, series.zone)
    if series.rule is None:
        return series if series.start < now else None
    kept = {id: change for id, change in series.changes.items() if _is_past(series, id, change, at)}
    lost = {id: Change() for id in series.changes if id < now and id not in kept}
    last = expand.start_before(series.rule, series.start, now)
    if last is None and not kept:
        return None
    until = last or series.start
    if last is None:
        lost = {series.start: Change(), **lost}  # only what was put before its first day is left
    if series.rule.until and series.rule.until <= until:
        return replace(series, changes={**lost, **kept})
    rule = replace(series.rule, count=None, until=until)
    return replace(series, rule=rule, changes={**lost, **kept})


def _is_past(series: Series, id: datetime, change: Change, at: datetime) -> bool:
    """Whether a shift began; of one that is left out, whether it would have."""
    return expand.instant(change.start or id, series.zone) < at


def _without(series: Series, user_id: str, at: datetime) -> Series:
    changed = {
        id: Change()
        if change.staff_id == user_id and not _is_past(series, id, change, at)
        else change
        for id, change in series.changes.items()
    }
    return replace(series, changes=changed)
