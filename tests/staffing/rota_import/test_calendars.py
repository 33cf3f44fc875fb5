"""Rotas from .ics files: events become shifts and series, or are refused by name."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Location
from config.spreadsheets import InvalidImportFile
from staffing import rota_import
from staffing.rota_import import ImportOptions, calendar_file, events
from staffing.rota_import.people import Places, Staff
from tests.staffing.rota_import.plans import calendar, outcomes, plan, shifts_of
from tests.support.users import UserFixtures

SERIES = """UID:series@x.example
DTSTART;TZID=Eastern Standard Time:20270503T090000
DTEND;TZID=Eastern Standard Time:20270503T170000
RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4
EXDATE;TZID=America/New_York:20270510T090000,20300101T090000
SUMMARY:Front desk
ATTENDEE;CUTYPE=ROOM:mailto:room@x.example
ATTENDEE:MAILTO:{sam}"""


def test_events_are_planned_once(users: UserFixtures) -> None:
    sam, mia = users.sam.user, users.mia.user
    content = calendar(
        SERIES.format(sam=sam.email),
        f"""UID:series@x.example
RECURRENCE-ID;TZID=America/New_York:20270517T090000
DTSTART;TZID=America/New_York:20270517T100000
DURATION:PT8H
SUMMARY:Front desk
ATTENDEE:mailto:{mia.email}""",
        f"""UID:single@x.example
DTSTART:20270506T130000Z
DTEND:20270506T210000Z
SUMMARY:{mia.name} (Reception)
BEGIN:VALARM
SUMMARY:Not this
END:VALARM""",
        f"UID:day@x.example\nDTSTART;VALUE=DATE:20270508\nSUMMARY:{sam.name}",
        f"UID:off@x.example\nDTSTART:20270509T090000\nDTEND:20270509T100000\nSTATUS:CANCELLED\nSUMMARY:{sam.name}",
    )
    planned = plan(content, users)
    assert outcomes(planned) == ["line 3: create", "line 21: create", "line 30: create"]
    assert planned[1].entry.draft is not None
    assert planned[1].entry.draft.details["position"] == "Reception"
    assert rota_import.import_entries(planned, actor=users.ann.actor).created == 3
    expected = [
        [sam.name, "2027-05-03T09:00:00-04:00", "2027-05-03T17:00:00-04:00"],
        [mia.name, "2027-05-06T09:00:00-04:00", "2027-05-06T17:00:00-04:00"],
        [sam.name, "2027-05-08T00:00:00-04:00", "2027-05-09T00:00:00-04:00"],
        [mia.name, "2027-05-17T10:00:00-04:00", "2027-05-17T18:00:00-04:00"],
        [sam.name, "2027-05-24T09:00:00-04:00", "2027-05-24T17:00:00-04:00"],
    ]
    assert shifts_of(users, "2027-05-01T00:00:00Z", "2027-06-30T00:00:00Z") == expected
    again = plan(content, users)
    assert {item.outcome for item in again} == {"unchanged"}
    assert rota_import.import_entries(again, actor=users.ann.actor).already_exists == 3


def test_a_shift_that_was_changed_since_stays_and_is_marked(users: UserFixtures) -> None:
    row = f"staff,uid,start,end\n{users.sam.user.name},row-1,2027-10-04 09:00,2027-10-04 {{end}}:00\n"
    planned = plan(row.format(end=17), users)
    rota_import.import_entries(planned, actor=users.ann.actor)
    assert [item.differs for item in plan(row.format(end=17), users)] == [False]
    (later,) = plan(row.format(end=18), users)
    assert (later.outcome, later.differs) == ("unchanged", True)
    rota_import.import_entries([later], actor=users.ann.actor)
    assert shifts_of(users, "2027-10-04T00:00:00Z", "2027-10-05T00:00:00Z") == [
        [users.sam.user.name, "2027-10-04T09:00:00-04:00", "2027-10-04T17:00:00-04:00"]
    ]


def test_imports_of_one_file_at_once_plan_each_shift_once(users: UserFixtures) -> None:
    rows = [f"{users.sam.user.name},2027-11-{day:02} 09:00,2027-11-{day:02} 17:00" for day in range(1, 6)]
    planned = plan("\n".join(["staff,start,end", *rows]), users)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: rota_import.import_entries(planned, actor=users.ann.actor), range(4)))
    assert [result.problems for result in results] == [[]] * 4
    assert len(shifts_of(users, "2027-11-01T00:00:00Z", "2027-11-06T00:00:00Z")) == 5
    assert users.audit_findings() == []


def test_a_week_on_call_is_a_shift(users: UserFixtures) -> None:
    content = calendar(
        f"UID:week@x.example\nDTSTART;VALUE=DATE:20271206\nDTEND;VALUE=DATE:20271213\nSUMMARY:{users.sam.user.name}"
    )
    assert outcomes(plan(content, users)) == ["line 3: create"]


def test_own_feed_imported_again_changes_nothing(users: UserFixtures) -> None:
    shift = users.create_shift()
    content = calendar(
        f"UID:{shift.id}@dutyline\nDTSTART:20270201T090000\nDURATION:PT1H\nSUMMARY:x\nATTENDEE:{users.sam.user.email}"
    )
    assert outcomes(plan(content, users)) == ["line 3: unchanged"]


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("TZID=Europe/Berlin:20270327T220000", "PT8H", "2027-03-28T07:00:00+02:00"),
        ("TZID=Europe/Berlin:20271030T220000", "PT8H", "2027-10-31T05:00:00+01:00"),
        ("TZID=Europe/Berlin:20271030T220000", "PT5H", "2027-10-31T02:00:00+01:00"),
        ("TZID=Europe/Berlin:20270327T220000", "P1D", "2027-03-28T22:00:00+02:00"),
        ("TZID=Europe/Berlin:20270327T220000", "PT24H", "2027-03-28T23:00:00+02:00"),
        ("TZID=Europe/Berlin:20270327T220000", "P1DT1H", "2027-03-28T23:00:00+02:00"),
        ("TZID=Europe/Berlin:20270327T220000", "P1W", "2027-04-03T22:00:00+02:00"),
        ("VALUE=DATE-TIME:20270313T220000", "PT8H", "2027-03-14T07:00:00"),
        ("VALUE=DATE-TIME:20271106T220000", "PT4H", "2027-11-07T01:00:00-05:00"),
    ],
)
def test_hours_of_a_duration_pass_and_days_are_those_of_the_calendar(
    users: UserFixtures, start: str, duration: str, end: str
) -> None:
    """RFC 5545, 3.3.6. Boston changes its clock on 14 March and 7 November 2027."""
    (planned,) = plan(calendar(f"UID:d\nDTSTART;{start}\nDURATION:{duration}\nSUMMARY:{users.sam.user.name}"), users)
    assert planned.entry.draft is not None, outcomes([planned])
    assert planned.entry.draft.end == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    "properties",
    [
        "DTSTART;TZID=Europe/Berlin:00010101T000000\nDURATION:PT1H",
        "DTSTART;TZID=America/New_York:99991231T230000\nDURATION:PT1H",
        "DTSTART:20270601T090000\nDURATION:P2912000D",
        "DTSTART:20270601T090000\nDTEND:99991231T235959",
        "DTSTART:20270601T090000\nDURATION:PT1H\nRECURRENCE-ID;TZID=Europe/Berlin:00010101T000000",
    ],
)
def test_times_at_the_ends_of_the_calendar_are_refused(users: UserFixtures, properties: str) -> None:
    (planned,) = plan(calendar(f"UID:end\nSUMMARY:{users.sam.user.name}\n{properties}"), users)
    assert str(planned.problems[0]).endswith(("There are no shifts in that year.", "Is too long."))


def test_the_latest_version_of_an_event_counts(users: UserFixtures) -> None:
    def version(sequence: int, hour: int, *properties: str) -> str:
        times = f"DTSTART:20280605T{hour:02}0000\nDURATION:PT1H\nSEQUENCE:{sequence}"
        return "\n".join(["UID:versions", times, f"SUMMARY:{users.sam.user.name}", *properties])

    (planned,) = plan(calendar(version(1, 9), version(2, 11), version(0, 13)), users)
    assert planned.entry.title.endswith("Mon 5 Jun 2028 11:00 to 12:00")
    change = "RECURRENCE-ID;TZID=America/New_York:20280606T090000"
    same = "RECURRENCE-ID:20280606T130000Z"
    (planned,) = plan(calendar(version(1, 9, change), version(2, 11, same)), users)
    assert planned.entry.title.endswith("11:00 to 12:00")
    assert outcomes(plan(calendar(version(1, 9, change), version(1, 11, same)), users)) == [
        f"line 11, event “{users.sam.user.name}”, RECURRENCE-ID: Is that of the event in line 3.",
        "line 3: create",
    ]


def test_preview_is_on_the_clock_of_the_location_and_in_words(users: UserFixtures) -> None:
    event = "UID:utc\nDTSTART:20280703T130000Z\nDTEND:20280703T210000Z\nRRULE:{}\nSUMMARY:" + str(users.sam.user.name)
    for rule, words in (
        ("FREQ=WEEKLY;BYDAY=MO;UNTIL=20280801T000000Z", "weekly on Mon, until 1 Aug 2028"),
        ("FREQ=MONTHLY;BYDAY=1MO;COUNT=3", "monthly on the 1st Mon, 3 times"),
        ("FREQ=MONTHLY;BYMONTHDAY=3,-1", "monthly on the last, 3rd of the month"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1", "monthly on the 1st of Mon, Tue"),
        ("FREQ=YEARLY;BYMONTH=7;BYDAY=1MO", "yearly on the 1st Mon in Jul"),
    ):
        (planned,) = plan(calendar(event.format(rule)), users)
        assert planned.entry.title.partition(", Boston, ")[2] == f"Mon 3 Jul 2028 09:00 to 17:00, {words}"


def test_unknown_location_is_said_and_an_ambiguous_one_refused(users: UserFixtures) -> None:
    event = f"UID:where\nDTSTART:20280807T090000\nDURATION:PT1H\nSUMMARY:{users.sam.user.name}\nLOCATION:"
    (planned,) = plan(calendar(f"{event}12 Main St"), users)
    assert planned.entry.notes == ["There is no location “12 Main St”: planned at Boston."]
    (known,) = plan(calendar(f"{event}boston"), users)
    assert known.entry.notes == []
    boston, denver = users.boston, users.denver
    twins = Places([boston, denver, Location(id="loc_x", name="Twin"), Location(id="loc_y", name="Twin")])
    staff = Staff([users.sam.user])
    entries = calendar_file.read_calendar(
        calendar(f"{event}Twin").encode(),
        staff,
        twins,
        actor=users.ann.actor,
        options=ImportOptions(location="Boston"),
        on_progress=lambda: None,
    )
    assert "2 locations are named 'Twin'" in str(next(entries).problems[0])


def test_own_feed_that_was_edited_is_said_to_differ(users: UserFixtures) -> None:
    shift = users.create_shift(start=datetime(2028, 9, 4, 9))
    event = (
        f"UID:{shift.id}@dutyline\nDTSTART:20280904T090000\nDTEND:20280904T{{}}0000\nATTENDEE:{users.sam.user.email}"
    )
    assert [plan(calendar(event.format(hour)), users)[0].differs for hour in (17, 18)] == [False, True]


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ("RRULE:FREQ=HOURLY", "RRULE: Must be one of daily"),
        ("RRULE:FREQ=WEEKLY;BYHOUR=9", "RRULE: Unsupported part: BYHOUR"),
        ("RRULE:FREQ=DAILY;COUNT=999999999", "RRULE: COUNT has an invalid value"),
        ("RRULE:FREQ=WEEKLY\nRRULE:FREQ=DAILY", "RRULE: Must occur once"),
        ("RRULE:FREQ=WEEKLY;BYDAY=TU", "The first shift starts on Monday"),
        ("RRULE:FREQ=BOGUS", "RRULE: Cannot be read"),
        ("RDATE:20270608T090000", "RDATE: Is not supported"),
        ("EXRULE:FREQ=WEEKLY", "EXRULE: Is not supported"),
        ("DTSTART:20270607T090000", "DTSTART: Must occur once"),
        ("DTEND;TZID=Mars/Base:20270607T170000", "DTEND: There is no time zone 'Mars/Base'"),
        ("RECURRENCE-ID;RANGE=THISANDFUTURE:20270607T090000", "RECURRENCE-ID: RANGE is not supported"),
        ("ATTENDEE:mailto:nobody@x.example", "ATTENDEE: Nobody has the address 'nobody@x.example'"),
        ("EXDATE:" + ",".join(f"{year}0607T090000" for year in range(1000, 9000)), "Is longer than 60,000 characters"),
    ],
)
def test_what_the_rota_cannot_hold_is_refused_by_name(users: UserFixtures, properties: str, problem: str) -> None:
    content = calendar(
        f"UID:odd\nDTSTART:20270607T090000\nDURATION:PT8H\nATTENDEE:mailto:{users.sam.user.email}\n{properties}"
    )
    (planned,) = plan(content, users)
    assert planned.outcome == "refused"
    assert problem in str(planned.problems[0])
    assert str(planned.problems[0]).startswith("line 3, event “")


def test_changes_that_fit_no_series_are_refused_by_line(users: UserFixtures) -> None:
    series = SERIES.format(sam=users.sam.user.email).replace("series@", "other@").replace("2027", "2028")
    change = "UID:other@x.example\nDTSTART:20280502T090000\nDURATION:PT1H\nSUMMARY:Front desk\nATTENDEE:"
    planned = plan(
        calendar(
            series,
            f"{change}{users.sam.user.email}\nRECURRENCE-ID:20280502T000000",
            f"{change}nobody@x.example\nRECURRENCE-ID;TZID=America/New_York:20280515T090000",
            f"UID:other@x.example\nDTSTART:20280502T090000\nDURATION:PT1H\nSUMMARY:{users.sam.user.name}",
        )
        .replace("20280503", "20280501")
        .replace("20280510", "20280508"),
        users,
    )
    assert outcomes(planned) == [
        f"line 29, event “{users.sam.user.name}”, UID: Is that of the event in line 3.",
        "line 13, event “Front desk”, RECURRENCE-ID: No shift of the series starts then.; "
        "line 21, event “Front desk”, ATTENDEE: Nobody has the address 'nobody@x.example', and the summary names "
        "nobody.",
    ]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ("BEGIN:VCALENDAR\r\n" + "BEGIN:X\r\n" * 20, "nested too deeply"),
        ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "ends within VEVENT"),
        ("BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "has not begun"),
        ("BEGIN:VCALENDAR\r\n" + "X:\r\n" * 500_001, "more than 500,000 lines"),
        ("BEGIN:VCALENDAR\r\n" + "BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 5_001, "more than 5,000 events"),
        ("BEGIN:VCALENDAR\r\n" + "X" * 8_000_000, "larger than 8 MB"),
    ],
)
def test_hostile_calendars_are_refused_before_they_are_parsed(content: str, detail: str) -> None:
    with pytest.raises(InvalidImportFile, match=detail):
        events.read_events(content.encode())


PROPERTY = st.tuples(
    st.sampled_from([*sorted(events.PROPERTIES), "BEGIN", "END", "X-Y"]),
    st.sampled_from(["", ";TZID=Europe/Berlin", ";TZID=", ";VALUE=DATE", ";VALUE=TEXT", ";X", ';CN="']),
    st.sampled_from(
        ["20270607T090000", "20270607", "PT8H", "FREQ=DAILY;COUNT=2", "Sam Staff", "VEVENT", "VALARM", ":;,\\"]
    )
    | st.text(max_size=12),
)


@pytest.mark.parametrize(
    "value_type", ["DATE", "TEXT", "INTEGER", "DURATION", "PERIOD", "URI", "RECUR", "BOOLEAN", "NONE"]
)
@pytest.mark.parametrize(
    "name", ["SEQUENCE", "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "EXDATE", "RRULE", "UID"]
)
def test_a_value_of_another_type_is_refused_or_read(users: UserFixtures, name: str, value_type: str) -> None:
    """VALUE names a type that the property cannot have."""
    values = {"DATE": "20270607", "INTEGER": "7", "DURATION": "PT1H", "PERIOD": "20270607T090000Z/PT1H"}
    lines = {"UID": "1", "DTSTART": "20270607T090000", "DTEND": "20270607T170000", "SUMMARY": users.sam.user.name}
    if name == "DURATION":
        del lines["DTEND"]
    lines[name] = values.get(value_type, "x")
    event = "\n".join(
        f"{key};VALUE={value_type}:{lines[key]}" if key == name else f"{key}:{lines[key]}" for key in lines
    )

    (entry,) = rota_import.read_file(
        calendar(event).encode(), actor=users.ann.actor, options=ImportOptions(location="Boston")
    )

    assert (entry.draft is None) == bool(entry.problems)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PROPERTY, max_size=8))
def test_any_event_is_read_or_refused(users: UserFixtures, properties: list[tuple[str, str, str]]) -> None:
    event = "\n".join(f"{name}{parameters}:{value}" for name, parameters, value in properties)
    try:
        entries = rota_import.read_file(
            calendar(event).encode(), actor=users.ann.actor, options=ImportOptions(location="Boston")
        )
    except InvalidImportFile as refusal:
        entries = []
        assert_sentence(str(refusal))
    for entry in entries:
        assert entry.draft is not None or entry.problems


def assert_sentence(text: str) -> None:
    assert text.endswith("."), text
