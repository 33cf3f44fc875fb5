"""Shifts of up to 31 days in the tables: who is on duty, lists, pages, and what they cost."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from accounts.notifications import recipients
from config import costs
from staffing.models import Schedule
from staffing.notifications import text
from staffing.recurrence import expand, wall_clock
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.schedules import availability, on_duty, save
from tests.staffing.schedules.test_commands import PATH, create_schedule, put_schedule, schedule_body
from tests.staffing.schedules.test_listing import list_all
from tests.support.bulk import load_series, put_records
from tests.support.environment import Environment
from tests.support.users import UserFixtures, create_user_fixtures, parse_problem

ZONE = "America/New_York"
FIRST = datetime(2031, 3, 1, 9)


@pytest.fixture(scope="module")
def planned(env: Environment, web: str) -> tuple[UserFixtures, list[Schedule]]:
    """A location where 8 people have short and long shifts and series that overlap."""
    test_users = create_user_fixtures(env, web)
    rng = random.Random(5)
    schedules: list[Schedule] = []
    for _ in range(8):
        series = [build_random_series(rng) for _ in range(18)]
        schedules += load_series(test_users, test_users.create_user().id, series)
    return test_users, schedules


def build_random_series(rng: random.Random) -> Series:
    start = FIRST + timedelta(hours=rng.randrange(24 * 60))
    end = start + timedelta(hours=rng.choice([8, 24, 47, 48, 49, 24 * 7, rng.randrange(50, 24 * 31), 24 * 31]))
    if rng.random() < 0.6:
        return Series(start, end, ZONE)
    moved = RecurrenceException(start + timedelta(days=70), start + timedelta(days=70 + rng.randrange(1, 31)))
    rule = RecurrenceRule("weekly", interval=rng.choice([5, 6, 8]), until=start + timedelta(days=150))
    return Series(start, end, ZONE, rule, {start: moved} if rng.random() < 0.5 else {})


def test_everybody_is_on_duty_for_as_long_as_their_shift(
    planned: tuple[UserFixtures, list[Schedule]], record_figure: Callable[[str], None]
) -> None:
    test_users, schedules = planned
    shifts = [
        (schedule.staff_id, shift)
        for schedule in schedules
        for shift in expand.iter_occurrences(
            schedule.series(), datetime(2031, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
        )
    ]
    edges = {edge for _, shift in shifts for edge in (shift.start, shift.end)}
    moments = sorted({*edges, *(edge - timedelta(seconds=1) for edge in edges)})[::12]
    for at in moments:
        entries = on_duty.list_on_duty(test_users.boston.id, at, customer_id=test_users.customer.id)
        actual = sorted((entry.user.id, entry.shift.occurrence.start) for entry in entries)
        expected = sorted((staff_id, shift.start) for staff_id, shift in shifts if shift.start <= at < shift.end)
        assert actual == expected, at
    record_figure(f"on duty with shifts of up to 31 days: {len(moments)} moments as by brute force")


@pytest.mark.parametrize("limit", [20, 1000])
@pytest.mark.parametrize("window", [("2031-04-01", "2031-04-02"), ("2031-03-30", "2031-04-20")])
def test_windows_list_what_overlaps_them(
    planned: tuple[UserFixtures, list[Schedule]], limit: int, window: tuple[str, str]
) -> None:
    test_users, schedules = planned
    since, until = (wall_clock.to_instant(datetime.fromisoformat(day), ZONE) for day in window)
    expected = [
        (schedule.id, shift.start)
        for schedule in schedules
        for shift in expand.iter_occurrences(schedule.series(), since, until)
    ]
    query = {"locationId": test_users.boston.id, "from": since.isoformat(), "to": until.isoformat(), "limit": limit}
    listed = list_all(test_users.ann, **query)
    assert sorted(item["id"] for item in listed) == sorted({id for id, _ in expected})
    occurrences = list_all(test_users.ann, expand="occurrences", **query)
    actual = [(item["scheduleId"], datetime.fromisoformat(item["startTime"])) for item in occurrences]
    assert sorted(actual) == sorted(expected)
    assert [start for _, start in actual] == sorted(start for _, start in expected)


def test_reading_costs_the_same_with_planned_weeks(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """Neither past long shifts nor those that 40 people planned for a year cost anything."""
    test_users = create_user_fixtures(env, web)
    sue = test_users.create_user()
    put_records(load_series(test_users, sue.id, [Series(datetime(2031, 5, 5, 9), datetime(2031, 6, 5, 9), ZONE)]))
    at = datetime(2031, 6, 5, 12, 59, tzinfo=UTC)
    past = [FIRST - timedelta(weeks=number + 200) for number in range(150)]
    future = [FIRST + timedelta(weeks=number + 20) for number in range(52)]
    figures = []
    for person_count, starts in ((0, []), (1, past), (40, future)):
        weeks = [Series(start, start + timedelta(days=7), ZONE) for start in starts]
        for _ in range(person_count):
            load_series(test_users, test_users.create_user().id, weeks)
        with costs.measure() as cost:
            entries = on_duty.list_on_duty(test_users.boston.id, at, customer_id=test_users.customer.id)
        assert [entry.user.id for entry in entries] == [sue.id]
        assert entries[0].until == datetime(2031, 6, 5, 13, tzinfo=UTC)
        with env.apply_plan() as call_plan:
            listed = test_users.ann.get(f"/location/{test_users.boston.id}/on-duty", params={"at": at.isoformat()})
        assert [item["staffId"] for item in listed.json()["items"]] == [sue.id]
        figures.append((cost.round_trips, sum(call.capacity for call in call_plan.calls if call.service == "dynamodb")))
    record_figure(
        f"on duty (reads, capacity units of the request), 150 past and 2,080 planned weeks on call: {figures}"
    )
    assert figures[0][0] == 4, "three ranges at once, then the people"
    assert figures[0] == figures[1] == figures[2]


def test_long_shifts_are_limited_as_series_are(test_users: UserFixtures) -> None:
    sue = test_users.create_user()
    starts = [FIRST + timedelta(weeks=number) for number in range(availability.MAX_SERIES_PER_PERSON)]
    load_series(test_users, sue.id, [Series(start, start + timedelta(days=7), ZONE) for start in starts])
    refused = test_users.ann.post(
        PATH, schedule_body(test_users, "2030-02-04T09:00", "2030-02-11T09:00", staffId=sue.id)
    )
    assert (refused.status_code, parse_problem(refused)["code"]) == (409, "assignment_limit_exceeded")
    assert "more than two days" in parse_problem(refused)["detail"]
    create_schedule(test_users.ann, schedule_body(test_users, "2030-02-04T09:00", "2030-02-06T09:00", staffId=sue.id))


def test_calls_find_who_is_on_duty_at_a_location_with_as_many_series_as_it_may_have(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """A call has two seconds to read the rota; beyond 5,000 series the look-up was refused."""
    test_users = create_user_fixtures(env, web)
    sue = test_users.create_user()
    rule = RecurrenceRule("weekly")
    starts = [FIRST + timedelta(minutes=15 * (number % 672)) for number in range(save.MAX_SERIES_PER_LOCATION)]
    series = [Series(start, start + timedelta(minutes=15), ZONE, rule) for start in starts]
    customer_id, location_id = test_users.customer.id, test_users.boston.id
    _, *others = (
        save.build_schedule(
            item, sue.id, at=FIRST.astimezone(UTC), customer_id=customer_id, location_id=location_id, details={}
        )
        for item in series
    )
    put_records(others)
    body = schedule_body(test_users, "2031-03-03T09:00", "2031-03-03T10:00", recurrencePattern={"frequency": "weekly"})
    last = create_schedule(test_users.ann, body)
    refused = test_users.ann.post(PATH, {**body, "startTime": "2031-03-04T09:00", "endTime": "2031-03-04T10:00"})
    assert (refused.status_code, parse_problem(refused)["code"]) == (409, "assignment_limit_exceeded")
    assert "A location can have at most 4,000 series" in parse_problem(refused)["detail"]
    assert put_schedule(test_users.ann, last["id"], {"notes": "Bring keys"}).status_code == 200
    with costs.measure() as cost:
        entries = on_duty.list_on_duty(location_id, datetime(2031, 6, 2, 13, 30, tzinfo=UTC), customer_id=customer_id)
    assert {entry.user.id for entry in entries} == {sue.id, last["staffId"]}
    record_figure(f"on duty at a location with 4,000 series: {cost.cpu_seconds:.2f} CPU s, {cost.round_trips} reads")
    assert cost.cpu_seconds < 1.5


def test_a_shift_becomes_long_and_short_again(test_users: UserFixtures) -> None:
    sue = test_users.create_user()
    body = schedule_body(test_users, "2031-08-04T09:00", "2031-08-04T17:00", staffId=sue.id)
    id = create_schedule(test_users.ann, body)["id"]

    def list_on_duty(at: str) -> list[str]:
        actual = test_users.ann.get(f"/location/{test_users.boston.id}/on-duty", params={"at": at})
        return [item["staffId"] for item in actual.json()["items"] if item["staffId"] == sue.id]

    for end, expected in (("2031-09-04T09:00", [sue.id]), ("2031-08-04T17:00", [])):
        assert put_schedule(test_users.ann, id, {"endTime": end}).status_code == 200
        assert list_on_duty("2031-09-04T08:59") == expected
        assert list_on_duty("2031-08-04T12:00") == [sue.id]


@pytest.mark.parametrize("pattern", [None, {"frequency": "monthly", "interval": 2}])
def test_a_day_more_than_31_is_refused(test_users: UserFixtures, pattern: dict[str, object] | None) -> None:
    sue = test_users.create_user()
    fields = {"staffId": sue.id, **({"recurrencePattern": pattern} if pattern else {})}
    refused = test_users.ann.post(PATH, schedule_body(test_users, "2031-08-04T09:00", "2031-09-04T09:01", **fields))
    assert refused.status_code == 400
    assert parse_problem(refused)["errors"][0]["pointer"] == "/endTime"
    assert "31 days" in parse_problem(refused)["errors"][0]["detail"]
    accepted = test_users.ann.post(PATH, schedule_body(test_users, "2031-08-04T09:00", "2031-09-04T09:00", **fields))
    assert accepted.status_code == 201, accepted.text


def test_notifications_name_the_day_on_which_a_long_shift_ends(test_users: UserFixtures) -> None:
    recipient = recipients.get_recipient(test_users.sam.id)
    assert recipient
    start = datetime(2031, 8, 4, 13, tzinfo=UTC)
    week = text.format_time_range(start, start + timedelta(days=7), ZONE, recipient)
    assert ("Aug. 4, 2031" in week, "Aug. 11, 2031" in week, week.count("Monday")) == (True, True, 2), week
    day = text.format_time_range(start, start + timedelta(hours=8), ZONE, recipient)
    assert day.count("Monday") == 1, day
