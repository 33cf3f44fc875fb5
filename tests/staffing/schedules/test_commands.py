"""Schedules over HTTP: stored values, validation, conflicts, permissions and edits of series."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts.models import User
from config.api.messages import MAX_PEEKED_BYTES
from staffing.models import Schedule
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, parse_problem

PATH = "/staffSchedule"
WEEKLY = {"frequency": "weekly", "byDay": [{"day": "mo"}]}


def schedule_body(test_users: UserFixtures, start: str, end: str, **more: Any) -> dict[str, Any]:
    """A body for POST with Boston's local times."""
    references = {
        "customerId": test_users.customer.id,
        "locationId": test_users.boston.id,
        "staffId": test_users.sam.id,
    }
    return {**references, "startTime": start, "endTime": end, **more}


def create_schedule(person: SignedInUser, request_body: Mapping[str, Any]) -> dict[str, Any]:
    """Create a schedule; the response."""
    response = person.post(PATH, dict(request_body))
    assert response.status_code == 201, response.text
    return dict(response.json())


def put_schedule(person: SignedInUser, id: str, changes: Any, **query: str) -> httpx.Response:
    return person.request("PUT", f"{PATH}/{id}", json=changes, params=query)


def list_shifts(test_users: UserFixtures, staff: User, since: str, until: str) -> list[tuple[str, str]]:
    """A user's shifts at all locations, as start and end."""
    query = {"customerId": test_users.customer.id, "staffId": staff.id, "from": since, "to": until}
    response = test_users.ann.get(PATH, params={**query, "expand": "occurrences"})
    assert response.status_code == 200, response.text
    return [(item["startTime"], item["endTime"]) for item in response.json()["items"]]


@pytest.fixture
def sue(test_users: UserFixtures) -> User:
    """A user without shifts."""
    return test_users.create_user()


# --- bodies ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make_content", "media_type", "expected"),
    [
        (lambda body: body[:-1], "application/json", (400, "malformed_json")),
        (lambda body: body, "text/plain", (415, "unsupported_media_type")),
        (lambda body: f"[{body}]", "application/json", (400, "invalid_request")),
        (lambda body: body + " " * MAX_PEEKED_BYTES, "application/json", (201, None)),
    ],
)
def test_body_that_is_not_read_with_the_caller_is_answered_as_ever(
    test_users: UserFixtures, sue: User, make_content: Any, media_type: str, expected: tuple[int, str | None]
) -> None:
    body = json.dumps(schedule_body(test_users, "2031-07-03T09:00", "2031-07-03T17:00", staffId=sue.id))
    response = test_users.ann.request(
        "POST", PATH, content=make_content(body), headers={"Content-Type": media_type, "Idempotency-Key": sue.id}
    )
    assert (response.status_code, response.json().get("code")) == expected


# --- stored values --------------------------------------------------------------------------------
def test_shift_times_are_local_to_the_location(test_users: UserFixtures, sue: User) -> None:
    schedule = create_schedule(
        test_users.mia, schedule_body(test_users, "2031-07-01T09:00", "2031-07-01T17:00", staffId=sue.id)
    )

    assert schedule["startTime"] == "2031-07-01T09:00:00-04:00"
    assert schedule["endTime"] == "2031-07-01T17:00:00-04:00"
    assert (schedule["timeZone"], schedule["recurring"]) == ("America/New_York", False)
    assert schedule["recurrencePattern"] is None
    response = test_users.ann.get(f"{PATH}/{schedule['id']}")
    assert response.json() == schedule
    assert response.headers["ETag"].startswith('"1.')


def test_times_with_an_offset_are_converted(test_users: UserFixtures, sue: User) -> None:
    schedule = create_schedule(
        test_users.ann, schedule_body(test_users, "2031-07-02T15:00:00+02:00", "2031-07-02T21:00:00Z", staffId=sue.id)
    )
    assert schedule["startTime"] == "2031-07-02T09:00:00-04:00"
    assert schedule["endTime"] == "2031-07-02T17:00:00-04:00"


def test_repeated_hour_is_stored_exactly(test_users: UserFixtures, sue: User) -> None:
    """2031-11-02 01:30 occurs twice in Boston; the offset tells which."""
    request_body = schedule_body(test_users, "2031-11-02T01:30:00-05:00", "2031-11-02T03:00:00-05:00", staffId=sue.id)
    schedule = create_schedule(test_users.ann, request_body)

    assert datetime.fromisoformat(schedule["startTime"]) == datetime.fromisoformat(request_body["startTime"])
    assert datetime.fromisoformat(schedule["endTime"]) == datetime.fromisoformat(request_body["endTime"])
    series_response = test_users.ann.post(PATH, {**request_body, "recurrencePattern": {"frequency": "weekly"}})
    assert series_response.status_code == 400


def test_series_keeps_its_local_time_across_dst(test_users: UserFixtures, sue: User) -> None:
    pattern = {**WEEKLY, "until": "2031-03-24"}
    request_body = schedule_body(
        test_users, "2031-03-03T22:00", "2031-03-04T06:00", staffId=sue.id, recurrencePattern=pattern
    )
    schedule = create_schedule(test_users.mia, request_body)

    assert schedule["recurring"] is True
    assert schedule["recurrencePattern"]["rrule"] == "FREQ=WEEKLY;BYDAY=MO;UNTIL=20310325T035959Z"
    assert schedule["recurrencePattern"]["timeZone"] == "America/New_York"
    assert list_shifts(test_users, sue, "2031-03-01T00:00:00Z", "2031-05-01T00:00:00Z") == [
        ("2031-03-03T22:00:00-05:00", "2031-03-04T06:00:00-05:00"),
        ("2031-03-10T22:00:00-04:00", "2031-03-11T06:00:00-04:00"),
        ("2031-03-17T22:00:00-04:00", "2031-03-18T06:00:00-04:00"),
        ("2031-03-24T22:00:00-04:00", "2031-03-25T06:00:00-04:00"),
    ]


def test_rrule_is_accepted_as_a_pattern(test_users: UserFixtures, sue: User) -> None:
    request_body = schedule_body(
        test_users,
        "2031-03-03T09:00",
        "2031-03-03T10:00",
        staffId=sue.id,
        recurring=True,
        recurrencePattern={"rrule": "FREQ=MONTHLY;BYDAY=1MO;COUNT=3"},
    )
    schedule = create_schedule(test_users.ann, request_body)

    assert schedule["recurrencePattern"]["byDay"] == [{"day": "mo", "nthOfPeriod": 1}]
    assert len(list_shifts(test_users, sue, "2031-01-01T00:00:00Z", "2031-12-31T00:00:00Z")) == 3


def test_template_supplies_the_recurrence_pattern(test_users: UserFixtures, sue: User) -> None:
    template = test_users.ann.post(
        "/scheduleTemplate",
        {
            "name": "Mondays",
            "startTime": "09:00",
            "endTime": "17:00",
            "recurrencePattern": {"rrule": "FREQ=WEEKLY;BYDAY=MO"},
        },
    ).json()
    times = ("2031-06-02T09:00", "2031-06-02T17:00")
    schedule = create_schedule(
        test_users.mia, schedule_body(test_users, *times, staffId=sue.id, templateId=template["id"])
    )
    single_body = schedule_body(
        test_users, *times, staffId=test_users.create_user().id, templateId=template["id"], recurring=False
    )

    assert schedule["recurrencePattern"]["rrule"] == "FREQ=WEEKLY;BYDAY=MO"
    assert schedule["templateId"] == template["id"]
    assert create_schedule(test_users.mia, single_body)["recurring"] is False


# --- validation -----------------------------------------------------------------------------------
INVALID_SCHEDULES: dict[str, tuple[dict[str, Any], str]] = {
    "ends before it starts": ({"endTime": "2031-06-02T08:00"}, "/endTime"),
    "is too long": ({"endTime": "2031-07-03T09:01"}, "/endTime"),
    "ends when it starts": ({"endTime": "2031-06-02T09:00"}, "/endTime"),
    "is not a time": ({"startTime": "2031-06-31T09:00"}, "/startTime"),
    "is only a day": ({"startTime": "2031-06-02"}, "/startTime"),
    "is too far in the future": ({"startTime": "9999-12-31T23:59:59Z"}, "/startTime"),
    "is too far in the past": ({"startTime": "0001-01-01T00:00:00+14:00"}, "/startTime"),
    "is a number": ({"startTime": 7}, "/startTime"),
    "has fractions": ({"startTime": "2031-06-02T09:00:00.5"}, "/startTime"),
    "recurs without a pattern": ({"recurring": True}, "/recurrencePattern"),
    "has a pattern and does not recur": ({"recurring": False, "recurrencePattern": WEEKLY}, "/recurrencePattern"),
    "does not match the rule": ({"recurrencePattern": {"frequency": "weekly", "byDay": [{"day": "tu"}]}}, "/startTime"),
    "has an unsupported member": ({"recurrencePattern": {**WEEKLY, "byWeekNo": [3]}}, "/recurrencePattern/byWeekNo"),
    "has a pattern that is a list": ({"recurrencePattern": ["weekly"]}, "/recurrencePattern"),
    "has an unknown zone": (
        {"recurrencePattern": {**WEEKLY, "timeZone": "Mars/Olympus"}},
        "/recurrencePattern/timeZone",
    ),
    "has a zone that is a list": (
        {"recurrencePattern": {**WEEKLY, "timeZone": ["UTC"]}},
        "/recurrencePattern/timeZone",
    ),
    "reassigns an occurrence to a number": (
        {"recurrencePattern": {**WEEKLY, "exceptions": {"2031-06-09T09:00:00": {"staffId": 7}}}},
        "/recurrencePattern/exceptions/2031-06-09T09:00:00/staffId",
    ),
    "has an unknown member": ({"colour": "red"}, "/colour"),
}


@pytest.mark.parametrize("case_name", INVALID_SCHEDULES)
def test_invalid_schedule_is_rejected(test_users: UserFixtures, case_name: str) -> None:
    changes, pointer = INVALID_SCHEDULES[case_name]
    response = test_users.ann.post(
        PATH, {**schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00"), **changes}
    )

    assert response.status_code == 400, response.text
    assert parse_problem(response)["errors"][0]["pointer"] == pointer


def test_unknown_references_are_rejected(test_users: UserFixtures) -> None:
    valid_body = schedule_body(test_users, "2031-06-03T09:00", "2031-06-03T17:00")
    recurrence_pattern = {**WEEKLY, "exceptions": {"2031-06-09T09:00:00": {"staffId": test_users.cleo.id}}}
    series_body = {
        **schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00"),
        "recurrencePattern": recurrence_pattern,
    }
    for invalid_body, pointer in (
        ({**valid_body, "staffId": test_users.cleo.id}, "/staffId"),
        ({**valid_body, "locationId": test_users.hilltop.id}, "/locationId"),
        ({**valid_body, "templateId": test_users.foreign_template.id}, "/templateId"),
        (series_body, "/recurrencePattern/exceptions/2031-06-09T09:00:00/staffId"),
    ):
        response = test_users.ann.post(PATH, invalid_body)
        assert response.status_code == 404, response.text
        assert parse_problem(response)["errors"][0]["pointer"] == pointer


def test_blocked_user_cannot_be_scheduled(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    blocked = {"id": user.id, "status": "blocked"}
    assert test_users.ann.patch("/userManagement", blocked).status_code == 200
    response = test_users.ann.post(
        PATH, schedule_body(test_users, "2031-06-04T09:00", "2031-06-04T17:00", staffId=user.id)
    )
    assert (response.status_code, parse_problem(response)["code"]) == (409, "user_blocked")


# --- conflicts ------------------------------------------------------------------------------------
def test_conflict_names_the_other_schedule_and_the_first_moment(test_users: UserFixtures, sue: User) -> None:
    series = create_schedule(
        test_users.mia,
        schedule_body(
            test_users,
            "2031-01-06T22:00",
            "2031-01-07T06:00",
            staffId=sue.id,
            recurrencePattern={**WEEKLY, "interval": 2},
        ),
    )
    request_body = schedule_body(
        test_users,
        "2031-01-02T03:00",
        "2031-01-02T05:00",
        staffId=sue.id,
        locationId=test_users.denver.id,
        recurrencePattern={"frequency": "daily", "interval": 3, "timeZone": "America/New_York"},
    )
    response = test_users.ann.post(PATH, request_body)

    assert response.status_code == 409
    error = parse_problem(response)
    assert error["code"] == "schedule_clash"
    (fault,) = error["errors"]
    assert fault["scheduleId"] == series["id"]
    assert fault["staffId"] == sue.id
    # 03:00 in Denver is 05:00 in New York; both intervals first coincide on 4 February
    assert fault["at"] == "2031-02-04T05:00:00-05:00"
    local_time = "Tue 4 Feb 2031, 05:00 (America/New_York)"
    assert error["detail"] == fault["detail"] == f"Overlaps another shift of this person from {local_time}."
    overlapping = create_schedule(test_users.ann, {**request_body, "allowOverlap": True})
    entry = test_users.ann.get(f"/user/{sue.id}/audit-logs").json()["items"][0]
    assert entry["subject"]["id"] == overlapping["id"]
    assert {"field": "allowOverlap", "before": None, "after": True} in entry["changes"]


def test_adjacent_shifts_do_not_conflict(test_users: UserFixtures, sue: User) -> None:
    create_schedule(test_users.mia, schedule_body(test_users, "2031-02-03T09:00", "2031-02-03T12:00", staffId=sue.id))
    create_schedule(test_users.mia, schedule_body(test_users, "2031-02-03T12:00", "2031-02-03T15:00", staffId=sue.id))
    create_schedule(test_users.mia, schedule_body(test_users, "2031-02-03T08:00", "2031-02-03T09:00", staffId=sue.id))
    response = test_users.mia.post(
        PATH, schedule_body(test_users, "2031-02-03T14:59", "2031-02-03T15:30", staffId=sue.id)
    )
    assert response.status_code == 409
    assert parse_problem(response)["errors"][0]["at"] == "2031-02-03T14:59:00-05:00"


def test_series_that_overlaps_itself_is_a_conflict(test_users: UserFixtures, sue: User) -> None:
    response = test_users.ann.post(
        PATH,
        schedule_body(
            test_users, "2031-02-03T09:00", "2031-02-04T10:00", staffId=sue.id, recurrencePattern={"frequency": "daily"}
        ),
    )
    assert response.status_code == 409
    assert parse_problem(response)["errors"][0]["at"] == "2031-02-04T09:00:00-05:00"


# --- permissions ----------------------------------------------------------------------------------
def test_permissions_are_limited_to_own_locations(test_users: UserFixtures, sue: User, env: Environment) -> None:
    denver_schedule = create_schedule(
        test_users.ann,
        schedule_body(
            test_users, "2031-04-07T09:00", "2031-04-07T17:00", staffId=sue.id, locationId=test_users.denver.id
        ),
    )
    boston_schedule = create_schedule(
        test_users.ann, schedule_body(test_users, "2031-04-08T09:00", "2031-04-08T17:00", staffId=sue.id)
    )
    assignee = accept_invitation(env, test_users.ann.web, sue)

    assert test_users.mia.get(f"{PATH}/{denver_schedule['id']}").status_code == 403
    assert put_schedule(test_users.mia, denver_schedule["id"], {"endTime": "2031-04-07T16:00"}).status_code == 403
    assert test_users.mia.delete(f"{PATH}/{denver_schedule['id']}").status_code == 403
    move_response = put_schedule(test_users.mia, boston_schedule["id"], {"locationId": test_users.denver.id})
    assert move_response.status_code == 403
    assert test_users.mia.get(PATH, params={"locationId": test_users.denver.id}).status_code == 403
    assert assignee.get(f"{PATH}/{denver_schedule['id']}").status_code == 200, "own, at any location"
    assert test_users.sam.get(f"{PATH}/{denver_schedule['id']}").status_code == 403
    assert test_users.sam.get(f"{PATH}/{boston_schedule['id']}").status_code == 200, "at an own location"
    query = {"customerId": test_users.customer.id, "from": "2031-04-07T00:00:00Z"}
    visible_ids = [
        {
            item["id"]
            for item in person.get(PATH, params={**query, "to": "2031-04-09T00:00:00Z"}).json()["items"]
            if item["id"] in (denver_schedule["id"], boston_schedule["id"])
        }
        for person in (test_users.ann, test_users.mia, assignee)
    ]
    assert visible_ids == [
        {denver_schedule["id"], boston_schedule["id"]},
        {boston_schedule["id"]},
        {denver_schedule["id"], boston_schedule["id"]},
    ]
    own_query = {"customerId": test_users.customer.id, "staffId": sue.id}
    assert len(assignee.get(PATH, params=own_query).json()["items"]) == 2
    assert assignee.get(PATH, params={**own_query, "locationId": test_users.denver.id}).status_code == 200


def test_a_list_needs_a_location_or_customer(test_users: UserFixtures) -> None:
    for query in ({}, {"staffId": test_users.sam.id}):
        response = test_users.ann.get(PATH, params=query)
        assert response.status_code == 400
        assert [error["pointer"] for error in parse_problem(response)["errors"]] == ["?locationId", "?customerId"]


# --- edits ----------------------------------------------------------------------------------------
JUNE = ("2031-06-01T00:00:00Z", "2031-07-01T00:00:00Z")


def create_monday_series(test_users: UserFixtures, staff: User, **pattern: Any) -> dict[str, Any]:
    """Create a series on Mondays of June 2031, 9:00 to 17:00."""
    recurrence_pattern = {**WEEKLY, "until": "2031-06-30", **pattern}
    return create_schedule(
        test_users.ann,
        schedule_body(
            test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=staff.id, recurrencePattern=recurrence_pattern
        ),
    )


def list_june_starts(test_users: UserFixtures, staff: User) -> list[str]:
    """Starts of a user's shifts in June 2031, as ``DDTHH:MM``."""
    return [start[8:16] for start, _ in list_shifts(test_users, staff, *JUNE)]


def test_single_shift_is_moved_excluded_and_restored(test_users: UserFixtures, sue: User) -> None:
    id = create_monday_series(test_users, sue)["id"]
    occurrence_query = {"scope": "occurrence", "recurrenceId": "2031-06-09T09:00:00"}

    moved_times = {"startTime": "2031-06-10T12:00", "endTime": "2031-06-10T20:00"}
    move_response = put_schedule(test_users.mia, id, moved_times, **occurrence_query)
    assert move_response.status_code == 200, move_response.text
    moved = move_response.json()
    assert (moved["kind"], moved["scheduleId"], moved["changed"]) == ("occurrence", id, True)
    assert (moved["recurrenceId"], moved["startTime"]) == ("2031-06-09T09:00:00", "2031-06-10T12:00:00-04:00")
    read_response = test_users.ann.get(f"{PATH}/{id}")
    versions = [response.headers["ETag"].split(".")[0] for response in (move_response, read_response)]
    assert versions[0] == versions[1], "of the series"
    exceptions = read_response.json()["recurrencePattern"]["exceptions"]
    assert exceptions == {"2031-06-09T09:00:00": {"startTime": "2031-06-10T12:00:00", "endTime": "2031-06-10T20:00:00"}}
    assert list_june_starts(test_users, sue) == ["02T09:00", "10T12:00", "16T09:00", "23T09:00", "30T09:00"]

    delete_response = test_users.mia.request("DELETE", f"{PATH}/{id}", params=occurrence_query)
    assert delete_response.json() == {"id": id, "status": "removed", "scope": "occurrence"}
    assert list_june_starts(test_users, sue) == ["02T09:00", "16T09:00", "23T09:00", "30T09:00"]
    repeated_response = test_users.mia.request("DELETE", f"{PATH}/{id}", params=occurrence_query)
    assert (repeated_response.status_code, parse_problem(repeated_response)["code"]) == (404, "occurrence_not_found")

    original_times = {"startTime": "2031-06-09T09:00", "endTime": "2031-06-09T17:00"}
    restored = put_schedule(test_users.mia, id, original_times, **occurrence_query).json()
    assert (restored["startTime"], restored["changed"]) == ("2031-06-09T09:00:00-04:00", False)
    assert "exceptions" not in test_users.ann.get(f"{PATH}/{id}").json()["recurrencePattern"]
    assert len(list_june_starts(test_users, sue)) == 5


def test_recurrence_id_may_have_an_offset(test_users: UserFixtures, sue: User) -> None:
    """The start of an item identifies it; a start that a clock change skips is shown later."""
    id = create_monday_series(test_users, sue)["id"]
    query = {"scope": "occurrence", "recurrenceId": "2031-06-09T13:00:00Z"}
    moved = put_schedule(test_users.mia, id, {"endTime": "2031-06-09T18:00"}, **query).json()
    assert (moved["recurrenceId"], moved["endTime"]) == ("2031-06-09T09:00:00", "2031-06-09T18:00:00-04:00")
    following = {"scope": "following", "recurrenceId": "2031-06-16T09:00:00-04:00"}
    assert test_users.mia.request("DELETE", f"{PATH}/{id}", params=following).status_code == 200
    assert list_june_starts(test_users, sue) == ["02T09:00", "09T09:00"]
    unknown = {"scope": "occurrence", "recurrenceId": "2031-06-09T09:00:00Z"}
    assert put_schedule(test_users.mia, id, {"endTime": "2031-06-09T18:00"}, **unknown).status_code == 404

    night = schedule_body(
        test_users, "2031-03-08T02:30", "2031-03-08T06:00", staffId=sue.id, recurrencePattern={"frequency": "daily"}
    )
    night_id = create_schedule(test_users.ann, night)["id"]
    (start, _), *_ = list_shifts(test_users, sue, "2031-03-09T05:00:00Z", "2031-03-10T04:00:00Z")
    assert start == "2031-03-09T03:30:00-04:00"
    skipped = {"scope": "occurrence", "recurrenceId": start}
    response = put_schedule(test_users.mia, night_id, {"endTime": "2031-03-09T07:00"}, **skipped)
    assert response.json()["recurrenceId"] == "2031-03-09T02:30:00", response.text


@pytest.mark.parametrize("scope", ["all", "following", "occurrence"])
def test_start_alone_keeps_the_end(test_users: UserFixtures, sue: User, scope: str) -> None:
    id = create_monday_series(test_users, sue)["id"]
    query = {"scope": scope, "recurrenceId": "2031-06-09T09:00:00"}

    late_response = put_schedule(test_users.mia, id, {"startTime": "2031-06-09T17:00"}, **query)
    assert late_response.status_code == 400
    (error,) = parse_problem(late_response)["errors"]
    assert error["pointer"] == "/startTime"
    assert "`endTime`, which stays 2031-06-09T17:00:00" in error["detail"]
    assert put_schedule(test_users.mia, id, {"startTime": "2031-06-09T11:00"}, **query).status_code == 200

    window = {"expand": "occurrences", "from": "2031-06-09T00:00:00Z", "to": "2031-06-10T04:00:00Z"}
    filters = {"locationId": test_users.boston.id, "staffId": sue.id}
    (shift,) = test_users.ann.get(PATH, params={**filters, **window}).json()["items"]
    assert (shift["startTime"], shift["endTime"]) == ("2031-06-09T11:00:00-04:00", "2031-06-09T17:00:00-04:00")


def test_start_alone_keeps_the_end_of_a_single_shift(test_users: UserFixtures) -> None:
    schedule = test_users.create_shift()
    start, end = datetime.fromisoformat(schedule.start), schedule.end

    later = (start + timedelta(hours=1)).isoformat()
    body = put_schedule(test_users.ann, schedule.id, {"startTime": later}).json()
    assert (body["startTime"][:19], body["endTime"][:19]) == (later, end)
    assert put_schedule(test_users.ann, schedule.id, {"startTime": end}).status_code == 400


def test_single_shift_is_reassigned(test_users: UserFixtures, sue: User) -> None:
    other_user = test_users.create_user()
    id = create_monday_series(test_users, sue)["id"]
    occurrence_query = {"scope": "occurrence", "recurrenceId": "2031-06-16T09:00:00"}

    assert put_schedule(test_users.mia, id, {"staffId": other_user.id}, **occurrence_query).status_code == 200

    assert list_june_starts(test_users, sue) == ["02T09:00", "09T09:00", "23T09:00", "30T09:00"]
    assert list_june_starts(test_users, other_user) == ["16T09:00"]
    conflicting_body = schedule_body(test_users, "2031-06-16T10:00", "2031-06-16T11:00", staffId=other_user.id)
    assert test_users.ann.post(PATH, conflicting_body).status_code == 409
    assert create_schedule(test_users.ann, {**conflicting_body, "staffId": sue.id}), "the previous assignee is free"
    for user in (sue, other_user):
        entries = test_users.ann.get(f"/user/{user.id}/audit-logs").json()["items"]
        assert any(entry["action"] == "schedule.changed" for entry in entries), "both users have an audit entry"
    conflict_response = put_schedule(test_users.mia, id, {"staffId": sue.id}, **occurrence_query)
    assert conflict_response.status_code == 409, "the previous assignee has another shift"


def test_editing_following_shifts_splits_the_series(test_users: UserFixtures, sue: User) -> None:
    excluded = {"2031-06-23T09:00:00": {"excluded": True}}
    first = create_monday_series(test_users, sue, exceptions=excluded)
    query = {"scope": "following", "recurrenceId": "2031-06-16T09:00:00"}

    response = put_schedule(test_users.mia, first["id"], {"startTime": "2031-06-16T12:00"}, **query)

    following = response.json()
    assert response.status_code == 200, response.text
    assert following["id"] != first["id"]
    assert following["splitFrom"] == first["id"]
    assert following["startTime"] == "2031-06-16T12:00:00-04:00"
    assert list(following["recurrencePattern"]["exceptions"]) == ["2031-06-23T12:00:00"]
    before = test_users.ann.get(f"{PATH}/{first['id']}").json()
    assert before["recurrencePattern"]["until"] == "2031-06-09T09:00:00"
    assert list_june_starts(test_users, sue) == ["02T09:00", "09T09:00", "16T12:00", "30T12:00"]
    entries = test_users.ann.get(f"/user/{sue.id}/audit-logs").json()["items"]
    assert [entry["action"] for entry in entries].count("schedule.split") == 1


def test_count_is_divided_by_a_split(test_users: UserFixtures, sue: User) -> None:
    pattern = {"frequency": "daily", "count": 10}
    schedule = create_schedule(
        test_users.ann,
        schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=sue.id, recurrencePattern=pattern),
    )
    query = {"scope": "following", "recurrenceId": "2031-06-05T09:00:00"}
    following = put_schedule(test_users.ann, schedule["id"], {"endTime": "2031-06-05T18:00"}, **query).json()

    assert following["recurrencePattern"]["count"] == 7
    assert test_users.ann.get(f"{PATH}/{schedule['id']}").json()["recurrencePattern"]["count"] == 3
    assert len(list_june_starts(test_users, sue)) == 10


def test_deleting_following_shifts_keeps_earlier_shifts(test_users: UserFixtures, sue: User) -> None:
    id = create_monday_series(test_users, sue)["id"]
    query = {"scope": "following", "recurrenceId": "2031-06-16T09:00:00"}
    assert test_users.ann.request("DELETE", f"{PATH}/{id}", params=query).status_code == 200
    assert list_june_starts(test_users, sue) == ["02T09:00", "09T09:00"]
    first_query = {"scope": "following", "recurrenceId": "2031-06-02T09:00:00"}
    assert test_users.ann.request("DELETE", f"{PATH}/{id}", params=first_query).status_code == 200
    assert test_users.ann.get(f"{PATH}/{id}").status_code == 404
    assert list_june_starts(test_users, sue) == []


def test_whole_series_is_moved(test_users: UserFixtures, sue: User) -> None:
    exceptions = {
        "2031-06-09T09:00:00": {"excluded": True},
        "2031-06-16T09:00:00": {"startTime": "2031-06-18T07:00:00"},
    }
    id = create_monday_series(test_users, sue, exceptions=exceptions)["id"]
    query = {"scope": "all", "recurrenceId": "2031-06-23T09:00:00"}

    response = put_schedule(test_users.ann, id, {"startTime": "2031-06-23T10:30"}, **query)

    assert response.status_code == 200, response.text
    assert response.json()["startTime"] == "2031-06-02T10:30:00-04:00"
    assert list_june_starts(test_users, sue) == ["02T10:30", "18T07:00", "23T10:30", "30T10:30"]
    tuesday = {"startTime": "2031-06-03T10:30", "endTime": "2031-06-03T17:00"}
    mismatch_response = put_schedule(test_users.ann, id, tuesday)
    assert (mismatch_response.status_code, parse_problem(mismatch_response)["code"]) == (
        400,
        "recurrence_start_mismatch",
    )


def test_a_new_pattern_keeps_the_exceptions_that_still_fit(test_users: UserFixtures, sue: User) -> None:
    exclusion = {"2031-06-09T09:00:00": {"excluded": True}}
    id = create_monday_series(test_users, sue, exceptions=exclusion)["id"]
    days = [{"day": "mo"}, {"day": "we"}]

    pattern = {"frequency": "weekly", "byDay": days, "until": "2031-06-18"}
    assert put_schedule(test_users.ann, id, {"recurrencePattern": pattern}).status_code == 200

    assert list_june_starts(test_users, sue) == ["02T09:00", "04T09:00", "11T09:00", "16T09:00", "18T09:00"]
    without_exceptions = {"recurrencePattern": {**pattern, "exceptions": {}}}
    assert put_schedule(test_users.ann, id, without_exceptions).status_code == 200
    assert len(list_june_starts(test_users, sue)) == 6
    single_response = put_schedule(test_users.ann, id, {"recurring": False})
    assert single_response.json()["recurring"] is False
    assert list_june_starts(test_users, sue) == ["02T09:00"]


def test_series_is_reassigned(test_users: UserFixtures, sue: User) -> None:
    other_user = test_users.create_user()
    id = create_monday_series(test_users, sue)["id"]
    create_schedule(
        test_users.ann, schedule_body(test_users, "2031-06-30T16:00", "2031-06-30T18:00", staffId=other_user.id)
    )

    conflict_response = put_schedule(test_users.mia, id, {"staffId": other_user.id})
    assert parse_problem(conflict_response)["errors"][0]["at"] == "2031-06-30T16:00:00-04:00"
    assert list_june_starts(test_users, sue) != []
    assert put_schedule(test_users.mia, id, {"staffId": other_user.id, "allowOverlap": True}).status_code == 200
    assert list_june_starts(test_users, sue) == []
    assert len(list_june_starts(test_users, other_user)) == 6


def test_edit_honors_if_match(test_users: UserFixtures, sue: User) -> None:
    schedule = create_schedule(
        test_users.ann, schedule_body(test_users, "2031-08-04T09:00", "2031-08-04T17:00", staffId=sue.id)
    )
    path, headers = f"{PATH}/{schedule['id']}", {"If-Match": '"1"'}

    first = test_users.ann.request("PUT", path, json={"endTime": "2031-08-04T18:00"}, headers=headers)
    second = test_users.ann.request("PUT", path, json={"endTime": "2031-08-04T19:00"}, headers=headers)
    third = test_users.ann.request("DELETE", path, headers=headers)

    assert (first.status_code, first.headers["ETag"][:3]) == (200, '"2.')
    assert [second.status_code, third.status_code] == [412, 412]


INVALID_EDITS: dict[str, tuple[dict[str, str], Any, str]] = {
    "an occurrence without id": ({"scope": "occurrence"}, {"staffId": "x"}, "?recurrenceId"),
    "an occurrence without scope": ({"recurrenceId": "2031-06-02T09:00:00"}, {"staffId": "x"}, "?scope"),
    "an unknown scope": ({"scope": "some"}, {"staffId": "x"}, "?scope"),
    "an occurrence id that is a date": (
        {"scope": "occurrence", "recurrenceId": "2031-06-02"},
        {"staffId": "x"},
        "?recurrenceId",
    ),
    "nothing": ({}, {}, ""),
    "only allowOverlap": ({}, {"allowOverlap": True}, ""),
    "the pattern of one occurrence": (
        {"scope": "occurrence", "recurrenceId": "2031-06-02T09:00:00"},
        {"recurrencePattern": WEEKLY},
        "/recurrencePattern",
    ),
    "the location of one occurrence": (
        {"scope": "occurrence", "recurrenceId": "2031-06-02T09:00:00"},
        {"locationId": "elsewhere"},
        "/locationId",
    ),
}


@pytest.mark.parametrize("case_name", INVALID_EDITS)
def test_invalid_edit_is_rejected(test_users: UserFixtures, case_name: str) -> None:
    query, changes, pointer = INVALID_EDITS[case_name]
    schedule: Schedule = test_users.create_shift(
        start=datetime(2031, 6, 2, 9), pattern={"frequency": "weekly"}, allow_overlap=True
    )
    response = put_schedule(test_users.ann, schedule.id, changes, **query)
    assert response.status_code == 400, response.text
    assert parse_problem(response)["errors"][0]["pointer"] == pointer


def test_unknown_occurrence_returns_404(test_users: UserFixtures, sue: User) -> None:
    id = create_monday_series(test_users, sue)["id"]
    for scope in ("occurrence", "following"):
        query = {"scope": scope, "recurrenceId": "2031-06-03T09:00:00"}
        response = put_schedule(test_users.ann, id, {"staffId": test_users.sam.id}, **query)
        assert (response.status_code, parse_problem(response)["code"]) == (404, "occurrence_not_found")


def test_idempotency_key_creates_a_single_schedule(test_users: UserFixtures, sue: User) -> None:
    request_body = schedule_body(test_users, "2031-09-01T09:00", "2031-09-01T17:00", staffId=sue.id)
    headers = {"Idempotency-Key": f"once {sue.id}"}
    responses = [test_users.ann.post(PATH, request_body, headers=headers) for _ in range(3)]
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 1
