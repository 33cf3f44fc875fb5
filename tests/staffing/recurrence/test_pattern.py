"""Parsing recurrence patterns, and errors with their pointers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

import pytest

from config import errors
from staffing.recurrence import pattern
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule

ZONES = available_timezones()
START, END = datetime(2027, 1, 1, 9), datetime(2027, 1, 1, 17)  # a Friday


def parse_members(members: Mapping[str, Any]) -> Series:
    return pattern.parse_series(members, start=START, end=END, zone="America/New_York")


def test_pattern_round_trips_in_canonical_form() -> None:
    members = {
        "frequency": "weekly",
        "interval": 2,
        "byDay": [{"day": "fr"}, {"day": "mo"}],
        "firstDayOfWeek": "mo",
        "until": "2027-03-31",
        "timeZone": "Europe/Berlin",
        "gap": "skip",
        "exceptions": {
            "2027-01-15T09:00:00": {"excluded": True},
            "2027-01-11T09:00:00": {"startTime": "2027-01-12T10:00:00", "staffId": "usr_x"},
        },
    }

    series = parse_members(members)

    assert series == Series(
        START,
        END,
        "Europe/Berlin",
        RecurrenceRule(
            "weekly", interval=2, by_day=(NthWeekday("mo"), NthWeekday("fr")), until=datetime(2027, 3, 31, 23, 59, 59)
        ),
        {
            datetime(2027, 1, 15, 9): RecurrenceException(),
            datetime(2027, 1, 11, 9): RecurrenceException(datetime(2027, 1, 12, 10), None, "usr_x"),
        },
        "skip",
    )
    canonical = pattern.to_pattern(series)
    assert canonical["rrule"] == "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;UNTIL=20270331T215959Z"
    assert canonical["until"] == "2027-03-31T23:59:59"
    assert list(canonical["exceptions"]) == ["2027-01-11T09:00:00", "2027-01-15T09:00:00"]
    assert parse_members(canonical) == series


@pytest.mark.parametrize(
    "rrule",
    [
        "FREQ=WEEKLY;BYDAY=FR",
        "RRULE:FREQ=WEEKLY;BYDAY=FR",
        "freq=weekly;byday=fr",
        "FREQ=MONTHLY;BYDAY=1FR",
        "FREQ=MONTHLY;BYMONTHDAY=1;COUNT=3",
        "FREQ=DAILY;UNTIL=20270301",
        "FREQ=DAILY;UNTIL=20270301T120000Z",
    ],
)
def test_rrule_alone_is_a_valid_pattern(rrule: str) -> None:
    series = parse_members({"rrule": rrule})

    assert parse_members(pattern.to_pattern(series)) == series


INVALID_PATTERNS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "frequency", "invalid_request"),
    ({"frequency": "hourly"}, "frequency", "invalid_request"),
    ({"frequency": 7}, "frequency", "invalid_request"),
    ({"frequency": "daily", "byHour": [9]}, "byHour", "recurrence_unsupported"),
    ({"frequency": "weekly", "byWeekNo": [1]}, "byWeekNo", "recurrence_unsupported"),
    ({"frequency": "yearly", "byYearDay": [1]}, "byYearDay", "recurrence_unsupported"),
    ({"frequency": "daily", "interval": 0}, "interval", "invalid_request"),
    ({"frequency": "daily", "interval": 367}, "interval", "invalid_request"),
    ({"frequency": "daily", "interval": True}, "interval", "invalid_request"),
    ({"frequency": "daily", "interval": 1.5}, "interval", "invalid_request"),
    ({"frequency": "daily", "count": 1001}, "count", "invalid_request"),
    ({"frequency": "daily", "count": 2, "until": "2027-02-01"}, "count", "recurrence_unsupported"),
    ({"frequency": "daily", "until": "tomorrow"}, "until", "invalid_request"),
    ({"frequency": "daily", "until": "2027-02-30"}, "until", "invalid_request"),
    ({"frequency": "daily", "until": "2027-02-01T09:00:00Z"}, "until", "invalid_request"),
    ({"frequency": "daily", "until": ["2027-02-01"]}, "until", "invalid_request"),
    ({"frequency": "weekly", "byDay": "fr"}, "byDay", "invalid_request"),
    ({"frequency": "weekly", "byDay": ["friday"]}, "byDay/0", "invalid_request"),
    ({"frequency": "weekly", "byDay": ["XX"]}, "byDay/0/day", "invalid_request"),
    ({"frequency": "monthly", "byDay": ["0FR"]}, "byDay/0/nthOfPeriod", "invalid_request"),
    ({"frequency": "WEEKDAYS"}, "frequency", "invalid_request"),
    ({"frequency": "weekly", "byDay": [{"day": []}]}, "byDay/0/day", "invalid_request"),
    ({"frequency": "weekly", "byDay": [{"day": "fr", "nthOfPeriod": 1}]}, "byDay", "recurrence_unsupported"),
    ({"frequency": "monthly", "byDay": [{"day": "fr", "nthOfPeriod": 0}]}, "byDay/0/nthOfPeriod", "invalid_request"),
    ({"frequency": "monthly", "byDay": [{"day": "fr", "nthOfPeriod": 6}]}, "byDay/0/nthOfPeriod", "invalid_request"),
    ({"frequency": "weekly", "byMonthDay": [1]}, "byMonthDay", "recurrence_unsupported"),
    ({"frequency": "monthly", "byMonthDay": [0]}, "byMonthDay", "invalid_request"),
    ({"frequency": "monthly", "byMonthDay": [32]}, "byMonthDay", "invalid_request"),
    ({"frequency": "yearly", "byMonthDay": [1]}, "byMonthDay", "recurrence_unsupported"),
    ({"frequency": "yearly", "byDay": [{"day": "fr"}]}, "byDay", "recurrence_unsupported"),
    ({"frequency": "yearly", "byMonth": ["13"]}, "byMonth", "invalid_request"),
    ({"frequency": "yearly", "byMonth": [True]}, "byMonth", "invalid_request"),
    (
        {"frequency": "weekly", "byDay": [{"day": "fr"}], "bySetPosition": [1]},
        "bySetPosition",
        "recurrence_unsupported",
    ),
    ({"frequency": "monthly", "bySetPosition": [1]}, "bySetPosition", "recurrence_unsupported"),
    ({"frequency": "daily", "skip": "backward"}, "skip", "recurrence_unsupported"),
    ({"frequency": "daily", "firstDayOfWeek": "monday"}, "firstDayOfWeek", "invalid_request"),
    ({"frequency": "daily", "timeZone": "Mars/Olympus"}, "timeZone", "invalid_request"),
    ({"frequency": "daily", "timeZone": 7}, "timeZone", "invalid_request"),
    ({"frequency": "daily", "timeZone": []}, "timeZone", "invalid_request"),
    ({"frequency": "daily", "gap": "fill"}, "gap", "invalid_request"),
    ({"frequency": "daily", "exceptions": []}, "exceptions", "invalid_request"),
    (
        {"frequency": "weekly", "exceptions": {"2027-01-02T09:00:00": {"excluded": True}}},
        "exceptions/2027-01-02T09:00:00",
        "invalid_request",
    ),
    (
        {"frequency": "weekly", "exceptions": {"2027-01-08": {"excluded": True}}},
        "exceptions/2027-01-08",
        "invalid_request",
    ),
    (
        {"frequency": "weekly", "exceptions": {"2027-01-08T09:00:00": {"excluded": False}}},
        "exceptions/2027-01-08T09:00:00",
        "invalid_request",
    ),
    (
        {"frequency": "weekly", "exceptions": {"2027-01-08T09:00:00": {"excluded": 1}}},
        "exceptions/2027-01-08T09:00:00",
        "invalid_request",
    ),
    (
        {"frequency": "weekly", "exceptions": {"2027-01-08T09:00:00": {"endTime": "2027-01-08T09:00:00"}}},
        "exceptions/2027-01-08T09:00:00/endTime",
        "invalid_request",
    ),
    ({"frequency": "yearly", "count": 200}, "count", "invalid_request"),
    ({"frequency": "daily", "until": "9999-12-31"}, "until", "invalid_request"),
    ({"frequency": "daily", "until": "0001-01-01"}, "until", "invalid_request"),
    (
        {"frequency": "daily", "exceptions": {"9999-12-31T23:59:59": {"excluded": True}}},
        "exceptions/9999-12-31T23:59:59",
        "invalid_request",
    ),
    (
        {"frequency": "daily", "exceptions": {"2027-01-02T09:00:00": {"startTime": "2029-01-01T09:00:00"}}},
        "exceptions/2027-01-02T09:00:00/startTime",
        "invalid_request",
    ),
    ({"rrule": "FREQ=DAILY;UNTIL=00010101T000000Z"}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=DAILY;UNTIL=99991231T235959Z"}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=DAILY;INTERVAL=1_0"}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=DAILY;;INTERVAL=2"}, "rrule", "recurrence_unsupported"),
    ({"rrule": "FREQ=HOURLY"}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=DAILY;BYHOUR=9"}, "rrule", "recurrence_unsupported"),
    ({"rrule": "FREQ=DAILY;FREQ=DAILY"}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=WEEKLY;BYDAY=XX"}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=WEEKLY;BYDAY="}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=DAILY;COUNT=many"}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=DAILY;UNTIL=20270231T000000Z"}, "rrule", "invalid_request"),
    ({"rrule": ""}, "rrule", "recurrence_unsupported"),
    ({"rrule": 7}, "rrule", "invalid_request"),
    ({"rrule": "FREQ=DAILY;" * 100}, "rrule", "invalid_request"),
    ({"frequency": "weekly", "rrule": "FREQ=DAILY"}, "rrule", "invalid_request"),
]


@pytest.mark.parametrize(
    "members",
    [
        {"frequency": "WEEKLY", "byDay": ["MO", "FR"], "firstDayOfWeek": "SU"},
        {"frequency": "Weekly", "byDay": [{"day": "FR"}, {"day": "MO"}], "firstDayOfWeek": "su"},
        {"rrule": "FREQ=WEEKLY; BYDAY=MO, FR; WKST=SU;"},
        {"rrule": " RRULE:freq=weekly;byday=mo,fr;wkst=su"},
    ],
    ids=str,
)
def test_other_spellings_of_a_rule_are_read(members: dict[str, Any]) -> None:
    rule = parse_members(members).rule

    assert rule == RecurrenceRule("weekly", by_day=(NthWeekday("mo"), NthWeekday("fr")), first_day_of_week="su")


def test_nth_weekdays_may_be_as_in_rrule() -> None:
    rule = parse_members({"frequency": "monthly", "byDay": ["1FR", "-1mo"]}).rule

    assert rule is not None
    assert set(rule.by_day) == {NthWeekday("fr", 1), NthWeekday("mo", -1)}


def test_unknown_members_are_refused_with_the_accepted_ones() -> None:
    with pytest.raises(errors.InvalidRequest, match=r"a pattern has .*byDay, .*frequency"):
        parse_members({"type": "weekly", "daysOfWeek": [1]})


def test_until_in_a_dst_gap_round_trips() -> None:
    series = parse_members({"frequency": "weekly", "until": "2027-03-28T02:30:00", "timeZone": "Europe/Berlin"})

    assert parse_members(pattern.to_pattern(series)) == series


@pytest.mark.parametrize(
    ("members", "pointer", "code"), INVALID_PATTERNS, ids=[str(case[0]) for case in INVALID_PATTERNS]
)
def test_invalid_pattern_is_reported_with_its_pointer(members: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(errors.InvalidRequest) as excinfo:
        parse_members(members)

    assert excinfo.value.code == code, excinfo.value.detail
    assert excinfo.value.field_errors[0].pointer == f"/recurrencePattern/{pointer}"


@pytest.mark.parametrize(
    "members",
    [
        {"frequency": "weekly", "byDay": [{"day": "mo"}]},
        {"frequency": "monthly", "byMonthDay": [2]},
        {"frequency": "yearly", "byMonth": ["2"]},
        {"frequency": "monthly", "byDay": [{"day": "fr", "nthOfPeriod": 2}]},
        {"frequency": "daily", "until": "2026-12-31"},
    ],
)
def test_first_shift_must_match_the_rule(members: dict[str, Any]) -> None:
    with pytest.raises(
        pattern.RecurrenceStartMismatch, match="starts on Friday, 2027-01-01 at 09:00 in America/New_York"
    ):
        parse_members(members)
