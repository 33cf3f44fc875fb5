"""Rotas from tables: planned once, through the checks of ``POST /staffSchedule``."""

import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from config.spreadsheets import InvalidImportFile
from staffing import rota_import
from staffing.rota_import import ImportOptions
from staffing.schedules import access
from tests.staffing.rota_import.plans import outcomes, plan, shifts_of
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now


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
        "line 5, column G (Pause): Must be minutes, such as 30, or hours and minutes, such as 0:30.",
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


def test_edited_export_is_said_to_differ(users: UserFixtures) -> None:
    pattern = {"frequency": "weekly", "count": 2}
    users.create_shift(start=datetime(2028, 3, 6, 9), pattern=pattern)
    query = "expand=occurrences&from=2028-03-01T00:00:00Z&to=2028-03-31T00:00:00Z"
    exported = users.ann.get(
        f"/staffSchedule?customerId={users.customer.id}&{query}", headers={"Accept": "text/csv"}
    ).text
    assert [(item.outcome, item.differs) for item in plan(exported, users)] == [("unchanged", False)] * 2
    edits = (
        exported.replace("2028-03-13 17:00", "2028-03-13 18:00"),
        exported.replace(users.sam.user.name, users.abe.user.name).replace(users.sam.user.id, users.abe.user.id),
        exported.replace("2028-03-13T09:00:00", "2028-03-14T09:00:00"),
    )
    assert all(edited != exported for edited in edits)
    assert [[item.differs for item in plan(edited, users)] for edited in edits] == [
        [False, True],
        [True, True],
        [False, True],
    ]


def test_limits_hold_for_all_shifts_of_a_file(users: UserFixtures) -> None:
    """Shifts of a week count as series, of which a person can have 100."""
    person = users.create_user(name="Many Weeks")
    users.create_shift()
    starts = [datetime(2030, 1, 1) + timedelta(weeks=week) for week in range(102)]
    rows = [f"{person.name},{start:%Y-%m-%d},{start + timedelta(days=6):%Y-%m-%d},9:00,9:00" for start in starts]
    planned = plan("\n".join(["staff,date,end date,start,end", *rows]), users)
    assert [item.outcome for item in planned] == ["create"] * 100 + ["refused"] * 2
    assert outcomes(planned)[-1].startswith("line 103: A person can have at most 100 series at a time; ")


def test_numbers_of_rows_and_employees_are_no_uids(users: UserFixtures) -> None:
    """Next week's file has other shifts with the numbers of this week's."""
    row = f"uid,staff,start,end\n1,{users.sam.user.name},2028-04-0{{day}} 09:00,2028-04-0{{day}} 17:00\n"
    with pytest.raises(InvalidImportFile, match="Unknown column 'ID'"):
        plan(row.replace("uid", "ID").format(day=3), users)


def test_preview_shows_times_on_the_clock_of_the_location(users: UserFixtures) -> None:
    header = "staff,start,end,time zone,break"
    rows = [
        f"{users.sam.user.name},2028-05-01T13:00Z,2028-05-01T21:00Z,,0:30",
        f"{users.sam.user.name},2028-05-02 15:00,2028-05-02 23:00,Europe/Berlin,00:30:00",
        f"{users.sam.user.name},2028-05-03 09:00,1899-12-30 17:00:00,,1899-12-30 00:30:00",
    ]
    planned = plan("\n".join([header, *rows]), users)
    assert [item.entry.title.partition(", Boston, ")[2] for item in planned] == [
        f"{day} May 2028 09:00 to 17:00" for day in ("Mon 1", "Tue 2", "Wed 3")
    ]
    assert [item.entry.draft.details["break_minutes"] for item in planned if item.entry.draft] == [30, 30, 30]


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
    assert access.get_schedule(str(users.foreign_shift.id), actor=users.cleo.actor).staff_id == users.cleo.id
