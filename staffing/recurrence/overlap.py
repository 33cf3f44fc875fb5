"""Where single shifts overlap: each other, and the shifts of a series. Pure.

The days on which a rule starts shifts are held as the bits of an integer, so that the days of
decades are compared in one operation.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from staffing.recurrence import dst, expand, rules, wall_clock
from staffing.recurrence.expand import Occurrence, Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.recurrence.wall_clock import SECONDS_PER_DAY

MAX_EXPANDED_SHIFTS, MAX_EXPANDED_EXCEPTIONS = 20, 2_000
"""Up to this number of shifts, and of exceptions that are looked at for all of them, the series is
expanded around each; above it, the bitmap is used."""
BITMAP_DAYS = dst.HORIZON.days + 500
"""Days in a bitmap: those of `dst.HORIZON` after any day of the year after ``base_day``, and the
days of the longest shift."""
_NEAR = timedelta(days=2)
"""A clock change that is further away from an instant does not change what comes before it."""


class ConflictingShifts(NamedTuple):
    """Two overlapping shifts, and the instant at which the overlap begins."""

    at: datetime
    first: Occurrence
    second: Occurrence


# --- shifts ---------------------------------------------------------------------------------------
def find_conflict_with_series(shift: Occurrence, series: Series) -> ConflictingShifts | None:
    """The first overlap of one shift with a series."""
    occurrence = next(expand.iter_occurrences(series, shift.start, shift.end), None)
    return _build_conflict(shift, occurrence) if occurrence else None


def iter_conflicts_with_series(shifts: Sequence[Occurrence], series: Series) -> Iterator[ConflictingShifts]:
    """The first overlap of each shift with a series, where there is one."""
    are_few = len(shifts) <= MAX_EXPANDED_SHIFTS and len(shifts) * len(series.exceptions) <= MAX_EXPANDED_EXCEPTIONS
    if are_few or series.rule is None:
        yield from (conflict for shift in shifts if (conflict := find_conflict_with_series(shift, series)))
        return
    moved_starts = [shift.start for shift in series.moved_shifts]
    longest = max((shift.end - shift.start for shift in series.moved_shifts), default=timedelta())
    for shift in shifts:
        candidates = [*iter_regular_near(series, shift)] if _list_days_near(series, shift) else []
        if moved_starts:
            low_index = bisect_left(moved_starts, shift.start - longest)
            candidates += series.moved_shifts[low_index : bisect_left(moved_starts, shift.end, low_index)]
        overlapping = [candidate for candidate in candidates if is_overlapping(shift, candidate)]
        if overlapping:
            yield _build_conflict(shift, min(overlapping, key=lambda occurrence: occurrence.start))


def _build_conflict(first: Occurrence, second: Occurrence) -> ConflictingShifts:
    return ConflictingShifts(max(first.start, second.start), first, second)


def is_overlapping(shift: Occurrence, other_shift: Occurrence) -> bool:
    return shift.start < other_shift.end and other_shift.start < shift.end


# --- days -----------------------------------------------------------------------------------------
def iter_regular_near(series: Series, occurrence: Occurrence) -> Iterator[Occurrence]:
    """The regular shifts of a series that may overlap one shift."""
    days = _list_days_near(series, occurrence)
    if not days or series.rule is None:
        return
    base_day = get_base_day(occurrence.start.year // 20 * 20)
    bitmap = build_bitmap(series.rule, series.start, base_day)
    for day in days:
        shift = _build_shift_on_day(series, day) if bitmap >> (day - base_day) & 1 else None
        if shift:
            yield shift


def _list_days_near(series: Series, occurrence: Occurrence) -> range:
    """The ordinals of days on which a shift of the series may start that overlaps one shift."""
    span_start, span_end = _get_wall_span(occurrence.start, occurrence.end, series.zone)
    time_of_day, duration = series.seconds
    first_day = (span_start - time_of_day - duration) // SECONDS_PER_DAY + 1
    return range(first_day, (span_end - time_of_day - 1) // SECONDS_PER_DAY + 1)


@lru_cache(maxsize=4_096)
def _get_wall_span(start: datetime, end: datetime, zone: str) -> tuple[int, int]:
    """The wall times between which a shift may overlap one of a zone, in seconds.

    They are those of the shift itself, unless the clock changes near its start or its end.
    """
    jumps = [
        abs(wall_clock.to_wall_time(at + _NEAR, zone) - wall_clock.to_wall_time(at - _NEAR, zone) - 2 * _NEAR)
        for at in (start, end)
    ]
    slack = int(max(wall_clock.MAX_CLOCK_JUMP, *jumps).total_seconds()) if any(jumps) else 1
    wall_start, wall_end = (wall_clock.count_seconds(wall_clock.to_wall_time(at, zone)) for at in (start, end))
    return wall_start - slack, wall_end + slack


def find_conflict_on_days(a: Series, day_a: int, b: Series, day_b: int) -> ConflictingShifts | None:
    """The overlap of the shifts that start on these days."""
    shift_a, shift_b = _build_shift_on_day(a, day_a), _build_shift_on_day(b, day_b)
    if shift_a is None or shift_b is None or not is_overlapping(shift_a, shift_b):
        return None
    return _build_conflict(shift_a, shift_b)


def _build_shift_on_day(series: Series, day: int) -> Occurrence | None:
    start = datetime.combine(date.fromordinal(day), series.start.time())
    rule = series.rule
    if start in series.exceptions or start < series.start or not rule or (rule.until and start > rule.until):
        return None
    return _build_regular_occurrence(start, series.end - series.start, series.zone, series.gap)


@lru_cache(maxsize=20_000)
def _build_regular_occurrence(
    start: datetime, duration: timedelta, zone: str, gap: Literal["shift", "skip"]
) -> Occurrence | None:
    return expand.build_regular_occurrence(Series(start, start + duration, zone, gap=gap), start)


def get_base_day(year: int) -> int:
    """The first day of a bitmap for shifts from ``year`` on: long ones start in the year before."""
    return date(year - 1, 11, 1).toordinal()


def build_bitmap(rule: RecurrenceRule, first_start: datetime, base_day: int) -> int:
    """The days on which a rule starts shifts: bit n stands for the ordinal ``base_day`` + n.

    Days after that of ``until`` may be included. For rules that count days a few operations of long
    integers (a hundredth of setting each bit), so that only others are worth remembering.
    """
    if not rule.counts_days:
        return _expand_bitmap(rule, first_start, base_day)
    first_day = first_start.toordinal()
    cycle = rules.DayCycle.of(rule, first_day)
    phase = (base_day - cycle.anchor) % cycle.period
    bitmap = sum(1 << offset for offset in cycle.offsets) * _repeat_bit(cycle.period) >> phase
    if rule.by_month:
        bitmap &= _build_month_bitmap(rule.by_month, base_day)
    days_before = max(0, first_day - base_day)
    bitmap = bitmap >> days_before << days_before
    days = min(BITMAP_DAYS, rule.until.toordinal() + 1 - base_day) if rule.until else BITMAP_DAYS
    return bitmap & ((1 << days) - 1) if days > 0 else 0


@lru_cache(maxsize=512)
def _expand_bitmap(rule: RecurrenceRule, first_start: datetime, base_day: int) -> int:
    """The bitmap of a rule by its starts."""
    since, until = (
        datetime.combine(date.fromordinal(day), first_start.time()) for day in (base_day, base_day + BITMAP_DAYS)
    )
    return sum(1 << start.toordinal() - base_day for start in rules.iter_starts(rule, first_start, since, until))


@lru_cache(maxsize=256)
def _repeat_bit(period: int) -> int:
    """Bit 0 and each ``period``-th after it, for longer than a bitmap."""
    return sum(1 << day for day in range(0, BITMAP_DAYS + 2 * period, period))


@lru_cache(maxsize=64)
def _build_month_bitmap(months: tuple[int, ...], base_day: int) -> int:
    """The days of these months."""
    return sum(1 << day for day in range(BITMAP_DAYS) if date.fromordinal(base_day + day).month in months)


@lru_cache(maxsize=256)
def build_change_bitmap(zone_a: str, zone_b: str, year: int, days: int) -> int:
    """The days near the clock changes of two zones: of the starts of shifts that take ``days``.

    Its base is that of `get_base_day`.
    """
    base_day = get_base_day(year)
    window = (1 << days + 8) - 1
    bitmap = 0
    for transition in {*dst.list_transitions(zone_a, year), *dst.list_transitions(zone_b, year)}:
        position = transition.toordinal() - days - 4 - base_day
        bitmap |= window << position if position >= 0 else window >> -position
    return bitmap


def iter_set_bits(bitmap: int) -> Iterator[int]:
    """The numbers of the bits that are set, from the lowest."""
    digits = f"{bitmap:b}"[::-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)
