"""Importing users from CSV: problems are reported by line; no user is lost or duplicated."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts import csv_import, users
from accounts.models import User
from config import dynamodb
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, create_user_fixtures, process_outbox

USER_COUNT = 10_000 if IS_SCALE_RUN else 100


def import_command(csv_path: Path, customer_id: str, *options: str) -> list[str]:
    return ["manage.py", "import_users", str(csv_path), "--customer", customer_id, *options]


def run_import(env: Environment, csv_path: Path, customer_id: str, *options: str) -> tuple[int, str, str]:
    """Exit code, output and errors."""
    command = import_command(csv_path, customer_id, *options)
    completed = env.run_forked(*command, environment=env.process_environment(proxied=True))
    return completed.returncode, completed.stdout, completed.stderr


def list_user_items(customer_id: str) -> list[dict[str, Any]]:
    values = {":c": {"S": customer_id}}
    query = dynamodb.query_arguments(User, "#customer_id = :c", values)
    pages = dynamodb.iter_pages("Query", **query, IndexName="byCustomer")
    return [item for items in pages for item in items]


def test_dry_run_reports_all_problems_by_line(test_users: UserFixtures, env: Environment, tmp_path: Path) -> None:
    csv_path = tmp_path / "people.csv"
    lines = [
        "email,name,role,locations,userSkills",
        f"good.{test_users.customer.id}@cast.example,Good One,staff,Boston; Denver,x;y",
        "not-an-address,Bad One,king,Nowhere,",
        ",,,,",
        f"GOOD.{test_users.customer.id}@cast.example,Twice,staff,,",
        f"{test_users.cleo.user.email},Elsewhere,staff,,",
        "long@cast.example,Long,staff,,,surplus",
        f"{test_users.sam.user.email},Here Already",
        f"noname.{test_users.customer.id}@cast.example, ,staff,,",
    ]
    csv_path.write_text("\n".join(lines), encoding="utf-8")
    user_count = len(list_user_items(test_users.customer.id))

    exit_code, stdout, stderr = run_import(env, csv_path, test_users.customer.id, "--dry-run")

    assert exit_code == 1
    assert "7 problem(s)" in stderr
    assert stdout.splitlines() == [
        f"line 2: Good One <good.{test_users.customer.id}@cast.example>, staff: would be invited",
        "line 3, column D (locations): unknown location 'Nowhere'",
        "line 3, column A (email): Must be a valid e-mail address.",
        "line 3, column C (role): Must be one of owner, admin, manager, staff.",
        "line 5, column A (email): duplicate of line 2",
        "line 6, column A (email): already in use",
        "line 7, column F: The column has no header.",
        f"line 8: Here Already <{test_users.sam.user.email}>, staff: exists already",
        "line 9, column B (name): This field may not be blank.",
    ]
    assert len(list_user_items(test_users.customer.id)) == user_count


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "column email is missing"),
        (b"name\nX\n", "column email is missing"),
        (b"email,name,colour\n", "Unknown column 'colour'"),
        (b"email,name,email\n", "Duplicate column"),
        (b'email,name\n"a@b.example,X\n', "not CSV"),
        (b"email,name\n\xff\xfe,X\n", "not CSV in UTF-8"),
    ],
)
def test_invalid_csv_file_is_rejected(test_users: UserFixtures, content: bytes, message: str) -> None:
    with pytest.raises(csv_import.InvalidImportFile, match=re.escape(message)):
        csv_import.read_file(content, test_users.customer.id)


def test_semicolon_separated_file_is_read(test_users: UserFixtures) -> None:
    text = '\ufeffemail;name;locations;userSkills\r\nan@cast.example;"Grün; Anna";boston;"a;b"\r\n'
    (row,) = csv_import.read_file(text.encode(), test_users.customer.id).rows
    assert row.new_user is not None
    assert (row.new_user.name, row.new_user.locations) == ("Grün; Anna", [test_users.boston.id])
    assert row.new_user.skills == ["a", "b"]


def test_list_of_people_as_csv_can_be_imported_again(test_users: UserFixtures) -> None:
    """Lists have columns that an import cannot set, and words for all locations."""
    header = (
        "Name,Profile name,E-mail,Phone,Role,Status,Locations,Skills,Invited,First signed in,Time zone,User id,"
        "Location ids"
    )
    text = f"{header}\nAn Bee,,an@cast.example,+1 617-555-0142,Admin,active,All locations,x; y,,,UTC,usr_1,*\n"
    (row,) = csv_import.read_file(text.encode("utf-8-sig"), test_users.customer.id).rows
    assert row.problems == []
    user = row.new_user
    assert user is not None
    assert (user.name, user.phone, user.role, user.locations) == ("An Bee", "+16175550142", "admin", ["*"])
    assert user.skills == ["x", "y"]


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("Ann,ann@cast.example,55501,", "line 2, column C (Telefon): Must be a phone number with country code"),
        ("Ann,ann@cast.example,1.61756E+10,", "line 2, column C (Telefon): Must be a phone number with country code"),
        ("=A1,ann@cast.example,,", "line 2, column A (Name): Contains a formula"),
        ("Ann,ann@cast.example,,Boston; Nowhere", "line 2, column D (Sites): unknown location 'Nowhere'"),
        ("Ann,ann@cast.example,,Bostn", "line 2, column D (Sites): unknown location 'Bostn'; did you mean “Boston”?"),
    ],
)
def test_problem_names_line_and_column_of_the_spreadsheet(test_users: UserFixtures, cells: str, problem: str) -> None:
    content = f"Name,E-Mail,Telefon,Sites\n{cells}\n".encode()
    (row,) = csv_import.read_file(content, test_users.customer.id).rows
    assert len(row.problems) == 1
    assert str(row.problems[0]).startswith(problem)


@pytest.mark.parametrize("phone", ["617-555-0142", "(617) 555 0142", "1 617.555.0142", "+1 617 555 0142"])
def test_phones_may_be_as_they_are_dialed_at_the_location(test_users: UserFixtures, phone: str) -> None:
    content = f"name,email,phone,locations\nAnn,ann@cast.example,{phone},Boston\n".encode()
    (row,) = csv_import.read_file(content, test_users.customer.id).rows
    assert row.problems == []
    assert row.new_user
    assert row.new_user.phone == "+16175550142"


def test_problems_of_one_row_are_bounded(test_users: UserFixtures) -> None:
    content = f"name,email,locations\nAnn,ann@cast.example,{';'.join(f'n{number}' for number in range(20_000))}\n"
    (row,) = csv_import.read_file(content.encode(), test_users.customer.id).rows
    assert len(row.problems) == 11
    assert str(row.problems[-1]) == "line 2: and 19,990 more problems."


def test_phone_is_stored_as_one_that_is_not_verified(test_users: UserFixtures) -> None:
    address = f"phone.{test_users.customer.id}@cast.example"
    own_number = test_users.boston_number.number.number
    content = f"name,email,phone\nPat,{address},+14155550177\nNot,no-{address},{own_number}\n".encode()
    rows = csv_import.read_file(content, test_users.customer.id).rows

    result = csv_import.import_rows(rows, test_users.customer.id, on_progress=lambda: None)

    assert (result.created, result.already_exists) == (1, 0)
    assert [str(problem) for problem in result.problems] == [
        "line 3: This is a number of Dutyline, not the phone of a person."
    ]
    (user,) = users.find_users_by_email([address]).values()
    assert user.phone == "+14155550177"
    assert test_users.ann.get(f"/userManagement/{user.id}").json()["phone"] == "+14155550177"


def test_import_survives_rate_limits_a_kill_and_a_second_run(
    env: Environment, web: str, tmp_path: Path, record_figure: Callable[[str], None]
) -> None:
    test_users = create_user_fixtures(env, web)
    ids_before = {item["id"]["S"] for item in list_user_items(test_users.customer.id)}
    csv_path = tmp_path / "many.csv"
    rows = [f"p{number}.{test_users.customer.id}@cast.example,Person {number},Boston" for number in range(USER_COUNT)]
    csv_path.write_text("\n".join(["email,name,locations", *rows]))
    creation_call = ("identity", "POST /api/v2/users")
    rate_limit_faults = {(*creation_call, number): "429" for number in range(7, USER_COUNT * 2, USER_COUNT // 8)}
    started = time.monotonic()
    with env.apply_plan(FaultPlan(faults=rate_limit_faults)) as fault_plan:
        command = [sys.executable, *import_command(csv_path, test_users.customer.id)]
        first_run = env.fork("import", command, env.process_environment(proxied=True))
        while sum(call.operation == "POST /api/v2/users" for call in fault_plan.calls) < USER_COUNT // 2:
            assert first_run.poll() is None, env.read_log("import")
            time.sleep(0.02)
        os.kill(first_run.pid, signal.SIGKILL)
        assert env.processes.pop("import").wait() == -signal.SIGKILL
        imported_count = len(list_user_items(test_users.customer.id)) - len(ids_before)
        assert 0 < imported_count < USER_COUNT

        exit_code, stdout, stderr = run_import(env, csv_path, test_users.customer.id)

        assert exit_code == 0, stderr
        assert len(fault_plan.fired_faults) >= 8, fault_plan.fired_faults
    seconds = time.monotonic() - started
    assert "users created and invited" in stdout
    assert f"{USER_COUNT}/{USER_COUNT}" in stderr, "the progress bar reaches its end"
    process_outbox(seconds_ahead=120)
    imported_items = [item for item in list_user_items(test_users.customer.id) if item["id"]["S"] not in ids_before]
    assert len(imported_items) == USER_COUNT
    assert len({item["email"]["S"] for item in imported_items}) == USER_COUNT
    assert {item["status"]["S"] for item in imported_items} == {"invited"}
    auth0_ids = {f"auth0|{item['id']['S']}" for item in imported_items}
    auth0_users = (env.tenant().get_user(auth0_id) for auth0_id in auth0_ids)
    assert all(user and user["name"].startswith("Person") for user in auth0_users)
    assert test_users.audit_findings() == []
    record_figure(
        f"import: {USER_COUNT} users in {seconds:.0f} s "
        f"with {len(fault_plan.fired_faults)} 429 responses, "
        "killed once halfway: none lost, none duplicated"
    )
    third_result = run_import(env, csv_path, test_users.customer.id)
    assert third_result[0] == 0
    assert f"0 users created and invited, {USER_COUNT} already existed" in third_result[1]
