"""Where single shifts meet: each other, and the shifts of a series. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from staffing.recurrence import day_bitmap, expand
from staffing.recurrence.expand import MAX_SHIFT_DURATION, Occurrence, Series

MAX_UTC_OFFSET = timedelta(hours=18)
"""More than any wall time differs from UTC, a jump of the clock included."""

MAX_EXPANDED_SHIFTS = 20
"""Shifts that are held against a series one by one; of more, its days are looked up as bits."""


class ConflictingShifts(NamedTuple):
    """The first moment at which both are on duty, and the shifts that meet."""

    at: datetime
    first: Occurrence
    second: Occurrence


def find_conflict_with_series(shift: Occurrence, series: Series) -> ConflictingShifts | None:
    """The first overlap of one shift with a series."""
    occurrence = next(expand.iter_occurrences(series, shift.start, shift.end), None)
    return ConflictingShifts(max(shift.start, occurrence.start), shift, occurrence) if occurrence else None


def iter_conflicts_with_series(shifts: Sequence[Occurrence], series: Series) -> Iterator[ConflictingShifts]:
    """The overlaps of shifts with a series, each shift's first."""
    if len(shifts) <= MAX_EXPANDED_SHIFTS or series.rule is None:
        yield from (conflict for shift in shifts if (conflict := find_conflict_with_series(shift, series)))
        return
    exception_occurrences = [
        candidate
        for recurrence_id, exception in series.exceptions.items()
        if (candidate := expand.build_exception_occurrence(series, recurrence_id, exception))
    ]
    exception_occurrences.sort(key=lambda shift: shift.start)
    exception_starts = [shift.start for shift in exception_occurrences]
    for shift in shifts:
        low_index = bisect_left(exception_starts, shift.start - MAX_SHIFT_DURATION - expand.MAX_CLOCK_JUMP)
        nearby = exception_occurrences[low_index : bisect_left(exception_starts, shift.end)]
        overlapping = [
            occurrence
            for occurrence in chain(nearby, iter_regular_near(series, shift))
            if is_overlapping(shift, occurrence)
        ]
        if overlapping:
            occurrence = min(overlapping, key=lambda occurrence: occurrence.start)
            yield ConflictingShifts(max(shift.start, occurrence.start), shift, occurrence)


def is_overlapping(shift: Occurrence, other_shift: Occurrence) -> bool:
    return shift.start < other_shift.end and other_shift.start < shift.end


def iter_regular_near(series: Series, occurrence: Occurrence) -> Iterator[Occurrence]:
    """The regular shifts of a series that may overlap one shift."""
    if series.rule is None:
        return
    base_day = date(occurrence.start.year // 20 * 20 - 1, 12, 1).toordinal()
    bitmap = day_bitmap.build_bitmap(series.rule, series.start, base_day)
    first_day = (occurrence.start - (series.end - series.start) - MAX_UTC_OFFSET).date().toordinal()
    last_day = (occurrence.end + MAX_UTC_OFFSET).date().toordinal()
    for day in range(first_day, last_day + 1):
        if bitmap >> (day - base_day) & 1:
            shift = _get_shift_on_day(series, day)
            if shift:
                yield shift


def find_conflict_on_days(a: Series, day_a: int, b: Series, day_b: int) -> ConflictingShifts | None:
    """Whether the shifts that start on these days meet."""
    shift_a, shift_b = _get_shift_on_day(a, day_a), _get_shift_on_day(b, day_b)
    if shift_a is None or shift_b is None or shift_a.start >= shift_b.end or shift_b.start >= shift_a.end:
        return None
    return ConflictingShifts(max(shift_a.start, shift_b.start), shift_a, shift_b)


def _get_shift_on_day(series: Series, day: int) -> Occurrence | None:
    start = datetime.combine(date.fromordinal(day), series.start.time())
    rule = series.rule
    if start in series.exceptions or start < series.start or not rule:
        return None
    if rule.until and start > rule.until:
        return None
    return _build_regular_occurrence(start, series.end - series.start, series.zone, series.gap)


@lru_cache(maxsize=20_000)
def _build_regular_occurrence(
    start: datetime, duration: timedelta, zone: str, gap: Literal["shift", "skip"]
) -> Occurrence | None:
    return expand.build_regular_occurrence(Series(start, start + duration, zone, gap=gap), start)


def get_earlier_conflict(
    conflict_a: ConflictingShifts | None, conflict_b: ConflictingShifts | None
) -> ConflictingShifts | None:
    conflicts = [conflict for conflict in (conflict_a, conflict_b) if conflict]
    return min(conflicts, key=lambda conflict: conflict.at, default=None)
