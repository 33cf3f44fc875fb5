"""Hostile and extreme requests are rejected quickly, with a reason and without side effects."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from config.audit import reader
from staffing.notifications import rota_changes
from staffing.recurrence import conflicts, rules
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import RecurrenceRule
from tests.staffing.schedules.test_commands import PATH, WEEKLY, create_schedule, put_schedule, schedule_body
from tests.support.environment import Environment
from tests.support.users import UserFixtures, accept_invitation, now, parse_problem

MAX_SECONDS = 3.0
"""Generous for slow machines; none of these requests should take a second."""
START = datetime(2031, 2, 3, 9)


def reassigned_exceptions(days: int, people: list[str], *, hour: int = 9, minutes: int = 0) -> dict[str, Any]:
    """Exceptions that reassign each of the first days to the given users in turn."""
    first = START.replace(hour=hour)
    return {
        (first + timedelta(days=n)).isoformat(): {
            "staffId": people[n % len(people)],
            "startTime": (first + timedelta(days=n, minutes=minutes)).isoformat(),
        }
        for n in range(days)
    }


def series_body(test_users: UserFixtures, staff: str, *, hour: int = 9, **pattern: Any) -> dict[str, Any]:
    start = START.replace(hour=hour)
    end = start + timedelta(hours=1)
    recurrence_pattern = {"frequency": "daily", **pattern}
    return schedule_body(
        test_users, start.isoformat(), end.isoformat(), staffId=staff, recurrencePattern=recurrence_pattern
    )


MANY_DAYS = [{"day": day, "nthOfPeriod": n} for day in rules.WEEKDAY_CODES for n in (*range(-5, 0), *range(1, 6))]
RARE_PATTERNS: dict[str, dict[str, Any]] = {
    "31 February": {"frequency": "monthly", "byMonth": ["2"], "byMonthDay": [30, 31]},
    "all positions of 31 February": {
        "frequency": "monthly",
        "byMonth": ["2"],
        "byMonthDay": [30, 31],
        "byDay": MANY_DAYS[:35],
        "bySetPosition": list(range(-6, 0)) + list(range(1, 7)),
    },
    "too many positions": {
        "frequency": "monthly",
        "byDay": [{"day": "mo"}],
        "bySetPosition": [n for n in range(-31, 32) if n],
    },
    "too many days": {"frequency": "monthly", "byDay": MANY_DAYS},
    "positions beyond a month": {"frequency": "monthly", "byDay": [{"day": "mo"}], "bySetPosition": [20, 21, 22]},
    "29 February, a Thursday": {"frequency": "yearly", "byMonth": ["2"], "byMonthDay": [29], "byDay": [{"day": "th"}]},
}


@pytest.mark.parametrize("case_name", RARE_PATTERNS)
def test_rarely_matching_rule_is_rejected_quickly(test_users: UserFixtures, case_name: str) -> None:
    start, end = "2032-02-29T09:00", "2032-02-29T10:00"
    request_body = schedule_body(test_users, start, end, recurrencePattern=RARE_PATTERNS[case_name])
    if case_name == "29 February, a Thursday":
        request_body |= {"startTime": "2052-02-29T09:00", "endTime": "2052-02-29T10:00"}
    started = time.monotonic()
    response = test_users.ann.post(PATH, request_body)
    assert response.status_code == 400, response.text
    assert time.monotonic() - started < MAX_SECONDS


def test_hundreds_of_reassigned_shifts_are_checked_quickly(
    test_users: UserFixtures, record_figure: Callable[[str], None]
) -> None:
    owner, cover = test_users.create_user(), test_users.create_user()
    seconds = []
    for hour in (6, 8, 10):
        request_body = series_body(
            test_users, owner.id, hour=hour, exceptions=reassigned_exceptions(500, [cover.id], hour=hour)
        )
        response = test_users.ann.post(PATH, request_body)
        assert response.status_code == 201, response.text
        seconds.append(response.elapsed.total_seconds())
    conflict_response = test_users.ann.post(PATH, series_body(test_users, cover.id, hour=10))
    assert parse_problem(conflict_response)["errors"][0]["at"] == "2031-02-03T10:00:00-05:00"
    record_figure(f"500 shifts reassigned to one user, three times: {', '.join(f'{s:.2f}' for s in seconds)} s")
    assert max(seconds) < MAX_SECONDS


def test_hundred_series_across_zones_are_checked_quickly(record_figure: Callable[[str], None]) -> None:
    def weekly(zone: str, minute: int) -> Series:
        start = datetime(2031, 2, 3, 1, minute)
        return Series(start, start + timedelta(seconds=30), zone, RecurrenceRule("daily"))

    berlin_series = weekly("Europe/Berlin", 59)
    started = time.perf_counter()
    for n in range(99):
        zone = "America/New_York" if n % 2 else "Australia/Lord_Howe"
        assert conflicts.find_conflict(berlin_series, weekly(zone, n % 29)) is None
    seconds = time.perf_counter() - started
    record_figure(f"99 endless series of other zones checked against one: {seconds:.2f} s")
    assert seconds < MAX_SECONDS


def test_number_of_people_in_a_change_is_limited(test_users: UserFixtures) -> None:
    owner = test_users.create_user()
    people = [test_users.create_user().id for _ in range(16)]
    schedule = create_schedule(
        test_users.ann, series_body(test_users, owner.id, exceptions=reassigned_exceptions(4, people[:4]))
    )
    swapped_pattern = {"frequency": "daily", "exceptions": reassigned_exceptions(12, people[4:])}
    response = put_schedule(test_users.ann, schedule["id"], {"recurrencePattern": swapped_pattern})
    assert (response.status_code, parse_problem(response)["code"]) == (409, "assignment_limit_exceeded")
    smaller_pattern = {"frequency": "daily", "exceptions": reassigned_exceptions(8, people[4:12])}
    assert put_schedule(test_users.ann, schedule["id"], {"recurrencePattern": smaller_pattern}).status_code == 200
    oversized_body = series_body(test_users, test_users.create_user().id, exceptions=reassigned_exceptions(13, people))
    assert test_users.ann.post(PATH, oversized_body).status_code == 409


def test_audit_entry_size_is_limited(test_users: UserFixtures) -> None:
    owner, *cover_ids = (test_users.create_user().id for _ in range(4))
    schedule = create_schedule(
        test_users.ann, series_body(test_users, owner, exceptions=reassigned_exceptions(500, cover_ids))
    )
    moved_exceptions = reassigned_exceptions(500, list(reversed(cover_ids)), minutes=5)
    change = {"recurrencePattern": {"frequency": "daily", "exceptions": moved_exceptions}, "allowOverlap": True}
    assert put_schedule(test_users.ann, schedule["id"], change).status_code == 200
    entry = test_users.ann.get(f"/user/{owner}/audit-logs?limit=1").json()["items"][0]
    assert len(str(entry)) < 20_000
    assert entry["changes"][-2] == {"field": "shifts", "before": None, "after": "480 more"}


@pytest.mark.parametrize("id", ["9999-12-31T23:59:59", "0001-01-01T00:00:00", "2200-01-01T09:00:00"])
def test_recurrence_id_out_of_range_is_rejected(test_users: UserFixtures, id: str) -> None:
    schedule = create_schedule(test_users.ann, series_body(test_users, test_users.create_user().id))
    for scope in ("occurrence", "following", "all"):
        query = {"scope": scope, "recurrenceId": id}
        change = {"staffId": test_users.sam.id}
        assert put_schedule(test_users.ann, schedule["id"], change, **query).status_code == 400
        deleted = test_users.ann.request("DELETE", f"{PATH}/{schedule['id']}", params=query)
        assert deleted.status_code == 400


def test_series_end_cannot_move_out_of_range(test_users: UserFixtures) -> None:
    request_body = series_body(test_users, test_users.create_user().id, until="2199-12-31")
    schedule = create_schedule(test_users.ann, request_body)
    changes = {"startTime": "2031-02-04T09:00", "endTime": "2031-02-04T10:00"}
    response = put_schedule(test_users.ann, schedule["id"], changes)
    assert response.status_code == 400, response.text


def test_malformed_feed_url_returns_404(test_users: UserFixtures) -> None:
    for user in ("x" * 3000, "usr_", "%2e%2e", "usr_%00"):
        response = httpx.get(f"{test_users.ann.web}/calendar/{user}/secret.ics")
        assert response.status_code == 404


def test_template_with_invalid_time_zone_is_rejected(test_users: UserFixtures) -> None:
    zones: list[Any] = [[], 0, "", "Mars/Olympus", {}]
    for zone in zones:
        pattern = {**WEEKLY, "timeZone": zone}
        times = {"startTime": "09:00", "endTime": "10:00"}
        request_body = {"name": "T", **times, "recurrencePattern": pattern}
        assert test_users.ann.post("/scheduleTemplate", request_body).status_code == 400, zone


# --- edits never lose exceptions silently ---------------------------------------------------------
def test_edit_that_would_lose_exceptions_is_rejected(test_users: UserFixtures) -> None:
    owner, cover = test_users.create_user(), test_users.create_user()
    days = [{"day": day} for day in ("mo", "we", "fr")]
    exceptions = {"2031-02-07T09:00:00": {"excluded": True}, "2031-02-14T09:00:00": {"staffId": cover.id}}
    request_body = series_body(test_users, owner.id, frequency="weekly", byDay=days, exceptions=exceptions)
    schedule = create_schedule(test_users.ann, request_body)
    changes = {"startTime": "2031-02-05T09:00", "endTime": "2031-02-05T10:00"}
    move_response = put_schedule(test_users.ann, schedule["id"], changes)
    assert (move_response.status_code, parse_problem(move_response)["code"]) == (409, "exceptions_lost")
    for id in exceptions:
        query = {"scope": "following", "recurrenceId": id}
        single_response = put_schedule(test_users.ann, schedule["id"], {"recurring": False}, **query)
        assert (single_response.status_code, parse_problem(single_response)["code"]) == (409, "exceptions_lost")
    two_hours_later = {"startTime": "2031-02-03T11:00", "endTime": "2031-02-03T12:00"}
    hour_response = put_schedule(test_users.ann, schedule["id"], two_hours_later)
    assert sorted(hour_response.json()["recurrencePattern"]["exceptions"]) == [
        *("2031-02-07T11:00:00", "2031-02-14T11:00:00")
    ]


def test_daily_series_can_overlap_itself_at_a_dst_change() -> None:
    start = datetime(2031, 1, 6, 3)
    daily = Series(start, start + timedelta(hours=23, minutes=30), "America/New_York", RecurrenceRule("daily"))
    conflict = conflicts.find_self_conflict(daily)
    assert conflict
    assert f"{conflict.at:%Y-%m-%dT%H:%M}" == "2031-03-09T07:00"
    full_day = Series(start, start + timedelta(hours=24), "America/New_York", RecurrenceRule("daily"))
    assert conflicts.find_self_conflict(full_day) is None


# --- covers: visibility and notifications ---------------------------------------------------------
def test_covering_a_shift_does_not_reveal_the_series(test_users: UserFixtures, env: Environment) -> None:
    cover, owner = (accept_invitation(env, test_users.ann.web, test_users.create_user()), test_users.create_user())
    request_body = series_body(test_users, owner.id, hour=18, exceptions=reassigned_exceptions(1, [cover.id], hour=18))
    schedule = create_schedule(test_users.ann, {**request_body, "locationId": test_users.denver.id})
    window = {"from": "2031-02-01T00:00:00Z", "to": "2031-02-10T00:00:00Z"}
    query = {"customerId": test_users.customer.id, **window, "expand": "occurrences"}
    visible_staff_ids = [item["staffId"] for item in cover.get(PATH, params=query).json()["items"]]
    owner_items = cover.get(PATH, params={**query, "staffId": owner.id}).json()["items"]
    denver_staff_ids = [item for item in visible_staff_ids if item != test_users.sam.id]
    assert cover.id in denver_staff_ids
    assert owner.id not in visible_staff_ids
    assert owner_items == []
    assert cover.get(f"{PATH}/{schedule['id']}").status_code == 403


def make_entry(action: str, subject: str = "sch_x", /, **changes: tuple[Any, Any]) -> reader.DecryptedEntry:
    change_items = [{"field": name, "before": before, "after": after} for name, (before, after) in changes.items()]
    return reader.DecryptedEntry(
        id="aud_x",
        seq=1,
        at=now(),
        action=action,
        actor={},
        subject={"id": subject},
        customer_id="cus_x",
        changes=change_items,
        ip=None,
        user_agent=None,
        request_id="",
        hash="",
        prev_hash="",
    )


SHIFT = {"startTime": "2031-02-03T09:00:00", "endTime": "2031-02-03T10:00:00", "timeZone": "UTC"}
CREATED_FIELDS = {name: (None, value) for name, value in SHIFT.items()}
SPLIT_FIELDS = {f"rest/{name}": (None, value) for name, value in SHIFT.items()}
ROTA_CHANGE_CASES: dict[str, tuple[reader.DecryptedEntry, dict[str, list[str]]]] = {
    "a series with a cover is created": (
        make_entry(
            "schedule.created",
            staffId=(None, "A"),
            rrule=(None, "FREQ=DAILY"),
            **CREATED_FIELDS,
            **{"shift/x": (None, {**SHIFT, "staffId": "B"})},
        ),
        {"A": ["new series"], "B": ["new"], "C": []},
    ),
    "a series with a cover is removed": (
        make_entry(
            "schedule.removed",
            staffId=("A", None),
            rrule=("FREQ=DAILY", None),
            **{name: (value, None) for name, value in SHIFT.items()},
            **{"shift/x": ({**SHIFT, "staffId": "B"}, None)},
        ),
        {"A": ["gone series"], "B": ["gone"], "C": []},
    ),
    "the rest is moved, the cover stays": (
        make_entry("schedule.split", **SPLIT_FIELDS, **{"rest/staffId": ("A", "A"), "rest/rrule": (None, "R")}),
        {"A": ["changed series"], "B": [], "C": []},
    ),
    "the rest is reassigned": (
        make_entry("schedule.split", **SPLIT_FIELDS, **{"rest/staffId": ("A", "C"), "rest/rrule": (None, "R")}),
        {"A": ["gone series"], "B": [], "C": ["new series"]},
    ),
    "a cover is replaced": (
        make_entry("schedule.changed", **{"shift/x": ({**SHIFT, "staffId": "B"}, {**SHIFT, "staffId": "C"})}),
        {"A": [], "B": ["gone"], "C": ["new"]},
    ),
}


@pytest.mark.parametrize("case_name", ROTA_CHANGE_CASES)
def test_rota_changes_are_derived_per_person(case_name: str) -> None:
    entry, expected = ROTA_CHANGE_CASES[case_name]
    for person, expected_kinds in expected.items():
        actual = rota_changes.to_rota_changes(entry, person)
        assert [f"{change.kind}{' series' if change.is_recurring else ''}" for change in actual] == expected_kinds, (
            person
        )


# --- audit entries with single shifts -------------------------------------------------------------
def list_latest_rota_changes(test_users: UserFixtures, user_id: str) -> list[tuple[str, str]]:
    """Rota changes of a user in their newest audit entry, as kind and day."""
    newest = test_users.ann.get(f"/user/{user_id}/audit-logs?limit=1").json()["items"][0]
    changes = {change_item["field"]: (change_item["before"], change_item["after"]) for change_item in newest["changes"]}
    entry = make_entry(newest["action"], newest["subject"]["id"], **changes)
    return [(change.kind, change.start[5:10]) for change in rota_changes.to_rota_changes(entry, user_id)]


def create_covered_series(test_users: UserFixtures, **pattern: Any) -> tuple[str, str, str]:
    """Create a series with a cover for the fourth shift; ids of schedule, owner and cover."""
    owner, cover = test_users.create_user().id, test_users.create_user().id
    exceptions = {"2031-02-06T09:00:00": {"staffId": cover}}
    return (
        create_schedule(test_users.ann, series_body(test_users, owner, exceptions=exceptions, **pattern))["id"],
        owner,
        cover,
    )


@pytest.mark.parametrize("pattern", [{}, {"count": 9}, {"until": "2031-03-01"}])
def test_cover_is_notified_when_the_shift_is_cut_off(test_users: UserFixtures, pattern: dict[str, Any]) -> None:
    id, owner, cover = create_covered_series(test_users, **pattern)
    query = {"scope": "following", "recurrenceId": "2031-02-05T09:00:00"}
    assert test_users.ann.request("DELETE", f"{PATH}/{id}", params=query).status_code == 200
    assert list_latest_rota_changes(test_users, cover) == [("gone", "02-06")]
    assert list_latest_rota_changes(test_users, owner) == [("changed", "02-03")]


def test_cover_is_notified_of_new_length_and_location(test_users: UserFixtures) -> None:
    id, owner, cover = create_covered_series(test_users)
    assert put_schedule(test_users.ann, id, {"endTime": "2031-02-03T12:00"}).status_code == 200
    assert list_latest_rota_changes(test_users, cover) == [("changed", "02-06")]
    assert put_schedule(test_users.ann, id, {"locationId": test_users.denver.id}).status_code == 200
    assert list_latest_rota_changes(test_users, cover) == [("changed", "02-06")]
    assert list_latest_rota_changes(test_users, owner) == [("changed", "02-03")]


@pytest.mark.parametrize("scope", ["following", "all"])
def test_cover_who_takes_over_the_series_loses_no_shift(test_users: UserFixtures, scope: str) -> None:
    id, _, cover = create_covered_series(test_users)
    query = {"scope": scope, "recurrenceId": "2031-02-05T09:00:00"}
    assert put_schedule(test_users.ann, id, {"staffId": cover}, **query).status_code == 200
    assert [kind for kind, _ in list_latest_rota_changes(test_users, cover)] == ["new"]


def test_audit_entry_includes_all_affected_people(test_users: UserFixtures) -> None:
    owner, first, last = (test_users.create_user().id for _ in range(3))
    exceptions = reassigned_exceptions(30, [first]) | {"2031-03-05T09:00:00": {"staffId": last}}
    create_schedule(test_users.ann, series_body(test_users, owner, exceptions=exceptions))
    assert list_latest_rota_changes(test_users, last) == [("new", "03-05")]
    assert len(list_latest_rota_changes(test_users, first)) == 19


def test_rare_series_can_be_split_at_a_late_occurrence(test_users: UserFixtures) -> None:
    """Christmas on a Sunday occurs every five, six or eleven years."""
    rare_pattern = {"frequency": "yearly", "byMonth": ["12"], "byMonthDay": [25], "byDay": [{"day": "su"}]}
    times = {"startTime": "2033-12-25T09:00", "endTime": "2033-12-25T10:00"}
    request_body = {**series_body(test_users, test_users.create_user().id), **times, "recurrencePattern": rare_pattern}
    schedule = create_schedule(test_users.ann, request_body)
    query = {"scope": "following", "recurrenceId": "2050-12-25T09:00:00"}
    changes = {"endTime": "2050-12-25T12:00"}
    assert put_schedule(test_users.ann, schedule["id"], changes, **query).status_code == 200
