"""Edits of a series: one shift, one and all that follow, or all of it. Pure.

A shift is named by its recurrence id: the wall time at which the rule starts it, wherever it was
put since. What an edit does not name stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from config import errors
from staffing.recurrence import expand, local_time, pattern, rrule
from staffing.recurrence.expand import Change, Rule, Series

Scope = Literal["occurrence", "following", "all"]
_FIRST_ONLY = "It concerns the whole series; use scope=following or all."


class NoSuchShift(errors.NotFound):
    """The series starts no shift then."""

    code = "no_such_occurrence"


class Lost(errors.Conflict):
    """What became of single shifts has no place in what the series would be."""

    code = "exceptions_lost"


@dataclass(frozen=True)
class Asked:
    """What is to be changed; None stays as it is. Times are naive or aware."""

    start: datetime | None = None
    end: datetime | None = None
    recurring: bool | None = None
    pattern: Mapping[str, Any] | None = None
    staff_id: str | None = None

    @property
    def moves(self) -> bool:
        return self.start is not None or self.end is not None


@dataclass(frozen=True)
class Edited:
    """What an edit makes of a series: what it was, without what was split off."""

    kept: Series | None
    """What stays; None: nothing."""
    rest: Series | None = None
    """What was split off, to be a series of its own."""
    staff_id: str = ""
    """Whose it is then: the rest, where there is one."""
    fresh: tuple[tuple[str, Series], ...] = ()
    """Who gets which shifts that they did not have, or not then."""
    beside: tuple[tuple[str, Series], ...] = ()
    """What else of it people have, as far as the fresh could overlap it."""


def new(series: Series, staff_id: str) -> Edited:
    """A series that was not there."""
    made = named(series, staff_id)
    return Edited(made, staff_id=staff_id, fresh=_shared(made, staff_id))


def changed(
    series: Series,
    asked: Asked,
    *,
    staff_id: str,
    scope: Scope,
    id: datetime | None,
    local: str,
) -> Edited:
    """A series after an edit; ``local`` is the zone in which times without offset are read.

    Raises `NoSuchShift` and `errors.Invalid`.
    """
    _check_asked(series, asked)
    if series.rule is None or scope == "all":
        if series.rule is None and (scope != "all" or id):
            raise errors.Invalid("It does not recur: use scope=all.", pointer="?scope")
        if id is not None:
            _check_id(series, id)
        whole = _whole(series, asked, id or series.start, local)
        return _given(series, whole, asked.staff_id or staff_id, was=staff_id)
    if id is None:
        raise errors.Invalid("Name the shift.", pointer="?recurrenceId")
    _check_id(series, id)
    if scope == "occurrence":
        return _one(series, asked, id, staff_id, local)
    kept, rest = split(series, id)
    if kept is None:
        return changed(series, asked, staff_id=staff_id, scope="all", id=id, local=local)
    after = _whole(rest, asked, rest.start, local)
    made = _given(rest, after, asked.staff_id or staff_id, was=staff_id)
    return Edited(
        named(kept, staff_id), made.kept, made.staff_id, made.fresh, _shared(kept, staff_id)
    )


def removed(series: Series, *, staff_id: str, scope: Scope, id: datetime | None) -> Edited:
    """A series without one shift, without what follows, or nothing of it.

    Raises `NoSuchShift` and `errors.Invalid`.
    """
    if scope == "all":
        if id is not None:
            raise errors.Invalid("scope=all names no shift.", pointer="?recurrenceId")
        return Edited(None, staff_id=staff_id)
    if series.rule is None:
        raise errors.Invalid("It does not recur: use scope=all.", pointer="?scope")
    if id is None:
        raise errors.Invalid("Name the shift.", pointer="?recurrenceId")
    _check_id(series, id)
    if scope == "following":
        return Edited(split(series, id)[0], staff_id=staff_id)
    if id in series.changes and series.changes[id].start is None:
        raise NoSuchShift("This shift was left out already.", pointer="?recurrenceId")
    return Edited(_with(series, id, Change()), staff_id=staff_id)


def _check_asked(series: Series, asked: Asked) -> None:
    if asked.recurring is False and asked.pattern is not None:
        raise errors.Invalid("What does not recur has no pattern.", pointer="/recurrencePattern")
    if asked.recurring and asked.pattern is None and series.rule is None:
        raise errors.Invalid("What recurs needs a pattern.", pointer="/recurrencePattern")


def _check_id(series: Series, id: datetime) -> None:
    if series.rule is None or not expand.fits(series.rule, series.start, id):
        raise NoSuchShift("The series starts no shift then.", pointer="?recurrenceId")


def split(series: Series, id: datetime) -> tuple[Series | None, Series]:
    """A series before one of its shifts, if there is any, and from it on."""
    rule = series.rule
    before = expand.start_before(rule, series.start, id) if rule else None
    if rule is None or before is None:
        return None, series
    head, tail = _parted(rule, series.start, id, before)
    long = series.end - series.start
    return (
        replace(series, rule=head, changes={at: c for at, c in series.changes.items() if at < id}),
        replace(
            series,
            start=id,
            end=id + long,
            rule=tail,
            changes={at: c for at, c in series.changes.items() if at >= id},
        ),
    )


def _parted(rule: Rule, first: datetime, id: datetime, before: datetime) -> tuple[Rule, Rule]:
    if rule.count:
        done = sum(1 for _ in expand.starts(rule, first, first, id))
        return replace(rule, count=done), replace(rule, count=rule.count - done)
    return replace(rule, until=before), rule


# --- one shift ------------------------------------------------------------------------------------
def _one(series: Series, asked: Asked, id: datetime, staff_id: str, local: str) -> Edited:
    if asked.recurring is not None:
        raise errors.Invalid(_FIRST_ONLY, pointer="/recurring")
    if asked.pattern is not None:
        raise errors.Invalid(_FIRST_ONLY, pointer="/recurrencePattern")
    was = series.changes.get(id, Change(id))
    start, end = _times(series, asked, was.start or id, was.end, local)
    if abs(start - id) > pattern.FARTHEST:
        detail = f"It must be within {pattern.FARTHEST.days} days of where it was."
        raise errors.Invalid(detail, pointer="/startTime")
    whose = asked.staff_id or was.staff_id or staff_id
    other = whose if whose != staff_id else None
    regular = start == id and end - start == series.end - series.start and other is None
    change = None if regular else Change(start, end, other)
    after = _with(series, id, change)
    shift = Series(start, end, series.zone)
    as_before = was.start == start and (was.end or start + (series.end - series.start)) == end
    same = id in series.changes and as_before and was.staff_id == other
    if same:
        return Edited(after, staff_id=staff_id)
    beside = _shared(_with(series, id, Change()), staff_id)
    return Edited(after, staff_id=staff_id, fresh=((whose, shift),), beside=beside)


def _with(series: Series, id: datetime, change: Change | None) -> Series:
    rest = {at: one for at, one in series.changes.items() if at != id}
    changes = {**rest, **({id: change} if change else {})}
    if len(changes) > pattern.MOST_CHANGES:
        raise errors.Invalid(f"A series takes {pattern.MOST_CHANGES} changes at most; split it.")
    return replace(series, changes=changes)


def _times(
    series: Series, asked: Asked, start: datetime, end: datetime | None, local: str
) -> tuple[datetime, datetime]:
    long = (end or start + (series.end - series.start)) - start
    begins = _wall(asked.start, series.zone, local, "/startTime") or start
    ends = _wall(asked.end, series.zone, local, "/endTime") or begins + long
    local_time.check(begins, ends)
    return begins, ends


def _wall(at: datetime | None, zone: str, local: str, pointer: str) -> datetime | None:
    return local_time.wall(at, read_in=local, zone=zone, pointer=pointer) if at else None


# --- all of a series ------------------------------------------------------------------------------
def _whole(series: Series, asked: Asked, id: datetime, local: str) -> Series:
    """A series whose shift ``id`` is to have these times, and others accordingly."""
    if series.rule is None and asked.pattern is None:
        return _single(series, asked, local)
    given = dict(asked.pattern or {})
    zone = rrule.known_zone(given.get("timeZone", series.zone))
    in_zone = replace(series, zone=zone)
    start, end = _times(in_zone, asked, id, None, local)
    moved = start - id
    first = series.start + moved
    if asked.recurring is False:
        if id in series.changes or series.start in series.changes:
            raise Lost("What became of this shift would be lost; change it first.")
        return Series(first, first + (end - start), zone)
    local_time.check(first, first + (end - start))
    if asked.pattern is None and series.rule is not None:
        rule = _shifted(series.rule, series.start, moved)
        after = replace(series, start=first, end=first + (end - start), rule=rule, changes={})
        pattern.check(after, is_new=False)
        carried = _carried(series, after, moved)
        if len(carried) < len(series.changes):
            raise Lost("Changes of single shifts would be lost; give a recurrencePattern.")
        return replace(after, changes=carried)
    given.setdefault("timeZone", zone)
    after = pattern.series(given, start=first, end=first + (end - start), zone=zone)
    if "exceptions" in given or series.rule is None:
        return after
    return replace(after, changes=_carried(series, after, moved))


def _single(series: Series, asked: Asked, local: str) -> Series:
    """A single shift at other times; it may stand in a zone of its own."""
    zone = local if asked.start and asked.end else series.zone
    start = asked.start or series.start.replace(tzinfo=None)
    end = asked.end or series.end
    if asked.start and not asked.end:
        begins = local_time.wall(asked.start, read_in=local, zone=zone, pointer="/startTime")
        return _plain(begins, begins + (series.end - series.start), zone)
    if asked.end and not asked.start:
        ends = local_time.wall(asked.end, read_in=local, zone=zone, pointer="/endTime")
        return _plain(start, ends, zone)
    if not asked.moves:
        return series
    return Series(*local_time.walls(start, end, read_in=local, zone=zone, may_move=True))


def _plain(start: datetime, end: datetime, zone: str) -> Series:
    local_time.check(start, end)
    return Series(start, end, zone)


def _shifted(rule: Rule, first: datetime, moved: timedelta) -> Rule:
    """A rule with an end that takes in as many shifts once they are moved."""
    if rule.until is None or not moved:
        return rule
    last = expand.start_before(rule, first, rule.until + timedelta(seconds=1)) or first
    return replace(rule, until=last + moved)


def _carried(before: Series, after: Series, moved: timedelta) -> dict[datetime, Change]:
    """The changes of single shifts that the new rule still starts, moved along."""
    found = {}
    for id, change in before.changes.items():
        if after.rule and expand.fits(after.rule, after.start, id + moved):
            found[id + moved] = _along(change, id, moved)
    return found


def _along(change: Change, id: datetime, moved: timedelta) -> Change:
    if change.start != id:
        return change
    return replace(change, start=id + moved, end=change.end + moved if change.end else None)


def _given(before: Series, after: Series, staff_id: str, *, was: str) -> Edited:
    """Who gets what by a change of a whole series."""
    after = named(after, staff_id)
    if after == before and staff_id == was:
        return Edited(after, staff_id=staff_id)
    return Edited(after, staff_id=staff_id, fresh=_shared(after, staff_id))


def _shared(series: Series, staff_id: str) -> tuple[tuple[str, Series], ...]:
    shares = expand.shares(series, staff_id)
    return tuple((whose, one) for whose, every in shares.items() for one in every)


def named(series: Series, staff_id: str) -> Series:
    """A series of somebody: shifts that were given to them are simply theirs."""
    changes = {
        id: replace(change, staff_id=None) if change.staff_id == staff_id else change
        for id, change in series.changes.items()
    }
    return replace(series, changes=changes)
