"""Schedule lists: ranges, occurrences, pages, on-duty lists, and costs on large tables."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from config import dynamodb
from staffing.models import Schedule, to_attributes
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from staffing.schedules import expansion, queries
from tests.staffing.schedules.test_commands import PATH, WEEKLY, create_schedule, put_schedule, schedule_body
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.users import SignedInUser, UserFixtures, create_user_fixtures, parse_problem

FROM, TO = "2031-06-02T00:00:00Z", "2031-06-09T00:00:00Z"


@pytest.fixture(scope="module")
def june(env: Environment, web: str) -> UserFixtures:
    """Test users with series and single shifts around a week of June 2031."""
    test_users = create_user_fixtures(env, web)
    for n in range(7):  # 30 May to 5 June
        day = datetime(2031, 5, 30, 9) + timedelta(days=n)
        end = day + timedelta(hours=8)
        create_schedule(test_users.ann, schedule_body(test_users, day.isoformat(), end.isoformat()))
    daily = {"frequency": "daily", "until": "2031-06-04"}
    ended = {"frequency": "daily", "until": "2031-05-20"}
    later_pattern = {"frequency": "weekly"}
    yearly = {"frequency": "yearly"}
    for start, pattern in (
        ("2031-05-01T18:00", daily),
        ("2031-05-01T20:00", ended),
        ("2031-07-07T22:00", later_pattern),
        ("2031-02-07T20:00", yearly),
    ):
        starts_at = datetime.fromisoformat(start)
        end = starts_at + timedelta(hours=1)
        create_schedule(test_users.mia, schedule_body(test_users, start, end.isoformat(), recurrencePattern=pattern))
    return test_users


def list_all(person: SignedInUser, **query: Any) -> list[dict[str, Any]]:
    """Fetch all pages of a list."""
    items: list[dict[str, Any]] = []
    for _ in range(300):
        response = person.get(PATH, params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["items"]) <= query.get("limit", 1000)
        items += page["items"]
        if page["nextCursor"] is None:
            return items
        query["cursor"] = page["nextCursor"]
    raise AssertionError("the list does not end")


def test_range_lists_schedules_with_a_shift_in_it(june: UserFixtures) -> None:
    range_query = {"from": FROM, "to": TO}
    all_schedules = list_all(june.ann, locationId=june.boston.id)
    week_schedules = list_all(june.ann, locationId=june.boston.id, **range_query)

    assert len(all_schedules) == 11
    starts = [item["startTime"][5:16] for item in week_schedules]
    assert starts == ["06-02T09:00", "06-03T09:00", "06-04T09:00", "06-05T09:00", "05-01T18:00"]
    schedules_of_sam = list_all(june.ann, customerId=june.customer.id, staffId=june.sam.id, **range_query)
    assert {item["id"] for item in schedules_of_sam} == {item["id"] for item in week_schedules}
    assert list_all(june.ann, locationId=june.denver.id) == []


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 1000])
@pytest.mark.parametrize("filter_name", ["location", "customer", "person"])
def test_pages_of_any_size_list_each_schedule_once(june: UserFixtures, filter_name: str, limit: int) -> None:
    filter_query = {
        "location": {"locationId": june.boston.id},
        "customer": {"customerId": june.customer.id},
        "person": {"customerId": june.customer.id, "staffId": june.sam.id},
    }[filter_name]
    for range_query in ({}, {"from": FROM, "to": TO}, {"from": FROM}, {"to": FROM}):
        all_ids = [item["id"] for item in list_all(june.ann, **filter_query, **range_query)]
        paged = [item["id"] for item in list_all(june.ann, **filter_query, **range_query, limit=limit)]
        assert paged == all_ids
        assert len(set(paged)) == len(paged)
    occurrences_query = {"from": FROM, "to": TO, "expand": "occurrences"}
    shifts = list_all(june.ann, **filter_query, **occurrences_query)
    paged = list_all(june.ann, **filter_query, **occurrences_query, limit=limit)
    assert [(item["startTime"], item["scheduleId"]) for item in paged] == [
        (item["startTime"], item["scheduleId"]) for item in shifts
    ]
    instants = [datetime.fromisoformat(item["startTime"]) for item in shifts]
    assert instants == sorted(instants)
    assert len(shifts) == 4 + 3, "single shifts, and a series until 4 June"


def test_shifts_in_progress_at_the_range_start_are_listed(june: UserFixtures) -> None:
    query = {"locationId": june.boston.id, "expand": "occurrences"}
    items = list_all(june.ann, **query, **{"from": "2031-06-02T16:00:00Z", "to": "2031-06-02T16:00:01Z"})
    assert [item["startTime"] for item in items] == ["2031-06-02T09:00:00-04:00"]
    after_end_query = {"from": "2031-06-02T21:00:00Z", "to": "2031-06-02T21:30:00Z"}
    assert list_all(june.ann, **query, **after_end_query) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"expand": "occurrences"}, "?from"),
        ({"expand": "occurrences", "from": FROM}, "?from"),
        ({"expand": "occurrences", "from": FROM, "to": "2032-07-20T00:00:00Z"}, "?to"),
        ({"expand": "everything"}, "?expand"),
        ({"from": TO, "to": FROM}, "?to"),
        ({"from": "2031-06-02", "to": "2031-06-02T00:00"}, "?to"),
        ({"from": "2031-06-02T04:00:00Z", "to": "2031-06-02"}, "?to"),
        ({"from": "2031-02-30"}, "?from"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "?from"),
        ({"from": "0001-01-01T00:00:00Z"}, "?from"),
        ({"to": "9999-12-31T23:59:59Z"}, "?to"),
        ({"from": "yesterday"}, "?from"),
        ({"limit": "0"}, "?limit"),
    ],
)
def test_invalid_list_query_is_rejected(june: UserFixtures, query: dict[str, str], pointer: str) -> None:
    response = june.ann.get(PATH, params={"locationId": june.boston.id, **query})
    assert response.status_code == 400, response.text
    assert parse_problem(response)["errors"][0]["pointer"] == pointer


def test_range_may_be_local_where_the_time_zone_is_known(june: UserFixtures) -> None:
    """A date is its midnight in Boston; the last day is exclusive."""
    query = {"expand": "occurrences", "locationId": june.boston.id}
    days = list_all(june.ann, **query, **{"from": "2031-06-02", "to": "2031-06-04"})
    assert [item["startTime"][5:16] for item in days] == ["06-02T09:00", "06-02T18:00", "06-03T09:00", "06-03T18:00"]
    evening = list_all(june.ann, **query, **{"from": "2031-06-02T17:00", "to": "2031-06-03T13:00:00Z"}, limit=1)
    assert [item["startTime"][5:16] for item in evening] == ["06-02T18:00"]

    customer_query = {"customerId": june.customer.id, "from": "2031-06-02", "to": "2031-06-03"}
    response = june.ann.get(PATH, params=customer_query)
    assert response.status_code == 400
    assert parse_problem(response)["errors"][0]["code"] == "time_zone_unknown"
    assert june.ann.patch("/customer", {"settings": {"timeZone": "America/New_York"}}).status_code == 200
    starts = [item["startTime"][5:16] for item in list_all(june.ann, **customer_query, expand="occurrences")]
    assert starts == ["06-02T09:00", "06-02T18:00"]
    assert june.ann.patch("/customer", {"settings": {"timeZone": None}}).status_code == 200


def test_cursor_is_valid_only_for_its_own_list(june: UserFixtures) -> None:
    query = {"locationId": june.boston.id, "limit": 1}
    cursor = june.ann.get(PATH, params=query).json()["nextCursor"]
    for person, other_query in (
        (june.abe, query),
        (june.ann, {**query, "locationId": june.denver.id}),
        (june.ann, {**query, "expand": "occurrences", "from": FROM, "to": TO}),
    ):
        assert person.get(PATH, params={**other_query, "cursor": cursor}).status_code == 400


# --- on duty --------------------------------------------------------------------------------------
def list_on_duty(person: SignedInUser, location_id: str, at: str) -> list[tuple[str, str, str]]:
    response = person.get(f"/location/{location_id}/on-duty", params={"at": at})
    assert response.status_code == 200, response.text
    return [(item["name"], item["until"], item["reason"]) for item in response.json()["items"]]


def test_on_duty_shows_person_end_and_reason(env: Environment, web: str) -> None:
    test_users = create_user_fixtures(env, web)
    sue, kim, away_user = (
        test_users.create_user(name="Sue"),
        test_users.create_user(name="Kim"),
        test_users.create_user(name="Away"),
    )
    night = {"locationId": test_users.boston.id, "recurrencePattern": {"frequency": "daily"}}
    id = create_schedule(
        test_users.ann, schedule_body(test_users, "2031-03-01T22:00", "2031-03-02T06:00", staffId=sue.id, **night)
    )["id"]
    create_schedule(
        test_users.ann, schedule_body(test_users, "2031-03-09T01:00", "2031-03-09T09:00", staffId=away_user.id)
    )
    occurrence_query = {"scope": "occurrence", "recurrenceId": "2031-03-08T22:00:00"}
    at = "2031-03-09T06:30:00Z"  # 01:30 in Boston; DST starts at 02:00

    regular = list_on_duty(test_users.sam, test_users.boston.id, at)
    assert regular == [
        ("Sue", "2031-03-09T06:00:00-04:00", "scheduled"),
        ("Away", "2031-03-09T09:00:00-04:00", "scheduled"),
    ]
    assert put_schedule(test_users.mia, id, {"staffId": kim.id}, **occurrence_query).status_code == 200
    assert list_on_duty(test_users.sam, test_users.boston.id, at)[0] == ("Kim", "2031-03-09T06:00:00-04:00", "covering")
    changes = {"staffId": sue.id, "startTime": "2031-03-09T00:30", "endTime": "2031-03-09T01:45"}
    assert put_schedule(test_users.mia, id, changes, **occurrence_query).status_code == 200
    assert list_on_duty(test_users.sam, test_users.boston.id, at)[0] == ("Sue", "2031-03-09T01:45:00-05:00", "moved")
    blocked = {"id": away_user.id, "status": "blocked"}
    assert test_users.ann.patch("/userManagement", blocked).status_code == 200
    assert [name for name, *_ in list_on_duty(test_users.sam, test_users.boston.id, at)] == ["Sue"]
    assert [name for name, *_ in list_on_duty(test_users.sam, test_users.boston.id, "2031-03-09T01:30")] == ["Sue"]
    after_end = list_on_duty(test_users.sam, test_users.boston.id, "2031-03-09T06:45:00Z")
    assert after_end == [], "the end is exclusive"
    assert test_users.mia.get(f"/location/{test_users.denver.id}/on-duty").status_code == 403
    assert test_users.sam.get(f"/location/{test_users.boston.id}/on-duty").json()["items"] == []


# --- costs ----------------------------------------------------------------------------------------
@pytest.fixture
def delete_bulk_schedules() -> Iterator[None]:
    """Delete the bulk schedules afterwards, as other tests scan whole tables."""
    yield
    table = Schedule.table_name()
    for items in dynamodb.iter_pages("Scan", TableName=table, ProjectionExpression="id"):
        ids = [item["id"] for item in items if item["id"]["S"].startswith(("sch_0000", "sch_m"))]
        for start in range(0, len(ids), 25):
            delete_requests = [{"DeleteRequest": {"Key": {"id": id}}} for id in ids[start : start + 25]]
            dynamodb.call("BatchWriteItem", RequestItems={table: delete_requests})


def write_bulk_schedules(test_users: UserFixtures, count: int, *, staff: User) -> None:
    """Write schedules of Boston straight to the table: only their number matters.

    Three in four are past single shifts; the others are series, most of which have ended.
    """
    puts = []
    for number in range(count):
        day = datetime(2010, 1, 4, 9) + timedelta(days=number % 5000)
        rule = RecurrenceRule("weekly", by_day=(NthWeekday("mo"),), until=day + timedelta(days=200))
        series = Series(day, day + timedelta(hours=8), "America/New_York", rule if number % 4 == 0 else None)
        schedule = Schedule(
            id=f"sch_{number:026d}",
            customer_id=test_users.customer.id,
            location_id=test_users.boston.id,
            staff_id=staff.id,
            created_at=datetime.now(UTC),
            updated_at=datetime.now(UTC),
            version=1,
            **to_attributes(series),
        )
        puts.append({"PutRequest": {"Item": schedule.serialize()}})
    for start in range(0, len(puts), 25):
        requests = {Schedule.table_name(): puts[start : start + 25]}
        dynamodb.call("BatchWriteItem", RequestItems=requests)


@pytest.mark.usefixtures("delete_bulk_schedules")
def test_cost_of_a_week_does_not_grow_with_ended_schedules(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    test_users = create_user_fixtures(env, web)
    staff = test_users.create_user()
    for n in range(7):
        day = datetime(2031, 6, 2, 9) + timedelta(days=n)
        create_schedule(
            test_users.ann, schedule_body(test_users, day.isoformat(), (day + timedelta(hours=8)).isoformat())
        )
    create_schedule(
        test_users.ann, schedule_body(test_users, "2031-06-02T18:00", "2031-06-02T20:00", recurrencePattern=WEEKLY)
    )
    base_count = 10_000 if IS_SCALE_RUN else 200
    costs_by_count = {}
    for schedule_count in (base_count, 20 * base_count):
        write_bulk_schedules(test_users, schedule_count, staff=staff)
        costs = []
        for more in ({}, {"expand": "occurrences"}):
            query = {"locationId": test_users.boston.id, "from": FROM, "to": TO, **more}
            with env.apply_plan() as call_plan:
                response = test_users.ann.get(PATH, params=query)
            assert len(response.json()["items"]) == 8, response.text
            calls = [call for call in call_plan.calls if call.service == "dynamodb"]
            costs.append((len(calls), sum(call.capacity for call in calls)))
        costs_by_count[schedule_count] = costs
    record_figure(f"a week of a location, list and shifts (calls, capacity units) by schedules: {costs_by_count}")
    first, last = costs_by_count.values()
    assert first == last


@pytest.mark.usefixtures("delete_bulk_schedules")
def test_thousand_series_expand_over_a_month_quickly(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    test_users = create_user_fixtures(env, web)
    days = tuple(NthWeekday(day) for day in ("mo", "we", "fr"))
    puts = []
    for n in range(1000):
        start = datetime(2012, 1, 2, n % 24)
        series = Series(start, start + timedelta(hours=1), "America/New_York", RecurrenceRule("weekly", by_day=days))
        schedule = Schedule(
            id=f"sch_m{n:025d}",
            customer_id=test_users.customer.id,
            location_id=test_users.boston.id,
            staff_id=test_users.sam.id,
            created_at=datetime.now(UTC),
            updated_at=datetime.now(UTC),
            version=1,
            **to_attributes(series),
        )
        puts.append({"PutRequest": {"Item": schedule.serialize()}})
    for n in range(0, 1000, 25):
        dynamodb.call("BatchWriteItem", RequestItems={Schedule.table_name(): puts[n : n + 25]})
    query = queries.ScheduleFilter(
        location_id=test_users.boston.id, since=datetime(2031, 6, 1, tzinfo=UTC), until=datetime(2031, 7, 1, tzinfo=UTC)
    )
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        occurrences = list(expansion.iter_series_shifts(queries.query_series(query), query))
        seconds.append(time.thread_time() - started)
    assert len(occurrences) > 12_000
    record_figure(f"1,000 series of one location, read and expanded over a month: {min(seconds):.2f} CPU s")
    assert min(seconds) < 1
