"""Expansion of series: RFC 5545 examples, DST changes, exceptions and random rules."""

import itertools
import operator
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from staffing.recurrence import covers, expand, rrule, rules, wall_clock
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from tests.support.environment import IS_SCALE_RUN

NEW_YORK = "America/New_York"


def parse_local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def format_rrule_starts(text: str, first: str, limit: int = 40) -> list[str]:
    """The first local starts of an RRULE."""
    rule = rrule.parse_rrule(text, zone=NEW_YORK)
    all_starts = rules.iter_starts(rule, parse_local(first), parse_local(first), datetime(2100, 1, 1))
    return [start.strftime("%Y %b %-d") for start in itertools.islice(all_starts, limit)]


def parse_days(text: str) -> list[str]:
    """Parse days such as '1997 Sep 2 4, Oct 1; 1998 Jan 6'."""
    printed_days = []
    for year in text.split(";"):
        year_text, _, months_text = year.strip().partition(" ")
        for month in months_text.split(","):
            month_name, *day_ranges = month.split()
            printed_days += [
                f"{year_text} {month_name} {day}" for day_range in day_ranges for day in _parse_day_range(day_range)
            ]
    return printed_days


def _parse_day_range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


SEPTEMBER = "1997-09-02T09:00:00"
RFC_5545_EXAMPLES = [  # RFC 5545, section 3.8.5.3: the examples that our profile supports, with the days printed there
    ("FREQ=DAILY;COUNT=10", SEPTEMBER, "1997 Sep 2-11"),
    ("FREQ=DAILY;UNTIL=19971224T000000Z", SEPTEMBER, "1997 Sep 2-30, Oct 1-31, Nov 1-30, Dec 1-23"),
    ("FREQ=DAILY;INTERVAL=2", SEPTEMBER, "1997 Sep 2 4 6 8 10 12 14 16 18 20 22 24 26 28 30, Oct 2 4 6"),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", SEPTEMBER, "1997 Sep 2 12 22, Oct 2 12"),
    (
        "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        "1998-01-01T09:00:00",
        "1998 Jan 1-31; 1999 Jan 1-31; 2000 Jan 1-31",
    ),
    (
        "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
        "1998-01-01T09:00:00",
        "1998 Jan 1-31; 1999 Jan 1-31; 2000 Jan 1-31",
    ),
    ("FREQ=WEEKLY;COUNT=10", SEPTEMBER, "1997 Sep 2 9 16 23 30, Oct 7 14 21 28, Nov 4"),
    (
        "FREQ=WEEKLY;UNTIL=19971224T000000Z",
        SEPTEMBER,
        "1997 Sep 2 9 16 23 30, Oct 7 14 21 28, Nov 4 11 18 25, Dec 2 9 16 23",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        SEPTEMBER,
        "1997 Sep 2 16 30, Oct 14 28, Nov 11 25, Dec 9 23; 1998 Jan 6 20, Feb 3 17",
    ),
    ("FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", SEPTEMBER, "1997 Sep 2 4 9 11 16 18 23 25 30, Oct 2"),
    ("FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", SEPTEMBER, "1997 Sep 2 4 9 11 16 18 23 25 30, Oct 2"),
    (
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "1997-09-01T09:00:00",
        "1997 Sep 1 3 5 15 17 19 29, Oct 1 3 13 15 17 27 29 31, Nov 10 12 14 24 26 28, Dec 8 10 12 22",
    ),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", SEPTEMBER, "1997 Sep 2 4 16 18 30, Oct 2 14 16"),
    (
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "1997-09-05T09:00:00",
        "1997 Sep 5, Oct 3, Nov 7, Dec 5; 1998 Jan 2, Feb 6, Mar 6, Apr 3, May 1, Jun 5",
    ),
    ("FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", "1997-09-05T09:00:00", "1997 Sep 5, Oct 3, Nov 7, Dec 5"),
    (
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997-09-07T09:00:00",
        "1997 Sep 7 28, Nov 2 30; 1998 Jan 4 25, Mar 1 29, May 3 31",
    ),
    (
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "1997-09-22T09:00:00",
        "1997 Sep 22, Oct 20, Nov 17, Dec 22; 1998 Jan 19, Feb 16",
    ),
    ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28T09:00:00", "1997 Sep 28, Oct 29, Nov 28, Dec 29; 1998 Jan 29, Feb 26"),
    ("FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", SEPTEMBER, "1997 Sep 2 15, Oct 2 15, Nov 2 15, Dec 2 15; 1998 Jan 2 15"),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997-09-30T09:00:00",
        "1997 Sep 30, Oct 1 31, Nov 1 30, Dec 1 31; 1998 Jan 1 31, Feb 1",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997-09-10T09:00:00",
        "1997 Sep 10-15; 1999 Mar 10-13",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        SEPTEMBER,
        "1997 Sep 2 9 16 23 30, Nov 4 11 18 25; 1998 Jan 6 13 20 27, Mar 3 10 17 24 31",
    ),
    (
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "1997-06-10T09:00:00",
        "1997 Jun 10, Jul 10; 1998 Jun 10, Jul 10; 1999 Jun 10, Jul 10; 2000 Jun 10, Jul 10;2001 Jun 10, Jul 10",
    ),
    (
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "1997-03-10T09:00:00",
        "1997 Mar 10; 1999 Jan 10, Feb 10, Mar 10; 2001 Jan 10, Feb 10, Mar 10;2003 Jan 10, Feb 10, Mar 10",
    ),
    (
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "1997-03-13T09:00:00",
        "1997 Mar 13 20 27; 1998 Mar 5 12 19 26; 1999 Mar 4 11 18 25",
    ),
    (
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "1997-06-05T09:00:00",
        "1997 Jun 5 12 19 26, Jul 3 10 17 24 31, Aug 7 14 21 28; 1998 Jun 4 11 18 25, Jul 2 9 16 23 30",
    ),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "1998-02-13T09:00:00",
        "1998 Feb 13, Mar 13, Nov 13; 1999 Aug 13; 2000 Oct 13",
    ),
    (
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "1997-09-13T09:00:00",
        "1997 Sep 13, Oct 11, Nov 8, Dec 13; 1998 Jan 10, Feb 7, Mar 7, Apr 11, May 9, Jun 13",
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996-11-05T09:00:00",
        "1996 Nov 5; 2000 Nov 7; 2004 Nov 2",
    ),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04T09:00:00", "1997 Sep 4, Oct 7, Nov 6"),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997-09-29T09:00:00",
        "1997 Sep 29, Oct 30, Nov 27, Dec 30; 1998 Jan 29, Feb 26, Mar 30",
    ),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05T09:00:00", "1997 Aug 5 10 19 24"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05T09:00:00", "1997 Aug 5 17 19 31"),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007-01-15T09:00:00", "2007 Jan 15 30, Feb 15, Mar 15 30"),
]


@pytest.mark.parametrize(
    ("rule_text", "first", "printed"), RFC_5545_EXAMPLES, ids=[case[0] for case in RFC_5545_EXAMPLES]
)
def test_rfc_5545_examples(rule_text: str, first: str, printed: str) -> None:
    expected = parse_days(printed)
    is_finite = "COUNT" in rule_text or "UNTIL" in rule_text

    actual = format_rrule_starts(rule_text, first, 400 if is_finite else len(expected))

    assert actual == expected


# --- DST changes ----------------------------------------------------------------------------------
def instant(text: str, offset: float) -> datetime:
    """An instant from local time and UTC offset, independent of zoneinfo."""
    local_datetime = datetime.fromisoformat(text).replace(tzinfo=timezone(timedelta(hours=offset)))
    return local_datetime.astimezone(UTC)


def make_series(zone: str, start: str, end: str, rule: RecurrenceRule | None = None, **more: object) -> Series:
    return Series(parse_local(start), parse_local(end), zone, rule, **more)  # type: ignore[arg-type]


DAILY = RecurrenceRule("daily")
DST_CASES = {  # zone, first start, first end -> start, end and `is_adjusted` of one occurrence
    "New York, spring, day": (
        *(NEW_YORK, "2026-03-01T09:00", "2026-03-01T17:00"),
        *(instant("2026-03-08T09:00", -4), instant("2026-03-08T17:00", -4), False),
    ),
    "New York, spring, night: seven hours": (
        *(NEW_YORK, "2026-03-01T22:00", "2026-03-02T06:00"),
        *(instant("2026-03-07T22:00", -5), instant("2026-03-08T06:00", -4), False),
    ),
    "New York, autumn, night: nine hours": (
        *(NEW_YORK, "2026-10-20T22:00", "2026-10-21T06:00"),
        *(instant("2026-10-31T22:00", -4), instant("2026-11-01T06:00", -5), False),
    ),
    "New York, start in the gap: shifted by the gap": (
        *(NEW_YORK, "2026-03-01T02:30", "2026-03-01T08:00"),
        *(instant("2026-03-08T03:30", -4), instant("2026-03-08T08:00", -4), True),
    ),
    "New York, end in the gap: shifted by the gap": (
        *(NEW_YORK, "2026-03-01T20:00", "2026-03-02T02:30"),
        *(instant("2026-03-07T20:00", -5), instant("2026-03-08T03:30", -4), True),
    ),
    "New York, all in the gap: keeps its duration": (
        *(NEW_YORK, "2026-03-01T02:15", "2026-03-01T02:45"),
        *(instant("2026-03-08T03:15", -4), instant("2026-03-08T03:45", -4), True),
    ),
    "New York, from the gap to just after it: keeps its duration": (
        *(NEW_YORK, "2026-03-01T02:30", "2026-03-01T03:10"),
        *(instant("2026-03-08T03:30", -4), instant("2026-03-08T04:10", -4), True),
    ),
    "New York, start in the repeated hour: the first": (
        *(NEW_YORK, "2026-10-20T01:30", "2026-10-20T09:00"),
        *(instant("2026-11-01T01:30", -4), instant("2026-11-01T09:00", -5), False),
    ),
    "New York, end in the repeated hour: the first": (
        *(NEW_YORK, "2026-10-20T20:00", "2026-10-21T01:30"),
        *(instant("2026-10-31T20:00", -4), instant("2026-11-01T01:30", -4), False),
    ),
    "Berlin, spring, gap at two": (
        *("Europe/Berlin", "2026-03-01T02:00", "2026-03-01T10:00"),
        *(instant("2026-03-29T03:00", 2), instant("2026-03-29T10:00", 2), True),
    ),
    "Berlin, autumn, night": (
        *("Europe/Berlin", "2026-10-01T21:00", "2026-10-02T05:00"),
        *(instant("2026-10-24T21:00", 2), instant("2026-10-25T05:00", 1), False),
    ),
    "Sydney, October is spring": (
        *("Australia/Sydney", "2026-09-01T02:30", "2026-09-01T08:00"),
        *(instant("2026-10-04T03:30", 11), instant("2026-10-04T08:00", 11), True),
    ),
    "Sydney, April is autumn, night": (
        *("Australia/Sydney", "2026-03-01T22:00", "2026-03-02T06:00"),
        *(instant("2026-04-04T22:00", 11), instant("2026-04-05T06:00", 10), False),
    ),
    "Lord Howe, spring: changes by half an hour": (
        *("Australia/Lord_Howe", "2026-09-01T02:15", "2026-09-01T08:00"),
        *(instant("2026-10-04T02:45", 11), instant("2026-10-04T08:00", 11), True),
    ),
    "Lord Howe, autumn, night: half an hour longer": (
        *("Australia/Lord_Howe", "2026-03-01T22:00", "2026-03-02T06:00"),
        *(instant("2026-04-04T22:00", 11), instant("2026-04-05T06:00", 10.5), False),
    ),
    "Casablanca, the clock goes back before Ramadan": (
        *("Africa/Casablanca", "2026-02-01T22:00", "2026-02-02T06:00"),
        *(instant("2026-02-14T22:00", 1), instant("2026-02-15T06:00", 0), False),
    ),
    "Casablanca, the clock goes forward after Ramadan": (
        *("Africa/Casablanca", "2026-03-01T02:30", "2026-03-01T08:00"),
        *(instant("2026-03-22T03:30", 1), instant("2026-03-22T08:00", 1), True),
    ),
    "Tehran, 2022: still DST, at midnight": (
        *("Asia/Tehran", "2022-03-01T00:30", "2022-03-01T08:00"),
        *(instant("2022-03-22T01:30", 4.5), instant("2022-03-22T08:00", 4.5), True),
    ),
    "Tehran, 2023: no DST": (
        *("Asia/Tehran", "2023-03-01T00:30", "2023-03-01T08:00"),
        *(instant("2023-03-22T00:30", 3.5), instant("2023-03-22T08:00", 3.5), False),
    ),
    "UTC has no DST": (
        *("UTC", "2026-03-01T02:30", "2026-03-01T08:00"),
        *(instant("2026-03-08T02:30", 0), instant("2026-03-08T08:00", 0), False),
    ),
}


@pytest.mark.parametrize("case", DST_CASES)
def test_series_across_dst_changes(case: str) -> None:
    zone, start, end, expected_start, expected_end, adjusted = DST_CASES[case]
    series = make_series(zone, start, end, DAILY)

    occurrences = list(expand.iter_occurrences(series, expected_start, expected_start + timedelta(minutes=1)))

    assert [
        (occurrence.start, occurrence.end, occurrence.is_adjusted)
        for occurrence in occurrences
        if occurrence.start == expected_start
    ] == [(expected_start, expected_end, adjusted)]
    before, after = expected_start - timedelta(days=4), expected_start + timedelta(days=4)
    nearby = list(expand.iter_occurrences(series, before, after))
    local_times = {
        wall_clock.to_wall_time(occurrence.start, zone).time() for occurrence in nearby if not occurrence.is_adjusted
    }
    assert local_times == {parse_local(start).time()}, "the local time is the same on all other days"


def test_series_can_skip_dst_gaps() -> None:
    series = make_series(NEW_YORK, "2026-03-07T02:30", "2026-03-07T08:00", DAILY, gap="skip")

    occurrences = expand.iter_occurrences(series, instant("2026-03-07T00:00", -5), instant("2026-03-10T00:00", -4))

    assert [occurrence.recurrence_id.day for occurrence in occurrences] == [7, 9]


def test_single_shift_is_a_series_without_rule() -> None:
    series = make_series("Europe/Berlin", "2026-05-01T22:00", "2026-05-02T06:00")

    occurrences = list(expand.iter_occurrences(series, instant("2026-05-02T00:00", 2), instant("2026-05-03T00:00", 2)))

    assert [(occurrence.start, occurrence.end) for occurrence in occurrences] == [
        (instant("2026-05-01T22:00", 2), instant("2026-05-02T06:00", 2))
    ]
    assert series.latest_end == instant("2026-05-02T06:00", 2)


# --- exceptions -----------------------------------------------------------------------------------
def test_occurrences_can_be_excluded_moved_and_reassigned() -> None:
    changes = {
        parse_local("2026-06-02T09:00"): RecurrenceException(),
        parse_local("2026-06-03T09:00"): RecurrenceException(
            parse_local("2026-06-20T12:00"), parse_local("2026-06-20T14:00")
        ),
        parse_local("2026-06-04T09:00"): RecurrenceException(parse_local("2026-06-04T09:00"), staff_id="usr_other"),
    }
    series = make_series(
        NEW_YORK, "2026-06-01T09:00", "2026-06-01T17:00", RecurrenceRule("daily", count=5), exceptions=changes
    )

    first_week = list(expand.iter_occurrences(series, instant("2026-06-01T00:00", -4), instant("2026-06-07T00:00", -4)))
    moved_later = list(
        expand.iter_occurrences(series, instant("2026-06-20T13:00", -4), instant("2026-06-21T00:00", -4))
    )

    assert [occurrence.recurrence_id.day for occurrence in first_week] == [1, 4, 5]
    assert [occurrence.staff_id for occurrence in first_week] == [None, "usr_other", None]
    assert [(occurrence.recurrence_id.day, occurrence.start) for occurrence in moved_later] == [
        (3, instant("2026-06-20T12:00", -4))
    ]
    assert series.latest_end == instant("2026-06-20T14:00", -4)
    own_occurrences = expand.iter_occurrences(
        covers.exclude_covers(series), instant("2026-06-01T00:00", -4), instant("2026-06-07T00:00", -4)
    )
    assert [occurrence.recurrence_id.day for occurrence in own_occurrences] == [1, 5]


# --- properties -----------------------------------------------------------------------------------
def random_rule(rng: random.Random, first: datetime) -> RecurrenceRule:
    """A random supported rule; ``first`` need not match it."""
    frequency = rng.choice(["daily", "weekly", "weekly", "monthly", "yearly"])
    day_names = list(rules.WEEKDAY_CODES)
    values: dict[str, object] = {"interval": rng.randint(1, 6)}
    if frequency == "weekly" or (frequency == "daily" and rng.random() < 0.3):
        values["by_day"] = tuple(NthWeekday(d) for d in rng.sample(day_names, rng.randint(1, 4)))
    if frequency == "monthly":
        kind = rng.randrange(4)
        if kind == 0:
            values["by_month_day"] = tuple(rng.sample([1, 15, 28, 29, 30, 31, -1, -3], 2))
        elif kind == 1:
            values["by_day"] = (NthWeekday(rng.choice(day_names), rng.choice([1, 2, 3, 4, 5, -1, -2])),)
        elif kind == 2:
            values |= {"by_day": tuple(map(NthWeekday, rng.sample(day_names, 3))), "by_set_position": (-1,)}
    if frequency == "yearly":
        values["by_month"] = tuple(rng.sample(range(1, 13), rng.randint(1, 3)))
        if rng.random() < 0.5:
            values["by_day"] = (NthWeekday(rng.choice(day_names), rng.choice([None, 1, -1])),)
    if rng.random() < 0.2:
        values["until"] = first + timedelta(days=rng.randrange(2000))
    elif rng.random() < 0.2:
        values["count"] = rng.randint(1, 60)
    values["first_day_of_week"] = rng.choice(["mo", "su"])
    return RecurrenceRule(frequency, **values)  # type: ignore[arg-type]


def test_expanding_a_window_equals_filtering_the_full_expansion(record_figure: Callable[[str], None]) -> None:
    rng = random.Random(5545)
    rule_count = 20_000 if IS_SCALE_RUN else 2_000
    for _ in range(rule_count):
        first = datetime(2010, 1, 1, 9) + timedelta(days=rng.randrange(1500))
        rule = random_rule(rng, first)
        low = datetime(2016, 1, 1) + timedelta(days=rng.randrange(700))
        high = low + timedelta(days=rng.choice([1, 28, 400]))
        full_expansion = itertools.takewhile(partial(operator.gt, high), _all_starts(rule, first))

        expanded = list(rules.iter_starts(rule, first, low, high))

        assert expanded == [start for start in full_expansion if start >= low], (rule, first, low, high)
    record_figure(f"recurrence: {rule_count} random rules expand in a range as in full")


def _all_starts(rule: RecurrenceRule, first: datetime) -> Iterator[datetime]:
    """All starts from the first one on, without skipping ahead."""
    all_starts = rules._build_rrule(rule, first, first, rules.LATEST_START)
    return itertools.islice(all_starts, rule.count)


any_rules = some.builds(lambda seed: random_rule(random.Random(seed), datetime(2026, 1, 1, 9)), some.integers(0, 10**9))


@settings(max_examples=300, deadline=None)
@given(rule=any_rules, zone=some.sampled_from(["UTC", NEW_YORK, "Australia/Lord_Howe", "Asia/Tokyo"]))
def test_pattern_round_trips_through_rrule(rule: RecurrenceRule, zone: str) -> None:
    canonical = rrule.parse_rule(rrule.to_fields(rule), zone=zone)

    text = rrule.to_rrule(canonical, zone=zone)
    reparsed = rrule.parse_rule({"rrule": text}, zone=zone)

    assert reparsed == canonical
    assert rrule.to_fields(reparsed) == rrule.to_fields(canonical)
    members_with_rrule = {**rrule.to_fields(canonical), "rrule": text}
    assert rrule.parse_rule(members_with_rrule, zone=zone) == canonical


def test_overlapping_by_day_values_are_merged() -> None:
    mixed = RecurrenceRule(
        "monthly", by_day=(NthWeekday("mo"), NthWeekday("fr"), NthWeekday("fr", 1), NthWeekday("tu", -1))
    )
    first = datetime(2027, 1, 1, 9)

    occurrence_starts = list(rules.iter_starts(mixed, first, first, datetime(2027, 2, 1)))

    assert [start.day for start in occurrence_starts] == [1, 4, 8, 11, 15, 18, 22, 25, 26, 29]


def test_rule_with_count_is_expanded_once() -> None:
    rule = RecurrenceRule("yearly", by_month=(2,), by_month_day=(29,), count=40)
    first = datetime(2028, 2, 29, 9)
    started = time.perf_counter()

    for _ in range(500):
        assert rules.has_start(rule, first, datetime(2160, 2, 29, 9))

    assert time.perf_counter() - started < 1.0


def test_series_end_includes_a_shift_delayed_by_a_dst_gap() -> None:
    series = make_series(
        "Europe/Berlin",
        "2027-03-01T22:30",
        "2027-03-02T02:30",
        RecurrenceRule("daily", until=parse_local("2027-03-27T23:00")),
    )
    occurrences = expand.iter_occurrences(series, instant("2027-03-27T00:00", 1), instant("2027-03-30T00:00", 2))

    assert max(occurrence.end for occurrence in occurrences) <= series.latest_end


def test_a_thousand_series_expand_quickly(record_figure: Callable[[str], None]) -> None:
    """Even if they began years ago."""
    rng = random.Random(7)
    firsts = [datetime(2012, 1, 2, 9) + timedelta(days=rng.randrange(4000)) for _ in range(1000)]
    all_series = [
        Series(
            first,
            first + timedelta(hours=8),
            NEW_YORK,
            RecurrenceRule("weekly", by_day=(NthWeekday("mo"), NthWeekday("we"))),
        )
        for first in firsts
    ]
    low = datetime(2026, 5, 1, tzinfo=UTC)
    started = time.perf_counter()

    shift_count = sum(
        len(list(expand.iter_occurrences(series, low, low + timedelta(days=31)))) for series in all_series
    )

    seconds = time.perf_counter() - started
    assert shift_count >= 8000
    assert seconds < 1.0
    record_figure(f"recurrence: 1,000 series over a month in {seconds:.2f} s ({shift_count} shifts)")
