"""Shifts of up to 31 days: conflicts and occurrences as by brute force, across clock changes."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from staffing.models import LONG_PREFIX, SINGLE_PREFIX, to_window_key
from staffing.recurrence import conflicts, expand, overlap, pattern, rules
from staffing.recurrence.expand import Occurrence, RecurrenceException, Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from tests.staffing.recurrence.test_conflicts import check_against_brute_force
from tests.staffing.recurrence.test_expand import NEW_YORK, make_series
from tests.support.environment import IS_SCALE_RUN

ZONES = [NEW_YORK, "Europe/Berlin", "Africa/Casablanca", "Australia/Lord_Howe", "UTC"]
WEEK = timedelta(days=7)


def random_long_series(rng: random.Random, zone: str) -> Series:
    """On call for days every few weeks or months, beginning in the last weeks of a year."""
    start = datetime(2026, 12, 1) + timedelta(days=rng.randrange(60), minutes=30 * rng.randrange(48))
    interval = rng.choice([2, 4, 5, 6, 8])
    rule = RecurrenceRule("weekly", interval=interval)
    longest = 7 * interval
    if rng.random() < 0.3:
        start, rule, longest = start.replace(day=min(start.day, 28)), RecurrenceRule("monthly", interval=2), 31
    if rng.random() < 0.3:
        rule = replace(rule, until=start + timedelta(days=rng.randrange(20, 900)))
    length = min(timedelta(minutes=30 * rng.randrange(1, 48 * 31)), timedelta(days=longest), expand.MAX_SHIFT_DURATION)
    exceptions = {}
    if rng.random() < 0.4:
        for id in list(rules.iter_starts(rule, start, start, start + timedelta(days=200)))[:3]:
            new_start = id + timedelta(days=rng.randrange(-9, 10))
            new_end = new_start + timedelta(hours=rng.randrange(1, 24 * 31))
            moved = RecurrenceException(new_start, rng.choice([None, new_end]))
            exceptions[id] = rng.choice([RecurrenceException(), moved, moved])
    return Series(start, start + length, zone, rule, exceptions)


def random_short_series(rng: random.Random, zone: str) -> Series:
    start = datetime(2026, 12, 20) + timedelta(days=rng.randrange(60), minutes=30 * rng.randrange(48))
    rule = RecurrenceRule("weekly", interval=rng.choice([3, 4, 6, 9]))
    return Series(start, start + timedelta(minutes=30 * rng.randrange(1, 40)), zone, rule)


def test_conflicts_of_long_series_agree_with_brute_force(record_figure: Callable[[str], None]) -> None:
    rng = random.Random(31)
    pair_count = 3_000 if IS_SCALE_RUN else 250
    conflict_count = 0
    for number in range(pair_count):
        zone_a, zone_b = rng.choices(ZONES, k=2) if number % 2 else [rng.choice(ZONES)] * 2
        build_other = rng.choice([random_long_series, random_short_series])
        pair = [random_long_series(rng, zone_a), build_other(rng, zone_b)]
        conflict_count += check_against_brute_force(*rng.sample(pair, 2))
    assert pair_count * 0.1 < conflict_count < pair_count
    record_figure(f"conflicts of long shifts: {pair_count} pairs as by brute force, {conflict_count} conflict")


def test_many_shifts_around_long_ones_are_compared_as_one_by_one() -> None:
    """The bitmap is used, also for a shift that started in the year before the bitmap's first."""
    rng = random.Random(8)
    for zone in ZONES:
        series = replace(random_long_series(rng, zone), start=datetime(2039, 12, 2, 8), end=datetime(2040, 1, 2, 7))
        series = replace(series, rule=RecurrenceRule("yearly"), exceptions={})
        first = datetime(2039, 12, 25, tzinfo=UTC)
        hours = timedelta(hours=3)
        spans = [Occurrence(series.start, first + n * hours, first + (n + 1) * hours) for n in range(120)]
        actual = [conflict.first.start for conflict in overlap.iter_conflicts_with_series(spans, series)]
        expected = [span.start for span in spans if overlap.find_conflict_with_series(span, series)]
        assert actual == expected
        assert 0 < len(actual) < len(spans)


def test_occurrences_of_a_window_are_those_of_the_whole_series() -> None:
    rng = random.Random(12)
    low, high = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 6, 1, tzinfo=UTC)
    for _ in range(60):
        series = random_long_series(rng, rng.choice(ZONES))
        stored = (series.start.isoformat(), series.end.isoformat(), series.zone, pattern.to_stored_pattern(series))
        everything = list(expand.iter_occurrences(series, low, high))
        for _ in range(10):
            since = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=rng.randrange(24 * 400))
            window = (since, since + timedelta(seconds=rng.choice([1, 86_400 * 9])))
            expected = [item for item in everything if item.start < window[1] and item.end > window[0]]
            assert list(expand.iter_occurrences(pattern.from_stored_pattern(*stored, window), *window)) == expected


def test_a_weekly_change_of_the_person_on_call_is_no_conflict() -> None:
    """Two people take turns; the weeks of the clock changes have an hour more or less."""
    rule = RecurrenceRule("weekly", interval=2)
    for zone in ZONES:
        first = make_series(zone, "2026-10-05T09:00", "2026-10-12T09:00", rule)
        second = make_series(zone, "2026-10-12T09:00", "2026-10-19T09:00", rule)
        assert conflicts.find_conflict(first, second) is None
        assert conflicts.find_self_conflict(make_series(zone, "2026-10-05T09:00", "2026-10-12T09:00", rule)) is None
        every_week = make_series(zone, "2026-10-05T09:00", "2026-10-12T09:00", RecurrenceRule("weekly"))
        assert conflicts.find_self_conflict(every_week) is None
        longer = replace(every_week, end=every_week.end + timedelta(minutes=1))
        assert conflicts.find_self_conflict(longer)


def test_days_of_a_month_overlap_themselves_where_a_month_is_short() -> None:
    rule = RecurrenceRule("monthly", by_day=(NthWeekday("mo", 1),))
    series = make_series("UTC", "2027-01-04T00:00", "2027-02-02T00:00", rule)
    conflict = conflicts.find_self_conflict(series)
    assert conflict
    assert conflict.at == datetime(2027, 2, 1, tzinfo=UTC)


def test_single_shifts_beyond_two_days_have_a_range_of_their_own() -> None:
    short = make_series("UTC", "2027-01-04T09:00", "2027-01-06T09:00")
    assert to_window_key(short) == SINGLE_PREFIX + "2027-01-04T09:00:00Z"
    longer = replace(short, end=short.end + timedelta(minutes=1))
    assert to_window_key(longer) == LONG_PREFIX + "2027-01-04T09:00:00Z"
