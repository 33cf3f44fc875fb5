"""Two series conflict if and only if their shifts overlap; compared with brute force."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from staffing.recurrence import conflicts, expand, rules, wall_clock
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from tests.staffing.recurrence.test_expand import NEW_YORK, instant, make_series, parse_local, random_rule
from tests.support.environment import IS_SCALE_RUN

SEARCH_SPAN = timedelta(days=500)


def first_overlap_by_brute_force(a: Series, b: Series, until: datetime) -> datetime | None:
    """The first instant of an overlap before ``until``, by comparing all shifts."""
    low = datetime(2025, 1, 1, tzinfo=UTC)
    shifts_a = list(expand.iter_occurrences(a, low, until))
    shifts_b = list(expand.iter_occurrences(b, low, until))
    overlaps, start_index = [], 0
    for shift_a in shifts_a:
        while (
            start_index < len(shifts_b) and shifts_b[start_index].start <= shift_a.start - 2 * expand.MAX_SHIFT_DURATION
        ):
            start_index += 1
        for shift_b in shifts_b[start_index:]:
            if shift_b.start >= shift_a.end:
                break
            if shift_a.start < shift_b.end:
                overlaps.append(max(shift_a.start, shift_b.start))
    return min(overlaps, default=None)


def random_series(rng: random.Random, zone: str) -> Series:
    first = datetime(2026, 1, 5) + timedelta(days=rng.randrange(60), minutes=15 * rng.randrange(96))
    rule = random_rule(rng, first)
    following_starts = rules.iter_starts(rule, first, first, first + timedelta(days=4000))
    start = next(following_starts, first)  # the first occurrence must match the rule
    length = timedelta(minutes=15 * rng.randint(1, 80))
    series = Series(start, start + length, zone, rule)
    if rng.random() < 0.4:
        days = list(rules.iter_starts(rule, start, start, start + timedelta(days=60)))
        changed_ids = rng.sample(days, min(len(days), 3))
        new_start = start + timedelta(days=rng.randrange(300), hours=rng.randrange(24))
        changes = {id: RecurrenceException() for id in changed_ids}
        if changed_ids and rng.random() < 0.5:
            changes[changed_ids[0]] = RecurrenceException(new_start, new_start + length)
        series = Series(start, start + length, zone, rule, changes)
    return series


def check_against_brute_force(a: Series, b: Series) -> bool:
    """Assert the result of brute force; whether the series conflict."""
    latest_start = max(wall_clock.to_instant(series.start, series.zone) for series in (a, b))
    until = latest_start + SEARCH_SPAN
    expected = first_overlap_by_brute_force(a, b, until)
    conflict = conflicts.find_conflict(a, b)
    if expected is None:
        assert conflict is None or conflict.at >= until - expand.MAX_SHIFT_DURATION, (a, b, conflict)
        return False
    assert conflict is not None, (a, b, expected)
    assert conflict.at == expected, (a, b, conflict, expected)
    assert conflict.first.start < conflict.second.end
    assert conflict.second.start < conflict.first.end
    return True


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "Australia/Lord_Howe"])
def test_random_pairs_in_the_same_zone_agree_with_brute_force(zone: str, record_figure: Callable[[str], None]) -> None:
    rng = random.Random(zone)
    pair_count = 5_000 if IS_SCALE_RUN else 300
    conflict_count = sum(
        check_against_brute_force(random_series(rng, zone), random_series(rng, zone)) for _ in range(pair_count)
    )
    assert pair_count * 0.1 < conflict_count < pair_count * 0.9
    record_figure(f"conflicts in {zone}: {pair_count} random pairs as by brute force, {conflict_count} conflict")


def test_random_pairs_across_zones_agree_with_brute_force(record_figure: Callable[[str], None]) -> None:
    rng = random.Random(3)
    zones = [NEW_YORK, "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata", "UTC"]
    pair_count = 2_000 if IS_SCALE_RUN else 150
    conflict_count = 0
    for _ in range(pair_count):
        a, b = rng.sample(zones, 2)
        conflict_count += check_against_brute_force(random_series(rng, a), random_series(rng, b))
    record_figure(f"conflicts across zones: {pair_count} random pairs as by brute force, {conflict_count} conflict")


WEEKLY = RecurrenceRule("weekly")


def test_adjacent_shifts_do_not_conflict() -> None:
    early = make_series(NEW_YORK, "2026-01-05T09:00", "2026-01-05T12:00", RecurrenceRule("daily"))
    late = make_series(NEW_YORK, "2026-01-05T12:00", "2026-01-05T17:00", RecurrenceRule("daily"))

    assert conflicts.find_conflict(early, late) is None
    assert conflicts.find_conflict(late, early) is None


def test_night_shift_conflicts_with_the_next_morning() -> None:
    night = make_series(NEW_YORK, "2026-01-05T22:00", "2026-01-06T06:00", WEEKLY)
    morning = make_series(NEW_YORK, "2026-01-06T05:00", "2026-01-06T07:00", WEEKLY)

    conflict = conflicts.find_conflict(night, morning)

    assert conflict
    assert conflict.at == instant("2026-01-06T05:00", -5)


def test_second_and_third_week_series_conflict_eventually() -> None:
    a = make_series("UTC", "2026-01-05T09:00", "2026-01-05T10:00", RecurrenceRule("weekly", interval=2))
    b = make_series("UTC", "2026-01-12T09:30", "2026-01-12T10:30", RecurrenceRule("weekly", interval=3))
    disjoint = make_series("UTC", "2026-01-12T09:30", "2026-01-12T10:30", RecurrenceRule("weekly", interval=4))

    conflict = conflicts.find_conflict(a, b)

    assert conflict
    assert conflict.at == instant("2026-02-02T09:30", 0)
    assert conflicts.find_conflict(a, disjoint) is None


def test_dst_gap_can_cause_a_conflict() -> None:
    """The end at 2:30 is in the DST gap, so it becomes 3:30; the next shift starts at 3:00."""
    early = make_series(NEW_YORK, "2026-01-05T22:00", "2026-01-06T02:30", RecurrenceRule("daily"))
    late = make_series(NEW_YORK, "2026-01-06T03:00", "2026-01-06T08:00", RecurrenceRule("daily"))

    conflict = conflicts.find_conflict(early, late)

    assert conflict
    assert conflict.at == instant("2026-03-08T03:00", -4)


def test_excluded_occurrence_does_not_conflict_and_moved_occurrence_does() -> None:
    single = make_series("UTC", "2026-01-06T10:00", "2026-01-06T11:00")
    weekly = make_series("UTC", "2025-12-30T09:00", "2025-12-30T17:00", WEEKLY)
    with_exclusion = Series(
        weekly.start, weekly.end, "UTC", WEEKLY, {parse_local("2026-01-06T09:00"): RecurrenceException()}
    )
    with_move = Series(
        weekly.start,
        weekly.end,
        "UTC",
        WEEKLY,
        {
            parse_local("2026-01-13T09:00"): RecurrenceException(
                parse_local("2026-01-06T10:30"), parse_local("2026-01-06T12:00")
            )
        },
    )

    assert conflicts.find_conflict(single, weekly)
    assert conflicts.find_conflict(single, with_exclusion) is None
    conflict = conflicts.find_conflict(single, with_move)
    assert conflict
    assert conflict.at == instant("2026-01-06T10:00", 0), "the regular occurrence of that day"
    both_changes = {**with_exclusion.exceptions, **with_move.exceptions}
    conflict = conflicts.find_conflict(single, Series(weekly.start, weekly.end, "UTC", WEEKLY, both_changes))
    assert conflict
    assert conflict.at == instant("2026-01-06T10:30", 0)


def test_reassigned_occurrence_does_not_conflict() -> None:
    changes = {parse_local("2026-01-06T09:00"): RecurrenceException(parse_local("2026-01-06T09:00"), None, "usr_other")}
    weekly = Series(parse_local("2026-01-06T09:00"), parse_local("2026-01-06T17:00"), "UTC", WEEKLY, changes)
    single = make_series("UTC", "2026-01-06T10:00", "2026-01-06T11:00")

    assert conflicts.find_conflict(single, weekly) is None


def test_dst_gaps_are_detected_decades_ahead() -> None:
    early = make_series("Europe/Berlin", "2091-01-05T01:00", "2091-01-05T02:30", RecurrenceRule("daily"))
    late = make_series("Europe/Berlin", "2091-01-05T03:00", "2091-01-05T04:00", RecurrenceRule("daily"))

    conflict = conflicts.find_conflict(early, late)

    assert conflict
    assert conflict.at.year == 2091


def test_many_exceptions_are_checked_quickly() -> None:
    def series_with_moves(minutes: int) -> Series:
        start = parse_local("2026-01-05T09:00") + timedelta(minutes=minutes)
        ids = [start + timedelta(days=day) for day in range(500)]
        changes = {id: RecurrenceException(id + timedelta(hours=1), id + timedelta(hours=1, minutes=20)) for id in ids}
        return Series(start, start + timedelta(minutes=20), NEW_YORK, RecurrenceRule("daily"), changes)

    started = time.perf_counter()
    assert conflicts.find_conflict(series_with_moves(0), series_with_moves(30)) is None
    assert time.perf_counter() - started < 1.5


def test_conflict_between_zones_with_different_dst_dates() -> None:
    """Between both DST changes, New York and Berlin are five hours apart instead of six."""
    new_york = make_series(NEW_YORK, "2026-01-05T08:00", "2026-01-05T09:00", RecurrenceRule("daily"))
    berlin = make_series("Europe/Berlin", "2026-01-05T13:00", "2026-01-05T14:00", RecurrenceRule("daily"))

    conflict = conflicts.find_conflict(new_york, berlin)

    assert conflict
    assert conflict.at == instant("2026-03-08T08:00", -4)


def test_conflict_check_is_quick(record_figure: Callable[[str], None]) -> None:
    weekdays = tuple(map(NthWeekday, ("mo", "tu", "we", "th", "fr")))
    a = make_series(NEW_YORK, "2026-01-05T09:00", "2026-01-05T12:00", RecurrenceRule("weekly", by_day=weekdays))
    b = make_series(NEW_YORK, "2026-01-05T12:00", "2026-01-05T17:00", RecurrenceRule("weekly", by_day=weekdays))
    monthly = make_series(
        NEW_YORK, "2026-01-10T09:00", "2026-01-10T12:00", RecurrenceRule("monthly", by_day=(NthWeekday("sa", 2),))
    )
    started = time.perf_counter()
    for _ in range(200):
        assert conflicts.find_conflict(a, b) is None
    seconds_per_check = (time.perf_counter() - started) / 200
    started = time.perf_counter()
    assert conflicts.find_conflict(a, monthly) is None
    monthly_seconds = time.perf_counter() - started
    record_figure(
        f"conflicts: two endless weekly rules {seconds_per_check * 1e6:.0f} us, a monthly one {monthly_seconds:.2f} s"
    )
    assert seconds_per_check < 0.005
