"""What others reported of calendar feeds, tried on this one; docstrings name the source."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from dateutil import rrule

from config import zone_names
from staffing.calendar import ical, zones
from staffing.recurrence import dst, pattern, wall_clock
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from staffing.schedules import save
from tests.staffing.schedules.test_commands import PATH, create_schedule, put_schedule, schedule_body
from tests.support import calendar_readers
from tests.support.bulk import load_series
from tests.support.calendar_readers import Instants
from tests.support.users import UserFixtures, parse_problem

ZONES = (
    *("Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "America/New_York", "America/Nuuk"),
    *("America/Santiago", "America/Vancouver", "Antarctica/Troll", "Asia/Gaza", "Asia/Jerusalem"),
    *("Asia/Kolkata", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Pacific/Chatham"),
)
"""With usual rules and without; Dublin's standard is summer time, Lord Howe's is half an hour."""
AT, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
"""Three years, seen from their begin."""
WINDOWS = [(AT + timedelta(days=137 * number), AT + timedelta(days=137 * (number + 1))) for number in range(8)]


def list_series(zone: str) -> list[Series]:
    """Nights, days, long shifts, and hours that clocks skip or repeat; some are changed."""
    changes = {
        "2026-10-25T22:00": RecurrenceException(*local_times("2026-10-25T20:00", 12)),
        "2026-09-06T22:00": RecurrenceException(*local_times("2026-09-06T22:00", 17)),
        "2026-03-28T22:00": RecurrenceException(),
        "2026-03-29T22:00": RecurrenceException(*local_times("2026-03-29T22:00", 8), details={"notes": "Two keys."}),
    }
    exceptions = {datetime.fromisoformat(start): change for start, change in changes.items()}
    nights = RecurrenceRule("weekly", by_day=tuple(map(NthWeekday, ("fr", "sa", "su"))))
    series = [Series(*local_times("2026-01-02T22:00", 8), zone, nights, exceptions)]
    for start, hours, fields in (
        ("2026-01-02T00:10", 3.0, {"rrule": "FREQ=WEEKLY;BYDAY=FR,SU"}),
        ("2026-01-03T02:15", 1.0, {"rrule": "FREQ=DAILY;INTERVAL=7;UNTIL=20281112T120000Z", "gap": "skip"}),
        ("2026-01-04T01:45", 0.25, {"rrule": "FREQ=WEEKLY;COUNT=140"}),
        ("2026-01-05T09:00", 8.0, {"rrule": "FREQ=WEEKLY;BYDAY=MO;UNTIL=20281030T090000Z"}),
        ("2026-01-30T18:00", 47.0, {"rrule": "FREQ=MONTHLY;BYDAY=-1FR"}),
        ("2026-01-12T08:00", 24.0 * 7, {"rrule": "FREQ=WEEKLY;INTERVAL=4"}),
        ("2026-03-01T00:00", 24.0 * 31, {"rrule": "FREQ=YEARLY;BYMONTH=3,10"}),
        ("2026-01-15T13:00", 30.0, {"rrule": "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15,-1;COUNT=30"}),
    ):
        first, end = local_times(start, hours)
        series.append(pattern.parse_series({**fields, "timeZone": zone}, start=first, end=end, zone=zone))
    for transition in [at for at in dst.list_transitions(zone, 2026) if AT < at < UNTIL][:2]:
        series += list_series_at(transition, zone)
    return series


def list_series_at(transition: datetime, zone: str) -> Iterator[Series]:
    """A series that starts with a clock change, one that reaches it later, and single shifts."""
    change = wall_clock.to_wall_time(transition, zone)
    fortnightly = RecurrenceRule("weekly", interval=2, count=20)
    evening = (change - timedelta(hours=12)).replace(hour=21)
    yield Series(evening, evening + timedelta(hours=9), zone, fortnightly)
    for start in (change - timedelta(minutes=45), change + timedelta(minutes=15)):
        yield Series(start, start + timedelta(hours=1), zone)
        yield Series(start - timedelta(hours=3), start, zone, fortnightly)
        yield Series(start - timedelta(weeks=52), start - timedelta(weeks=52, hours=-1), zone, fortnightly)


def local_times(start: str, hours: float) -> tuple[datetime, datetime]:
    first = datetime.fromisoformat(start)
    return first, first + timedelta(hours=hours)


def list_api_shifts(test_users: UserFixtures, staff_id: str) -> Instants:
    """Start and end in UTC of all shifts of a person in three years."""
    shifts = set()
    for since, until in WINDOWS:
        query = {
            "customerId": str(test_users.customer.id),
            "staffId": staff_id,
            "expand": "occurrences",
            "limit": "200",
        }
        query |= {"from": since.isoformat(), "to": until.isoformat()}
        while True:
            response = test_users.ann.get(PATH, params=query)
            assert response.status_code == 200, response.text
            for item in response.json()["items"]:
                start, end = (
                    datetime.fromisoformat(item[name]).astimezone(UTC).isoformat() for name in ("startTime", "endTime")
                )
                shifts.add((start, end))
            if not response.json()["nextCursor"]:
                break
            query["cursor"] = response.json()["nextCursor"]
    return sorted(shifts)


def render(series: Series) -> str:
    """The feed of one schedule at the begin of 2026."""
    details = dict.fromkeys(("notes", "position", "break_minutes", "color"))
    schedule = save.build_schedule(series, "usr_x", at=AT, customer_id="cus_x", location_id="loc_x", details=details)
    return ical.render_calendar([schedule], "usr_x", locations_by_id={}, at=AT).decode()


def test_libical_156_ical_js_80_icalcreator_86_biweekly_76_all_readers_agree(
    test_users: UserFixtures, record_figure: Callable[[str], None]
) -> None:
    """libical/libical#156, kewisch/ical.js#80, iCalcreator#86 and #106, mangstadt/biweekly#76."""
    expected, feeds = {}, {}
    for zone in ZONES:
        staff_id = test_users.create_user().id
        schedules = load_series(test_users, staff_id, list_series(zone))
        feeds[zone] = ical.render_calendar(schedules, staff_id, locations_by_id={}, at=AT).decode()
        expected[zone] = list_api_shifts(test_users, staff_id)
    feeds_without_rdate = {zone: calendar_readers.remove_dates_of_clock_changes(text) for zone, text in feeds.items()}

    actual = {
        "ical.js": calendar_readers.read_with_program("ical.js", feeds, AT, UNTIL),
        "ical.js without RDATE": calendar_readers.read_with_program("ical.js", feeds_without_rdate, AT, UNTIL),
        "libical": calendar_readers.read_with_program("libical", feeds, AT, UNTIL),
        "icalendar": {zone: calendar_readers.read_with_icalendar(text, AT, UNTIL) for zone, text in feeds.items()},
    }

    for reader, shifts_by_zone in actual.items():
        for zone in ZONES:
            differences = sorted({*shifts_by_zone[zone]} ^ {*expected[zone]})
            assert not differences, (reader, zone, len(differences), differences[:4])
    count = sum(map(len, expected.values()))
    assert count > 15_000
    assert WINDOWS[-1][1] == UNTIL
    size = sum(map(len, feeds.values())) // len(feeds)
    record_figure(
        f"feeds of {len(ZONES)} zones, {count:,} shifts of three years, read by {len(actual)} programs: "
        f"0 differences from the API; {size:,} bytes each"
    )


def test_ical_js_80_biweekly_76_mondays_in_berlin_keep_their_hour() -> None:
    """kewisch/ical.js#80, mangstadt/biweekly#76: 2027-03-29 was an hour wrong, and all of 2028."""
    mondays = Series(*local_times("2027-01-04T09:00", 8), "Europe/Berlin", RecurrenceRule("weekly"))
    text = render(mondays)
    feeds = {"as it is": text, "without RDATE": calendar_readers.remove_dates_of_clock_changes(text)}
    for program in calendar_readers.PROGRAMS:
        for name, shifts in calendar_readers.read_with_program(program, feeds, AT, UNTIL).items():
            hours = {start[:10]: start[11:16] for start, _ in shifts}
            assert len(hours) == 104, (program, name)
            expected_hours = {
                "2027-03-22": "08:00",
                "2027-03-29": "07:00",
                "2028-06-05": "07:00",
                "2028-11-06": "08:00",
            }
            assert expected_hours.items() <= hours.items(), (program, name)


def list_observances(zone: str, start: str, at: datetime = AT) -> list[dict[str, str]]:
    """The properties of each observance of a zone by name; of BEGIN the kind."""
    text = zones.build_timezone(zone, datetime.fromisoformat(start), at).to_ical().decode().replace("\r\n ", "")
    return [
        dict(line.split(":", 1) for line in part.splitlines())
        for part in re.findall(r"BEGIN:(?:STANDARD|DAYLIGHT).*?END:", text, re.DOTALL)
    ]


def iter_onsets(observance: dict[str, str], until: datetime) -> Iterator[datetime]:
    """The instants of an observance as a program has them that ignores RDATE."""
    first = datetime.strptime(observance["DTSTART"] + observance["TZOFFSETFROM"], "%Y%m%dT%H%M%S%z")
    rule = rrule.rrulestr(observance.get("RRULE", "FREQ=DAILY;COUNT=1"), dtstart=first)
    return (onset.astimezone(UTC) for onset in takewhile(lambda onset: onset < until, rule))


def test_icalcreator_106_clock_changes_near_now_need_no_rdate() -> None:
    """iCalcreator#86, #106: a rule where the zone has one, else near changes one by one."""
    latest = f"{AT + zones.NEAR_PERIOD:%Y%m%dT%H%M%S}"
    rules, near = {}, AT + zones.NEAR_PERIOD
    for zone in sorted(zone_names.list_names()):
        observances = list_observances(zone, "2026-01-05")
        assert all(item["DTSTART"] > latest for item in observances if "RDATE" in item), zone
        assert sum(map(len, map(str, observances))) < 6_000, zone
        onsets = sorted(onset for item in observances[1:] for onset in iter_onsets(item, near))
        assert onsets == [at for at in dst.list_transitions(zone, AT.year) if AT <= at < near], zone
        rules[zone] = [item["RRULE"].removeprefix("FREQ=YEARLY;") for item in observances if "RRULE" in item]
    assert rules["Europe/Berlin"] == ["BYDAY=-1SU;BYMONTH=3", "BYDAY=-1SU;BYMONTH=10"]
    assert rules["America/New_York"] == ["BYDAY=2SU;BYMONTH=3", "BYDAY=1SU;BYMONTH=11"]
    assert rules["Australia/Lord_Howe"] == ["BYDAY=1SU;BYMONTH=4", "BYDAY=1SU;BYMONTH=10"]
    assert rules["Africa/Cairo"] == [
        "BYDAY=-1FR;BYMONTH=4",
        "BYDAY=FR;BYMONTHDAY=26,27,28,29,30,31;BYMONTH=10",
        "BYDAY=FR;BYMONTHDAY=1;BYMONTH=11",
    ], "the day after the last Thursday"
    assert rules["Asia/Kolkata"] == []


def test_libical_156_dates_of_clock_changes_have_the_first() -> None:
    """libical/libical#156: old changes are an RDATE with DTSTART among its dates."""
    dated = [item for item in list_observances("America/New_York", "1970-01-05") if "RDATE" in item]
    assert dated
    assert all(item["DTSTART"] in item["RDATE"].split(",") for item in dated)


@pytest.mark.parametrize("zone", ["Europe/Dublin", "Europe/London", "Africa/Casablanca"])
def test_summer_time_is_daylight_time_whatever_the_law_says(zone: str) -> None:
    """Ireland's standard time is in summer; programs take the larger offset for daylight."""
    changes = list_observances(zone, "2024-01-05", datetime(2024, 1, 5, tzinfo=UTC))[1:]
    assert changes
    for change in changes:
        is_later = int(change["TZOFFSETTO"]) > int(change["TZOFFSETFROM"])
        assert change["BEGIN"] == ("DAYLIGHT" if is_later else "STANDARD")


def test_cheese_fork_13_moadim_362_feeds_say_how_often_to_read_them() -> None:
    """cheese-fork#13, moadim#362; shifts are busy time; METHOD would ask for an organizer."""
    lines = render(Series(*local_times("2026-01-05T09:00", 8), "Europe/Berlin")).split("\r\n")
    assert {"X-PUBLISHED-TTL:PT1H", "REFRESH-INTERVAL;VALUE=DURATION:PT1H", "TRANSP:OPAQUE"} <= {*lines}
    assert not [line for line in lines if line.startswith("METHOD")]


# --- rules ----------------------------------------------------------------------------------------
EMPTY_PART = "A part is empty: remove a semicolon, or write what is missing there."
MONDAYS = "FREQ=WEEKLY;BYDAY=MO"


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=WEEKLY;BYDAY=MO;",
        "RRULE:FREQ=WEEKLY;BYDAY=MO",
        "rrule:freq=weekly;byday=mo;",
        " FREQ = WEEKLY ; BYDAY = MO \n",
        "RRULE:FREQ=WEEKLY;BY\r\n DAY=MO\r\n",
    ],
)
def test_libical_191_ical_net_709_tutanota_7700_rules_as_programs_write_them(
    test_users: UserFixtures, text: str
) -> None:
    """libical/libical#191, ical.net#709, tutanota#7700: a trailing semicolon, and its neighbors."""
    body = schedule_body(test_users, "2031-01-06T09:00", "2031-01-06T17:00", staffId=test_users.create_user().id)
    created = create_schedule(test_users.ann, {**body, "recurrencePattern": {"rrule": text}})
    assert created["recurrencePattern"]["rrule"] == MONDAYS
    changed = put_schedule(test_users.ann, created["id"], {"recurrencePattern": {"rrule": text}})
    assert changed.status_code == 200, changed.text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("FREQ=WEEKLY;;BYDAY=MO", EMPTY_PART),
        ("FREQ=WEEKLY;BYDAY=MO;;", EMPTY_PART),
        (";FREQ=WEEKLY", EMPTY_PART),
        ("FREQ=WEEKLY;COUNT=1 0", "COUNT has an invalid value."),
        ("FREQ=WEEKLY;BYDAY=M O", "BYDAY has an invalid value."),
        ("DTSTART:20310106T090000\nRRULE:FREQ=WEEKLY", "Unsupported part: DTSTART:20310106T090."),
        ("RRULE:FREQ=WEEKLY\nRRULE:FREQ=DAILY", "Must be one of daily, weekly, monthly, yearly."),
        ("RRULE:RRULE:FREQ=WEEKLY", "Unsupported part: RRULE:FREQ."),
    ],
)
def test_tutanota_7700_rules_that_could_mean_something_else_are_refused(
    test_users: UserFixtures, text: str, sentence: str
) -> None:
    """libical/libical#191, ical.net#709, tutanota#7700: what lacks something is not guessed."""
    body = schedule_body(test_users, "2031-01-06T09:00", "2031-01-06T17:00")
    refused = test_users.ann.post(PATH, {**body, "recurrencePattern": {"rrule": text}})
    assert refused.status_code == 400
    (error,) = parse_problem(refused)["errors"]
    assert (error["pointer"], error["detail"]) == ("/recurrencePattern/rrule", sentence)
