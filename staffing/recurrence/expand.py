"""Series of shifts, and their occurrences in a window. Pure.

A rule is expanded in naive wall time, and the wall times are then converted in their zone, so a
shift from 9 to 5 keeps its times across clock changes. Near a clock change each wall time is
converted by itself; all other days of a zone are plain: they have one offset, which is remembered,
so that their wall times are converted by an addition (a sixth of the time).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

from staffing.recurrence import dst, rules, wall_clock
from staffing.recurrence.rules import RecurrenceRule
from staffing.recurrence.wall_clock import SECONDS_PER_DAY

T = TypeVar("T")
MAX_SHIFT_DAYS = 31
MAX_SHIFT_DURATION = timedelta(days=MAX_SHIFT_DAYS)
"""Wall time from the start of a shift to its end, at most: somebody may be on call for a month."""


@dataclass(frozen=True)
class RecurrenceException:
    """One occurrence that differs from the rule: excluded (no start) or moved, in wall time."""

    start: datetime | None = None
    end: datetime | None = None
    staff_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the series' details: `staffing.recurrence.details`."""

    def keeps_times(self, recurrence_id: datetime, duration: timedelta) -> bool:
        """Whether the occurrence takes place at the time of the rule, for as long as the others."""
        return self.start == recurrence_id and self.end in (None, recurrence_id + duration)


@dataclass(frozen=True)
class Series:
    """One shift or many: the wall times of the first, their zone, and how it recurs."""

    start: datetime
    end: datetime
    zone: str
    rule: RecurrenceRule | None = None
    exceptions: Mapping[datetime, RecurrenceException] = field(default_factory=dict)
    """By the wall time at which the rule starts the occurrence."""
    gap: Literal["shift", "skip"] = "shift"
    """What happens to a start within a clock gap: it moves forward by the gap, or is skipped."""

    @cached_property
    def seconds(self) -> tuple[int, int]:
        """The time of day at which the first shift starts, and its length in wall time."""
        start = wall_clock.count_seconds(self.start)
        return start % SECONDS_PER_DAY, wall_clock.count_seconds(self.end) - start

    @cached_property
    def day_cycle(self) -> rules.DayCycle | None:
        """The days of a rule that counts days."""
        counts_days = self.rule and self.rule.counts_days
        return rules.DayCycle.of(self.rule, self.start.toordinal()) if self.rule and counts_days else None

    @cached_property
    def moved_shifts(self) -> "list[Occurrence]":
        """The shifts that were moved or are covered, by start."""
        return sorted(iter_exception_occurrences(self), key=lambda shift: shift.start)

    @cached_property
    def regular_part(self) -> "Series":
        """The series without its excluded and moved shifts."""
        if not any(exception.start for exception in self.exceptions.values()):
            return self
        return replace(self, exceptions=dict.fromkeys(self.exceptions, RecurrenceException()))

    @cached_property
    def first_occurrence(self) -> "Occurrence":
        """The first shift, also where a rule with ``gap="skip"`` would leave it out."""
        return _build_occurrence(self.start, self.start, self.end, self.zone)

    @cached_property
    def earliest_start(self) -> datetime:
        """An instant before which no shift starts."""
        if not self.exceptions:
            return self.first_occurrence.start
        exception_starts = [exception.start for exception in self.exceptions.values() if exception.start]
        return wall_clock.to_instant(min([self.start, *exception_starts]), self.zone)

    @cached_property
    def latest_end(self) -> datetime:
        """An instant by which every shift has ended, moved ones included; up to hours late."""
        if not self.rule and not self.exceptions:
            return self.first_occurrence.end
        last_start = self.start
        if self.rule:
            until = rules.find_last_counted_start(self.rule, self.start) if self.rule.count else self.rule.until
            if not (until or self.rule.count):
                return wall_clock.END_OF_TIME
            last_start = until or last_start
        last_end = _build_occurrence(last_start, last_start, last_start + (self.end - self.start), self.zone).end
        if self.rule:
            last_end += wall_clock.MAX_CLOCK_JUMP
        return max([last_end, *(occurrence.end for occurrence in self.moved_shifts)])


class Occurrence(NamedTuple):
    """One shift. A tuple, because that is built in a fifth of the time of a frozen dataclass."""

    recurrence_id: datetime
    """The wall time at which the rule starts it."""
    start: datetime
    end: datetime
    staff_id: str | None = None
    """Who covers it, if not the owner of the series."""
    is_adjusted: bool = False
    """Whether its start or end is a skipped wall time."""
    is_changed: bool = False
    """Whether it is an exception of its series."""
    is_moved: bool = False
    """Whether it takes place at other times than the rule says."""
    details: Mapping[str, Any] = MappingProxyType({})
    """Overrides of the series' details."""


def iter_occurrences(series: Series, since: datetime, until: datetime) -> Iterator[Occurrence]:
    """The shifts of a series that overlap a window, by start; instants are aware."""
    return (occurrence for _, occurrence in iter_occurrences_of_each([(series, series)], since, until))


def iter_occurrences_of_each(
    items: Iterable[tuple[T, Series]], since: datetime, until: datetime
) -> Iterator[tuple[T, Occurrence]]:
    """The shifts of many series that overlap a window, each with the item that its series is of.

    A location has many series, most of which have no shift in a short window: what a window is in
    each zone is asked once, and the days of a rule tell whether to look further.
    """
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    windows: dict[str, tuple[datetime, datetime, int, int]] = {}
    for item, series in items:
        window = windows.get(series.zone)
        if window is None:
            low, high = wall_clock.to_wall_window(since, until, series.zone)
            window = windows[series.zone] = low, high, wall_clock.count_seconds(low), wall_clock.count_seconds(high) + 1
        low, high, low_seconds, high_seconds = window
        cycle = series.day_cycle
        if cycle and not series.exceptions:
            start_seconds, seconds = series.seconds
            first_day = -((start_seconds + seconds - low_seconds) // SECONDS_PER_DAY)
            if not cycle.has_day(first_day, -((start_seconds - high_seconds) // SECONDS_PER_DAY)):
                continue
        low -= series.end - series.start
        starts = rules.iter_starts(series.rule, series.start, low, high) if series.rule else (series.start,)
        occurrences = [
            occurrence
            for occurrence in _iter_regular_occurrences(series, starts)
            if occurrence.start < until and occurrence.end > since
        ]
        if series.exceptions:
            moved = iter_exception_occurrences(
                series, low - wall_clock.MAX_ZONE_DIFFERENCE, high + wall_clock.MAX_ZONE_DIFFERENCE
            )
            occurrences += [shift for shift in moved if shift.start < until and shift.end > since]
            occurrences.sort(key=lambda occurrence: (occurrence.start, occurrence.recurrence_id))
        for occurrence in occurrences:
            yield item, occurrence


def _iter_regular_occurrences(series: Series, starts: Iterable[datetime]) -> Iterator[Occurrence]:
    """The shifts that the rule starts at these wall times, without exceptions and skipped ones."""
    zone, exceptions = series.zone, series.exceptions
    start_seconds, seconds = series.seconds
    end_days, end_seconds = divmod(start_seconds + seconds, SECONDS_PER_DAY)
    start_time, end_time = timedelta(seconds=start_seconds), timedelta(seconds=end_seconds)
    for start in starts:
        if exceptions and start in exceptions:
            continue
        day = start.toordinal()
        midnight, end_midnight = dst.find_plain_midnight(zone, day), dst.find_plain_midnight(zone, day + end_days)
        if midnight and end_midnight:
            yield Occurrence(start, midnight + start_time, end_midnight + end_time)
        elif occurrence := build_regular_occurrence(series, start):
            yield occurrence


def build_regular_occurrence(series: Series, start: datetime) -> Occurrence | None:
    """The shift that the rule starts at this wall time; None if it is skipped in a gap.

    A day that does not exist has no shift: moved, it would be a second one on the next day.
    """
    occurrence = _build_occurrence(start, start, start + (series.end - series.start), series.zone)
    if occurrence.is_adjusted and is_skipped(series, start):
        return None
    return occurrence


def is_skipped(series: Series, start: datetime) -> bool:
    """Whether there is no regular shift at a wall time of the rule, because the clock skips it."""
    if series.gap == "skip":
        return not wall_clock.is_valid_wall_time(start, series.zone)
    return wall_clock.is_missing_day(start, series.zone)


def build_occurrence(series: Series, recurrence_id: datetime) -> Occurrence:
    """The shift that the rule starts at this wall time, moved or not, also if it is skipped."""
    exception = series.exceptions.get(recurrence_id)
    if exception and exception.start:
        return _build_exception_occurrence(series, recurrence_id, exception.start, exception)
    end = recurrence_id + (series.end - series.start)
    return _build_occurrence(recurrence_id, recurrence_id, end, series.zone)


def iter_exception_occurrences(
    series: Series,
    since: datetime = datetime.min,  # noqa: DTZ901 - a wall time
    until: datetime = datetime.max,  # noqa: DTZ901 - a wall time
) -> Iterator[Occurrence]:
    """The moved shifts that take place between these wall times, in no order."""
    duration = series.end - series.start
    for recurrence_id, exception in series.exceptions.items():
        if exception.start and exception.start < until and (exception.end or exception.start + duration) >= since:
            yield _build_exception_occurrence(series, recurrence_id, exception.start, exception)


def _build_exception_occurrence(
    series: Series, recurrence_id: datetime, start: datetime, exception: RecurrenceException
) -> Occurrence:
    duration = series.end - series.start
    occurrence = _build_occurrence(recurrence_id, start, exception.end or start + duration, series.zone)
    return occurrence._replace(
        staff_id=exception.staff_id,
        is_changed=True,
        is_moved=not exception.keeps_times(recurrence_id, duration),
        details=exception.details,
    )


def _build_occurrence(recurrence_id: datetime, start: datetime, end: datetime, zone: str) -> Occurrence:
    """An occurrence at its instants. A shift entirely within a clock gap keeps its length."""
    start_instant, end_instant = wall_clock.to_instant(start, zone), wall_clock.to_instant(end, zone)
    is_adjusted = (
        wall_clock.to_wall_time(start_instant, zone) != start or wall_clock.to_wall_time(end_instant, zone) != end
    )
    if end_instant <= start_instant:
        end_instant = start_instant + (end - start)
    return Occurrence(recurrence_id, start_instant, end_instant, is_adjusted=is_adjusted)


def replace_count_with_until(series: Series) -> Series:
    """The same shifts, by a rule with ``until`` instead of ``count``."""
    if series.rule is None or not series.rule.count:
        return series
    last_start = rules.find_last_counted_start(series.rule, series.start) or series.start
    return replace(series, rule=replace(series.rule, count=None, until=last_start))
