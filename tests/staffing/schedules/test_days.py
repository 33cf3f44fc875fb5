"""The days of a location: public holidays, notes, who may see and change them."""

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from accounts import locations
from config import dynamodb
from config.audit import reader
from staffing.models import DayNote
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, parse_problem, process_outbox

_fresh_days = (date(2032, 1, 1) + timedelta(days=number) for number in itertools.count())


def list_days(person: SignedInUser, location_id: str, since: str, until: str) -> list[dict[str, Any]]:
    response = person.get(f"/location/{location_id}/days", params={"from": since, "to": until})
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


def test_a_note_is_set_changed_and_removed(test_users: UserFixtures) -> None:
    ann, path = test_users.ann, f"/location/{test_users.boston.id}/days/2029-05-28"  # Memorial Day
    created = ann.put(path, {"note": "  Stocktaking,\nall hands.  "})
    assert created.status_code == 200, created.text
    day = created.json()
    assert (day["holidays"], day["note"], day["version"]) == (["Memorial Day"], "Stocktaking,\nall hands.", 1)
    assert list_days(test_users.sam, test_users.boston.id, "2029-05-28", "2029-05-28") == [day]
    assert ann.put(path, day).json() == day, "sent back as it was read, it does not change"

    headers = {"If-Match": created.headers["ETag"]}
    changed = ann.request("PUT", path, json={"note": "Closed"}, headers=headers)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    for method, options in (("PUT", {"json": {"note": "Open"}}), ("DELETE", {})):
        assert ann.request(method, path, headers=headers, **options).status_code == 412
    assert ann.put(path, {**day, "note": "Open"}).status_code == 412, "an old version in the body"
    assert ann.delete(path).json() == {"date": "2029-05-28", "status": "removed"}
    assert ann.delete(path).status_code == 404
    assert ann.request("PUT", path, json={"note": "Open"}, headers={"If-Match": '"2"'}).status_code == 412
    (left,) = list_days(ann, test_users.boston.id, "2029-05-28", "2029-05-28")
    assert left == {
        "date": "2029-05-28",
        "holidays": ["Memorial Day"],
        "note": None,
        "updatedAt": None,
        "version": None,
    }
    assert ann.put(path, {**left, "note": "Open"}).json()["note"] == "Open"
    logs = ann.get(f"/user/{ann.id}/audit-logs", params={"limit": "4"}).json()["items"]
    assert [entry["action"] for entry in logs] == [
        "daynote.changed",
        "daynote.removed",
        "daynote.changed",
        "daynote.changed",
    ]


def test_who_may_read_and_change_days(test_users: UserFixtures) -> None:
    boston, denver = test_users.boston.id, test_users.denver.id
    assert test_users.sam.put(f"/location/{boston}/days/2029-06-01", {"note": "x"}).status_code == 403
    assert test_users.mia.put(f"/location/{boston}/days/2029-06-01", {"note": "By Mia"}).status_code == 200
    assert test_users.mia.put(f"/location/{denver}/days/2029-06-01", {"note": "By Mia"}).status_code == 403
    assert test_users.mia.get(f"/location/{denver}/days?from=2029-06-01&to=2029-06-02").status_code == 403
    assert [day["note"] for day in list_days(test_users.sam, boston, "2029-06-01", "2029-06-01")] == ["By Mia"]
    assert list_days(test_users.ann, denver, "2029-06-01", "2029-06-01") == []


@pytest.mark.parametrize(
    ("since", "until", "parameter"),
    [
        ("2027-01-01", "2028-01-02", "to"),
        ("2027-01-02", "2027-01-01", "to"),
        ("2027-02-30", "2027-03-01", "from"),
        ("1969-12-31", "1970-01-01", "from"),
        ("2199-12-31", "9999-12-31", "to"),
        ("٢٠٢٧-01-01", "2027-01-02", "from"),
    ],
)
def test_ranges_are_bounded(test_users: UserFixtures, since: str, until: str, parameter: str) -> None:
    path = f"/location/{test_users.boston.id}/days"
    refused = test_users.ann.get(path, params={"from": since, "to": until})
    assert refused.status_code == 400, refused.text
    assert [error["pointer"] for error in parse_problem(refused)["errors"]] == [f"?{parameter}"]
    assert test_users.ann.get(path, params={"from": "2028-01-01", "to": "2028-12-31"}).status_code == 200
    assert test_users.ann.get(path, params={"from": "2199-12-01", "to": "2199-12-31"}).status_code == 200


@pytest.mark.parametrize("day", ["2027-02-30", "27-01-01", "0001-01-01", "2027-01-01T00:00", "x" * 3_000])
def test_paths_without_a_date_are_refused(test_users: UserFixtures, day: str) -> None:
    for method, options in (("PUT", {"json": {"note": "x"}}), ("DELETE", {})):
        refused = test_users.ann.request(method, f"/location/{test_users.boston.id}/days/{day}", **options)
        assert refused.status_code == 400, refused.text
        assert "2026-12-24" in parse_problem(refused)["detail"] or len(day) > 1_000


@pytest.mark.parametrize("note", ["", "  ", None, 7, "x" * 501, "a\u202eb", "\x00"])
def test_notes_follow_the_rules_of_texts(test_users: UserFixtures, note: Any) -> None:
    refused = test_users.ann.put(f"/location/{test_users.boston.id}/days/2029-06-03", {"note": note})
    assert refused.status_code == 400, refused.text
    assert [error["pointer"] for error in parse_problem(refused)["errors"]] == ["/note"]


def test_notes_are_removed_with_their_location(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    for day in ("2020-01-01", "2029-06-01"):
        assert test_users.ann.put(f"/location/{location.id}/days/{day}", {"note": "Sale"}).status_code == 200
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 200
    assert test_users.ann.put(f"/location/{location.id}/days/2029-06-02", {"note": "Sale"}).status_code == 404
    process_outbox(seconds_ahead=locations.REMOVAL_GRACE.total_seconds() + 5)
    assert list(dynamodb.iter_records(DayNote, "#location_id = :of", {":of": {"S": location.id}})) == []


@pytest.mark.parametrize("mode", CRASH_MODES)
def test_changes_of_notes_survive_faults(
    harness: CrashHarness, test_users: UserFixtures, mode: str, record_figure: Callable[[str], None]
) -> None:
    """A note and its audit entry are written together or not at all; a request can be repeated."""
    ann, case_count = test_users.ann, 0
    for method, body in (("PUT", {"note": "Closed"}), ("DELETE", None)):

        def send(day: str, plan: FaultPlan | None, method: str = method, body: Any = body) -> dict[str, Any] | None:
            return harness.request(ann.token, method, f"/location/{test_users.boston.id}/days/{day}", body, plan=plan)

        golden, fresh_day = FaultPlan(), prepare_note(test_users, next(_fresh_days), exists=method == "DELETE")
        assert (send(fresh_day, golden) or {})["status"] == 200
        for call in filter(is_worth_trying, golden.calls):
            day, plan = prepare_note(test_users, next(_fresh_days), exists=method == "DELETE"), FaultPlan()
            plan.faults = {call.signature: mode}
            first = send(day, plan)
            if not plan.fired_faults:
                continue  # the mode does not apply to this call
            again = send(day, None)
            assert again, plan.fired_faults
            assert again["status"] in ((200,) if method == "PUT" else (200, 404)), (plan.fired_faults, first, again)
            stored = dynamodb.get_record(DayNote, test_users.boston.id, day)
            assert (stored.note if stored else None) == ("Closed" if method == "PUT" else None)
            assert count_note_entries(test_users, day) == (1 if method == "PUT" else 2), plan.fired_faults
            case_count += 1
    assert case_count
    assert test_users.audit_findings() == []
    record_figure(f"notes of days, {mode}: {case_count} of {case_count} survived")


def prepare_note(test_users: UserFixtures, day: date, *, exists: bool) -> str:
    """A day at Boston with or without a note."""
    if exists:
        path = f"/location/{test_users.boston.id}/days/{day}"
        assert test_users.ann.put(path, {"note": "Open"}).status_code == 200
    return day.isoformat()


def count_note_entries(test_users: UserFixtures, day: str) -> int:
    """The audit entries about the note of a day at Boston."""
    entries = (entry for entry in reader.iter_stream(test_users.customer.id) if entry.seq)
    return sum(entry.body["subject"]["id"] == f"{test_users.boston.id}~{day}" for entry in entries)
