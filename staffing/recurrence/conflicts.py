"""Conflicts: whether shifts of one person's series overlap, and when first. Pure.

Two endless series are not expanded. Their start days are compared as bitmaps for `dst.HORIZON` from
the later first start, and shifts on common days by their instants. Shifts near a clock change are
compared one by one, because wall times are not enough there. A shift that somebody else covers does
not count.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain, combinations, islice, pairwise, product

from staffing.recurrence import covers, dst, expand, overlap, wall_clock
from staffing.recurrence.expand import MAX_SHIFT_DURATION, Occurrence, Series
from staffing.recurrence.overlap import ConflictingShifts
from staffing.recurrence.wall_clock import SECONDS_PER_DAY

MAX_SHORT_SERIES_SPAN = timedelta(days=60)
"""A series that ends within this time is expanded."""
SELF_CONFLICT_HORIZON, MAX_SELF_CONFLICT_SHIFTS = timedelta(days=366 * 28), 1000
"""The period and the number of shifts of one series that are compared with each other."""
MINUTES_PER_DAY, SECONDS_PER_MINUTE = 1440, 60
MAX_JUMP_MINUTES = int(wall_clock.MAX_CLOCK_JUMP / timedelta(minutes=1))
IdentifiedSeries = tuple[str, Series]
"""The id of a schedule, and its series."""


def find_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    """The first overlap of two series that starts within `dst.HORIZON` of the later first start."""
    return _find_conflict(_normalize(a), _normalize(b))


def _normalize(series: Series) -> Series:
    """A series without the shifts that others cover, and without ``count``."""
    return expand.replace_count_with_until(covers.exclude_covers(series))


def _find_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    if a.latest_end <= b.earliest_start or b.latest_end <= a.earliest_start:
        return None
    if _is_short(a):
        return _find_by_expansion(a, b)
    if _is_short(b):
        return _swap_shifts(_find_by_expansion(b, a))
    conflicts = [_find_exception_conflict(a, b), _swap_shifts(_find_exception_conflict(b, a))]
    return _get_earliest([*conflicts, *_iter_regular_conflicts(a.regular_part, b.regular_part)])


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
        (shift.first_occurrence, schedule_id, is_own)
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
    shifts = [(shift.first_occurrence, schedule_id) for schedule_id, shift in singles]
    ids = {id(shift): schedule_id for shift, schedule_id in reversed(shifts)}  # equal ones may be one object
    for conflict in overlap.iter_conflicts_with_series([shift for shift, _ in shifts], series):
        yield ids[id(conflict.first)], conflict


def find_self_conflict(series: Series) -> ConflictingShifts | None:
    """The first overlap of two shifts of one series.

    All start at the same time of day, so only shifts of almost a day, and moved ones, can overlap.
    """
    return _find_self_conflict(_normalize(series))


def _find_self_conflict(series: Series) -> ConflictingShifts | None:
    if series.rule is None and not series.exceptions:
        return None  # a single shift
    conflicts = [
        *overlap.iter_conflicts_with_series(series.moved_shifts, series.regular_part),
        next((ConflictingShifts(b.start, a, b) for a, b in pairwise(series.moved_shifts) if b.start < a.end), None),
    ]
    if series.rule and series.end - series.start > timedelta(days=1) - wall_clock.MAX_CLOCK_JUMP:
        first_instant = wall_clock.to_instant(series.start, series.zone)
        occurrences = expand.iter_occurrences(series, first_instant, first_instant + SELF_CONFLICT_HORIZON)
        adjacent_conflicts = (
            ConflictingShifts(b.start, a, b)
            for a, b in pairwise(islice(occurrences, MAX_SELF_CONFLICT_SHIFTS))
            if b.start < a.end
        )
        conflicts.append(next(adjacent_conflicts, None))
    return _get_earliest(conflicts)


def _is_short(series: Series) -> bool:
    rule = series.rule
    return rule is None or bool(rule.until and rule.until - series.start < MAX_SHORT_SERIES_SPAN)


def _swap_shifts(conflict: ConflictingShifts | None) -> ConflictingShifts | None:
    return ConflictingShifts(conflict.at, conflict.second, conflict.first) if conflict else None


def _get_earliest(conflicts: Iterable[ConflictingShifts | None]) -> ConflictingShifts | None:
    return min((conflict for conflict in conflicts if conflict), key=lambda conflict: conflict.at, default=None)


def _find_by_expansion(short: Series, other_series: Series) -> ConflictingShifts | None:
    """The first overlap of a series that ends soon, shift by shift, with another one."""
    since, until = short.earliest_start - MAX_SHIFT_DURATION, short.latest_end
    occurrences = list(expand.iter_occurrences(short, since, until + timedelta(seconds=1)))
    return _get_earliest(overlap.iter_conflicts_with_series(occurrences, other_series))


def _find_exception_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    """The first overlap of the moved shifts of ``a`` with ``b``."""
    return _get_earliest(overlap.iter_conflicts_with_series(a.moved_shifts, b))


# --- regular shifts of two series -----------------------------------------------------------------
def _iter_regular_conflicts(a: Series, b: Series) -> Iterator[ConflictingShifts]:
    """The first overlap for each offset in days between the starts of a's and b's shifts.

    Usual offsets follow from the times of day and are looked at on all days; others, at which only
    a clock change makes shifts overlap, on the days near the changes.
    """
    if a.rule is None or b.rule is None:
        return
    later_start = max(a.earliest_start, b.earliest_start)
    year = later_start.year
    base_day = overlap.get_base_day(year)
    first_day = later_start.toordinal() - _count_days(a) - 3
    bits_a, bits_b = (overlap.build_bitmap(series.rule, series.start, base_day) for series in (a, b) if series.rule)
    bits_a = bits_a >> (first_day - base_day) << (first_day - base_day)
    usual_offsets = _list_day_offsets(a, b, year)
    for day_offset, days in chain(
        ((day_offset, bits_a) for day_offset in usual_offsets),
        _iter_offsets_near_changes(a, b, year, bits_a, usual_offsets),
    ):
        for bit in overlap.iter_set_bits(days & (bits_b >> day_offset if day_offset >= 0 else bits_b << -day_offset)):
            day = base_day + bit
            if conflict := overlap.find_conflict_on_days(a, day, b, day + day_offset):
                yield conflict
                break


def _list_day_offsets(a: Series, b: Series, year: int, slack: int = 0) -> list[int]:
    """The offsets in days from a's start to b's start at which shifts can overlap.

    ``slack``: by how many minutes a clock change may bring them closer to each other.
    """
    (start_a, length_a), (start_b, length_b) = a.seconds, b.seconds
    slack *= SECONDS_PER_MINUTE
    offsets: set[int] = set()
    for difference in dst.list_offset_differences(a.zone, b.zone, year):
        distance = start_a - start_b + difference * SECONDS_PER_MINUTE
        # start_b + days < start_a + length_a, and start_a < start_b + length_b + days
        low = (distance - length_b - slack) // SECONDS_PER_DAY + 1
        high = -((-distance - length_a - slack) // SECONDS_PER_DAY)
        offsets.update(range(low, high))
    return sorted(offsets)


def _iter_offsets_near_changes(
    a: Series, b: Series, year: int, bits_a: int, usual_offsets: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """The offsets at which shifts overlap only near a clock change, with a's start days then."""
    if a.zone == b.zone and not (_is_near_change(a, year) or _is_near_change(b, year)):
        return
    largest_jump = max(dst.summarize_changes(series.zone, year).largest_jump for series in (a, b))
    days_near_changes = bits_a & overlap.build_change_bitmap(a.zone, b.zone, year, _count_days(a))
    if days_near_changes:
        for day_offset in _list_day_offsets(a, b, year, slack=2 * largest_jump):
            if day_offset not in usual_offsets:
                yield day_offset, days_near_changes


def _count_days(series: Series) -> int:
    """The days that a shift takes, rounded up."""
    return -(-series.seconds[1] // SECONDS_PER_DAY)


def _is_near_change(series: Series, year: int) -> bool:
    """Whether a start or end may be soon after a wall time at which the clock changes."""
    minutes_of_change, largest_jump = dst.summarize_changes(series.zone, year)
    if largest_jump >= MINUTES_PER_DAY:
        return True
    start, length = (seconds // SECONDS_PER_MINUTE for seconds in series.seconds)
    return any(
        (minute - change) % MINUTES_PER_DAY <= max(MAX_JUMP_MINUTES, largest_jump)
        for change in minutes_of_change
        for minute in (start, start + length)
    )
