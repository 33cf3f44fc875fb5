"""Conflicts: whether shifts of one person's series overlap, and when first. Pure.

Two endless series are not expanded. Their start days are compared as bitmaps for `dst.HORIZON` from
the later first start, and shifts on common days by their instants. Shifts near a clock change are
compared one by one, because wall times are not enough there. A shift that somebody else covers does
not count.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, combinations, islice, pairwise, product

from staffing.recurrence import dst, expand, overlap
from staffing.recurrence.expand import MAX_SHIFT_DURATION, Occurrence, RecurrenceException, Series
from staffing.recurrence.overlap import ConflictingShifts

MAX_SHORT_SERIES_SPAN = timedelta(days=60)
"""A series that ends within this time is expanded."""
SELF_CONFLICT_HORIZON, MAX_SELF_CONFLICT_SHIFTS = timedelta(days=366 * 28), 1000
"""The period and the number of shifts of one series that are compared with each other."""
MINUTES_PER_DAY = 1440
IdentifiedSeries = tuple[str, Series]
"""The id of a schedule, and its series."""


def find_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    """The first overlap of two series that starts within `dst.HORIZON` of the later first start."""
    return _find_conflict(_normalize(a), _normalize(b))


def _normalize(series: Series) -> Series:
    """A series without the shifts that others cover, and without ``count``."""
    return expand.replace_count_with_until(expand.exclude_covers(series))


def _find_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    a_ends_first = expand.get_latest_end(a) <= expand.get_earliest_start(b)
    if a_ends_first or expand.get_latest_end(b) <= expand.get_earliest_start(a):
        return None
    if _is_short(a):
        return _find_by_expansion(a, b)
    if _is_short(b):
        return _swap_shifts(_find_by_expansion(b, a))
    conflicts = [_find_exception_conflict(a, b), _swap_shifts(_find_exception_conflict(b, a))]
    a, b = _exclude_exceptions(a), _exclude_exceptions(b)
    return _get_earliest([*conflicts, _find_near_transitions(a, b), *_iter_regular_conflicts(a, b)])


def find_first_conflict(
    own_schedules: Sequence[IdentifiedSeries], other_schedules: Sequence[IdentifiedSeries]
) -> tuple[str, ConflictingShifts] | None:
    """The first overlap of new series with themselves, each other or existing ones.

    Returns a schedule id and the overlap. Single shifts are sorted once, and each
    is compared with its neighbours only.
    """
    own_schedules, other_schedules = (
        [(schedule_id, _normalize(series)) for schedule_id, series in schedules]
        for schedules in (own_schedules, other_schedules)
    )
    conflicts = [
        (schedule_id, conflict) for schedule_id, series in own_schedules if (conflict := _find_self_conflict(series))
    ]
    singles, recurring = _partition_by_recurrence(own_schedules)
    other_singles, other_recurring = _partition_by_recurrence(other_schedules)
    conflicts += _find_single_conflicts(singles, other_singles)
    for (_, series), (schedule_id, other_series) in chain(
        combinations(recurring, 2), product(recurring, other_recurring)
    ):
        if conflict := _find_conflict(series, other_series):
            conflicts.append((schedule_id, conflict))
    conflicts += [found for _, series in recurring for found in _find_with_singles(series, singles + other_singles)]
    for schedule_id, other_series in other_recurring:
        conflicts += [(schedule_id, conflict) for _, conflict in _find_with_singles(other_series, singles)]
    return min(conflicts, key=lambda candidate: candidate[1].at, default=None)


def _partition_by_recurrence(
    identified_series: Sequence[IdentifiedSeries],
) -> tuple[list[IdentifiedSeries], list[IdentifiedSeries]]:
    """Single shifts, and series."""
    parts: tuple[list[IdentifiedSeries], list[IdentifiedSeries]] = ([], [])
    for schedule_id, series in identified_series:
        parts[series.rule is not None or bool(series.exceptions)].append((schedule_id, series))
    return parts


def _find_single_conflicts(
    own_schedules: Sequence[IdentifiedSeries], other_schedules: Sequence[IdentifiedSeries]
) -> list[tuple[str, ConflictingShifts]]:
    """The first overlap of single shifts, at least one of them new."""
    occurrences = [
        (expand.build_first_occurrence(shift), schedule_id, is_own)
        for schedules, is_own in ((own_schedules, True), (other_schedules, False))
        for schedule_id, shift in schedules
    ]
    latest: dict[bool, tuple[Occurrence, str]] = {}
    for shift, schedule_id, is_own in sorted(occurrences, key=lambda item: item[0].start):
        for compares_own in (True, False) if is_own else (True,):
            if compares_own in latest and latest[compares_own][0].end > shift.start:
                earlier_shift, earlier_id = latest[compares_own]
                return [(earlier_id if is_own else schedule_id, ConflictingShifts(shift.start, earlier_shift, shift))]
        if is_own not in latest or shift.end > latest[is_own][0].end:
            latest[is_own] = (shift, schedule_id)
    return []


def _find_with_singles(series: Series, singles: Sequence[IdentifiedSeries]) -> Iterator[tuple[str, ConflictingShifts]]:
    """The first overlap of each single shift with a series, with the id of the shift."""
    shifts = [(expand.build_first_occurrence(shift), schedule_id) for schedule_id, shift in singles]
    ids = {id(shift): schedule_id for shift, schedule_id in shifts}
    for conflict in overlap.iter_conflicts_with_series([shift for shift, _ in shifts], series):
        yield ids[id(conflict.first)], conflict


def find_self_conflict(series: Series) -> ConflictingShifts | None:
    """The first overlap of two shifts of one series.

    All start at the same time of day, so only shifts of almost a day, and moved ones, can overlap.
    """
    return _find_self_conflict(_normalize(series))


def _find_self_conflict(series: Series) -> ConflictingShifts | None:
    conflicts = [
        *overlap.iter_conflicts_with_series(series.moved_shifts, _exclude_exceptions(series)),
        next((ConflictingShifts(b.start, a, b) for a, b in pairwise(series.moved_shifts) if b.start < a.end), None),
    ]
    if series.rule and series.end - series.start > timedelta(days=1) - expand.MAX_CLOCK_JUMP:
        first_instant = expand.to_instant(series.start, series.zone)
        occurrences = expand.iter_occurrences(series, first_instant, first_instant + SELF_CONFLICT_HORIZON)
        adjacent_conflicts = (
            ConflictingShifts(b.start, a, b)
            for a, b in pairwise(islice(occurrences, MAX_SELF_CONFLICT_SHIFTS))
            if b.start < a.end
        )
        conflicts.append(next(adjacent_conflicts, None))
    return _get_earliest(conflicts)


def _exclude_exceptions(series: Series) -> Series:
    """A series without its excluded and moved shifts."""
    return replace(series, exceptions=dict.fromkeys(series.exceptions, RecurrenceException()))


def _is_short(series: Series) -> bool:
    rule = series.rule
    return rule is None or bool(rule.until and rule.until - series.start < MAX_SHORT_SERIES_SPAN)


def _swap_shifts(conflict: ConflictingShifts | None) -> ConflictingShifts | None:
    return ConflictingShifts(conflict.at, conflict.second, conflict.first) if conflict else None


def _get_earliest(conflicts: Iterable[ConflictingShifts | None]) -> ConflictingShifts | None:
    return min((conflict for conflict in conflicts if conflict), key=lambda conflict: conflict.at, default=None)


def _find_by_expansion(short: Series, other_series: Series) -> ConflictingShifts | None:
    """The first overlap of a series that ends soon, shift by shift, with another one."""
    since, until = expand.get_earliest_start(short) - MAX_SHIFT_DURATION, expand.get_latest_end(short)
    occurrences = list(expand.iter_occurrences(short, since, until + timedelta(seconds=1)))
    return _get_earliest(overlap.iter_conflicts_with_series(occurrences, other_series))


def _find_exception_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    """The first overlap of the moved shifts of ``a`` with ``b``."""
    return _get_earliest(overlap.iter_conflicts_with_series(a.moved_shifts, b))


# --- regular shifts of two series -----------------------------------------------------------------
def _iter_regular_conflicts(a: Series, b: Series) -> Iterator[ConflictingShifts]:
    """The first overlap for each offset in days between the starts of a's and b's shifts."""
    later_start = _get_later_start(a, b)
    base_day = overlap.get_base_day(later_start.year)
    first_day = later_start.date().toordinal() - _count_days(a) - 2
    bits_a, bits_b = (overlap.build_bitmap(series.rule, series.start, base_day) for series in (a, b) if series.rule)
    for day_offset in _list_day_offsets(a, b, later_start.year):
        common_bits = bits_a & (bits_b >> day_offset if day_offset >= 0 else bits_b << -day_offset)
        for bit in overlap.iter_set_bits(common_bits >> (first_day - base_day)):
            conflict = overlap.find_conflict_on_days(a, first_day + bit, b, first_day + bit + day_offset)
            if conflict:
                yield conflict
                break


def _list_day_offsets(a: Series, b: Series, year: int) -> list[int]:
    """The offsets in days from a's start to b's start at which shifts can overlap."""
    day_offsets = set()
    start_a, duration_a, duration_b = _get_minute_of_day(a.start), _get_minutes(a), _get_minutes(b)
    for offset_minutes in dst.list_offset_differences(a.zone, b.zone, year):
        for days in range(-_count_days(b) - 3, _count_days(a) + 4):
            start_b = _get_minute_of_day(b.start) - offset_minutes + days * MINUTES_PER_DAY
            if start_b < start_a + duration_a and start_a < start_b + duration_b:
                day_offsets.add(days)
    return sorted(day_offsets)


def _count_days(series: Series) -> int:
    """The days that a shift takes, rounded up."""
    return -((series.start - series.end) // timedelta(days=1))


def _get_minute_of_day(at: datetime) -> float:
    return at.hour * 60 + at.minute + at.second / 60


def _get_minutes(series: Series) -> float:
    return (series.end - series.start) / timedelta(minutes=1)


def _find_near_transitions(a: Series, b: Series) -> ConflictingShifts | None:
    """The first overlap near a clock change of either zone."""
    later_start = _get_later_start(a, b)
    if a.zone == b.zone and not any(_is_near_dst_gap(series, later_start.year) for series in (a, b)):
        return None
    until = min(later_start + dst.HORIZON, expand.get_latest_end(a), expand.get_latest_end(b))
    transitions = {*dst.list_transitions(a.zone, later_start.year), *dst.list_transitions(b.zone, later_start.year)}
    occurrences = [
        occurrence
        for transition in sorted(transitions)
        if later_start - MAX_SHIFT_DURATION <= transition <= until
        for occurrence in _iter_occurrences_near(a, transition)
    ]
    return _get_earliest(overlap.iter_conflicts_with_series(occurrences, b))


def _iter_occurrences_near(series: Series, transition: datetime) -> Iterator[Occurrence]:
    """The regular shifts of a series near a clock change."""
    day = timedelta(days=1)
    span = Occurrence(series.start, transition - day, transition + day)
    return (shift for shift in overlap.iter_regular_near(series, span) if overlap.is_overlapping(shift, span))


def _get_later_start(a: Series, b: Series) -> datetime:
    return max(expand.to_instant(series.start, series.zone) for series in (a, b))


def _is_near_dst_gap(series: Series, year: int) -> bool:
    """Whether a start or end may be within three hours after a skipped wall time."""
    for transition in dst.list_transitions(series.zone, year):
        jump = _get_minute_of_day(expand.to_wall_time(transition - timedelta(minutes=1), series.zone))
        if expand.is_missing_day(expand.to_wall_time(transition, series.zone) - timedelta(days=1), series.zone):
            return True
        if any((_get_minute_of_day(at) - jump) % MINUTES_PER_DAY <= 180 for at in (series.start, series.end)):
            return True
    return False
