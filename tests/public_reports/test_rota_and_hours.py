"""Reports about shifts, the rota and opening hours."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from staffing.admin.rota.entries import RotaEntry
from staffing.admin.rota.grid import build_days
from staffing.admin.rota.period import WEEK, RotaPeriod
from staffing.admin.rota.rendering import GridStyle, render_rows
from staffing.admin.rota.rows import RotaRow
from staffing.recurrence.expand import Series
from staffing.schedules import save
from staffing.schedules.expansion import Shift
from telephony import ivr
from tests.public_reports.test_holidays import preview
from tests.staffing.schedules.test_commands import PATH, create_schedule, schedule_body
from tests.support.calls import create_line
from tests.support.users import UserFixtures, parse_problem


# --- long shifts ----------------------------------------------------------------------------------
def test_grafana_oncall_5247_a_week_on_call_is_one_shift(test_users: UserFixtures) -> None:
    """grafana/oncall#5247: shifts of more than 48 hours were refused."""
    sue = test_users.create_user()
    body = schedule_body(test_users, "2027-10-04T09:00", "2027-10-11T09:00", staffId=sue.id)
    assert create_schedule(test_users.ann, body)["endTime"] == "2027-10-11T09:00:00-04:00"
    path = f"/location/{test_users.boston.id}/on-duty"
    for at, expected in (("2027-10-11T08:59:59", [sue.id]), ("2027-10-11T09:00", []), ("2027-10-04T08:59", [])):
        items = test_users.ann.get(path, params={"at": at}).json()["items"]
        assert [item["staffId"] for item in items if item["staffId"] == sue.id] == expected, at
    within = schedule_body(test_users, "2027-10-10T09:00", "2027-10-10T10:00", staffId=sue.id)
    refused = test_users.ann.post(PATH, within)
    assert (refused.status_code, parse_problem(refused)["code"]) == (409, "schedule_clash")


def test_grafana_oncall_5247_two_people_alternate_by_week(test_users: UserFixtures) -> None:
    """grafana/oncall#5247: as series; one is on duty also where the clock changes."""
    sue, tom = test_users.create_user(), test_users.create_user()
    every_other_week = {"frequency": "weekly", "interval": 2}
    for person, start, end in ((sue, "10-04", "10-11"), (tom, "10-11", "10-18")):
        times = (f"2027-{start}T09:00", f"2027-{end}T09:00")
        body = schedule_body(test_users, *times, staffId=person.id, recurrencePattern=every_other_week)
        create_schedule(test_users.ann, body)
    window = {"from": "2027-10-25T00:00:00Z", "to": "2027-11-20T00:00:00Z"}
    query = {"locationId": test_users.boston.id, "expand": "occurrences", **window}
    items = test_users.ann.get(PATH, params=query).json()["items"]
    shifts = [item for item in items if item["staffId"] in (sue.id, tom.id)]
    assert [item["startTime"][:10] for item in shifts] == [
        f"2027-{day}" for day in ("10-18", "10-25", "11-01", "11-08", "11-15")
    ]
    assert all(first["endTime"] == second["startTime"] for first, second in pairwise(shifts))
    assert shifts[2]["endTime"].endswith("-05:00"), "the week in which the clock is set back"


CHRISTMAS = "2028-12-25"  # a Monday


# --- opening hours past midnight ------------------------------------------------------------------
def configure(**hours: Any) -> dict[str, Any]:
    """A valid configuration with these hours."""
    return ivr.validate_configuration({**ivr.default_configuration("Bar"), "hours": {"mode": "weekly", **hours}})


def is_open(configuration: dict[str, Any], at: str | datetime, zone: str = "America/New_York") -> bool:
    """Whether a line is open, at a local time if it has no offset."""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    instant = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))
    return ivr.find_entrance(configuration, instant, time_zone=zone).name == "open"


def test_chatwoot_6733_hours_may_last_past_midnight(test_users: UserFixtures) -> None:
    """chatwoot/chatwoot#6733: a bar is open from 21:00 to 02:00."""
    line = create_line(test_users)
    line.update_configuration(
        hours={"mode": "weekly", "weekly": {"fr": [["21:00", "02:00"]]}},
        open={"type": "say", "prompt": {"say": "We are here."}},
        closed={"type": "say", "prompt": {"say": "Come again."}},
    )
    for at, expected in (
        ("2027-06-04T20:59:59-04:00", "Come again."),
        ("2027-06-04T21:00:00-04:00", "We are here."),
        ("2027-06-05T01:59:59-04:00", "We are here."),
        ("2027-06-05T02:00:00-04:00", "Come again."),
        ("2027-06-04T01:00:00-04:00", "Come again."),
    ):
        line.call(at).assert_sequence(expected)
    assert "21:00 to 02:00 (Friday)" in preview(line, "2027-06-05T01:00")["reason"]


def test_chatwoot_5254_hours_may_end_at_midnight() -> None:
    """chatwoot/chatwoot#5254: 17:00 to 00:00, written in both ways."""
    for end in ("00:00", "24:00"):
        configuration = configure(weekly={"su": [["17:00", end]]})
        assert [is_open(configuration, f"2027-06-06T{time}") for time in ("16:59", "17:00", "23:59")] == [
            False,
            True,
            True,
        ]
        assert not is_open(configuration, "2027-06-07T00:00")


@pytest.mark.parametrize(
    ("weekly", "pointer"),
    [
        ({"fr": [["21:00", "02:00"]], "sa": [["01:00", "03:00"]]}, "fr/0"),
        ({"su": [["08:00", "09:00"], ["21:00", "08:30"]], "mo": [["10:00", "12:00"], ["08:00", "09:00"]]}, "su/1"),
        ({"fr": [["21:00", "21:00"]]}, "fr/0"),
        ({"fr": [["24:00", "02:00"]]}, "fr/0"),
    ],
)
def test_calcom_5929_hours_that_overlap_the_next_day_are_refused(weekly: dict[str, Any], pointer: str) -> None:
    """calcom/cal.com#5929: which of two overlapping periods counts would be a guess."""
    with pytest.raises(ivr.InvalidConfiguration) as refused:
        configure(weekly=weekly)
    (fault,) = refused.value.field_errors
    assert fault.pointer == f"/configuration/hours/weekly/{pointer}"
    assert configure(weekly={"fr": [["21:00", "02:00"]], "sa": [["02:00", "03:00"]]})


@pytest.mark.parametrize(
    ("end", "open_at", "closed_at"),
    [
        # at 2:00 of 14 March 2027 it becomes 3:00
        ("02:30", "2027-03-14T01:59:59-05:00", "2027-03-14T03:00:00-04:00"),
        ("03:30", "2027-03-14T03:29:59-04:00", "2027-03-14T03:30:00-04:00"),
        # at 2:00 of 7 November 2027 it becomes 1:00
        ("01:30", "2027-11-07T01:29:59-04:00", "2027-11-07T01:30:00-04:00"),
        ("01:30", "2027-11-07T01:00:00-04:00", "2027-11-07T01:10:00-05:00"),
        ("02:00", "2027-11-07T01:59:59-05:00", "2027-11-07T02:00:00-05:00"),
    ],
)
def test_calcom_5929_clock_changes_within_hours(end: str, open_at: str, closed_at: str) -> None:
    """calcom/cal.com#5929: it closes once, when the clock first shows the end or a later time."""
    configuration = configure(weekly={"sa": [["21:00", end]]})
    assert is_open(configuration, open_at)
    assert not is_open(configuration, closed_at)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Havana"])
def test_calcom_5929_hours_open_and_close_once_a_day(zone: str) -> None:
    """calcom/cal.com#5929: over a year with all clock changes, as often as there are periods."""
    configuration = configure(weekly={day: [["17:15", "01:45"]] for day in ("mo", "tu", "we", "th", "fr", "sa", "su")})
    start = datetime(2027, 1, 1, 12, tzinfo=UTC)
    states = [is_open(configuration, start + timedelta(minutes=15 * step), zone) for step in range(4 * 24 * 365)]
    openings = sum(later and not earlier for earlier, later in pairwise(states))
    assert openings in (365, 366)
    assert sum(states) / 4 == pytest.approx(365 * 8.5, abs=6)


def test_chatwoot_6733_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    """chatwoot/chatwoot#6733: and so does whether it is a holiday."""
    nights = {day: [["21:00", "02:00"]] for day in ("su", "mo", "tu")}
    configuration = configure(weekly=nights, holidays={"dates": [CHRISTMAS]})
    assert is_open(configuration, f"{CHRISTMAS}T01:00"), "the night of the 24th"
    assert not is_open(configuration, f"{CHRISTMAS}T22:00")
    assert not is_open(configuration, "2028-12-26T01:00"), "the night of the 25th"
    assert is_open(configuration, "2028-12-26T21:00")


# --- the rota in the back office ------------------------------------------------------------------
def list_slots(start: str, end: str, first_day: str) -> list[str]:
    """Where a shift is shown in the week from a day on: the weekday, and what is written there."""
    zone, at = "America/New_York", datetime(2027, 1, 1, tzinfo=UTC)
    series = Series(datetime.fromisoformat(start), datetime.fromisoformat(end), zone)
    schedule = save.build_schedule(series, "usr_1", at=at, customer_id="cus_1", location_id="loc_1", details={})
    entry = RotaEntry(Shift(schedule, series.first_occurrence), "Sam", "Sam", "Boston", zone, is_staffed=True)
    days = build_days(RotaPeriod.of(date.fromisoformat(first_day), WEEK).list_dates(), zone)
    style = GridStyle({zone: days}, at, is_month=False, day_count=7, back_url="/", names_location=False)
    html = render_rows([RotaRow("Sam", "", "", zone, 0, [entry])], style)
    cells = [re.sub(r"<[^>]+>", " ", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", html)]
    texts = [" ".join(cell.split()).removeprefix("Sam ").removesuffix(" Sam") for cell in cells]
    return [f"{day.date:%a}: {text}" for day, text in zip(days, texts, strict=True) if text]


def test_frappe_hrms_1124_and_1282_a_night_is_shown_where_it_starts() -> None:
    """frappe/hrms#1124, #1282: the night from Sunday was shown as Monday 22:00 to 06:00."""
    night = ("2027-01-03T22:00", "2027-01-04T06:00")
    assert list_slots(*night, "2026-12-28") == ["Sun: 22:00–06:00"]
    assert list_slots(*night, "2027-01-04") == ["Mon: until 06:00 (since Sun 22:00)"]


def test_frappe_hrms_1282_a_week_on_call_is_shown_on_each_day() -> None:
    """frappe/hrms#1282: a shift of days is shown for as long as it lasts."""
    shown = list_slots("2027-01-06T09:00", "2027-01-13T09:00", "2027-01-04")
    assert shown[0] == "Wed: 09:00 – Wed 13 Jan 09:00"
    assert shown[1:] == [f"{day}: all day (since Wed 6 Jan 09:00)" for day in ("Thu", "Fri", "Sat", "Sun")]
    shown = list_slots("2027-01-06T09:00", "2027-01-13T09:00", "2027-01-11")
    assert shown == [f"{day}: all day (since Wed 6 Jan 09:00)" for day in ("Mon", "Tue")] + [
        "Wed: until 09:00 (since Wed 6 Jan 09:00)"
    ]
    assert list_slots("2027-01-08T12:00", "2027-01-10T00:00", "2027-01-04") == [
        "Fri: 12:00 – Sun 00:00",
        "Sat: until 00:00 (since Fri 12:00)",
    ]
