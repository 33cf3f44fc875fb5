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
WEEKDAY_CODES = ("mo", "tu", "we", "th", "fr", "sa", "su")
MAX_SHIFT_DURATION = timedelta(hours=48)
"""Wall time from the start of a shift to its end, at most."""
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)

_FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {
    "daily": rrule.DAILY,
    "weekly": rrule.WEEKLY,
    "monthly": rrule.MONTHLY,
    "yearly": rrule.YEARLY,
}
LATEST_START = datetime(2200, 1, 1)  # noqa: DTZ001 - a wall time
"""Nothing starts later."""
MAX_CLOCK_JUMP = timedelta(hours=3)
"""More than any clock jumps; then an earlier start may be the later shift."""
_MAX_ZONE_DIFFERENCE = timedelta(days=2)
"""More than wall times of any two zones, or of one zone and UTC, can differ."""


@dataclass(frozen=True)
class NthWeekday:
    """A weekday; ``nth`` of the month, from its end where negative, or every one (None)."""

    day: str
    nth: int | None = None


@dataclass(frozen=True)
class RecurrenceRule:
    """When a series recurs, in wall time; as RFC 5545's RRULE, within our profile."""

    frequency: Frequency
    interval: int = 1
    by_day: tuple[NthWeekday, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_position: tuple[int, ...] = ()
    first_day_of_week: str = "mo"
    count: int | None = None
    until: datetime | None = None
    """The last wall time at which an occurrence may start."""


@dataclass(frozen=True)
class RecurrenceException:
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
    rule: RecurrenceRule | None = None
    exceptions: Mapping[datetime, RecurrenceException] = field(default_factory=dict)
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
def _get_zone_info(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def to_instant(wall_time: datetime, zone: str) -> datetime:
    """The moment of a wall time: the first of two; in a gap, as the clock before it would say."""
    return wall_time.replace(tzinfo=_get_zone_info(zone), fold=0).astimezone(UTC)


def to_wall_time(at: datetime, zone: str) -> datetime:
    """The wall time of a moment."""
    return at.astimezone(_get_zone_info(zone)).replace(tzinfo=None, fold=0)


def is_valid_wall_time(wall_time: datetime, zone: str) -> bool:
    """Whether the clock ever shows this time."""
    return to_wall_time(to_instant(wall_time, zone), zone) == wall_time


def iter_starts(rule: RecurrenceRule, first_start: datetime, since: datetime, until: datetime) -> Iterator[datetime]:
    """The wall times at which a rule starts occurrences, from ``since`` until before ``until``."""
    candidates = (
        _list_counted_starts(rule, first_start) if rule.count else _build_rrule(rule, first_start, since, until)
    )
    for start in candidates:
        if start >= until:
            return
        if start >= max(first_start, since):
            yield start


def find_last_start_before(rule: RecurrenceRule, first_start: datetime, at: datetime) -> datetime | None:
    """The last wall time before ``at`` at which a rule starts an occurrence."""
    for days in (40, 400, 4000, 80_000):
        since = max(first_start, at - timedelta(days=days)) if days < 80_000 else first_start
        *_, last_start = (None, *iter_starts(rule, first_start, since, at))
        if last_start or since == first_start:
            return last_start
    return None


def has_start(rule: RecurrenceRule, first_start: datetime, start: datetime) -> bool:
    """Whether the rule starts an occurrence then."""
    return next(iter_starts(rule, first_start, start, start + timedelta(seconds=1)), None) == start


@lru_cache(maxsize=256)
def _list_counted_starts(rule: RecurrenceRule, first_start: datetime) -> tuple[datetime, ...]:
    """All starts of a rule that counts, which cannot begin later."""
    return tuple(islice(_build_rrule(rule, first_start, first_start, LATEST_START), rule.count))


def is_count_reached(rule: RecurrenceRule, first_start: datetime) -> bool:
    """Whether all that a rule counts start before `LAST`."""
    return rule.count is None or len(_list_counted_starts(rule, first_start)) == rule.count


def _build_rrule(rule: RecurrenceRule, first_start: datetime, since: datetime, until: datetime) -> rrule.rrule:
    """The rule as dateutil has it, from shortly before ``since`` on.

    What a rule leaves out it takes from the first occurrence, so that must be said before the
    beginning is moved.
    """
    days = [weekday for day in rule.by_day for weekday in _to_dateutil_weekdays(day, rule)]
    month_days = list(rule.by_month_day)
    months = list(rule.by_month)
    if not days and not month_days:
        if rule.frequency == "weekly":
            days = [rrule.weekday(first_start.weekday())]
        elif rule.frequency in ("monthly", "yearly"):
            month_days = [first_start.day]
    if rule.frequency == "yearly" and not months:
        months = [first_start.month]
    return rrule.rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=_fast_forward(rule, first_start, since),
        interval=rule.interval,
        wkst=WEEKDAY_CODES.index(rule.first_day_of_week),
        until=min(rule.until or until, until),
        bysetpos=list(rule.by_set_position) or None,
        bymonth=months or None,
        bymonthday=month_days or None,
        byweekday=days or None,
    )


def _to_dateutil_weekdays(day: NthWeekday, rule: RecurrenceRule) -> list[rrule.weekday]:
    """A day as dateutil has it, which takes "every" and "the nth" together for both at once."""
    weekday_index = WEEKDAY_CODES.index(day.day)
    if day.nth is None and any(other.nth for other in rule.by_day):
        return [rrule.weekday(weekday_index, nth) for nth in range(1, 6)]
    return [rrule.weekday(weekday_index, day.nth)]


def _fast_forward(rule: RecurrenceRule, first_start: datetime, since: datetime) -> datetime:
    """A later beginning with the same occurrences from ``since`` on, a whole period to spare."""
    if rule.frequency == "daily":
        periods = (since - first_start).days // rule.interval - 1
        return first_start + timedelta(days=periods * rule.interval) if periods > 0 else first_start
    if rule.frequency == "weekly":
        days_into_week = (first_start.weekday() - WEEKDAY_CODES.index(rule.first_day_of_week)) % 7
        week_start = first_start - timedelta(days=days_into_week)
        periods = (since - week_start).days // (7 * rule.interval) - 1
        return week_start + timedelta(weeks=periods * rule.interval) if periods > 0 else first_start
    months = rule.interval * (12 if rule.frequency == "yearly" else 1)
    period_start = first_start.replace(day=1, month=1 if rule.frequency == "yearly" else first_start.month)
    months_apart = (since.year - period_start.year) * 12 + since.month - period_start.month
    periods = months_apart // months - 1
    if periods <= 0:
        return first_start
    month = period_start.month - 1 + periods * months
    return period_start.replace(year=period_start.year + month // 12, month=month % 12 + 1)


def iter_occurrences(series: Series, since: datetime, until: datetime) -> Iterator[Occurrence]:
    """The shifts of a series that overlap a window of moments, by their start."""
    low, high = (
        to_wall_time(since, series.zone) - MAX_SHIFT_DURATION - _MAX_ZONE_DIFFERENCE,
        to_wall_time(until, series.zone) + _MAX_ZONE_DIFFERENCE,
    )
    candidates = [
        build_exception_occurrence(series, recurrence_id, exception)
        for recurrence_id, exception in series.exceptions.items()
        if exception.start and low <= exception.start < high
    ]
    candidates += [build_regular_occurrence(series, start) for start in _iter_regular_starts(series, low, high)]
    overlapping = [
        occurrence for occurrence in candidates if occurrence and occurrence.start < until and occurrence.end > since
    ]
    yield from sorted(overlapping, key=lambda occurrence: (occurrence.start, occurrence.recurrence_id))


def _iter_regular_starts(series: Series, low: datetime, high: datetime) -> Iterator[datetime]:
    regular_starts = iter([series.start]) if series.rule is None else iter_starts(series.rule, series.start, low, high)
    return (start for start in regular_starts if start not in series.exceptions)


def build_regular_occurrence(series: Series, start: datetime) -> Occurrence | None:
    """The shift that the rule starts at this wall time; None where a gap swallows it."""
    is_skipped = series.gap == "skip" and not is_valid_wall_time(start, series.zone)
    end = start + (series.end - series.start)
    return None if is_skipped else _build_occurrence(start, start, end, series.zone)


def build_exception_occurrence(
    series: Series, recurrence_id: datetime, exception: RecurrenceException
) -> Occurrence | None:
    """The shift that was put elsewhere; None where it was left out."""
    if exception.start is None:
        return None
    end = exception.end or exception.start + (series.end - series.start)
    return _build_occurrence(
        recurrence_id, exception.start, end, series.zone, staff_id=exception.staff_id, is_changed=True
    )


def iter_exception_occurrences(series: Series) -> Iterator[Occurrence]:
    """The shifts that were put elsewhere, in no order."""
    for recurrence_id, exception in series.exceptions.items():
        occurrence = build_exception_occurrence(series, recurrence_id, exception)
        if occurrence:
            yield occurrence


def build_first_occurrence(series: Series) -> Occurrence:
    """The first shift as its wall times say, also where a gap would swallow it."""
    return _build_occurrence(series.start, series.start, series.end, series.zone)


def _build_occurrence(
    recurrence_id: datetime,
    start: datetime,
    end: datetime,
    zone: str,
    *,
    staff_id: str | None = None,
    is_changed: bool = False,
) -> Occurrence:
    """A shift at its moments. One that the clock jumps over whole keeps its length."""
    start_instant, end_instant = to_instant(start, zone), to_instant(end, zone)
    if end_instant <= start_instant:
        end_instant = start_instant + (end - start)
    is_adjusted = not (is_valid_wall_time(start, zone) and is_valid_wall_time(end, zone))
    return Occurrence(recurrence_id, start_instant, end_instant, staff_id, is_adjusted, is_changed)


def exclude_covers(series: Series) -> Series:
    """What is left of a series to whose it is: without the shifts that others have."""
    exceptions = {
        recurrence_id: RecurrenceException() if exception.staff_id else exception
        for recurrence_id, exception in series.exceptions.items()
    }
    return replace(series, exceptions=exceptions)


def to_single_shift(series: Series, recurrence_id: datetime, exception: RecurrenceException) -> Series:
    """One shift of a series that was put elsewhere, by itself."""
    start = exception.start or recurrence_id
    return Series(start, exception.end or start + (series.end - series.start), series.zone)


def split_by_staff(series: Series, staff_id: str) -> dict[str, list[Series]]:
    """Whose the shifts of somebody's series are: their own, and single ones of others."""
    series_by_staff: dict[str, list[Series]] = {staff_id: [exclude_covers(series)]}
    for recurrence_id, exception in sorted(series.exceptions.items()):
        if exception.staff_id and exception.start:
            series_by_staff.setdefault(exception.staff_id, []).append(to_single_shift(series, recurrence_id, exception))
    return series_by_staff


def get_earliest_start(series: Series) -> datetime:
    """A moment before which no shift of a series starts."""
    exception_starts = [exception.start for exception in series.exceptions.values() if exception.start]
    return to_instant(min([series.start, *exception_starts]), series.zone)


def replace_count_with_until(series: Series) -> Series:
    """The same shifts by a rule that says until when, not how many."""
    if series.rule is None or not series.rule.count:
        return series
    last_start = max(_list_counted_starts(series.rule, series.start), default=series.start)
    return replace(series, rule=replace(series.rule, count=None, until=last_start))


def get_latest_end(series: Series) -> datetime:
    """A moment by which every occurrence has ended, changed ones included; some hours to spare."""
    last_start = _get_last_regular_start(series)
    if last_start is None:
        return END_OF_TIME
    exception_ends = [occurrence.end for occurrence in iter_exception_occurrences(series)]
    if series.rule is None:
        return max([_build_occurrence(last_start, last_start, series.end, series.zone).end, *exception_ends])
    last_regular_end = _build_occurrence(
        last_start, last_start, last_start + (series.end - series.start), series.zone
    ).end
    return max([last_regular_end + MAX_CLOCK_JUMP, *exception_ends])


def _get_last_regular_start(series: Series) -> datetime | None:
    """No regular occurrence starts later, in wall time; None: they never end."""
    rule = series.rule
    if rule is None:
        return series.start
    if rule.count:
        return max(_list_counted_starts(rule, series.start), default=series.start)
    return rule.until
