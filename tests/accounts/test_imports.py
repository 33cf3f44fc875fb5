"""People from a CSV file: every problem told by its line, nobody lost, nobody doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts import csv_import
from accounts.models import User
from config import dynamodb
from config.audit import verification
from tests.conftest import Cast, make_cast, sweep
from tests.support.environment import ROOT, SCALE, World
from tests.support.proxy import Plan

MANY = 10_000 if SCALE else 100


def command(world: World, path: Path, customer_id: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_users", str(path), "--customer", customer_id, *more],
        cwd=ROOT,
        env=world.environment(proxied=True),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=3600)
    return process.returncode, out, err


def people(customer_id: str) -> list[dict[str, Any]]:
    values = {":c": {"S": customer_id}}
    query = dynamodb.key_range(User, "#customer_id = :c", values)
    found = dynamodb.pages("Query", **query, IndexName="byCustomer")
    return [item for items in found for item in items]


def test_a_dry_run_lists_every_problem_by_its_line(
    cast: Cast, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    lines = [
        "email,name,role,locations,userSkills",
        f"good.{cast.customer.id}@cast.example,Good One,staff,Boston; Denver,x;y",
        "not-an-address,Bad One,king,Nowhere,",
        ",,,,",
        f"GOOD.{cast.customer.id}@cast.example,Twice,staff,,",
        f"{cast.cleo.user.email},Elsewhere,staff,,",
        "short@cast.example,Short",
        f"{cast.sam.user.email},Here Already,staff,,",
        f"noname.{cast.customer.id}@cast.example, ,staff,,",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    before = len(people(cast.customer.id))

    code, out, err = told(command(world, path, cast.customer.id, "--dry-run"))

    assert code == 1
    assert "7 problem(s)" in err
    assert out.splitlines() == [
        "line 3: locations: there is no location 'Nowhere'",
        "line 3: email: This is not an e-mail address.",
        'line 3: role: "king" is not a valid choice.',
        "line 5: email: it is in line 2 already",
        "line 6: email: somebody else has this address",
        "line 7: it has 2 columns, not 5",
        "line 9: name: This field may not be blank.",
    ]
    assert len(people(cast.customer.id)) == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "column email is missing"),
        (b"name\nX\n", "column email is missing"),
        (b"email,name,colour\n", "no column 'colour'"),
        (b"email,name,email\n", "twice"),
        (b'email,name\n"a@b.example,X\n', "not CSV"),
        (b"email,name\n\xff\xfe,X\n", "not CSV in UTF-8"),
    ],
)
def test_what_is_no_list_of_people_is_refused(
    cast: Cast, tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with (
        path.open(encoding="utf-8-sig", newline="") as file,
        pytest.raises(csv_import.BadFile) as bad,
    ):
        csv_import.read(file, cast.customer.id)
    assert says in str(bad.value)


def test_a_spreadsheet_with_semicolons_is_read(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    text = '\ufeffemail;name;locations;userSkills\r\nan@cast.example;"Grün; Anna";boston;"a;b"\r\n'
    path.write_text(text, encoding="utf-8")
    with path.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv_import.read(file, cast.customer.id)
    assert row.wanted is not None
    assert (row.wanted.name, row.wanted.locations) == ("Grün; Anna", [cast.boston.id])
    assert row.wanted.skills == ["a", "b"]


def test_many_are_imported_through_429s_a_kill_and_a_second_run(
    world: World, web: str, tmp_path: Path, say: Callable[[str], None]
) -> None:
    cast = make_cast(world, web)
    before = {item["id"]["S"] for item in people(cast.customer.id)}
    path = tmp_path / "many.csv"
    rows = [f"p{n}.{cast.customer.id}@cast.example,Person {n},Boston" for n in range(MANY)]
    path.write_text("\n".join(["email,name,locations", *rows]))
    creations = ("identity", "POST /api/v2/users")
    slow = {(*creations, n): "429" for n in range(7, MANY * 2, MANY // 8)}
    began = time.monotonic()
    with world.plan(Plan(faults=slow)) as plan:
        first = command(world, path, cast.customer.id)
        while sum(call.what == "POST /api/v2/users" for call in plan.calls) < MANY // 2:
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        assert told(first)[0] == -signal.SIGKILL
        done = len(people(cast.customer.id)) - len(before)
        assert 0 < done < MANY

        code, out, err = told(command(world, path, cast.customer.id))

        assert code == 0, err
        assert len(plan.fired) >= 8, plan.fired
    seconds = time.monotonic() - began
    assert "created and invited" in out
    assert f"{MANY}/{MANY}" in err, "the bar reaches its end"
    sweep(later=120)
    made = [item for item in people(cast.customer.id) if item["id"]["S"] not in before]
    assert len(made) == MANY
    assert len({item["email"]["S"] for item in made}) == MANY
    assert {item["status"]["S"] for item in made} == {"invited"}
    ids = {f"auth0|{item['id']['S']}" for item in made}
    found = (world.tenant().user(id) for id in ids)
    assert all(user and user["name"].startswith("Person") for user in found)
    assert verification.verify().findings == []
    say(
        f"import: {MANY} people in {seconds:.0f} s with {len(plan.fired)} answers of 429, "
        "killed once at the half: none lost, none doubled"
    )
    again = told(command(world, path, cast.customer.id))
    assert again[0] == 0
    assert f"0 created and invited, {MANY} were here already" in again[1]
