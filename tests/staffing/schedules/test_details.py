"""Notes, position, break and color of schedules, of single occurrences and of templates."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import icalendar
import pytest

from accounts.models import User
from config import dynamodb
from config.audit import AuditEntry
from staffing.models import VERSION_RECORD_KEY, Schedule, StaffAvailability
from staffing.schedules.save import MAX_PATTERN_BYTES
from tests.staffing.schedules.test_commands import PATH, WEEKLY, create_schedule, put_schedule, schedule_body
from tests.support.environment import Environment
from tests.support.users import UserFixtures, accept_invitation, now, parse_problem

DETAILS = {"notes": "Open the shop.\nKey: front desk", "position": "Reception", "breakMinutes": 30, "color": "#1f7a8c"}
NO_DETAILS = dict.fromkeys(DETAILS)
SECOND = {"scope": "occurrence", "recurrenceId": "2031-06-09T09:00:00"}


@pytest.fixture
def sue(test_users: UserFixtures) -> User:
    """A user without shifts."""
    return test_users.create_user()


def create_series(test_users: UserFixtures, staff: User, **fields: Any) -> dict[str, Any]:
    """Create a series on Mondays of June 2031, 9:00 to 17:00, with details."""
    pattern = {**WEEKLY, "until": "2031-06-30", **fields.pop("pattern", {})}
    values = {**DETAILS, **fields, "staffId": staff.id, "recurrencePattern": pattern}
    return create_schedule(test_users.ann, schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00", **values))


def details_of(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: shown[name] for name in DETAILS}


def list_occurrences(test_users: UserFixtures, staff: User) -> list[dict[str, Any]]:
    query = {"locationId": test_users.boston.id, "staffId": staff.id, "expand": "occurrences"}
    response = test_users.sam.get(PATH, params={**query, "from": "2031-06-01", "to": "2031-07-01"})
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


def read_changes(test_users: UserFixtures, staff: User) -> dict[str, Any]:
    """The changes of the latest audit entry of a person, as before and after by field."""
    entry = test_users.ann.get(f"/user/{staff.id}/audit-logs?limit=1").json()["items"][0]
    return {change["field"]: (change["before"], change["after"]) for change in entry["changes"]}


# --- schedules ------------------------------------------------------------------------------------
def test_details_are_stored_shown_changed_and_cleared(test_users: UserFixtures, sue: User) -> None:
    sent = {**DETAILS, "notes": "  Open the shop.\r\nKey: front desk ", "color": "#1F7A8C"}
    schedule = create_series(test_users, sue, **sent)

    assert details_of(schedule) == DETAILS
    assert details_of(test_users.sam.get(f"{PATH}/{schedule['id']}").json()) == DETAILS
    assert [details_of(item) for item in list_occurrences(test_users, sue)] == [DETAILS] * 5
    on_duty = test_users.sam.get(f"/location/{test_users.boston.id}/on-duty?at=2031-06-02T10:00").json()["items"]
    assert DETAILS in [details_of(entry["shift"]) for entry in on_duty]

    changed = put_schedule(test_users.mia, schedule["id"], {"notes": "", "breakMinutes": 0, "color": None}).json()
    assert details_of(changed) == {"notes": None, "position": "Reception", "breakMinutes": 0, "color": None}
    assert changed["version"] == 2
    changes = read_changes(test_users, sue)
    assert changes["notes"] == (DETAILS["notes"], None)
    assert changes["breakMinutes"] == (30, 0)
    assert "position" not in changes
    repeated = put_schedule(test_users.mia, schedule["id"], {"notes": None})
    assert repeated.json()["version"] == 2, "nothing changed"


INVALID_DETAILS: dict[str, tuple[dict[str, Any], str]] = {
    "long notes": ({"notes": "x" * 1001}, "/notes"),
    "a control character": ({"notes": "a\u0000b"}, "/notes"),
    "notes that are a number": ({"notes": 7}, "/notes"),
    "a long position": ({"position": "x" * 101}, "/position"),
    "a position of two lines": ({"position": "a\nb"}, "/position"),
    "a break longer than the shift": ({"breakMinutes": 481}, "/breakMinutes"),
    "a negative break": ({"breakMinutes": -1}, "/breakMinutes"),
    "half a minute": ({"breakMinutes": 0.5}, "/breakMinutes"),
    "a named color": ({"color": "red"}, "/color"),
    "a short color": ({"color": "#fff"}, "/color"),
}


@pytest.mark.parametrize("case_name", INVALID_DETAILS)
def test_invalid_details_are_rejected(test_users: UserFixtures, sue: User, case_name: str) -> None:
    """In a schedule, and in an exception of a pattern."""
    fields, pointer = INVALID_DETAILS[case_name]
    exceptions = {"2031-06-09T09:00:00": fields}
    body = schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=sue.id)
    for extra in (fields, {"recurrencePattern": {**WEEKLY, "exceptions": exceptions}}):
        response = test_users.ann.post(PATH, {**body, **extra})
        assert response.status_code == 400, response.text
        assert parse_problem(response)["errors"][0]["pointer"].endswith(pointer)


def test_a_shift_does_not_become_shorter_than_its_break(test_users: UserFixtures, sue: User) -> None:
    id = create_series(test_users, sue, breakMinutes=60)["id"]

    for query in (SECOND, {}):
        day = query.get("recurrenceId", "2031-06-02T09:00:00")[:10]
        response = put_schedule(test_users.ann, id, {"endTime": f"{day}T09:45"}, **query)
        assert response.status_code == 400, response.text
        assert parse_problem(response)["errors"][0]["pointer"] == "/endTime", "the break was not sent"
        both = {"endTime": f"{day}T09:45", "breakMinutes": 15}
        assert put_schedule(test_users.ann, id, both, **query).status_code == 200


# --- occurrences ----------------------------------------------------------------------------------
def test_an_occurrence_has_its_own_details_and_inherits_the_others(test_users: UserFixtures, sue: User) -> None:
    id = create_series(test_users, sue)["id"]
    version_record = dynamodb.get_record(StaffAvailability, sue.id, VERSION_RECORD_KEY)

    response = put_schedule(test_users.mia, id, {"notes": "Fire drill", "position": None}, **SECOND)

    assert response.status_code == 200, response.text
    own = {**DETAILS, "notes": "Fire drill", "position": None}
    assert details_of(response.json()) == own
    occurrences = list_occurrences(test_users, sue)
    assert [details_of(item) for item in occurrences] == [DETAILS, own, *[DETAILS] * 3]
    assert [item["changed"] for item in occurrences] == [False, True, False, False, False]
    assert read_changes(test_users, sue)["details/2031-06-09T09:00:00"] == (
        None,
        {"notes": "Fire drill", "position": None},
    )
    on_duty = test_users.sam.get(f"/location/{test_users.boston.id}/on-duty?at=2031-06-09T10:00").json()["items"]
    assert [entry["reason"] for entry in on_duty if entry["staffId"] == sue.id] == ["scheduled"], "it was not moved"
    after = dynamodb.get_record(StaffAvailability, sue.id, VERSION_RECORD_KEY)
    assert version_record
    assert after
    assert after.wrote == version_record.wrote, "when she works did not change"

    assert put_schedule(test_users.mia, id, {"color": "#000000"}).status_code == 200
    assert [item["color"] for item in list_occurrences(test_users, sue)] == ["#000000"] * 5
    later = {"startTime": "2031-06-10T09:00", "endTime": "2031-06-10T17:00"}
    moved = put_schedule(test_users.mia, id, later, **SECOND).json()
    assert details_of(moved) == {**own, "color": "#000000"}
    restored = {**DETAILS, "color": "#000000", "startTime": "2031-06-09T09:00", "endTime": "2031-06-09T17:00"}
    assert put_schedule(test_users.mia, id, restored, **SECOND).status_code == 200
    assert "exceptions" not in test_users.ann.get(f"{PATH}/{id}").json()["recurrencePattern"]


def test_a_note_is_added_to_an_occurrence_that_overlaps(test_users: UserFixtures, sue: User) -> None:
    other = schedule_body(test_users, "2031-06-09T10:00", "2031-06-09T11:00", staffId=sue.id)
    create_schedule(test_users.ann, other)
    id = create_series(test_users, sue, allowOverlap=True)["id"]

    assert put_schedule(test_users.mia, id, {"notes": "Two at once"}, **SECOND).status_code == 200


def test_following_shifts_keep_details_and_get_new_ones(test_users: UserFixtures, sue: User) -> None:
    exceptions = {"2031-06-23T09:00:00": {"notes": "Stocktaking", "breakMinutes": None}}
    first = create_series(test_users, sue, pattern={"exceptions": exceptions})
    assert first["recurrencePattern"]["exceptions"]["2031-06-23T09:00:00"] == {
        "notes": "Stocktaking",
        "breakMinutes": None,
    }

    query = {"scope": "following", "recurrenceId": "2031-06-16T09:00:00"}
    following = put_schedule(test_users.ann, first["id"], {"position": "Till"}, **query).json()

    assert details_of(following) == {**DETAILS, "position": "Till"}
    assert [(item["position"], item["notes"], item["breakMinutes"]) for item in list_occurrences(test_users, sue)] == [
        ("Reception", DETAILS["notes"], 30),
        ("Reception", DETAILS["notes"], 30),
        ("Till", DETAILS["notes"], 30),
        ("Till", "Stocktaking", None),
        ("Till", DETAILS["notes"], 30),
    ]
    assert read_changes(test_users, sue)["rest/position"] == (None, "Till")


def test_notes_of_a_series_are_bounded_together(test_users: UserFixtures, sue: User) -> None:
    """Long before DynamoDB's limit of an item."""
    starts = [datetime(2031, 1, 6, 9) + timedelta(days=n) for n in range(45)]
    exceptions = {start.isoformat(): {"notes": f"{n} " + "ü" * 990} for n, start in enumerate(starts)}
    body = schedule_body(test_users, "2031-01-06T09:00", "2031-01-06T17:00", staffId=sue.id)
    pattern = {"frequency": "daily", "exceptions": exceptions}
    id = create_schedule(test_users.ann, {**body, "recurrencePattern": pattern})["id"]

    responses = []
    for n in range(45, 60):
        query = {"scope": "occurrence", "recurrenceId": (starts[0] + timedelta(days=n)).isoformat()}
        responses.append(put_schedule(test_users.ann, id, {"notes": "ü" * 1000}, **query))
        if not responses[-1].is_success:
            break

    assert responses[0].status_code == 200
    assert parse_problem(responses[-1])["code"] == "series_too_large"
    stored = dynamodb.get_record(Schedule, id)
    assert stored
    assert MAX_PATTERN_BYTES * 0.9 < len(json.dumps(stored.pattern, ensure_ascii=False).encode()) < 110_000
    assert put_schedule(test_users.ann, id, {"notes": None}, **query).status_code == 200


# --- templates ------------------------------------------------------------------------------------
def test_a_template_gives_its_details_to_schedules(test_users: UserFixtures, sue: User) -> None:
    times = {"startTime": "22:00", "endTime": "06:00"}
    template = test_users.ann.post("/scheduleTemplate", {"name": "Early", **times, **DETAILS}).json()
    assert details_of(template) == DETAILS
    body = schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=sue.id, templateId=template["id"])

    schedule = create_schedule(test_users.ann, {**body, "notes": "", "breakMinutes": 45, "color": None})

    assert details_of(schedule) == {**DETAILS, "notes": None, "breakMinutes": 45, "color": None}, "null means none"
    too_long = test_users.ann.patch("/scheduleTemplate", {"id": template["id"], "breakMinutes": 481})
    assert parse_problem(too_long)["errors"][0]["pointer"] == "/breakMinutes"
    cleared = test_users.ann.patch("/scheduleTemplate", {"id": template["id"], **NO_DETAILS}).json()
    assert details_of(cleared) == NO_DETAILS
    assert details_of(test_users.ann.get(f"/scheduleTemplate/{template['id']}").json()) == NO_DETAILS


# --- elsewhere ------------------------------------------------------------------------------------
def test_the_feed_and_the_export_contain_details(test_users: UserFixtures, env: Environment, sue: User) -> None:
    person = accept_invitation(env, test_users.ann.web, sue)
    monday = (now() + timedelta(days=7 - now().weekday())).date()  # a feed has the changes of the near future
    values = {**DETAILS, "staffId": sue.id, "recurrencePattern": {**WEEKLY, "count": 2}}
    body = schedule_body(test_users, f"{monday}T09:00", f"{monday}T17:00", **values)
    series_start = datetime.fromisoformat((schedule := create_schedule(test_users.ann, body))["startTime"])
    second = {"scope": "occurrence", "recurrenceId": f"{monday + timedelta(days=7)}T09:00:00"}
    changes = {"notes": "Fire drill", "breakMinutes": None}
    moved = put_schedule(test_users.mia, schedule["id"], changes, **second)
    starts = [series_start, datetime.fromisoformat(moved.json()["startTime"])]

    feed = httpx.get(person.post("/user/calendar-feed", {}).json()["url"]).text
    series, occurrence = icalendar.Calendar.from_ical(feed).walk("VEVENT")
    assert (str(series["SUMMARY"]), str(series["DESCRIPTION"])) == (
        "Reception, Boston",
        f"Break: 30 min\n\n{DETAILS['notes']}",
    )
    assert str(occurrence["DESCRIPTION"]) == "Fire drill"
    rows = person.get("/user/export/my-data?format=json").json()["data"]["shifts"]
    assert [(datetime.fromisoformat(row["start"]), row["notes"], row["breakMinutes"]) for row in rows] == [
        (starts[0], DETAILS["notes"], 30),
        (starts[1], "Fire drill", None),
    ]


def test_notes_are_erased_with_the_person_and_encrypted_in_the_audit(test_users: UserFixtures, sue: User) -> None:
    """Past shifts stay as evidence: their own, and those that the person covered."""
    owner = test_users.create_user()
    first = now().replace(hour=9, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(days=20)
    day = (first + timedelta(days=2)).isoformat()
    body = {"endTime": (first + timedelta(hours=8)).isoformat(), "recurrencePattern": {"frequency": "daily"}}
    past = create_schedule(
        test_users.ann,
        {
            **schedule_body(test_users, first.isoformat(), ""),
            **body,
            **DETAILS,
            "staffId": sue.id,
            "notes": "For Zqsue",
        },
    )
    night = first.replace(hour=20)
    covered = create_schedule(
        test_users.ann,
        {
            **schedule_body(test_users, night.isoformat(), (night + timedelta(hours=1)).isoformat(), staffId=owner.id),
            "recurrencePattern": {"frequency": "daily"},
            "notes": "Of the owner",
        },
    )
    cover_query = {"scope": "occurrence", "recurrenceId": night.isoformat()}
    cover = {"staffId": sue.id, "notes": "Zqsue covers"}
    assert put_schedule(test_users.ann, covered["id"], cover, **cover_query).is_success
    own_query = {"scope": "occurrence", "recurrenceId": day}
    assert put_schedule(test_users.ann, past["id"], {"notes": "Zqsue is late"}, **own_query).is_success
    assert "Zqsue" not in str(list(dynamodb.iter_pages("Scan", TableName=AuditEntry.table_name())))

    assert test_users.ann.delete("/userManagement", {"id": sue.id, "erase": "now"}).status_code == 200

    assert "Zqsue" not in str(list(dynamodb.iter_pages("Scan", TableName=Schedule.table_name())))
    assert "Zqsue" not in str(list(dynamodb.iter_pages("Scan", TableName=StaffAvailability.table_name())))
    query = {"locationId": test_users.boston.id, "from": f"{day[:10]}", "to": f"{now():%Y-%m-%d}"}
    occurrences = test_users.ann.get(PATH, params={**query, "expand": "occurrences"}).json()["items"]
    remaining = {item["position"] for item in occurrences if item["scheduleId"] == past["id"]}
    assert remaining == {"Reception"}, "past shifts stay"
    assert {item["notes"] for item in occurrences if item["scheduleId"] == covered["id"]} == {"Of the owner"}
