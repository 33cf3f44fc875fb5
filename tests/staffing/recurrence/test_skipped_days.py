"""Days that the calendar of a place skips, because it moved across the date line."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from config import errors, local_time
from staffing.recurrence import conflicts, expand, overlap, pattern, wall_clock
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from tests.staffing.recurrence.test_expand import DAILY, make_series, parse_local

SKIPPED_DAYS = [
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Fakaofo", "2011-12-30"),
    ("Pacific/Kwajalein", "1993-08-21"),
    ("Pacific/Kiritimati", "1994-12-31"),
    ("Pacific/Kanton", "1994-12-31"),
]
APIA = "Pacific/Apia"
LOW, HIGH = datetime(2011, 12, 1, tzinfo=UTC), datetime(2012, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(("zone", "skipped"), SKIPPED_DAYS)
@pytest.mark.parametrize("hour", [0, 9, 23])
def test_a_daily_shift_takes_place_once_on_each_day_that_exists(zone: str, skipped: str, hour: int) -> None:
    day = date.fromisoformat(skipped)
    start = datetime.combine(day, datetime.min.time()) - timedelta(days=3) + timedelta(hours=hour)
    series = Series(start, start + timedelta(hours=8), zone, DAILY)
    since = wall_clock.to_instant(start, zone)

    occurrences = list(expand.iter_occurrences(series, since, since + timedelta(days=5)))

    wall_times = [wall_clock.to_wall_time(shift.start, zone) for shift in occurrences]
    expected_days = [day + timedelta(days=offset) for offset in (-3, -2, -1, 1, 2)]
    assert [(at.date(), at.hour) for at in wall_times] == [(expected, hour) for expected in expected_days]
    assert {shift.end - shift.start for shift in occurrences} == {timedelta(hours=8)}
    assert conflicts.find_self_conflict(series) is None


def test_a_night_before_the_skipped_day_is_as_long_as_others() -> None:
    series = make_series(APIA, "2011-12-27T22:00", "2011-12-28T06:00", DAILY)

    night = expand.build_occurrence(series, parse_local("2011-12-29T22:00"))

    assert night.end - night.start == timedelta(hours=8)
    assert wall_clock.to_wall_time(night.end, APIA) == parse_local("2011-12-31T06:00")


def test_conflicts_around_a_skipped_day_agree_with_brute_force(record_figure: Callable[[str], None]) -> None:
    rng = random.Random(APIA)
    conflict_count = 0
    for _ in range(400):
        a, b = random_series(rng), random_series(rng)
        conflict = conflicts.find_conflict(a, b)
        expected = first_overlap(a, b)
        assert (conflict.at if conflict and conflict.at < HIGH else None) == expected, (a, b)
        conflict_count += expected is not None
    assert 40 < conflict_count < 360
    record_figure(f"conflicts around Samoa's skipped day: 400 pairs as by brute force, {conflict_count} conflict")


def test_the_only_conflict_is_with_the_night_that_ends_after_a_skipped_day() -> None:
    """Friday night ends on Saturday; on 20 August 1993 on Sunday, as Kwajalein had no Saturday."""
    night = make_series("Pacific/Kwajalein", "1993-08-13T20:00", "1993-08-14T08:00", RecurrenceRule("weekly"))
    sunday = make_series("Pacific/Kwajalein", "1993-08-15T05:00", "1993-08-15T07:00", RecurrenceRule("weekly"))
    sundays = [expand.build_occurrence(sunday, sunday.start + timedelta(weeks=number)) for number in range(30)]
    overlap_start = datetime(1993, 8, 21, 17, tzinfo=UTC)

    conflict = conflicts.find_conflict(night, sunday)

    assert conflict
    assert conflict.at == overlap_start
    assert [found.at for found in overlap.iter_conflicts_with_series(sundays, night)] == [overlap_start]


def random_series(rng: random.Random) -> Series:
    """A series of December 2011, or a single shift around the skipped day."""
    start = datetime(2011, 12, 23) + timedelta(minutes=15 * rng.randrange(96 * 7))
    end = start + timedelta(minutes=15 * rng.randint(1, 60))
    zone = rng.choice([APIA, APIA, "Pacific/Pago_Pago"])
    kind = rng.choice(["daily", "weekly", "single"])
    if kind == "single":
        moved = timedelta(days=8 if start.day < 27 else 2)
        return Series(start + moved, end + moved, zone) if start.day != 28 else Series(start, end, zone)
    if kind == "daily":
        return Series(start, end, zone, RecurrenceRule("daily", interval=rng.randint(1, 3)))
    weekday = ("mo", "tu", "we", "th", "fr", "sa", "su")[start.weekday()]
    return Series(start, end, zone, RecurrenceRule("weekly", by_day=(NthWeekday(weekday), NthWeekday("sa"))))


def first_overlap(a: Series, b: Series) -> datetime | None:
    """The first instant before `HIGH` at which shifts of both take place."""
    shifts_a, shifts_b = (list(expand.iter_occurrences(series, LOW, HIGH)) for series in (a, b))
    starts = (max(x.start, y.start) for x in shifts_a for y in shifts_b if x.start < y.end and y.start < x.end)
    return min((at for at in starts if at < HIGH), default=None)


def test_a_shift_cannot_be_moved_to_a_day_that_does_not_exist() -> None:
    fields = {"frequency": "daily", "exceptions": {"2011-12-29T09:00:00": {"startTime": "2011-12-30T09:00:00"}}}
    start, end = parse_local("2011-12-27T09:00"), parse_local("2011-12-27T17:00")

    with pytest.raises(errors.InvalidRequest) as refusal:
        pattern.parse_series(fields, start=start, end=end, zone=APIA)

    assert refusal.value.detail == (
        "2011-12-30 does not exist in Pacific/Apia: the calendar there skips this day; use another."
    )


def test_a_query_for_a_day_that_does_not_exist_says_so() -> None:
    day, following = (datetime(2011, 12, number) for number in (30, 31))
    with pytest.raises(errors.InvalidRequest, match="no such time in Pacific/Apia"):
        local_time.resolve_range(day, following, APIA)

    around = local_time.resolve_range(datetime(2011, 12, 29), following, APIA)
    assert around == (datetime(2011, 12, 29, 10, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC))
