"""Planning shifts over HTTP: what is kept, what is refused, who may, and edits of series."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest

from accounts.models import User
from staffing.models import Schedule
from tests.conftest import Cast, Person, come, problem
from tests.support.environment import World

PATH = "/staffSchedule"
WEEKLY = {"frequency": "weekly", "byDay": [{"day": "mo"}]}


def body(cast: Cast, start: str, end: str, **more: Any) -> dict[str, Any]:
    """A body for POST; times in Boston."""
    named = {"customerId": cast.customer.id, "locationId": cast.boston.id, "staffId": cast.sam.id}
    return {**named, "startTime": start, "endTime": end, **more}


def plan(who: Person, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Plan it; the answer."""
    answer = who.post(PATH, dict(wanted))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def put(who: Person, id: str, change: Any, **query: str) -> httpx.Response:
    return who.call("PUT", f"{PATH}/{id}", json=change, params=query)


def shifts(cast: Cast, staff: User, since: str, until: str) -> list[tuple[str, str]]:
    """Somebody's single shifts in Boston and Denver, as start and end."""
    query = {"customerId": cast.customer.id, "staffId": staff.id, "from": since, "to": until}
    answer = cast.ann.get(PATH, params={**query, "expand": "occurrences"})
    assert answer.status_code == 200, answer.text
    return [(one["startTime"], one["endTime"]) for one in answer.json()["items"]]


@pytest.fixture
def sue(cast: Cast) -> User:
    """Somebody without shifts."""
    return cast.fresh()


# --- what is kept ---------------------------------------------------------------------------------
def test_a_shift_is_kept_by_the_clock_of_its_location(cast: Cast, sue: User) -> None:
    made = plan(cast.mia, body(cast, "2031-07-01T09:00", "2031-07-01T17:00", staffId=sue.id))

    assert made["startTime"] == "2031-07-01T09:00:00-04:00"
    assert made["endTime"] == "2031-07-01T17:00:00-04:00"
    assert (made["timeZone"], made["recurring"]) == ("America/New_York", False)
    assert made["recurrencePattern"] is None
    read = cast.ann.get(f"{PATH}/{made['id']}")
    assert read.json() == made
    assert read.headers["ETag"] == '"1"'


def test_times_with_an_offset_are_the_same_moments(cast: Cast, sue: User) -> None:
    made = plan(
        cast.ann, body(cast, "2031-07-02T15:00:00+02:00", "2031-07-02T21:00:00Z", staffId=sue.id)
    )
    assert made["startTime"] == "2031-07-02T09:00:00-04:00"
    assert made["endTime"] == "2031-07-02T17:00:00-04:00"


def test_the_second_of_two_hours_is_kept_exactly(cast: Cast, sue: User) -> None:
    """2031-11-02, 01:30 comes twice in Boston; offsets tell which."""
    wanted = body(cast, "2031-11-02T01:30:00-05:00", "2031-11-02T03:00:00-05:00", staffId=sue.id)
    made = plan(cast.ann, wanted)

    assert datetime.fromisoformat(made["startTime"]) == datetime.fromisoformat(wanted["startTime"])
    assert datetime.fromisoformat(made["endTime"]) == datetime.fromisoformat(wanted["endTime"])
    series = cast.ann.post(PATH, {**wanted, "recurrencePattern": {"frequency": "weekly"}})
    assert series.status_code == 400


def test_a_series_keeps_to_its_clock(cast: Cast, sue: User) -> None:
    pattern = {**WEEKLY, "until": "2031-03-24"}
    wanted = body(
        cast, "2031-03-03T22:00", "2031-03-04T06:00", staffId=sue.id, recurrencePattern=pattern
    )
    made = plan(cast.mia, wanted)

    assert made["recurring"] is True
    assert made["recurrencePattern"]["rrule"] == "FREQ=WEEKLY;BYDAY=MO;UNTIL=20310325T035959Z"
    assert made["recurrencePattern"]["timeZone"] == "America/New_York"
    assert shifts(cast, sue, "2031-03-01T00:00:00Z", "2031-05-01T00:00:00Z") == [
        ("2031-03-03T22:00:00-05:00", "2031-03-04T06:00:00-05:00"),
        ("2031-03-10T22:00:00-04:00", "2031-03-11T06:00:00-04:00"),
        ("2031-03-17T22:00:00-04:00", "2031-03-18T06:00:00-04:00"),
        ("2031-03-24T22:00:00-04:00", "2031-03-25T06:00:00-04:00"),
    ]


def test_an_rrule_is_as_good_as_members(cast: Cast, sue: User) -> None:
    wanted = body(
        cast,
        "2031-03-03T09:00",
        "2031-03-03T10:00",
        staffId=sue.id,
        recurring=True,
        recurrencePattern={"rrule": "FREQ=MONTHLY;BYDAY=1MO;COUNT=3"},
    )
    made = plan(cast.ann, wanted)

    assert made["recurrencePattern"]["byDay"] == [{"day": "mo", "nthOfPeriod": 1}]
    assert len(shifts(cast, sue, "2031-01-01T00:00:00Z", "2031-12-31T00:00:00Z")) == 3


def test_a_template_fills_how_it_recurs(cast: Cast, sue: User) -> None:
    template = cast.ann.post(
        "/scheduleTemplate",
        {
            "name": "Mondays",
            "startTime": "09:00",
            "endTime": "17:00",
            "recurrencePattern": {"rrule": "FREQ=WEEKLY;BYDAY=MO"},
        },
    ).json()
    times = ("2031-06-02T09:00", "2031-06-02T17:00")
    made = plan(cast.mia, body(cast, *times, staffId=sue.id, templateId=template["id"]))
    once = body(cast, *times, staffId=cast.fresh().id, templateId=template["id"], recurring=False)

    assert made["recurrencePattern"]["rrule"] == "FREQ=WEEKLY;BYDAY=MO"
    assert made["templateId"] == template["id"]
    assert plan(cast.mia, once)["recurring"] is False


# --- what is refused ------------------------------------------------------------------------------
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "ends before it starts": ({"endTime": "2031-06-02T08:00"}, "/endTime"),
    "is too long": ({"endTime": "2031-06-04T09:01"}, "/endTime"),
    "ends when it starts": ({"endTime": "2031-06-02T09:00"}, "/endTime"),
    "is not a time": ({"startTime": "2031-06-31T09:00"}, "/startTime"),
    "is only a day": ({"startTime": "2031-06-02"}, "/startTime"),
    "is far away": ({"startTime": "9999-12-31T23:59:59Z"}, "/startTime"),
    "is long ago": ({"startTime": "0001-01-01T00:00:00+14:00"}, "/startTime"),
    "is a number": ({"startTime": 7}, "/startTime"),
    "has fractions": ({"startTime": "2031-06-02T09:00:00.5"}, "/startTime"),
    "recurs without a pattern": ({"recurring": True}, "/recurrencePattern"),
    "has a pattern and does not recur": (
        {"recurring": False, "recurrencePattern": WEEKLY},
        "/recurrencePattern",
    ),
    "does not fit the rule": (
        {"recurrencePattern": {"frequency": "weekly", "byDay": [{"day": "tu"}]}},
        "/startTime",
    ),
    "has an unsupported member": (
        {"recurrencePattern": {**WEEKLY, "byWeekNo": [3]}},
        "/recurrencePattern/byWeekNo",
    ),
    "has a pattern of another kind": ({"recurrencePattern": ["weekly"]}, "/recurrencePattern"),
    "has a zone of nowhere": (
        {"recurrencePattern": {**WEEKLY, "timeZone": "Mars/Olympus"}},
        "/recurrencePattern/timeZone",
    ),
    "has a zone that is a list": (
        {"recurrencePattern": {**WEEKLY, "timeZone": ["UTC"]}},
        "/recurrencePattern/timeZone",
    ),
    "gives a shift to a number": (
        {"recurrencePattern": {**WEEKLY, "exceptions": {"2031-06-09T09:00:00": {"staffId": 7}}}},
        "/recurrencePattern/exceptions/2031-06-09T09:00:00/staffId",
    ),
    "has an unknown member": ({"colour": "red"}, "/colour"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_shift_is_refused_that(cast: Cast, what: str) -> None:
    change, pointer = REFUSED[what]
    answer = cast.ann.post(PATH, {**body(cast, "2031-06-02T09:00", "2031-06-02T17:00"), **change})

    assert answer.status_code == 400, answer.text
    assert problem(answer)["errors"][0]["pointer"] == pointer


def test_what_a_reference_names_must_be_there(cast: Cast) -> None:
    good = body(cast, "2031-06-03T09:00", "2031-06-03T17:00")
    given = {**WEEKLY, "exceptions": {"2031-06-09T09:00:00": {"staffId": cast.cleo.id}}}
    series = {**body(cast, "2031-06-02T09:00", "2031-06-02T17:00"), "recurrencePattern": given}
    for wrong, pointer in (
        ({**good, "staffId": cast.cleo.id}, "/staffId"),
        ({**good, "locationId": cast.hilltop.id}, "/locationId"),
        ({**good, "templateId": cast.foreign_template.id}, "/templateId"),
        (series, "/staffId"),
    ):
        answer = cast.ann.post(PATH, wrong)
        assert answer.status_code == 404, answer.text
        assert problem(answer)["errors"][0]["pointer"] == pointer


def test_who_is_blocked_is_not_planned(cast: Cast) -> None:
    user = cast.fresh()
    blocked = {"id": user.id, "status": "blocked"}
    assert cast.ann.patch("/userManagement", blocked).status_code == 200
    answer = cast.ann.post(
        PATH, body(cast, "2031-06-04T09:00", "2031-06-04T17:00", staffId=user.id)
    )
    assert (answer.status_code, problem(answer)["code"]) == (409, "person_blocked")


# --- clashes --------------------------------------------------------------------------------------
def test_a_clash_names_the_other_schedule_and_the_first_moment(cast: Cast, sue: User) -> None:
    series = plan(
        cast.mia,
        body(
            cast,
            "2031-01-06T22:00",
            "2031-01-07T06:00",
            staffId=sue.id,
            recurrencePattern={**WEEKLY, "interval": 2},
        ),
    )
    wanted = body(
        cast,
        "2031-01-02T03:00",
        "2031-01-02T05:00",
        staffId=sue.id,
        locationId=cast.denver.id,
        recurrencePattern={"frequency": "daily", "interval": 3, "timeZone": "America/New_York"},
    )
    answer = cast.ann.post(PATH, wanted)

    assert answer.status_code == 409
    told = problem(answer)
    assert told["code"] == "schedule_clash"
    (fault,) = told["errors"]
    assert fault["scheduleId"] == series["id"]
    assert fault["staffId"] == sue.id
    # 03:00 in Denver is 05:00 in New York; every third day meets every other Tuesday on 4 February
    assert fault["at"] == "2031-02-04T10:00:00Z"
    allowed = plan(cast.ann, {**wanted, "allowOverlap": True})
    log = cast.ann.get(f"/user/{sue.id}/audit-logs").json()["items"][0]
    assert log["subject"]["id"] == allowed["id"]
    assert {"field": "allowOverlap", "before": None, "after": True} in log["changes"]


def test_shifts_that_touch_do_not_clash(cast: Cast, sue: User) -> None:
    plan(cast.mia, body(cast, "2031-02-03T09:00", "2031-02-03T12:00", staffId=sue.id))
    plan(cast.mia, body(cast, "2031-02-03T12:00", "2031-02-03T15:00", staffId=sue.id))
    plan(cast.mia, body(cast, "2031-02-03T08:00", "2031-02-03T09:00", staffId=sue.id))
    answer = cast.mia.post(PATH, body(cast, "2031-02-03T14:59", "2031-02-03T15:30", staffId=sue.id))
    assert answer.status_code == 409
    assert problem(answer)["errors"][0]["at"] == "2031-02-03T19:59:00Z"


def test_a_series_that_overlaps_itself_clashes(cast: Cast, sue: User) -> None:
    answer = cast.ann.post(
        PATH,
        body(
            cast,
            "2031-02-03T09:00",
            "2031-02-04T10:00",
            staffId=sue.id,
            recurrencePattern={"frequency": "daily"},
        ),
    )
    assert answer.status_code == 409
    assert problem(answer)["errors"][0]["at"] == "2031-02-04T14:00:00Z"


# --- who may --------------------------------------------------------------------------------------
def test_rights_end_at_ones_locations(cast: Cast, sue: User, world: World) -> None:
    denver = plan(
        cast.ann,
        body(
            cast, "2031-04-07T09:00", "2031-04-07T17:00", staffId=sue.id, locationId=cast.denver.id
        ),
    )
    here = plan(cast.ann, body(cast, "2031-04-08T09:00", "2031-04-08T17:00", staffId=sue.id))
    own = come(world, cast.ann.web, sue)

    assert cast.mia.get(f"{PATH}/{denver['id']}").status_code == 403
    assert put(cast.mia, denver["id"], {"endTime": "2031-04-07T16:00"}).status_code == 403
    assert cast.mia.delete(f"{PATH}/{denver['id']}").status_code == 403
    moved = put(cast.mia, here["id"], {"locationId": cast.denver.id})
    assert moved.status_code == 403
    assert cast.mia.get(PATH, params={"locationId": cast.denver.id}).status_code == 403
    assert own.get(f"{PATH}/{denver['id']}").status_code == 200, "one's own, wherever it is"
    assert cast.sam.get(f"{PATH}/{denver['id']}").status_code == 403
    assert cast.sam.get(f"{PATH}/{here['id']}").status_code == 200, "of one's own location"
    query = {"customerId": cast.customer.id, "from": "2031-04-07T00:00:00Z"}
    found = [
        {
            one["id"]
            for one in who.get(PATH, params={**query, "to": "2031-04-09T00:00:00Z"}).json()["items"]
            if one["id"] in (denver["id"], here["id"])
        }
        for who in (cast.ann, cast.mia, own)
    ]
    assert found == [{denver["id"], here["id"]}, {here["id"]}, {denver["id"], here["id"]}]
    mine = {"customerId": cast.customer.id, "staffId": sue.id}
    assert len(own.get(PATH, params=mine).json()["items"]) == 2
    assert own.get(PATH, params={**mine, "locationId": cast.denver.id}).status_code == 200


def test_a_list_needs_a_location_or_customer(cast: Cast) -> None:
    for query in ({}, {"staffId": cast.sam.id}):
        answer = cast.ann.get(PATH, params=query)
        assert answer.status_code == 400
        assert [e["pointer"] for e in problem(answer)["errors"]] == ["?locationId", "?customerId"]


# --- edits ----------------------------------------------------------------------------------------
SPAN = ("2031-06-01T00:00:00Z", "2031-07-01T00:00:00Z")


def mondays(cast: Cast, staff: User, **pattern: Any) -> dict[str, Any]:
    """A series on Mondays of June 2031, from 9 to 17."""
    given = {**WEEKLY, "until": "2031-06-30", **pattern}
    return plan(
        cast.ann,
        body(
            cast, "2031-06-02T09:00", "2031-06-02T17:00", staffId=staff.id, recurrencePattern=given
        ),
    )


def of_june(cast: Cast, staff: User) -> list[str]:
    """Starts of somebody's shifts in June 2031, short."""
    return [start[8:16] for start, _ in shifts(cast, staff, *SPAN)]


def test_one_shift_is_moved_left_out_and_restored(cast: Cast, sue: User) -> None:
    id = mondays(cast, sue)["id"]
    one = {"scope": "occurrence", "recurrenceId": "2031-06-09T09:00:00"}

    moved = put(cast.mia, id, {"startTime": "2031-06-10T12:00"}, **one)
    assert moved.status_code == 200, moved.text
    exceptions = moved.json()["recurrencePattern"]["exceptions"]
    assert exceptions == {
        "2031-06-09T09:00:00": {
            "startTime": "2031-06-10T12:00:00",
            "endTime": "2031-06-10T20:00:00",
        }
    }
    assert of_june(cast, sue) == ["02T09:00", "10T12:00", "16T09:00", "23T09:00", "30T09:00"]

    gone = cast.mia.call("DELETE", f"{PATH}/{id}", params=one)
    assert gone.json() == {"id": id, "status": "removed", "scope": "occurrence"}
    assert of_june(cast, sue) == ["02T09:00", "16T09:00", "23T09:00", "30T09:00"]
    again = cast.mia.call("DELETE", f"{PATH}/{id}", params=one)
    assert (again.status_code, problem(again)["code"]) == (404, "no_such_occurrence")

    back = {"startTime": "2031-06-09T09:00", "endTime": "2031-06-09T17:00"}
    assert put(cast.mia, id, back, **one).status_code == 200
    assert "exceptions" not in cast.ann.get(f"{PATH}/{id}").json()["recurrencePattern"]
    assert len(of_june(cast, sue)) == 5


def test_one_shift_is_given_to_somebody_else(cast: Cast, sue: User) -> None:
    other = cast.fresh()
    id = mondays(cast, sue)["id"]
    one = {"scope": "occurrence", "recurrenceId": "2031-06-16T09:00:00"}

    assert put(cast.mia, id, {"staffId": other.id}, **one).status_code == 200

    assert of_june(cast, sue) == ["02T09:00", "09T09:00", "23T09:00", "30T09:00"]
    assert of_june(cast, other) == ["16T09:00"]
    busy = body(cast, "2031-06-16T10:00", "2031-06-16T11:00", staffId=other.id)
    assert cast.ann.post(PATH, busy).status_code == 409
    assert plan(cast.ann, {**busy, "staffId": sue.id}), "whose it was is free then"
    for who in (sue, other):
        log = cast.ann.get(f"/user/{who.id}/audit-logs").json()["items"]
        assert any(line["action"] == "schedule.changed" for line in log), "both hear of it"
    taken = put(cast.mia, id, {"staffId": sue.id}, **one)
    assert taken.status_code == 409, "she has another shift by now"


def test_what_follows_becomes_a_series_of_its_own(cast: Cast, sue: User) -> None:
    excluded = {"2031-06-23T09:00:00": {"excluded": True}}
    first = mondays(cast, sue, exceptions=excluded)
    query = {"scope": "following", "recurrenceId": "2031-06-16T09:00:00"}

    answer = put(cast.mia, first["id"], {"startTime": "2031-06-16T12:00"}, **query)

    rest = answer.json()
    assert answer.status_code == 200, answer.text
    assert rest["id"] != first["id"]
    assert rest["splitFrom"] == first["id"]
    assert rest["startTime"] == "2031-06-16T12:00:00-04:00"
    assert list(rest["recurrencePattern"]["exceptions"]) == ["2031-06-23T12:00:00"]
    before = cast.ann.get(f"{PATH}/{first['id']}").json()
    assert before["recurrencePattern"]["until"] == "2031-06-09T09:00:00"
    assert of_june(cast, sue) == ["02T09:00", "09T09:00", "16T12:00", "30T12:00"]
    log = cast.ann.get(f"/user/{sue.id}/audit-logs").json()["items"]
    assert [line["action"] for line in log].count("schedule.split") == 1


def test_a_count_is_divided(cast: Cast, sue: User) -> None:
    pattern = {"frequency": "daily", "count": 10}
    made = plan(
        cast.ann,
        body(
            cast, "2031-06-02T09:00", "2031-06-02T17:00", staffId=sue.id, recurrencePattern=pattern
        ),
    )
    query = {"scope": "following", "recurrenceId": "2031-06-05T09:00:00"}
    rest = put(cast.ann, made["id"], {"endTime": "2031-06-05T18:00"}, **query).json()

    assert rest["recurrencePattern"]["count"] == 7
    assert cast.ann.get(f"{PATH}/{made['id']}").json()["recurrencePattern"]["count"] == 3
    assert len(of_june(cast, sue)) == 10


def test_deleting_what_follows_leaves_what_was(cast: Cast, sue: User) -> None:
    id = mondays(cast, sue)["id"]
    query = {"scope": "following", "recurrenceId": "2031-06-16T09:00:00"}
    assert cast.ann.call("DELETE", f"{PATH}/{id}", params=query).status_code == 200
    assert of_june(cast, sue) == ["02T09:00", "09T09:00"]
    first = {"scope": "following", "recurrenceId": "2031-06-02T09:00:00"}
    assert cast.ann.call("DELETE", f"{PATH}/{id}", params=first).status_code == 200
    assert cast.ann.get(f"{PATH}/{id}").status_code == 404
    assert of_june(cast, sue) == []


def test_all_of_a_series_is_moved(cast: Cast, sue: User) -> None:
    changes = {
        "2031-06-09T09:00:00": {"excluded": True},
        "2031-06-16T09:00:00": {"startTime": "2031-06-18T07:00:00"},
    }
    id = mondays(cast, sue, exceptions=changes)["id"]
    query = {"scope": "all", "recurrenceId": "2031-06-23T09:00:00"}

    answer = put(cast.ann, id, {"startTime": "2031-06-23T10:30"}, **query)

    assert answer.status_code == 200, answer.text
    assert answer.json()["startTime"] == "2031-06-02T10:30:00-04:00"
    assert of_june(cast, sue) == ["02T10:30", "18T07:00", "23T10:30", "30T10:30"]
    mismatch = put(cast.ann, id, {"startTime": "2031-06-03T10:30"})
    assert (mismatch.status_code, problem(mismatch)["code"]) == (400, "recurrence_start_mismatch")


def test_a_new_pattern_keeps_the_exceptions_that_still_fit(cast: Cast, sue: User) -> None:
    left_out = {"2031-06-09T09:00:00": {"excluded": True}}
    id = mondays(cast, sue, exceptions=left_out)["id"]
    days = [{"day": "mo"}, {"day": "we"}]

    pattern = {"frequency": "weekly", "byDay": days, "until": "2031-06-18"}
    assert put(cast.ann, id, {"recurrencePattern": pattern}).status_code == 200

    assert of_june(cast, sue) == ["02T09:00", "04T09:00", "11T09:00", "16T09:00", "18T09:00"]
    cleared = {"recurrencePattern": {**pattern, "exceptions": {}}}
    assert put(cast.ann, id, cleared).status_code == 200
    assert len(of_june(cast, sue)) == 6
    single = put(cast.ann, id, {"recurring": False})
    assert single.json()["recurring"] is False
    assert of_june(cast, sue) == ["02T09:00"]


def test_a_series_is_handed_over(cast: Cast, sue: User) -> None:
    other = cast.fresh()
    id = mondays(cast, sue)["id"]
    plan(cast.ann, body(cast, "2031-06-30T16:00", "2031-06-30T18:00", staffId=other.id))

    refused = put(cast.mia, id, {"staffId": other.id})
    assert problem(refused)["errors"][0]["at"] == "2031-06-30T20:00:00Z"
    assert of_june(cast, sue) != []
    assert put(cast.mia, id, {"staffId": other.id, "allowOverlap": True}).status_code == 200
    assert of_june(cast, sue) == []
    assert len(of_june(cast, other)) == 6


def test_an_edit_may_be_held_by_what_was_read(cast: Cast, sue: User) -> None:
    made = plan(cast.ann, body(cast, "2031-08-04T09:00", "2031-08-04T17:00", staffId=sue.id))
    path, held = f"{PATH}/{made['id']}", {"If-Match": '"1"'}

    first = cast.ann.call("PUT", path, json={"endTime": "2031-08-04T18:00"}, headers=held)
    second = cast.ann.call("PUT", path, json={"endTime": "2031-08-04T19:00"}, headers=held)
    third = cast.ann.call("DELETE", path, headers=held)

    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert [second.status_code, third.status_code] == [412, 412]


SENSELESS: dict[str, tuple[dict[str, str], Any, str]] = {
    "an unnamed shift": ({"scope": "occurrence"}, {"staffId": "x"}, "?recurrenceId"),
    "a shift of no scope": ({"recurrenceId": "2031-06-02T09:00:00"}, {"staffId": "x"}, "?scope"),
    "another scope": ({"scope": "some"}, {"staffId": "x"}, "?scope"),
    "a shift that is no time": (
        {"scope": "occurrence", "recurrenceId": "2031-06-02T09:00:00Z"},
        {"staffId": "x"},
        "?recurrenceId",
    ),
    "nothing": ({}, {}, ""),
    "only that it may overlap": ({}, {"allowOverlap": True}, ""),
    "how one shift recurs": (
        {"scope": "occurrence", "recurrenceId": "2031-06-02T09:00:00"},
        {"recurrencePattern": WEEKLY},
        "/recurrencePattern",
    ),
    "where one shift is": (
        {"scope": "occurrence", "recurrenceId": "2031-06-02T09:00:00"},
        {"locationId": "elsewhere"},
        "/locationId",
    ),
}


@pytest.mark.parametrize("what", SENSELESS)
def test_an_edit_is_refused_that_names(cast: Cast, what: str) -> None:
    query, change, pointer = SENSELESS[what]
    schedule: Schedule = cast.shift(
        start=datetime(2031, 6, 2, 9), pattern={"frequency": "weekly"}, allow_overlap=True
    )
    answer = put(cast.ann, schedule.id, change, **query)
    assert answer.status_code == 400, answer.text
    assert problem(answer)["errors"][0]["pointer"] == pointer


def test_a_shift_that_is_not_there_is_404(cast: Cast, sue: User) -> None:
    id = mondays(cast, sue)["id"]
    for scope in ("occurrence", "following"):
        query = {"scope": scope, "recurrenceId": "2031-06-03T09:00:00"}
        answer = put(cast.ann, id, {"staffId": cast.sam.id}, **query)
        assert (answer.status_code, problem(answer)["code"]) == (404, "no_such_occurrence")


def test_a_repeated_creation_is_one(cast: Cast, sue: User) -> None:
    wanted = body(cast, "2031-09-01T09:00", "2031-09-01T17:00", staffId=sue.id)
    headers = {"Idempotency-Key": f"once {sue.id}"}
    answers = [cast.ann.post(PATH, wanted, headers=headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
