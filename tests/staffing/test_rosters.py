"""Rosters: windows, single shifts, pages, and what they cost however much the table holds."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from config import dynamodb
from staffing.models import Schedule, told
from staffing.recurrence.expand import Day, Rule, Series
from staffing.schedules import queries
from tests.conftest import Cast, Person, make_cast, problem
from tests.staffing.test_schedules import PATH, WEEKLY, body, plan, put
from tests.support.environment import SCALE, World

FROM, TO = "2031-06-02T00:00:00Z", "2031-06-09T00:00:00Z"


@pytest.fixture(scope="module")
def june(world: World, web: str) -> Cast:
    """Two people with series and single shifts around a week of June 2031."""
    cast = make_cast(world, web)
    for n in range(7):  # 30 May to 5 June
        day = datetime(2031, 5, 30, 9) + timedelta(days=n)
        end = day + timedelta(hours=8)
        plan(cast.ann, body(cast, day.isoformat(), end.isoformat()))
    daily = {"frequency": "daily", "until": "2031-06-04"}
    ended = {"frequency": "daily", "until": "2031-05-20"}
    later = {"frequency": "weekly"}
    yearly = {"frequency": "yearly"}
    for start, pattern in (
        ("2031-05-01T18:00", daily),
        ("2031-05-01T20:00", ended),
        ("2031-07-07T22:00", later),
        ("2031-02-07T20:00", yearly),
    ):
        at = datetime.fromisoformat(start)
        end = at + timedelta(hours=1)
        plan(cast.mia, body(cast, start, end.isoformat(), recurrencePattern=pattern))
    return cast


def listed(who: Person, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    for _ in range(300):
        answer = who.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= query.get("limit", 1000)
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        query["cursor"] = page["nextCursor"]
    raise AssertionError("the list does not end")


def test_a_window_shows_what_has_a_shift_in_it(june: Cast) -> None:
    window = {"from": FROM, "to": TO}
    whole = listed(june.ann, locationId=june.boston.id)
    week = listed(june.ann, locationId=june.boston.id, **window)

    assert len(whole) == 11
    starts = [one["startTime"][5:16] for one in week]
    assert starts == ["06-02T09:00", "06-03T09:00", "06-04T09:00", "06-05T09:00", "05-01T18:00"]
    of_sam = listed(june.ann, customerId=june.customer.id, staffId=june.sam.id, **window)
    assert {one["id"] for one in of_sam} == {one["id"] for one in week}
    assert listed(june.ann, locationId=june.denver.id) == []


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 1000])
@pytest.mark.parametrize("by", ["location", "customer", "person"])
def test_every_page_size_shows_each_once(june: Cast, by: str, limit: int) -> None:
    which = {
        "location": {"locationId": june.boston.id},
        "customer": {"customerId": june.customer.id},
        "person": {"customerId": june.customer.id, "staffId": june.sam.id},
    }[by]
    for more in ({}, {"from": FROM, "to": TO}, {"from": FROM}, {"to": FROM}):
        whole = [one["id"] for one in listed(june.ann, **which, **more)]
        paged = [one["id"] for one in listed(june.ann, **which, **more, limit=limit)]
        assert paged == whole
        assert len(set(paged)) == len(paged)
    spread = {"from": FROM, "to": TO, "expand": "occurrences"}
    shifts = listed(june.ann, **which, **spread)
    paged = listed(june.ann, **which, **spread, limit=limit)
    assert [(one["startTime"], one["scheduleId"]) for one in paged] == [
        (one["startTime"], one["scheduleId"]) for one in shifts
    ]
    instants = [datetime.fromisoformat(one["startTime"]) for one in shifts]
    assert instants == sorted(instants)
    assert len(shifts) == 4 + 3, "single ones, and a series until 4 June"


def test_shifts_that_are_on_at_the_beginning_are_shown(june: Cast) -> None:
    query = {"locationId": june.boston.id, "expand": "occurrences"}
    found = listed(
        june.ann, **query, **{"from": "2031-06-02T16:00:00Z", "to": "2031-06-02T16:00:01Z"}
    )
    assert [one["startTime"] for one in found] == ["2031-06-02T09:00:00-04:00"]
    ended = {"from": "2031-06-02T21:00:00Z", "to": "2031-06-02T21:30:00Z"}
    assert listed(june.ann, **query, **ended) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"expand": "occurrences"}, "?from"),
        ({"expand": "occurrences", "from": FROM}, "?from"),
        ({"expand": "occurrences", "from": FROM, "to": "2032-07-20T00:00:00Z"}, "?to"),
        ({"expand": "everything"}, "?expand"),
        ({"from": TO, "to": FROM}, "?to"),
        ({"from": "0001-01-01T00:00:00Z"}, "?from"),
        ({"to": "9999-12-31T23:59:59Z"}, "?to"),
        ({"from": "yesterday"}, "?from"),
        ({"limit": "0"}, "?limit"),
    ],
)
def test_a_list_is_refused_that_asks(june: Cast, query: dict[str, str], pointer: str) -> None:
    answer = june.ann.get(PATH, params={"locationId": june.boston.id, **query})
    assert answer.status_code == 400, answer.text
    assert problem(answer)["errors"][0]["pointer"] == pointer


def test_a_cursor_opens_the_list_it_is_of_alone(june: Cast) -> None:
    query = {"locationId": june.boston.id, "limit": 1}
    cursor = june.ann.get(PATH, params=query).json()["nextCursor"]
    for who, other in (
        (june.abe, query),
        (june.ann, {**query, "locationId": june.denver.id}),
        (june.ann, {**query, "expand": "occurrences", "from": FROM, "to": TO}),
    ):
        assert who.get(PATH, params={**other, "cursor": cursor}).status_code == 400


# --- who is on duty -------------------------------------------------------------------------------
def on_duty(who: Person, location_id: str, at: str) -> list[tuple[str, str, str]]:
    answer = who.get(f"/location/{location_id}/on-duty", params={"at": at})
    assert answer.status_code == 200, answer.text
    return [(one["name"], one["until"], one["reason"]) for one in answer.json()["items"]]


def test_who_is_on_duty_until_when_and_why(world: World, web: str) -> None:
    cast = make_cast(world, web)
    sue, kim, away = cast.fresh(name="Sue"), cast.fresh(name="Kim"), cast.fresh(name="Away")
    night = {"locationId": cast.boston.id, "recurrencePattern": {"frequency": "daily"}}
    id = plan(
        cast.ann, body(cast, "2031-03-01T22:00", "2031-03-02T06:00", staffId=sue.id, **night)
    )["id"]
    plan(cast.ann, body(cast, "2031-03-09T01:00", "2031-03-09T09:00", staffId=away.id))
    one = {"scope": "occurrence", "recurrenceId": "2031-03-08T22:00:00"}
    at = "2031-03-09T06:30:00Z"  # 01:30 in Boston; the clock jumps at 02:00

    regular = on_duty(cast.sam, cast.boston.id, at)
    assert regular == [
        ("Sue", "2031-03-09T06:00:00-04:00", "scheduled"),
        ("Away", "2031-03-09T09:00:00-04:00", "scheduled"),
    ]
    assert put(cast.mia, id, {"staffId": kim.id}, **one).status_code == 200
    assert on_duty(cast.sam, cast.boston.id, at)[0] == (
        "Kim",
        "2031-03-09T06:00:00-04:00",
        "covering",
    )
    moved = {"staffId": sue.id, "startTime": "2031-03-09T00:30", "endTime": "2031-03-09T01:45"}
    assert put(cast.mia, id, moved, **one).status_code == 200
    assert on_duty(cast.sam, cast.boston.id, at)[0] == ("Sue", "2031-03-09T01:45:00-05:00", "moved")
    blocked = {"id": away.id, "status": "blocked"}
    assert cast.ann.patch("/userManagement", blocked).status_code == 200
    assert [name for name, *_ in on_duty(cast.sam, cast.boston.id, at)] == ["Sue"]
    ended = on_duty(cast.sam, cast.boston.id, "2031-03-09T06:45:00Z")
    assert ended == [], "an end is the first moment off duty"
    assert cast.mia.get(f"/location/{cast.denver.id}/on-duty").status_code == 403
    assert cast.sam.get(f"/location/{cast.boston.id}/on-duty").json()["items"] == []


# --- costs ----------------------------------------------------------------------------------------
@pytest.fixture
def cleared() -> Iterator[None]:
    """What was written past the product goes again: other tests read whole tables."""
    yield
    table = Schedule.table_name()
    for items in dynamodb.pages("Scan", TableName=table, ProjectionExpression="id"):
        ids = [item["id"] for item in items if item["id"]["S"].startswith(("sch_0000", "sch_m"))]
        for start in range(0, len(ids), 25):
            gone = [{"DeleteRequest": {"Key": {"id": id}}} for id in ids[start : start + 25]]
            dynamodb.call("BatchWriteItem", RequestItems={table: gone})


def filled(cast: Cast, many: int, *, staff: User) -> None:
    """More schedules of the location, written past the product: only their number matters.

    Three in four are single shifts of years past; the others series, of which all but some have
    ended.
    """
    puts = []
    for n in range(many):
        day = datetime(2010, 1, 4, 9) + timedelta(days=n % 5000)
        rule = Rule("weekly", by_day=(Day("mo"),), until=day + timedelta(days=200))
        series = Series(
            day, day + timedelta(hours=8), "America/New_York", rule if n % 4 == 0 else None
        )
        made = Schedule(
            id=f"sch_{n:026d}",
            customer_id=cast.customer.id,
            location_id=cast.boston.id,
            staff_id=staff.id,
            created_at=datetime.now(UTC),
            updated_at=datetime.now(UTC),
            version=1,
            **told(series),
        )
        puts.append({"PutRequest": {"Item": made.serialize()}})
    for start in range(0, len(puts), 25):
        requests = {Schedule.table_name(): puts[start : start + 25]}
        dynamodb.call("BatchWriteItem", RequestItems=requests)


@pytest.mark.usefixtures("cleared")
def test_a_week_costs_the_same_however_many_have_ended(
    world: World, web: str, say: Callable[[str], None]
) -> None:
    cast = make_cast(world, web)
    staff = cast.fresh()
    for n in range(7):
        day = datetime(2031, 6, 2, 9) + timedelta(days=n)
        plan(cast.ann, body(cast, day.isoformat(), (day + timedelta(hours=8)).isoformat()))
    plan(
        cast.ann,
        body(cast, "2031-06-02T18:00", "2031-06-02T20:00", recurrencePattern=WEEKLY),
    )
    few = 10_000 if SCALE else 200
    told_by = {}
    for many in (few, 20 * few):
        filled(cast, many, staff=staff)
        costs = []
        for more in ({}, {"expand": "occurrences"}):
            query = {"locationId": cast.boston.id, "from": FROM, "to": TO, **more}
            with world.plan() as planned:
                answer = cast.ann.get(PATH, params=query)
            assert len(answer.json()["items"]) == 8, answer.text
            calls = [call for call in planned.calls if call.service == "dynamodb"]
            costs.append((len(calls), sum(call.capacity for call in calls)))
        told_by[many] = costs
    say(f"a week of one location (calls, units; list and shifts), by schedules there: {told_by}")
    first, last = told_by.values()
    assert first == last


@pytest.mark.usefixtures("cleared")
def test_a_thousand_series_of_a_month_are_quick(
    world: World, web: str, say: Callable[[str], None]
) -> None:
    cast = make_cast(world, web)
    days = tuple(Day(day) for day in ("mo", "we", "fr"))
    puts = []
    for n in range(1000):
        start = datetime(2012, 1, 2, n % 24)
        series = Series(
            start, start + timedelta(hours=1), "America/New_York", Rule("weekly", by_day=days)
        )
        made = Schedule(
            id=f"sch_m{n:025d}",
            customer_id=cast.customer.id,
            location_id=cast.boston.id,
            staff_id=cast.sam.id,
            created_at=datetime.now(UTC),
            updated_at=datetime.now(UTC),
            version=1,
            **told(series),
        )
        puts.append({"PutRequest": {"Item": made.serialize()}})
    for n in range(0, 1000, 25):
        dynamodb.call("BatchWriteItem", RequestItems={Schedule.table_name(): puts[n : n + 25]})
    wish = queries.Wish(
        location_id=cast.boston.id,
        since=datetime(2031, 6, 1, tzinfo=UTC),
        until=datetime(2031, 7, 1, tzinfo=UTC),
    )
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        found = list(queries.expanded(queries.alive(wish), wish))
        seconds.append(time.perf_counter() - began)
    assert len(found) > 12_000
    say(f"1,000 series of one location, read and expanded over a month: {min(seconds):.2f} s")
    assert min(seconds) < 1
