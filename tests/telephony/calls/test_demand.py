"""Calls against people on duty, by weekday and hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts import locations
from telephony.calls import demand
from telephony.calls.demand import DemandHour
from tests.support.users import UserFixtures, create_shift, now, store_missed_call

ZONE = "America/New_York"


def instant(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE), fold=fold).astimezone(UTC)


def count(
    calls: list[tuple[datetime, str]],
    shifts: list[tuple[datetime, datetime]],
    monday: str = "2027-02-01",
    weeks: int = 2,
) -> dict[tuple[int, int], DemandHour]:
    since = instant(f"{monday}T00:00")
    until = instant((datetime.fromisoformat(monday) + timedelta(weeks=weeks)).isoformat())
    hours = demand.count_by_hour(calls, shifts, since=since, until=until, zone=ZONE)
    assert len(hours) == 168
    return {(hour.weekday, hour.hour): hour for hour in hours}


def test_calls_are_counted_by_the_clock_of_the_location() -> None:
    calls = [
        (instant("2027-02-01T09:59"), "answered"),
        (instant("2027-02-08T09:00"), "missed"),
        (instant("2027-02-08T10:00"), "voicemail"),
        (instant("2027-02-07T23:30"), "closed"),
    ]
    hours = count(calls, [])
    assert [(hours[slot].calls, hours[slot].missed) for slot in ((0, 9), (0, 10), (6, 23))] == [(2, 1), (1, 1), (1, 0)]
    assert sum(hour.calls for hour in hours.values()) == 4


@pytest.mark.parametrize(
    ("shifts", "slot", "expected"),
    [
        ([("2027-02-01T09:00", "2027-02-01T17:00")], (0, 9), 0.5),  # in one of two weeks
        ([("2027-02-01T09:00", "2027-02-01T17:00"), ("2027-02-08T09:00", "2027-02-08T17:00")], (0, 16), 1),
        ([("2027-02-01T09:00", "2027-02-01T17:00"), ("2027-02-08T09:00", "2027-02-08T17:00")], (0, 17), 0),
        ([("2027-02-02T09:30", "2027-02-02T10:00")] * 4, (1, 9), 1),  # four people for half an hour, once
        ([("2027-01-20T09:00", "2027-03-20T09:00")], (6, 23), 1),  # longer than the window
        ([("2027-01-31T22:00", "2027-02-01T06:00")], (0, 5), 0.5),  # the night before
    ],
)
def test_people_on_duty_are_an_average(shifts: list[tuple[str, str]], slot: tuple[int, int], expected: float) -> None:
    spans = [(instant(start), instant(end)) for start, end in shifts]
    assert count([], spans)[slot].on_duty == expected


@pytest.mark.parametrize("monday", ["2027-03-08", "2026-10-26"])
def test_clock_changes_keep_hours_apart(monday: str) -> None:
    """On the Sunday of a clock change an hour is missing, or occurs twice."""
    start = datetime.fromisoformat(monday)
    days = [start + timedelta(days=number) for number in range(7)]
    spans = [(instant(f"{day.date()}T08:00"), instant(f"{day.date()}T12:00")) for day in days]
    hours = count([], spans, monday, weeks=1)
    assert {slot for slot, hour in hours.items() if hour.on_duty} == {
        (day, hour) for day in range(7) for hour in range(8, 12)
    }
    assert {hour.on_duty for hour in hours.values()} == {0, 1}


def test_demand_of_a_location_is_that_of_whole_weeks_until_yesterday(test_users: UserFixtures) -> None:
    number = test_users.purchase_number()
    location = locations.get_location(str(number.number.location_id), actor=test_users.ann.actor)
    since, until = demand.find_window(now(), str(location.time_zone), demand.WEEKS)
    for at, outcome in (
        (since, "missed"),
        (until - timedelta(minutes=1), "answered"),
        (until, "missed"),
        (since - timedelta(minutes=1), "missed"),
    ):
        store_missed_call(number, started_at=at, outcome=outcome)
    start = since.astimezone(ZoneInfo(str(location.time_zone))).replace(tzinfo=None)
    create_shift(
        test_users.ann.actor,
        location,
        test_users.sam.id,
        start=start,
        end=start + timedelta(hours=4),
        allow_overlap=True,
    )
    loaded = demand.load_demand(location, at=now())
    assert (loaded.call_count, loaded.missed_count, loaded.is_cut, loaded.busiest) == (2, 1, False, 1)
    assert sum(hour.on_duty for hour in loaded.hours) == pytest.approx(4 / demand.WEEKS, abs=0.2)
