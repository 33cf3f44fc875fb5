"""Recurrence: the rule of a series, and the occurrences that it makes. Pure.

A rule speaks of wall times. It is expanded in naive wall time, over python-dateutil, and only then
are the wall times put into their zone: so a shift from 9 to 5 stays one through every change of the
clock. Long series are fast-forwarded: what a window costs does not depend on when the series began.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from dateutil import rrule

Frequency = Literal["daily", "weekly", "monthly", "yearly"]
DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
LONGEST = timedelta(hours=48)
"""Wall time from the start of a shift to its end, at most."""
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)

_FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {
    "daily": rrule.DAILY,
    "weekly": rrule.WEEKLY,
    "monthly": rrule.MONTHLY,
    "yearly": rrule.YEARLY,
}
LAST = datetime(2200, 1, 1)  # noqa: DTZ001 - a wall time
"""Nothing starts later."""
GAP = timedelta(hours=3)
"""More than any clock jumps; then an earlier start may be the later shift."""
_SLACK = timedelta(days=2)
"""More than wall times of any two zones, or of one zone and UTC, can differ."""


@dataclass(frozen=True)
class Day:
    """A weekday; ``nth`` of the month, from its end where negative, or every one (None)."""

    day: str
    nth: int | None = None


@dataclass(frozen=True)
class Rule:
    """When a series recurs, in wall time; as RFC 5545's RRULE, within our profile."""

    frequency: Frequency
    interval: int = 1
    by_day: tuple[Day, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_position: tuple[int, ...] = ()
    first_day_of_week: str = "mo"
    count: int | None = None
    until: datetime | None = None
    """The last wall time at which an occurrence may start."""


@dataclass(frozen=True)
class Change:
    """What became of one occurrence: left out (no start), or put elsewhere, in wall time."""

    start: datetime | None = None
    end: datetime | None = None
    staff_id: str | None = None


@dataclass(frozen=True)
class Series:
    """A shift, or many: the first one's wall times, their zone, and how it recurs."""

    start: datetime
    end: datetime
    zone: str
    rule: Rule | None = None
    changes: Mapping[datetime, Change] = field(default_factory=dict)
    """By the wall time at which the rule starts the occurrence."""
    gap: Literal["shift", "skip"] = "shift"
    """Where the clock jumps over a start: later by the jump, or not at all."""


@dataclass(frozen=True)
class Occurrence:
    """One shift."""

    recurrence_id: datetime
    """The wall time at which the rule starts it."""
    start: datetime
    end: datetime
    staff_id: str | None = None
    """Who has it, where it is not whose the series is."""
    is_adjusted: bool = False
    """Whether the clock jumped over its start or end."""
    is_changed: bool = False


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def instant(wall: datetime, zone: str) -> datetime:
    """The moment of a wall time: the first of two; in a gap, as the clock before it would say."""
    return wall.replace(tzinfo=_zone(zone), fold=0).astimezone(UTC)


def wall(at: datetime, zone: str) -> datetime:
    """The wall time of a moment."""
    return at.astimezone(_zone(zone)).replace(tzinfo=None, fold=0)


def exists(wall_time: datetime, zone: str) -> bool:
    """Whether the clock ever shows this time."""
    return wall(instant(wall_time, zone), zone) == wall_time


def starts(rule: Rule, first: datetime, since: datetime, until: datetime) -> Iterator[datetime]:
    """The wall times at which a rule starts occurrences, from ``since`` until before ``until``."""
    every = _counted(rule, first) if rule.count else _rrule(rule, first, since, until)
    for start in every:
        if start >= until:
            return
        if start >= max(first, since):
            yield start


def start_before(rule: Rule, first: datetime, at: datetime) -> datetime | None:
    """The last wall time before ``at`` at which a rule starts an occurrence."""
    for days in (40, 400, 4000, 80_000):
        since = max(first, at - timedelta(days=days)) if days < 80_000 else first
        *_, last = (None, *starts(rule, first, since, at))
        if last or since == first:
            return last
    return None


def fits(rule: Rule, first: datetime, start: datetime) -> bool:
    """Whether the rule starts an occurrence then."""
    return next(starts(rule, first, start, start + timedelta(seconds=1)), None) == start


@lru_cache(maxsize=256)
def _counted(rule: Rule, first: datetime) -> tuple[datetime, ...]:
    """All starts of a rule that counts, which cannot begin later."""
    return tuple(islice(_rrule(rule, first, first, LAST), rule.count))


def is_complete(rule: Rule, first: datetime) -> bool:
    """Whether all that a rule counts start before `LAST`."""
    return rule.count is None or len(_counted(rule, first)) == rule.count


def _rrule(rule: Rule, first: datetime, since: datetime, until: datetime) -> rrule.rrule:
    """The rule as dateutil has it, from shortly before ``since`` on.

    What a rule leaves out it takes from the first occurrence, so that must be said before the
    beginning is moved.
    """
    days = [one for day in rule.by_day for one in _weekdays(day, rule)]
    month_days = list(rule.by_month_day)
    months = list(rule.by_month)
    if not days and not month_days:
        if rule.frequency == "weekly":
            days = [rrule.weekday(first.weekday())]
        elif rule.frequency in ("monthly", "yearly"):
            month_days = [first.day]
    if rule.frequency == "yearly" and not months:
        months = [first.month]
    return rrule.rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=_forward(rule, first, since),
        interval=rule.interval,
        wkst=DAYS.index(rule.first_day_of_week),
        until=min(rule.until or until, until),
        bysetpos=list(rule.by_set_position) or None,
        bymonth=months or None,
        bymonthday=month_days or None,
        byweekday=days or None,
    )


def _weekdays(day: Day, rule: Rule) -> list[rrule.weekday]:
    """A day as dateutil has it, which takes "every" and "the nth" together for both at once."""
    number = DAYS.index(day.day)
    if day.nth is None and any(other.nth for other in rule.by_day):
        return [rrule.weekday(number, nth) for nth in range(1, 6)]
    return [rrule.weekday(number, day.nth)]


def _forward(rule: Rule, first: datetime, since: datetime) -> datetime:
    """A later beginning with the same occurrences from ``since`` on, a whole period to spare."""
    if rule.frequency == "daily":
        periods = (since - first).days // rule.interval - 1
        return first + timedelta(days=periods * rule.interval) if periods > 0 else first
    if rule.frequency == "weekly":
        into = (first.weekday() - DAYS.index(rule.first_day_of_week)) % 7
        week = first - timedelta(days=into)
        periods = (since - week).days // (7 * rule.interval) - 1
        return week + timedelta(weeks=periods * rule.interval) if periods > 0 else first
    months = rule.interval * (12 if rule.frequency == "yearly" else 1)
    begins = first.replace(day=1, month=1 if rule.frequency == "yearly" else first.month)
    apart = (since.year - begins.year) * 12 + since.month - begins.month
    periods = apart // months - 1
    if periods <= 0:
        return first
    month = begins.month - 1 + periods * months
    return begins.replace(year=begins.year + month // 12, month=month % 12 + 1)


def occurrences(series: Series, since: datetime, until: datetime) -> Iterator[Occurrence]:
    """The shifts of a series that overlap a window of moments, by their start."""
    low, high = wall(since, series.zone) - LONGEST - _SLACK, wall(until, series.zone) + _SLACK
    found = [
        changed(series, id, change)
        for id, change in series.changes.items()
        if change.start and low <= change.start < high
    ]
    found += [regular(series, start) for start in _planned(series, low, high)]
    overlapping = [one for one in found if one and one.start < until and one.end > since]
    yield from sorted(overlapping, key=lambda one: (one.start, one.recurrence_id))


def _planned(series: Series, low: datetime, high: datetime) -> Iterator[datetime]:
    if series.rule is None:
        planned = iter([series.start])
    else:
        planned = starts(series.rule, series.start, low, high)
    return (start for start in planned if start not in series.changes)


def regular(series: Series, start: datetime) -> Occurrence | None:
    """The shift that the rule starts at this wall time; None where a gap swallows it."""
    skipped = series.gap == "skip" and not exists(start, series.zone)
    end = start + (series.end - series.start)
    return None if skipped else _placed(start, start, end, series.zone)


def changed(series: Series, id: datetime, change: Change) -> Occurrence | None:
    """The shift that was put elsewhere; None where it was left out."""
    if change.start is None:
        return None
    end = change.end or change.start + (series.end - series.start)
    return _placed(id, change.start, end, series.zone, staff_id=change.staff_id, is_changed=True)


def placed(series: Series) -> Occurrence:
    """The first shift as its wall times say, also where a gap would swallow it."""
    return _placed(series.start, series.start, series.end, series.zone)


def _placed(
    id: datetime,
    start: datetime,
    end: datetime,
    zone: str,
    *,
    staff_id: str | None = None,
    is_changed: bool = False,
) -> Occurrence:
    """A shift at its moments. One that the clock jumps over whole keeps its length."""
    begins, ends = instant(start, zone), instant(end, zone)
    if ends <= begins:
        ends = begins + (end - start)
    adjusted = not (exists(start, zone) and exists(end, zone))
    return Occurrence(id, begins, ends, staff_id, adjusted, is_changed)


def own(series: Series) -> Series:
    """What is left of a series to whose it is: without the shifts that others have."""
    kept = {id: Change() if c.staff_id else c for id, c in series.changes.items()}
    return replace(series, changes=kept)


def single(series: Series, id: datetime, change: Change) -> Series:
    """One shift of a series that was put elsewhere, by itself."""
    start = change.start or id
    return Series(start, change.end or start + (series.end - series.start), series.zone)


def shares(series: Series, staff_id: str) -> dict[str, list[Series]]:
    """Whose the shifts of somebody's series are: their own, and single ones of others."""
    found: dict[str, list[Series]] = {staff_id: [own(series)]}
    for id, change in sorted(series.changes.items()):
        if change.staff_id and change.start:
            found.setdefault(change.staff_id, []).append(single(series, id, change))
    return found


def begins(series: Series) -> datetime:
    """A moment before which no shift of a series starts."""
    moved = [change.start for change in series.changes.values() if change.start]
    return instant(min([series.start, *moved]), series.zone)


def uncounted(series: Series) -> Series:
    """The same shifts by a rule that says until when, not how many."""
    if series.rule is None or not series.rule.count:
        return series
    last = max(_counted(series.rule, series.start), default=series.start)
    return replace(series, rule=replace(series.rule, count=None, until=last))


def ends(series: Series) -> datetime:
    """A moment by which every occurrence has ended, changed ones included; some hours to spare."""
    last = _last_start(series)
    if last is None:
        return FOREVER
    moved = [one.end for id, c in series.changes.items() if (one := changed(series, id, c))]
    if series.rule is None:
        return max([_placed(last, last, series.end, series.zone).end, *moved])
    planned = _placed(last, last, last + (series.end - series.start), series.zone).end
    return max([planned + GAP, *moved])


def _last_start(series: Series) -> datetime | None:
    """No regular occurrence starts later, in wall time; None: they never end."""
    rule = series.rule
    if rule is None:
        return series.start
    if rule.count:
        return max(_counted(rule, series.start), default=series.start)
    return rule.until
