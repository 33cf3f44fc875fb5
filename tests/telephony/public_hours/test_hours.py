"""What the hours of a line say: weekly, around a clock change and on holidays, and by the rota."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from telephony import ivr, lines
from telephony.lines import ResolvedLine
from telephony.public_hours import ical, linked_data, periods
from tests.support.users import UserFixtures

AT = datetime(2026, 10, 20, 15, 30, tzinfo=UTC)
WEEK = {"mo": [["09:00", "12:00"], ["13:00", "17:00"]], "tu": [["09:00", "17:00"]], "sa": [["22:00", "02:00"]]}
PUBLIC_ID = "pub_" + "0" * 52


def build_line(hours: dict[str, Any], *, zone: str = "America/New_York", **others: Any) -> ResolvedLine:
    configuration = {**ivr.default_configuration("Boston"), "hours": hours, **others}
    return ResolvedLine("+16175550100", "cus_x", "loc_x", "Boston", zone, configuration, is_suspended=False)


def describe(line: ResolvedLine, at: datetime = AT, weeks: int = 8) -> list[dict[str, Any]]:
    """The entries of JSON-LD, without their type."""
    document = linked_data.build_document(line, periods.load_open_hours(line, at, weeks=weeks))
    assert {entry.pop("@type") for entry in document["openingHoursSpecification"]} <= {"OpeningHoursSpecification"}
    return list(document["openingHoursSpecification"])


def read_calendar(line: ResolvedLine, at: datetime = AT, weeks: int = 8) -> list[tuple[str, Any, Any]]:
    """The events of the calendar: title, start and end."""
    hours = periods.load_open_hours(line, at, weeks=weeks)
    calendar = Calendar.from_ical(ical.render_calendar(line, hours, PUBLIC_ID, updated_at=AT))
    return [(str(event["summary"]), event.decoded("dtstart"), event.decoded("dtend")) for event in calendar.events]


def test_weekly_hours_are_days_of_the_week_and_holidays_are_closed() -> None:
    line = build_line({"mode": "weekly", "weekly": WEEK, "holidays": {"country": "US", "dates": ["2026-11-02"]}})

    monday, saturday = "https://schema.org/Monday", "https://schema.org/Saturday"
    closed = {"opens": "00:00", "closes": "00:00"}
    assert describe(line) == [
        {"dayOfWeek": [monday], "opens": "09:00", "closes": "12:00"},
        {"dayOfWeek": [monday], "opens": "13:00", "closes": "17:00"},
        {"dayOfWeek": ["https://schema.org/Tuesday"], "opens": "09:00", "closes": "17:00"},
        {"dayOfWeek": [saturday], "opens": "22:00", "closes": "02:00"},
        {"validFrom": "2026-11-02", "validThrough": "2026-11-02", **closed},
        {"name": "Veterans Day", "validFrom": "2026-11-11", "validThrough": "2026-11-11", **closed},
        {"name": "Thanksgiving Day", "validFrom": "2026-11-26", "validThrough": "2026-11-26", **closed},
    ]


def test_calendar_keeps_the_wall_time_across_the_clock_change_and_leaves_out_holidays() -> None:
    line = build_line({"mode": "weekly", "weekly": WEEK, "holidays": {"dates": ["2026-11-02"]}})

    events = read_calendar(line, weeks=3)

    starts = [start for title, start, _ in events if title == "Open"]
    assert {f"{start:%a %H:%M}" for start in starts} == {"Mon 09:00", "Mon 13:00", "Tue 09:00", "Sat 22:00"}
    tuesdays = [start for start in starts if f"{start:%a}" == "Tue"]
    assert [start.utcoffset() for start in tuesdays] == [timedelta(hours=-4), timedelta(hours=-4), timedelta(hours=-5)]
    assert not [start for start in starts if start.date() == date(2026, 11, 2)]
    assert ("Closed", date(2026, 11, 2), date(2026, 11, 3)) in events
    night = next(event for event in events if event[1] == datetime(2026, 11, 1, 2, tzinfo=UTC))
    duration = night[2].astimezone(UTC) - night[1].astimezone(UTC)
    assert duration == timedelta(hours=5), "Sat 22:00 to Sun 02:00, in the night with 25 hours"


def test_line_that_is_always_open_is_closed_on_holidays_only() -> None:
    entries = describe(build_line({"mode": "always", "holidays": {"dates": ["2026-11-02"]}}))

    assert [(len(entry.get("dayOfWeek", ())), entry["opens"], entry["closes"]) for entry in entries] == [
        (7, "00:00", "23:59"),
        (0, "00:00", "00:00"),
    ]


def test_hours_on_another_clock_are_days_of_the_calendar() -> None:
    """New York 09:00 is 14:00 in London, but 13:00 in the week between both clock changes."""
    hours = {"mode": "weekly", "weekly": {"tu": [["09:00", "17:00"]]}}
    line = build_line(hours, zone="Europe/London", timeZone="America/New_York")

    open_days = [entry for entry in describe(line, weeks=3) if entry["opens"] != "00:00"]

    assert [(entry["validFrom"], entry["opens"], entry["closes"]) for entry in open_days] == [
        ("2026-10-20", "14:00", "22:00"),
        ("2026-10-27", "13:00", "21:00"),
        ("2026-11-03", "14:00", "22:00"),
    ]


@pytest.mark.parametrize(
    ("language", "title"), [("de-DE", "Geöffnet"), ("es-MX", "Abierto"), ("fr-FR", "Open"), ("en-GB", "Open")]
)
def test_calendar_speaks_the_language_of_the_line(language: str, title: str) -> None:
    line = build_line({"mode": "weekly", "weekly": WEEK}, language=language)

    assert {title} == {name for name, _, _ in read_calendar(line)}


def test_rota_gives_the_hours_and_no_names(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    location_id = held.number.location_id
    shift = {"customerId": test_users.customer.id, "locationId": location_id, "staffId": test_users.sam.id}
    mondays = {"recurring": True, "recurrencePattern": {"frequency": "weekly", "byDay": ["mo", "tu"]}}

    def plan(start: str, end: str, **others: Any) -> None:
        response = test_users.ann.post("/staffSchedule", {**shift, "startTime": start, "endTime": end, **others})
        assert response.status_code == 201, response.text

    plan("2031-10-27T08:00", "2031-10-27T12:00", **mondays)
    plan("2031-10-27T12:05", "2031-10-27T16:00", **mondays)
    plan("2031-11-05T20:00", "2031-11-07T06:00")
    blocked = test_users.create_user(locations=[location_id])
    plan("2031-11-08T09:00", "2031-11-08T10:00", staffId=blocked.id)
    block = {"id": blocked.id, "status": "blocked"}
    assert test_users.ann.patch("/userManagement", block).status_code == 200
    (line,) = lines.load_lines([location_id], test_users.customer.id)
    configuration = {**line.configuration, "hours": {"mode": "schedule", "holidays": {"dates": ["2031-11-04"]}}}
    line = replace(line, configuration=configuration, time_zone="America/New_York")

    entries = describe(line, datetime(2031, 10, 31, tzinfo=UTC), weeks=2)

    shown = [(entry["validFrom"], entry["validThrough"], entry["opens"], entry["closes"]) for entry in entries]
    assert shown == [
        ("2031-10-30", "2031-11-02", "00:00", "00:00"),
        ("2031-11-03", "2031-11-03", "08:00", "16:00"),
        ("2031-11-04", "2031-11-04", "00:00", "00:00"),
        ("2031-11-05", "2031-11-05", "20:00", "00:00"),
        ("2031-11-06", "2031-11-06", "00:00", "23:59"),
        ("2031-11-07", "2031-11-07", "00:00", "06:00"),
        ("2031-11-08", "2031-11-09", "00:00", "00:00"),
        ("2031-11-10", "2031-11-10", "08:00", "16:00"),
        ("2031-11-11", "2031-11-11", "08:00", "16:00"),
        ("2031-11-12", "2031-11-12", "00:00", "00:00"),
    ], "the breaks of five minutes are shorter than the ten in which people are still rung"
    events = read_calendar(line, datetime(2031, 10, 31, tzinfo=UTC), weeks=2)
    starts = [event[1].hour for event in events if event[0] == "Open"]
    assert starts == [8, 20, 0, 0, 8, 8], "what is longer than a day is an event for each day"
    assert "Sam" not in str(entries) + str(events)
