"""Clashes: do two series of one person ever overlap, and when first? Pure.

Decided without expanding what is endless. A daily or weekly rule is a set of days with a period, so
two of them meet where two congruences hold (the Chinese remainder theorem); where one is not
periodic in days (monthly, yearly, by month), both are laid over each other day by day, as bits.
Found days are held against the real moments of both shifts, and days on which a clock changes are
looked at one by one, so that gaps and zones that shift against each other are seen as they are.

Exact in one zone for daily and weekly rules, however late, but for what only a change of the clock
pushes together; that, other rules and pairs across zones are looked at for `clocks.HORIZON` from
the later beginning. A shift of a series that was given to somebody else is theirs, and not seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain, combinations, islice, pairwise, product

from staffing.recurrence import day_bitmap, dst, expand, overlap
from staffing.recurrence.day_bitmap import PeriodicDays
from staffing.recurrence.expand import MAX_SHIFT_DURATION, Occurrence, Series
from staffing.recurrence.overlap import ConflictingShifts

MAX_SHORT_SERIES_SPAN = timedelta(days=60)
"""What ends within this time is expanded."""
SELF_CONFLICT_HORIZON, MAX_SELF_CONFLICT_SHIFTS = timedelta(days=366 * 28), 1000
"""For how long, and how many of, the shifts of one series are held against each other."""
MINUTES_PER_DAY = 1440
IdentifiedSeries = tuple[str, Series]
"""A series and the id of its schedule."""


def find_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    """The first moment at which shifts of two series overlap; None: they never do."""
    a, b = (expand.replace_count_with_until(expand.exclude_covers(series)) for series in (a, b))
    if expand.get_latest_end(a) <= expand.get_earliest_start(b) or expand.get_latest_end(
        b
    ) <= expand.get_earliest_start(a):
        return None
    conflicts = [conflict for conflict in _iter_candidates(a, b) if conflict]
    return min(conflicts, key=lambda conflict: conflict.at, default=None)


def find_first_conflict(
    own_schedules: Sequence[IdentifiedSeries], other_schedules: Sequence[IdentifiedSeries]
) -> tuple[str, ConflictingShifts] | None:
    """The first overlap of one's own with each other, themselves or theirs, and with whose.

    Single shifts are sorted once and held against their neighbours, however many there are.
    """
    conflicts = [
        (schedule_id, conflict) for schedule_id, series in own_schedules if (conflict := find_self_conflict(series))
    ]
    singles, recurring = _partition_by_recurrence(own_schedules)
    other_singles, other_recurring = _partition_by_recurrence(other_schedules)
    conflicts += _find_single_conflicts(singles, other_singles)
    pairs = chain(combinations(recurring, 2), product(recurring, [*other_recurring, *singles, *other_singles]))
    pairs = chain(pairs, product(singles, other_recurring))
    for (_, candidate), (schedule_id, other_series) in pairs:
        conflict = find_conflict(candidate, other_series)
        if conflict:
            conflicts.append((schedule_id, conflict))
    return min(conflicts, key=lambda candidate: candidate[1].at, default=None)


def _partition_by_recurrence(
    identified_series: Sequence[IdentifiedSeries],
) -> tuple[list[IdentifiedSeries], list[IdentifiedSeries]]:
    """Single shifts, and series."""
    singles = [
        (schedule_id, series)
        for schedule_id, series in identified_series
        if series.rule is None and not series.exceptions
    ]
    return singles, [
        (schedule_id, series)
        for schedule_id, series in identified_series
        if series.rule is not None or series.exceptions
    ]


def _find_single_conflicts(
    own_schedules: Sequence[IdentifiedSeries], other_schedules: Sequence[IdentifiedSeries]
) -> list[tuple[str, ConflictingShifts]]:
    """The first overlap of single shifts, one at least one's own."""
    occurrences = [(expand.build_first_occurrence(shift), schedule_id, True) for schedule_id, shift in own_schedules]
    occurrences += [
        (expand.build_first_occurrence(shift), schedule_id, False) for schedule_id, shift in other_schedules
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


def find_self_conflict(series: Series) -> ConflictingShifts | None:
    """The first moment at which two shifts of one series overlap; None: they never do.

    They all start at one time of day, so only those of almost a day and changed ones can.
    """
    series = expand.replace_count_with_until(expand.exclude_covers(series))
    conflicts = [
        overlap.find_conflict_with_series(candidate, _exclude_occurrence(series, recurrence_id))
        for recurrence_id, exception in series.exceptions.items()
        if (candidate := expand.build_exception_occurrence(series, recurrence_id, exception))
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
    return min((candidate for candidate in conflicts if candidate), key=lambda conflict: conflict.at, default=None)


def _exclude_occurrence(series: Series, recurrence_id: datetime) -> Series:
    exceptions = {**series.exceptions, recurrence_id: expand.RecurrenceException()}
    return replace(series, exceptions=exceptions)


def _iter_candidates(a: Series, b: Series) -> Iterator[ConflictingShifts | None]:
    if _is_short(a):
        yield _find_by_expansion(a, b)
        return
    if _is_short(b):
        yield _swap_shifts(_find_by_expansion(b, a))
        return
    yield _find_exception_conflict(a, b)
    yield _swap_shifts(_find_exception_conflict(b, a))
    yield _find_regular_conflict(
        replace(a, exceptions=_exclude_exceptions(a)), replace(b, exceptions=_exclude_exceptions(b))
    )


def _is_short(series: Series) -> bool:
    rule = series.rule
    return rule is None or bool(rule.until and rule.until - series.start < MAX_SHORT_SERIES_SPAN)


def _swap_shifts(conflict: ConflictingShifts | None) -> ConflictingShifts | None:
    return ConflictingShifts(conflict.at, conflict.second, conflict.first) if conflict else None


def _exclude_exceptions(series: Series) -> dict[datetime, expand.RecurrenceException]:
    """The occurrences that the rule starts and that do not take place then."""
    return {recurrence_id: expand.RecurrenceException() for recurrence_id in series.exceptions}


def _find_by_expansion(short: Series, other_series: Series) -> ConflictingShifts | None:
    """Every shift of a series that ends soon, against another."""
    until = expand.get_latest_end(short)
    since = expand.get_earliest_start(short) - MAX_SHIFT_DURATION
    occurrences = list(expand.iter_occurrences(short, since, until + timedelta(seconds=1)))
    return min(
        overlap.iter_conflicts_with_series(occurrences, other_series), key=lambda conflict: conflict.at, default=None
    )


def _find_exception_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    """The shifts of ``a`` that were put elsewhere, against all of ``b``."""
    candidates = (
        expand.build_exception_occurrence(a, recurrence_id, exception)
        for recurrence_id, exception in a.exceptions.items()
    )
    occurrences = [occurrence for occurrence in candidates if occurrence]
    return min(overlap.iter_conflicts_with_series(occurrences, b), key=lambda conflict: conflict.at, default=None)


def _find_regular_conflict(a: Series, b: Series) -> ConflictingShifts | None:
    days_a, days_b = day_bitmap.get_periodic_days(a), day_bitmap.get_periodic_days(b)
    conflicts = [_find_near_transitions(a, b)]
    if days_a and days_b:
        conflicts += [
            _find_periodic_conflict(a, days_a, b, days_b, offset_minutes)
            for offset_minutes in dst.list_offset_differences(a.zone, b.zone, _get_later_start(a, b).year)
        ]
    else:
        conflicts.append(_find_by_bitmap(a, b))
    return min((candidate for candidate in conflicts if candidate), key=lambda conflict: conflict.at, default=None)


def _find_periodic_conflict(
    a: Series, days_a: PeriodicDays, b: Series, days_b: PeriodicDays, offset_minutes: int
) -> ConflictingShifts | None:
    """The first meeting while the wall clock of b's zone is ``apart`` minutes ahead of a's."""
    earliest: ConflictingShifts | None = None
    for day_offset in _iter_day_offsets(a, b, offset_minutes):
        for residue_a in days_a.residues:
            for residue_b in days_b.residues:
                solution = day_bitmap.solve_congruences(residue_a, days_a.period, residue_b - day_offset, days_b.period)
                if solution:
                    earliest = overlap.get_earlier_conflict(
                        earliest, _find_first_actual_conflict(a, b, *solution, day_offset=day_offset)
                    )
    return earliest


def _iter_day_offsets(a: Series, b: Series, offset_minutes: int) -> Iterator[int]:
    """By how many days b's start may stand from a's so that they overlap in a's wall time."""
    start_a, start_b = _to_minutes_of_day(a.start), _to_minutes_of_day(b.start) - offset_minutes
    duration_a, duration_b = _get_duration_minutes(a), _get_duration_minutes(b)
    for days in range(-4, 5):
        shifted_start_b = start_b + days * MINUTES_PER_DAY
        if shifted_start_b < start_a + duration_a and start_a < shifted_start_b + duration_b:
            yield days


def _to_minutes_of_day(at: datetime) -> float:
    return at.hour * 60 + at.minute + at.second / 60


def _get_duration_minutes(series: Series) -> float:
    return (series.end - series.start) / timedelta(minutes=1)


def _find_first_actual_conflict(
    a: Series, b: Series, day: int, period: int, *, day_offset: int
) -> ConflictingShifts | None:
    """The first of these days on which the shifts really meet."""
    first_day = max(a.start.date().toordinal(), b.start.date().toordinal() - day_offset)
    day += -(-(first_day - day) // period) * period  # lifted to the later beginning
    last_day = min(_get_last_day(a), _get_last_day(b) - day_offset)
    horizon_day = first_day + dst.HORIZON.days if a.zone != b.zone else last_day
    attempts = 0
    while day <= min(last_day, horizon_day):
        conflict = overlap.find_conflict_on_days(a, day, b, day + day_offset)
        if conflict:
            return conflict
        attempts += 1
        if a.zone == b.zone and attempts > len(a.exceptions) + len(b.exceptions) + 60:
            return None
        day += period
    return None


def _get_last_day(series: Series) -> int:
    until = series.rule.until if series.rule else None
    return until.date().toordinal() if until else date.max.toordinal() - 400


def _find_by_bitmap(a: Series, b: Series) -> ConflictingShifts | None:
    """The first meeting within `clocks.HORIZON`, where the days of one at least do not repeat."""
    if a.rule is None or b.rule is None:
        return None
    later_start = _get_later_start(a, b)
    base_day = date(later_start.year - 1, 12, 1).toordinal()
    first_bit = later_start.date().toordinal() - 6 - base_day
    bits_a, bits_b = (
        day_bitmap.build_bitmap(candidate.rule, candidate.start, base_day) for candidate in (a, b) if candidate.rule
    )
    earliest: ConflictingShifts | None = None
    offsets = dst.list_offset_differences(a.zone, b.zone, later_start.year)
    for day_offset in sorted({day_offset for minutes in offsets for day_offset in _iter_day_offsets(a, b, minutes)}):
        common_bits = bits_a & (bits_b >> day_offset if day_offset >= 0 else bits_b << -day_offset)
        for day in day_bitmap.iter_set_bits(common_bits >> first_bit):
            candidate = overlap.find_conflict_on_days(
                a, base_day + first_bit + day, b, base_day + first_bit + day + day_offset
            )
            if candidate:
                earliest = overlap.get_earlier_conflict(earliest, candidate)
                break
    return earliest


def _find_near_transitions(a: Series, b: Series) -> ConflictingShifts | None:
    """The first meeting around a change of either clock, where wall times mislead."""
    later_start = _get_later_start(a, b)
    if a.zone == b.zone and not any(_is_near_dst_gap(candidate, later_start.year) for candidate in (a, b)):
        return None
    until = min(later_start + dst.HORIZON, expand.get_latest_end(a), expand.get_latest_end(b))
    transitions = sorted(
        {*dst.list_transitions(a.zone, later_start.year), *dst.list_transitions(b.zone, later_start.year)}
    )
    nearby_transitions = [
        transition for transition in transitions if later_start - MAX_SHIFT_DURATION <= transition <= until
    ]
    occurrences = [
        candidate for transition in nearby_transitions for candidate in _iter_occurrences_near(a, transition)
    ]
    return min(overlap.iter_conflicts_with_series(occurrences, b), key=lambda conflict: conflict.at, default=None)


def _iter_occurrences_near(series: Series, transition: datetime) -> Iterator[Occurrence]:
    """The regular shifts of a series around a change of a clock."""
    day = timedelta(days=1)
    span = Occurrence(series.start, transition - day, transition + day)
    return (
        occurrence for occurrence in overlap.iter_regular_near(series, span) if overlap.is_overlapping(occurrence, span)
    )


def _get_later_start(a: Series, b: Series) -> datetime:
    return max(expand.to_instant(series.start, series.zone) for series in (a, b))


def _is_near_dst_gap(series: Series, year: int) -> bool:
    """Whether a start or end may fall where the clock jumps: gaps stand in the small hours."""
    instants_before = [transition - timedelta(minutes=1) for transition in dst.list_transitions(series.zone, year)]
    gaps = {expand.to_wall_time(at, series.zone).time() for at in instants_before}
    return any(
        _minutes_between(gap.hour * 60 + gap.minute, _to_minutes_of_day(at)) <= 180
        for gap in gaps
        for at in (series.start, series.end)
    )


def _minutes_between(gap: float, at: float) -> float:
    return (at - gap) % MINUTES_PER_DAY
