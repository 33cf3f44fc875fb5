"""What grows with a customer: lists cost by the page, and much work leaves room for one shift."""

import cProfile
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

import pytest

from accounts.models import User
from config import dynamodb
from staffing.models import format_instant
from staffing.recurrence import conflicts, expand
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.schedules import availability, expansion, save
from staffing.schedules.availability_rows import StoredRow, build_rows, list_series_near
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter
from staffing.schedules.stored_series import StoredSeries
from tests.staffing.recurrence.test_conflicts import random_series
from tests.staffing.schedules.test_commands import PATH, schedule_body
from tests.support.bulk import delete_records, load_series, put_records
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.users import UserFixtures, create_user_fixtures, now, parse_problem

SINCE = datetime(2026, 2, 20, 5, tzinfo=UTC)


def list_by_full_expansion(series: dict[str, Series], schedule_filter: ScheduleFilter) -> list[tuple[str, str, str]]:
    """The sort keys of all shifts in a window, all expanded and sorted by text."""
    window = schedule_filter.window
    return sorted(
        (format_instant(shift.start), id, shift.recurrence_id.isoformat())
        for id, item in series.items()
        for shift in expand.iter_occurrences(item, *window)
    )


def test_only_rows_near_new_shifts_are_compared_with_them() -> None:
    rng = random.Random(7)
    zones = ["America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata"]
    build = partial(save.build_schedule, at=now(), customer_id="cus_x", location_id="x", details={})
    conflict_count = 0
    for _ in range(60):
        schedules = [build(random_series(rng, rng.choice(zones)), "usr_x") for _ in range(2)]
        schedules += [build(_random_shift(rng, rng.choice(zones)), "usr_x") for _ in range(100)]
        records = [row for schedule in schedules for row in build_rows([schedule])["usr_x"].values()]
        rows = [StoredRow(record.serialize()) for record in records]
        assert [(row.end, row.version, row.schedule_id, row.shifts, row.latest_end) for row in rows] == [
            (record.end, record.version, record.schedule_id, record.shifts, record.latest_end) for record in records
        ]
        new_shift = _random_shift(rng, rng.choice(zones))
        near = list_series_near(rows, new_shift.earliest_start, new_shift.latest_end)
        all_series = [(record.schedule_id, series) for record in records for series in record.series()]
        assert len(near) <= 25
        expected = conflicts.find_first_conflict([("new", new_shift)], all_series)
        assert conflicts.find_first_conflict([("new", new_shift)], near) == expected
        conflict_count += expected is not None
    assert 5 <= conflict_count <= 55


def _random_shift(rng: random.Random, zone: str) -> Series:
    start = datetime(2026, 3, 1) + timedelta(minutes=rng.randrange(120 * 24 * 60))
    return Series(start, start + timedelta(minutes=rng.randint(1, 60)), zone)


@pytest.mark.parametrize("count", [1, 30, 400])
@pytest.mark.parametrize("days", [1, 45])
def test_shifts_of_many_series_come_in_order_at_any_page(count: int, days: int) -> None:
    rng = random.Random(count)
    zones = ["America/New_York", "Europe/Berlin", "Asia/Kolkata"]
    schedules = [
        save.build_schedule(
            random_series(rng, rng.choice(zones)), "usr_x", at=now(), customer_id="cus_x", location_id="x", details={}
        )
        for _ in range(count)
    ]
    stored = [StoredSeries(item.serialize()) if n % 2 else item for n, item in enumerate(schedules)]
    schedule_filter = ScheduleFilter(location_id="x", since=SINCE, until=SINCE + timedelta(days=days))
    expected = list_by_full_expansion({item.id: item.series() for item in schedules}, schedule_filter)

    def iter_from(since: datetime) -> Iterator[Shift]:
        later = ScheduleFilter(location_id="x", since=since, until=schedule_filter.until)
        return expansion.iter_series_shifts(stored, later)

    assert [shift.sort_key for shift in iter_from(SINCE)] == expected
    for sort_key in rng.sample(expected, min(3, len(expected))):  # where a page ended, as its cursor says
        following = iter_from(max(SINCE, datetime.fromisoformat(sort_key[0])))
        keys = [shift.sort_key for shift in following if shift.sort_key > sort_key]
        assert keys == expected[expected.index(sort_key) + 1 :]


def test_a_page_of_shifts_costs_by_the_page_beside_many_series(record_figure: Callable[[str], None]) -> None:
    """The function calls of a page of 100, which are the same at each run."""
    build = partial(save.build_schedule, at=now(), customer_id="cus_x", location_id="x", details={})
    window = ScheduleFilter(location_id="x", since=SINCE, until=SINCE + timedelta(days=7))
    calls = []
    for count in (100, 1_000):
        starts = [datetime(2026, 1, 5, 6) + timedelta(days=n % 7, minutes=n // 7 * 5) for n in range(count)]
        weekly = [Series(at, at + timedelta(hours=8), "America/New_York", RecurrenceRule("weekly")) for at in starts]
        stored = [StoredSeries(build(series, "usr_x").serialize()) for series in weekly]
        profile = cProfile.Profile()
        for run in (None, profile):  # what a process finds out once is found out
            if run:
                run.enable()
            page = list(islice(expansion.iter_series_shifts(stored, window, count=101), 101))
            if run:
                run.disable()
        assert len(page) >= 100
        calls.append(sum(entry.callcount for entry in profile.getstats()))
    record_figure(f"function calls of a page of 100 shifts, beside 100 and 1,000 series: {calls}")
    assert calls[1] - calls[0] < 10 * (1_000 - 100), "a series that the page does not show costs ten calls"


def test_a_person_with_a_hundred_series_can_have_single_shifts(test_users: UserFixtures) -> None:
    """The limit of series is about series; single shifts have one of their own."""
    person = test_users.create_user()
    first = datetime(2031, 2, 3)
    series = [
        Series(start, start + timedelta(minutes=5), "America/New_York", RecurrenceRule("daily"))
        for start in (first + timedelta(minutes=10 * number) for number in range(availability.MAX_SERIES_PER_PERSON))
    ]
    load_series(test_users, person.id, series)
    single = schedule_body(test_users, "2031-02-05T20:00", "2031-02-05T22:00", staffId=person.id)

    assert test_users.ann.post(PATH, single).status_code == 201
    overlapping = test_users.ann.post(PATH, {**single, "startTime": "2031-02-05T10:02:00"})
    assert parse_problem(overlapping)["code"] == "schedule_clash"
    another = {**single, "startTime": "2031-02-06T20:00:00", "endTime": "2031-02-06T22:00:00"}
    refused = test_users.ann.post(PATH, {**another, "recurrencePattern": {"frequency": "weekly"}})
    assert (refused.status_code, parse_problem(refused)["code"]) == (409, "assignment_limit_exceeded")


def test_pages_and_checks_cost_the_same_whatever_there_is(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """A page of people, a conflict check and pages of shifts, beside a hundred and many more."""
    test_users = create_user_fixtures(env, web)
    assert test_users.ann.get("/userManagement").is_success, "what a process reads once is read"
    person, records = test_users.create_user(), list[dynamodb.Record]()
    some_user = dynamodb.get_record(User, person.id)
    assert some_user
    costs: list[list[tuple[int, float]]] = []
    for day, total in enumerate((100, 10_000 if IS_SCALE_RUN else 1_000)):
        numbers = range(len(records) // 3, total)
        people = [some_user.with_changes(id=f"usr_{number:026d}", name=f"Person {number}") for number in numbers]
        past = (datetime(2001, 1, 1, 9) + timedelta(hours=9 * number) for number in numbers)
        shifts = [Series(start, start + timedelta(hours=8), "America/New_York") for start in past]
        schedules = [
            save.build_schedule(
                item, person.id, at=now(), customer_id=person.customer_id, location_id=test_users.boston.id, details={}
            )
            for item in shifts
        ]
        rows = availability.plan_row_changes([], schedules)[person.id].written
        put_records([*people, *schedules, *rows])
        records += [*people, *schedules, *rows]
        start, end = f"2031-02-0{day + 3}T09:00", f"2031-02-0{day + 3}T17:00"
        queries_of_lists = {"locationId": test_users.boston.id, "from": f"{start}:00Z", "to": f"{end}:00Z"}
        costs.append([])
        for method, path, options in (
            ("GET", "/userManagement", {"params": {"limit": 50}}),
            ("POST", PATH, {"json": schedule_body(test_users, start, end, staffId=person.id)}),
            ("GET", PATH, {"params": queries_of_lists}),
            ("GET", PATH, {"params": {**queries_of_lists, "expand": "occurrences"}}),
        ):
            with env.apply_plan() as plan:
                response = test_users.ann.request(method, path, **options)
            assert response.is_success, response.text
            calls = [call for call in plan.calls if call.service == "dynamodb"]
            costs[-1].append((len(calls), sum(call.capacity for call in calls)))
    delete_records(records)
    record_figure(f"people, conflict check, schedules, shifts (calls, units), beside 100 and {total}: {costs}")
    for (calls, units), (calls_beside_many, units_beside_many) in zip(*costs, strict=True):
        assert calls == calls_beside_many
        assert abs(units - units_beside_many) <= 2
