"""Series and occurrences that are sent back as read, with a change; and what errors name."""

from typing import Any

import pytest

from accounts.models import User
from tests.staffing.schedules.test_commands import (
    PATH,
    WEEKLY,
    create_schedule,
    list_shifts,
    put_schedule,
    schedule_body,
)
from tests.support.users import UserFixtures, parse_problem

DAYS = ("02", "09", "16", "23")
THIRD = "2031-06-16T09:00:00"
SECOND = "2031-06-09T09:00:00"


@pytest.fixture
def sue(test_users: UserFixtures) -> User:
    """A user without shifts."""
    return test_users.create_user()


@pytest.fixture
def bob(test_users: UserFixtures) -> User:
    """Another user without shifts."""
    return test_users.create_user()


def create_series(test_users: UserFixtures, staff: User, **fields: Any) -> dict[str, Any]:
    """Create a series on four Mondays of June 2031, 9:00 to 17:00."""
    pattern = {**WEEKLY, "count": 4, **fields.pop("pattern", {})}
    body = schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=staff.id, **fields)
    return create_schedule(test_users.ann, {**body, "recurrencePattern": pattern})


def read_schedule(test_users: UserFixtures, id: str) -> dict[str, Any]:
    return dict(test_users.ann.get(f"{PATH}/{id}").json())


def days_of(test_users: UserFixtures, staff: User) -> list[str]:
    """The days of June 2031 on which a user has a shift of the series at 9:00."""
    shifts = list_shifts(test_users, staff, "2031-05-01T00:00:00Z", "2031-08-01T00:00:00Z")
    assert {start[10:19] for start, _ in shifts} <= {"T09:00:00"}
    return [start[8:10] for start, _ in shifts]


def first_error(response: Any, status: int = 400) -> tuple[str, str]:
    """Pointer and code of the first error."""
    assert response.status_code == status, response.text
    error = parse_problem(response)["errors"][0]
    return error["pointer"], error["code"]


# --- a series sent back ---------------------------------------------------------------------------
@pytest.mark.parametrize("names", [None, ("startTime", "endTime"), ("startTime", "endTime", "recurrencePattern")])
@pytest.mark.parametrize("scope", ["occurrence", "following", "all"])
def test_a_series_is_sent_back_with_another_user(
    test_users: UserFixtures, sue: User, bob: User, scope: str, names: tuple[str, ...] | None
) -> None:
    series = create_series(test_users, sue)
    sent = {name: series[name] for name in names or series}

    response = put_schedule(test_users.ann, series["id"], {**sent, "staffId": bob.id}, scope=scope, recurrenceId=THIRD)

    assert response.status_code == 200, response.text
    moved = {"occurrence": ["16"], "following": ["16", "23"], "all": list(DAYS)}[scope]
    assert days_of(test_users, bob) == moved
    assert days_of(test_users, sue) == [day for day in DAYS if day not in moved]


def test_a_series_sent_back_keeps_the_cover_and_the_note_of_an_occurrence(
    test_users: UserFixtures, sue: User, bob: User
) -> None:
    exceptions = {THIRD: {"staffId": bob.id, "notes": "Stocktaking"}}
    series = create_series(test_users, sue, pattern={"exceptions": exceptions}, notes="Open the shop")
    assert series["recurrencePattern"]["exceptions"] == exceptions

    query = {"scope": "occurrence", "recurrenceId": THIRD}
    changed = put_schedule(test_users.ann, series["id"], {**series, "color": "#1f7a8c"}, **query).json()

    assert (changed["staffId"], changed["notes"], changed["color"]) == (bob.id, "Stocktaking", "#1f7a8c")
    owner = put_schedule(test_users.ann, series["id"], {"staffId": sue.id, "notes": series["notes"]}, **query).json()
    assert (owner["staffId"], owner["notes"]) == (sue.id, "Open the shop"), "sent by themselves, they count"


def test_an_occurrence_moves_to_the_time_of_the_first(test_users: UserFixtures, sue: User) -> None:
    """Times alone are not sent back: the second occurrence takes the place of the first."""
    series = create_series(test_users, sue, pattern={"exceptions": {"2031-06-02T09:00": {"excluded": True}}})
    times = {"startTime": series["startTime"], "endTime": series["endTime"]}

    response = put_schedule(test_users.ann, series["id"], times, scope="occurrence", recurrenceId=SECOND)

    assert response.status_code == 200, response.text
    assert days_of(test_users, sue) == ["02", "16", "23"]


@pytest.mark.parametrize("scope", ["occurrence", "following", "all"])
def test_an_occurrence_is_sent_back_with_a_position(test_users: UserFixtures, sue: User, bob: User, scope: str) -> None:
    """Its own times, user and notes stay its own."""
    own = {"startTime": "2031-06-17T11:00:00", "endTime": "2031-06-17T12:00:00", "staffId": bob.id, "notes": "Own"}
    series = create_series(test_users, sue, pattern={"exceptions": {THIRD: own}})
    query = {"locationId": test_users.boston.id, "staffId": bob.id, "from": "2031-06-01", "to": "2031-07-01"}
    (occurrence,) = test_users.ann.get(PATH, params={**query, "expand": "occurrences"}).json()["items"]

    sent = {**occurrence, "position": "Till"}
    response = put_schedule(test_users.ann, series["id"], sent, scope=scope, recurrenceId=THIRD)

    assert response.status_code == 200, response.text
    assert days_of(test_users, sue) == ["02", "09", "23"]
    assert list_shifts(test_users, bob, "2031-06-01T00:00:00Z", "2031-07-01T00:00:00Z") == [
        ("2031-06-17T11:00:00-04:00", "2031-06-17T12:00:00-04:00")
    ]
    assert (response.json()["position"], response.json()["notes"]) == ("Till", "Own" if scope == "occurrence" else None)


def test_fields_of_a_pattern_are_changed_as_read(test_users: UserFixtures, sue: User) -> None:
    """The RRULE that was read does not contradict, and neither do the fields if only it changes."""
    series = create_series(test_users, sue)
    id, read_pattern = series["id"], series["recurrencePattern"]

    longer = put_schedule(test_users.ann, id, {**series, "recurrencePattern": {**read_pattern, "count": 5}})
    assert longer.status_code == 200, longer.text
    assert longer.json()["recurrencePattern"]["rrule"] == "FREQ=WEEKLY;BYDAY=MO;COUNT=5"
    read_pattern = longer.json()["recurrencePattern"]
    rule = {**read_pattern, "rrule": "FREQ=WEEKLY;BYDAY=MO;COUNT=2"}
    shorter = put_schedule(test_users.ann, id, {"recurrencePattern": rule})
    assert shorter.json()["recurrencePattern"]["count"] == 2
    both = {**shorter.json()["recurrencePattern"], "count": 3, "rrule": "FREQ=DAILY"}
    refused = put_schedule(test_users.ann, id, {"recurrencePattern": both})
    assert first_error(refused) == ("/recurrencePattern/rrule", "invalid")


def test_only_read_only_fields_are_sent(test_users: UserFixtures, sue: User) -> None:
    series = create_series(test_users, sue)
    changed = put_schedule(test_users.ann, series["id"], {"timeZone": "Europe/Berlin"})
    assert first_error(changed) == ("/timeZone", "read_only")
    same = put_schedule(test_users.ann, series["id"], {"timeZone": series["timeZone"]})
    assert (same.status_code, same.json()) == (200, series)
    for body in ({}, {"allowOverlap": True}):
        assert first_error(put_schedule(test_users.ann, series["id"], body)) == ("", "required")
    missing = put_schedule(test_users.ann, series["id"], {"notes": "x"}, scope="following")
    assert first_error(missing) == ("?recurrenceId", "required")


# --- null and a template --------------------------------------------------------------------------
def test_null_means_none_with_a_template(test_users: UserFixtures, sue: User) -> None:
    details = {"notes": "Open the shop", "position": "Reception", "breakMinutes": 30, "color": "#1f7a8c"}
    times = {"name": "Early", "startTime": "09:00", "endTime": "17:00", "recurrencePattern": WEEKLY}
    template = test_users.ann.post("/scheduleTemplate", {**times, **details}).json()
    body = schedule_body(
        test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=sue.id, templateId=template["id"], allowOverlap=True
    )

    left_out = create_schedule(test_users.ann, body)
    null = create_schedule(test_users.ann, {**body, **dict.fromkeys(["recurrencePattern", *details])})

    assert left_out["recurring"] is True
    assert {name: left_out[name] for name in details} == details
    assert (null["recurring"], null["recurrencePattern"], null["templateId"]) == (False, None, template["id"])
    assert {name: null[name] for name in details} == dict.fromkeys(details)
    recurring = test_users.ann.post(PATH, {**body, "recurring": True, "recurrencePattern": None})
    assert first_error(recurring) == ("/recurrencePattern", "invalid")


# --- what errors name -----------------------------------------------------------------------------
def test_errors_name_a_field_that_was_sent(test_users: UserFixtures, sue: User, bob: User) -> None:
    busy = schedule_body(test_users, "2031-06-16T12:00", "2031-06-16T13:00", staffId=bob.id)
    create_schedule(test_users.ann, busy)
    series = create_series(test_users, sue, breakMinutes=30)
    covered = {**WEEKLY, "count": 4, "exceptions": {THIRD: {"staffId": bob.id}}}
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"staffId": bob.id}, 409, "/staffId"),
        ({"recurrencePattern": covered}, 409, f"/recurrencePattern/exceptions/{THIRD}/staffId"),
        ({"recurrencePattern": {"frequency": "weekly", "byDay": ["TU"]}}, 400, "/recurrencePattern"),
        ({"endTime": "2031-06-02T09:15"}, 400, "/endTime"),
        ({"breakMinutes": 600}, 400, "/breakMinutes"),
    ]
    for body, status, pointer in cases:
        assert first_error(put_schedule(test_users.ann, series["id"], body), status)[0] == pointer, body
    new = schedule_body(test_users, "2032-06-07T09:00", "2032-06-07T17:00", staffId=sue.id)
    unknown = {**WEEKLY, "exceptions": {"2032-06-14T09:00:00": {"staffId": test_users.cleo.id}}}
    response = test_users.ann.post(PATH, {**new, "recurrencePattern": unknown})
    assert first_error(response, response.status_code)[0] == (
        "/recurrencePattern/exceptions/2032-06-14T09:00:00/staffId"
    )


def test_local_times_of_a_pattern_need_no_seconds(test_users: UserFixtures, sue: User) -> None:
    exceptions: dict[str, Any] = {"2031-06-09T09:00": {"startTime": "2031-06-09T10:00"}}
    pattern: dict[str, Any] = {**WEEKLY, "until": "2031-06-16T09:00", "exceptions": exceptions}
    body = schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=sue.id)

    shown = create_schedule(test_users.ann, {**body, "recurrencePattern": pattern})["recurrencePattern"]

    assert shown["until"] == "2031-06-16T09:00:00"
    assert shown["exceptions"] == {SECOND: {"startTime": "2031-06-09T10:00:00"}}
    twice: dict[str, Any] = {**pattern, "exceptions": exceptions | {SECOND: {"excluded": True}}}
    assert first_error(test_users.ann.post(PATH, {**body, "recurrencePattern": twice})) == (
        f"/recurrencePattern/exceptions/{SECOND}",
        "invalid",
    )
