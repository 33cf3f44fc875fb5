"""Calls against people on duty, by weekday and hour."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import starmap
from zoneinfo import ZoneInfo

import pytest

from accounts import locations
from config import costs
from telephony.calls import demand
from telephony.calls.demand import AnswerTimes, CountedCall, DemandHour
from telephony.calls.state.call_steps import CallEvent, CallStep
from tests.support.environment import Environment
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, create_shift, now, store_missed_call

ZONE = "America/New_York"


def instant(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE), fold=fold).astimezone(UTC)


def count(
    calls: list[tuple[datetime, str]] | list[CountedCall],
    shifts: list[tuple[datetime, datetime]],
    monday: str = "2027-02-01",
    weeks: int = 2,
) -> dict[tuple[int, int], DemandHour]:
    since = instant(f"{monday}T00:00")
    until = instant((datetime.fromisoformat(monday) + timedelta(weeks=weeks)).isoformat())
    hours = demand.count_by_hour(starmap(CountedCall, calls), shifts, since=since, until=until, zone=ZONE)
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
    slots = ((0, 9), (0, 10), (6, 23))
    counts = [(hours[s].calls, hours[s].answered, hours[s].missed, hours[s].voicemail) for s in slots]
    assert counts == [(2, 1, 1, 0), (1, 0, 0, 1), (1, 0, 0, 0)]
    assert [hours[slot].unanswered for slot in slots] == [1, 1, 0]
    assert sum(hour.calls for hour in hours.values()) == 4


def test_as_many_long_shifts_as_are_counted_take_little_time() -> None:
    """Shifts of a month took two seconds of CPU, as each hour of each was gone through."""
    since = instant("2027-02-01T00:00")
    starts = [since + timedelta(minutes=number) for number in range(demand.MAX_SHIFTS)]
    with costs.measure() as cost:
        hours = count([], [(start, start + timedelta(days=31)) for start in starts], weeks=demand.MAX_WEEKS)
    assert cost.cpu_seconds < 0.5
    # Mondays at 0:30: 30 people in the first week, all in the next four, then 4,210 of them.
    assert hours[0, 0].on_duty == pytest.approx((30 + 4 * 10_000 + 4_210) / 12, abs=1)


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


def test_times_to_answer_are_those_of_answered_calls() -> None:
    """Of ten calls, half waited 5 seconds at most, nine 9; the tenth waited for minutes."""
    calls = [CountedCall(instant("2027-02-01T09:10"), "answered", seconds) for seconds in (*range(1, 10), 300)]
    calls += [
        CountedCall(instant("2027-02-01T10:10"), "answered", 7),
        CountedCall(instant("2027-02-01T10:20"), "missed"),
    ]
    hours = count(calls, [])
    assert [hours[0, hour].seconds_to_answer for hour in (9, 10, 11)] == [
        AnswerTimes(5, 9), AnswerTimes(7, 7), AnswerTimes(),
    ]  # fmt: skip


def test_numbers_of_the_weeks_of_clock_changes() -> None:
    """By hand: 1:30 occurs twice on 1 November 2026 in New York; 2:30 never on 14 March 2027."""
    calls = [
        (instant("2026-11-01T01:30"), "answered"),
        (instant("2026-11-01T01:30", fold=1), "missed"),
        (instant("2026-11-01T02:30"), "missed"),
    ]
    shifts = [(instant("2026-11-01T00:00"), instant("2026-11-01T03:00"))]  # 4 hours
    hours = count(calls, shifts, "2026-10-26", weeks=1)
    numbers = {
        slot: (hour.calls, hour.answered, hour.missed, hour.on_duty) for slot, hour in hours.items() if slot[0] == 6
    }
    assert [numbers[6, hour] for hour in range(4)] == [(0, 0, 0, 1), (2, 1, 1, 1), (1, 0, 1, 1), (0, 0, 0, 0)]

    calls = [(instant("2027-03-14T01:59"), "missed"), (instant("2027-03-14T03:00"), "answered")]
    shifts = [(instant("2027-03-14T00:00"), instant("2027-03-14T04:00"))]  # 3 hours
    hours = count(calls, shifts, "2027-03-08", weeks=1)
    assert [(hours[6, hour].calls, hours[6, hour].on_duty) for hour in range(5)] == [
        (0, 1), (1, 1), (0, 0), (1, 1), (0, 0),
    ]  # fmt: skip


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
    assert (loaded.call_count, loaded.unanswered_count, loaded.is_cut, loaded.busiest) == (2, 1, False, 1)
    assert sum(hour.on_duty for hour in loaded.hours) == pytest.approx(4 / demand.WEEKS, abs=0.2)


def test_demand_over_the_api(test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]) -> None:
    """One call was answered after 12 seconds; that of a blocked caller does not count."""
    number = test_users.purchase_number()
    location = locations.get_location(str(number.number.location_id), actor=test_users.ann.actor)
    since, until = demand.find_window(now(), str(location.time_zone), 1)
    answered = store_missed_call(number, started_at=since + timedelta(hours=9))
    event = CallEvent(kind="accepted", at=(since + timedelta(hours=9, seconds=12)).isoformat(), who=test_users.sam.id)
    assert answered.record_answer(CallStep("accept", "open", 0), event)
    store_missed_call(number, started_at=since + timedelta(hours=9), outcome="blocked")
    store_missed_call(number, started_at=since - timedelta(minutes=1))
    path = f"/location/{location.id}/demand"
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        response = test_users.ann.get(f"{path}?weeks=1")
    body = response.json()
    assert (body["calls"], body["isCut"], body["timeZone"]) == (1, False, "America/New_York")
    assert [datetime.fromisoformat(body[name]) for name in ("from", "to")] == [since, until]
    assert len(body["hours"]) == 168
    (hour,) = [hour for hour in body["hours"] if hour["calls"]]
    day = ("mo", "tu", "we", "th", "fr", "sa", "su")[since.astimezone(ZoneInfo(ZONE)).weekday()]
    assert hour == {
        "day": day, "hour": 9, "calls": 1, "answered": 1, "missed": 0, "voicemail": 0,
        "secondsToAnswer": {"p50": 12, "p90": 12}, "onDuty": 0,
    }  # fmt: skip
    trips = count_sequential_trips([call for call in plan.calls if call.service == "dynamodb"])
    record_figure(f"demand of a location: {trips} sequential trips")
    assert trips <= 3
    for weeks in ("0", "13", "1.5", "x", "9" * 5_000):
        assert test_users.ann.get(f"{path}?weeks={weeks}").status_code == 400
    assert test_users.sam.get(path).status_code == 403
