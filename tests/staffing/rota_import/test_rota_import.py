"""Rotas from tables and calendars: planned once, through the same checks as ``POST /schedule``."""

import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.audit import verification
from config.spreadsheets import InvalidImportFile
from staffing import rota_import
from staffing.rota_import import ImportOptions, PlannedEntry, events
from staffing.schedules import commands
from tests.support.environment import Environment
from tests.support.users import UserFixtures, create_user_fixtures, now


@pytest.fixture(scope="module")
def users(env: Environment, web: str) -> UserFixtures:
    """A customer whose rota is empty."""
    return create_user_fixtures(env, web)


def plan(content: str, users: UserFixtures, **options: Any) -> list[PlannedEntry]:
    import_options = ImportOptions(**{"location": "Boston", **options})
    entries = rota_import.read_file(content.encode(), actor=users.ann.actor, options=import_options)
    return list(rota_import.plan_entries(entries, actor=users.ann.actor, at=now()))


def outcomes(planned_entries: Sequence[PlannedEntry]) -> list[str]:
    return [
        "; ".join(map(str, planned.problems)) or f"line {planned.entry.line}: {planned.outcome}"
        for planned in planned_entries
    ]


def shifts_of(users: UserFixtures, since: str, until: str, **query: str) -> list[list[str]]:
    response = users.ann.get(
        f"/staffSchedule?customerId={users.customer.id}&expand=occurrences&from={since}&to={until}&limit=100",
        params=query or None,
    )
    return [[item["staffName"], item["startTime"], item["endTime"]] for item in response.json()["items"]]


def calendar(*events: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.strip().splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


# --- tables ---------------------------------------------------------------------------------------
def test_table_is_planned_once_and_faults_name_line_and_column(users: UserFixtures) -> None:
    sam, mia = users.sam.user, users.mia.user
    rows = [
        "Mitarbeiter;E-Mail;Ort;Datum;Von;Bis;Pause;Rolle;Notiz",
        f"{sam.name};;Boston;01.02.2027;9:00;17:00;30;Front desk;",
        f";{mia.email};boston;1.2.2027;22:00;6:00;;;",
        f"{sam.name};;Boston;1.2.2027;16:00;20:00;;;",
        "Nobody Here;;Nowhere;1.2.2027;9:00;9:99;half;;",
        f"{sam.name};;Boston;1/2/2027;9:00;17:00;;;",
        f"{sam.name};;Boston;1.2.2027;9:00;17:00;30;Front desk;",
        f"{sam.name};;Boston;5.2.2027;;17:00;;;",
        f"{sam.name};;Boston;6.2.2027;9:00;10:00;90;;",
    ]
    planned = plan("\n".join(rows), users)
    assert outcomes(planned) == [
        "line 2: create",
        "line 3: create",
        "line 4: Overlaps line 2 from Mon 1 Feb 2027 16:00.",
        "line 5, column A (Mitarbeiter): Nobody is named 'Nobody Here'.; "
        "line 5, column C (Ort): There is no location 'Nowhere'.; "
        "line 5, column F (Bis): '9:99' is no time of day in whole minutes.; "
        "line 5, column G (Pause): Must be minutes, such as 30.",
        "line 6, column D (Datum): 1/2/2027 could be two days: say which comes first, day or month. "
        "Write the date as 2027-01-04.",
        "line 7: The same shift is in line 2.",
        "line 8, column E (Von): Has no start.",
        "line 9, column G (Pause): The break must be at most the 60 minutes of the shift.",
    ]
    assert planned[0].entry.title == f"{sam.name}, Boston, Mon 1 Feb 2027 09:00 to 17:00"
    assert shifts_of(users, "2027-02-01T00:00:00Z", "2027-02-10T00:00:00Z") == [], "a plan writes nothing"

    result = rota_import.import_entries(planned, actor=users.ann.actor)

    assert (result.created, result.problems) == (2, [])
    expected = [
        [sam.name, "2027-02-01T09:00:00-05:00", "2027-02-01T17:00:00-05:00"],
        [mia.name, "2027-02-01T22:00:00-05:00", "2027-02-02T06:00:00-05:00"],
    ]
    assert shifts_of(users, "2027-02-01T00:00:00Z", "2027-02-10T00:00:00Z") == expected
    assert outcomes(plan("\n".join(rows[:3]), users)) == ["line 2: unchanged", "line 3: unchanged"]
    repeated = rota_import.import_entries(planned, actor=users.ann.actor)
    assert (repeated.created, repeated.problems) == (2, []), "its ids are those of the shifts that exist"
    assert shifts_of(users, "2027-02-01T00:00:00Z", "2027-02-10T00:00:00Z") == expected
    overlapping = rows[0] + "\n" + rows[3]
    assert outcomes(plan(overlapping, users)) == ["line 2: Overlaps a shift in the rota from Mon 1 Feb 2027 16:00."]
    assert outcomes(plan(overlapping, users, allow_overlap=True)) == ["line 2: create"]
    assert outcomes(plan(f"{rows[0]}\n{rows[5]}", users, date_order="mdy")) == ["line 2: create"]


def test_ambiguous_names_are_refused_with_the_candidates(users: UserFixtures) -> None:
    twins = [users.create_user(name="Twin Tyler") for _ in range(2)]
    header = "Person,Start,End"
    (planned,) = plan(f"{header}\ntwin  TYLER,2027-03-01 09:00,2027-03-01 17:00\n", users)
    (problem,) = planned.problems
    assert str(problem).startswith("line 2, column A (Person): 2 people are named 'twin TYLER': ")
    assert all(str(twin.email) in str(problem) for twin in twins)
    assert outcomes(plan(f"{header}\n{twins[0].email},2027-03-01 09:00,2027-03-01 17:00\n", users)) == [
        "line 2: create"
    ]
    assert outcomes(plan(f'{header}\n"Canary-Har, Sam",2027-03-01T09:00:00Z,2027-03-01T17:00:00Z\n', users)) == [
        "line 2: create"
    ]


def test_list_of_shifts_as_csv_can_be_imported_elsewhere_and_is_known_here(users: UserFixtures) -> None:
    users.create_shift()
    exported = users.ann.get(
        f"/staffSchedule?customerId={users.customer.id}&expand=occurrences&from=2027-01-01T00:00:00Z&to=2027-12-31T00:00:00Z",
        headers={"Accept": "text/csv"},
    ).text
    assert set(outcomes(plan(exported, users))) >= {"line 2: unchanged"}
    moved = re.sub(r"sch_[0-9A-Z]{26}", "gone", exported)
    rows = list(dict.fromkeys(moved.splitlines()))[:2]
    assert outcomes(plan("\n".join(rows), users))[0].startswith("line 2: Overlaps a shift in the rota"), rows


def test_rights_and_locations_are_those_of_the_actor(users: UserFixtures) -> None:
    row = f"email,location,start,end\n{users.sam.user.email},Denver,2027-04-01 09:00,2027-04-01 10:00\n"
    options = ImportOptions()
    with pytest.raises(Exception, match="schedules:write"):
        rota_import.read_file(row.encode(), actor=users.sam.actor, options=options)
    entries = rota_import.read_file(row.encode(), actor=users.mia.actor, options=options)
    planned = list(rota_import.plan_entries(entries, actor=users.mia.actor, at=now()))
    assert outcomes(planned) == ["line 2, column B (location): There is no location 'Denver'."]
    foreign = f"email,start,end\n{users.cleo.user.email},2027-04-01 09:00,2027-04-01 10:00\n"
    assert "Nobody has the address" in outcomes(plan(foreign, users))[0]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ("start,end\n", "The column staff is missing"),
        ("staff,start\n", "The column end is missing"),
        ("staff,start,end,colour,shoe\n", "Unknown column 'shoe'"),
        ("", "The column staff is missing"),
    ],
)
def test_unusable_tables_are_refused(users: UserFixtures, content: str, detail: str) -> None:
    with pytest.raises(InvalidImportFile, match=detail):
        plan(content, users)
    with pytest.raises(InvalidImportFile, match="There is no location"):
        plan("staff,start,end\n", users, location="Nowhere")


# --- calendars ------------------------------------------------------------------------------------
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
    assert verification.verify_audit().findings == []


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
    st.sampled_from(["", ";TZID=Europe/Berlin", ";TZID=", ";VALUE=DATE", ";X", ';CN="']),
    st.sampled_from(
        ["20270607T090000", "20270607", "PT8H", "FREQ=DAILY;COUNT=2", "Sam Staff", "VEVENT", "VALARM", ":;,\\"]
    )
    | st.text(max_size=12),
)


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


# --- the command ----------------------------------------------------------------------------------
def run_command(env: Environment, path: Path, users: UserFixtures, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [str(path), "--customer", users.customer.id, "--location", "Boston"]
    return env.run_management_command("import_rota", *arguments, *options)


def test_command_shows_what_would_happen_and_does_it(users: UserFixtures, env: Environment, tmp_path: Path) -> None:
    path = tmp_path / "rota.csv"
    path.write_text(
        f"staff,date,start,end\n{users.abe.user.name},2027-08-02,9:00,17:00\nNobody,2027-08-02,9:00,17:00\n",
        encoding="utf-16",
    )
    rehearsal = run_command(env, path, users, "--dry-run")
    assert rehearsal.returncode == 1
    assert rehearsal.stdout.splitlines() == [
        f"line 2: {users.abe.user.name}, Boston, Mon 2 Aug 2027 09:00 to 17:00: would be planned",
        "line 3, column A (staff): Nobody is named 'Nobody'.",
    ]
    completed = run_command(env, path, users, "--skip-problems")
    assert completed.returncode == 0, completed.stderr
    assert "1 planned, 0 already existed" in completed.stdout
    shifts = shifts_of(users, "2027-08-02T00:00:00Z", "2027-08-03T00:00:00Z")
    assert shifts == [[users.abe.user.name, "2027-08-02T09:00:00-04:00", "2027-08-02T17:00:00-04:00"]]


def test_id_of_another_customers_schedule_reveals_nothing(users: UserFixtures) -> None:
    row = f"staff,start,end,schedule id\n{users.sam.user.name},2027-09-01 09:00,2027-09-01 10:00,{users.foreign_shift.id}\n"
    planned = plan(row, users)
    assert outcomes(planned) == ["line 2: create"]
    assert rota_import.import_entries(planned, actor=users.ann.actor).created == 1
    assert commands.get_schedule(str(users.foreign_shift.id), actor=users.cleo.actor).staff_id == users.cleo.id
