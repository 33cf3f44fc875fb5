"""Samoa had no 30 December 2011: it moved across the date line. Kwajalein had no 21 August 1993."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts import locations
from staffing.calendar import ical
from staffing.recurrence import expand
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.schedules import save
from tests.support import calendar_readers
from tests.support.users import UserFixtures, now, parse_problem


@pytest.fixture
def apia(test_users: UserFixtures) -> dict[str, Any]:
    """The ids of a shift in Apia."""
    location = locations.create_location(actor=test_users.ann.actor, name="Apia", time_zone="Pacific/Apia", at=now())
    person = test_users.create_user(locations=[location.id])
    return {"customerId": test_users.customer.id, "locationId": location.id, "staffId": person.id}


def test_a_shift_on_a_skipped_day_is_refused(test_users: UserFixtures, apia: dict[str, Any]) -> None:
    times = {"startTime": "2011-12-30T09:00:00", "endTime": "2011-12-30T17:00:00"}
    for more in ({}, {"recurrencePattern": {"frequency": "daily"}}):
        problem = parse_problem(test_users.ann.post("/staffSchedule", {**apia, **times, **more}))

        assert (problem["status"], problem["errors"][0]["pointer"]) == (400, "/startTime")
        assert "2011-12-30 does not exist in Pacific/Apia" in problem["errors"][0]["detail"]


def test_a_series_leaves_out_a_skipped_day(test_users: UserFixtures, apia: dict[str, Any]) -> None:
    times = {"startTime": "2011-12-28T09:00:00", "endTime": "2011-12-28T17:00:00"}
    body = {**apia, **times, "recurrencePattern": {"frequency": "daily", "until": "2012-01-01T09:00:00"}}
    schedule = test_users.ann.post("/staffSchedule", body).json()
    path = f"/staffSchedule?locationId={apia['locationId']}&expand=occurrences"

    shifts = test_users.ann.get(f"{path}&from=2011-12-28&to=2012-01-02").json()["items"]
    assert [shift["startTime"] for shift in shifts] == [
        *("2011-12-28T09:00:00-10:00", "2011-12-29T09:00:00-10:00"),
        *("2011-12-31T09:00:00+14:00", "2012-01-01T09:00:00+14:00"),
    ]
    duty = test_users.ann.get(f"/location/{apia['locationId']}/on-duty?at=2011-12-30T23:30:00Z").json()
    assert [entry["staffId"] for entry in duty["items"]] == [apia["staffId"]]

    skipped = f"/staffSchedule/{schedule['id']}?scope=occurrence&recurrenceId=2011-12-30T09:00:00"
    refused = parse_problem(test_users.ann.request("PUT", skipped, json={"notes": "Bring keys."}))
    assert (refused["status"], "does not exist" in refused["errors"][0]["detail"]) == (400, True)
    empty = parse_problem(test_users.ann.get(f"{path}&from=2011-12-30&to=2011-12-31"))
    assert (empty["status"], empty["errors"][0]["pointer"]) == (400, "?from")


def test_a_feed_leaves_out_a_skipped_day() -> None:
    """As libical reads it; ical.js and icalendar leave out a day beside it, too."""
    since, until = datetime(2011, 12, 20, tzinfo=UTC), datetime(2012, 1, 10, tzinfo=UTC)
    first = datetime(2011, 12, 20, 22)  # noqa: DTZ001 - a wall time
    night = Series(first, first + timedelta(hours=8), "Pacific/Apia", RecurrenceRule("daily"))
    schedule = save.build_schedule(night, "usr_1", at=since, customer_id="cus_1", location_id="loc_1", details={})
    feed = ical.render_calendar([schedule], "usr_1", locations_by_id={}, at=since).decode()

    by_libical = calendar_readers.read_with_program("libical", {"apia": feed}, since, until)["apia"]

    expected = [(shift.start, shift.end) for shift in expand.iter_occurrences(night, since, until)]
    assert by_libical == [(start.isoformat(), end.isoformat()) for start, end in expected]
    assert len(by_libical) == 20
