"""Lists as CSV: negotiated, complete, and safe in a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts.models import User
from config import spreadsheets
from config.api import csv_tables
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, create_shift, parse_problem

CSV = {"Accept": "text/csv"}


def read_rows(response: httpx.Response) -> list[dict[str, str]]:
    """The rows of a CSV response, by column."""
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.content.startswith(b"\xef\xbb\xbf")
    text = response.content.decode("utf-8-sig")
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def iter_files(user: SignedInUser, path: str) -> Iterator[list[dict[str, str]]]:
    """The rows of a list, following Link."""
    next_path: str | None = path
    while next_path:
        response = user.get(next_path, headers=CSV)
        yield read_rows(response)
        next_path = response.links["next"]["url"] if "next" in response.links else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann", "Ann"),
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ("  =1", "  '=1"),
        ("\uff1d1", "'\uff1d1"),
        ('x;=HYPERLINK("https://evil.example")', 'x;\'=HYPERLINK("https://evil.example")'),
        ("x\n=1", "x\n'=1"),
        ("x;\"=cmd|' /C calc'!A0;", "x;\"'=cmd|' /C calc'!A0;"),
        ('x; " "\t-1', 'x; " "\t\'-1'),
        ('"=1', "\"'=1"),
        ('x; "y"; z', 'x; "y"; z'),
        ("a=b, c-d; e@f", "a=b, c-d; e@f"),
        ("+1 617-555-0142", "+1 617-555-0142"),
        ("+1 617-555-0142+cmd", "'+1 617-555-0142+cmd"),
        ("+16175550142", "'+16175550142"),
        (None, None),
        (-7, -7),
    ],
)
def test_text_that_looks_like_a_formula_is_neutralized(text: Any, expected: Any) -> None:
    assert spreadsheets.neutralize(text) == expected


@pytest.mark.parametrize(
    ("number", "cell"),
    [
        ("+16175550142", "+1 617-555-0142"),
        ("+442071838750", "+44 20 7183 8750"),
        ("anonymous", "anonymous"),
        ("", ""),
        (None, None),
    ],
)
def test_phone_numbers_are_grouped(number: str | None, cell: str | None) -> None:
    assert csv_tables.phone_cell(number) == cell
    assert spreadsheets.neutralize(cell) == cell


@pytest.mark.parametrize(
    ("accepted", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("application/json, text/csv, application/problem+json", "application/json"),
        ("text/csv;q=0, */*", "application/json"),
        ("image/png", "application/json"),
        ("nonsense;q=x,,;", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/csv, */*;q=0.1", "text/csv"),
    ],
)
def test_csv_is_negotiated(test_users: UserFixtures, accepted: str | None, media_type: str) -> None:
    headers = {"Accept": accepted} if accepted else {}
    response = test_users.ann.get("/userManagement?limit=1", headers=headers)

    assert (response.status_code, response.headers["Content-Type"].split(";")[0]) == (200, media_type)
    assert "accept," in response.headers["Vary"].lower() + ","


@pytest.mark.parametrize(
    ("accepted", "query", "media_type"),
    [
        ("application/json", "", "application/json"),
        ("application/json, application/pdf;q=0.5", "", "application/json"),
        ("application/pdf", "?format=json", "application/json"),
        ("application/json, text/plain, */*", "", "application/pdf"),
    ],
)
def test_export_follows_accept(test_users: UserFixtures, accepted: str, query: str, media_type: str) -> None:
    response = test_users.sam.get(f"/user/export/my-data{query}", headers={"Accept": accepted})

    assert (response.status_code, response.headers["Content-Type"]) == (200, media_type)
    assert "Accept" in response.headers["Vary"]


@pytest.fixture(scope="module")
def people(test_users: UserFixtures) -> list[User]:
    """Users whose names and skills attack a spreadsheet or a parser."""
    names = ["=cmd|' /C calc'!A0", 'Zoë "Zed" O\u2019Neill, RN', "+1;=1", "-2+3"]
    return [test_users.create_user(name=name, skills=["@night", "x-ray"]) for name in names]


def test_people_as_csv(test_users: UserFixtures, people: list[User]) -> None:
    json_items = test_users.ann.get("/userManagement").json()["items"]
    rows = read_rows(test_users.ann.get("/userManagement", headers=CSV))

    assert [row["User id"] for row in rows] == [item["id"] for item in json_items]
    row = next(row for row in rows if row["User id"] == people[1].id)
    assert (row["Name"], row["Role"], row["Status"]) == ('Zoë "Zed" O\u2019Neill, RN', "staff", "invited")
    assert (row["Locations"], row["Location ids"]) == ("Boston", test_users.boston.id)
    assert row["Skills"] == "'@night; x-ray"
    names = {row["Name"] for row in rows}
    assert {"'=cmd|' /C calc'!A0", "'+1;'=1", "'-2+3"} <= names
    owner = next(row for row in rows if row["User id"] == test_users.ann.id)
    assert (owner["Locations"], owner["Time zone"]) == ("All locations", "UTC")
    assert datetime.fromisoformat(owner["First signed in"]) >= datetime.fromisoformat(owner["Invited"])


def test_csv_shows_whom_and_what_the_json_shows(test_users: UserFixtures, people: list[User]) -> None:
    visible = {item["id"] for item in test_users.mia.get("/userManagement").json()["items"]}
    assert {row["User id"] for row in read_rows(test_users.mia.get("/userManagement", headers=CSV))} == visible
    denied = test_users.sam.get("/userManagement", headers=CSV)
    foreign = test_users.cleo.get(f"/userManagement?customerId={test_users.customer.id}", headers=CSV)
    invalid = test_users.ann.get("/userManagement?limit=0", headers=CSV)
    assert [parse_problem(response)["status"] for response in (denied, foreign, invalid)] == [403, 403, 400]


def test_csv_names_only_locations_that_the_caller_can_read(test_users: UserFixtures) -> None:
    both = [test_users.boston.id, test_users.denver.id]
    user = test_users.create_user(name="Sue", locations=both)
    times = {"startTime": "2034-03-01T09:00", "endTime": "2034-03-01T17:00"}
    body = test_users.shift_body(**times, locationId=test_users.denver.id)
    assert test_users.ann.post("/staffSchedule", body).status_code == 201
    path = f"/staffSchedule?customerId={test_users.customer.id}&expand=occurrences"
    path += f"&staffId={test_users.sam.id}&from=2034-03-01T00:00:00Z&to=2034-03-03T00:00:00Z"

    def read_locations(person: SignedInUser) -> str:
        rows = read_rows(person.get("/userManagement", headers=CSV))
        row = next(row for row in rows if row["User id"] == user.id)
        assert set(row["Location ids"].split("; ")) == set(both)
        return row["Locations"]

    assert test_users.mia.get(f"/location/{test_users.denver.id}").status_code == 403
    assert [read_locations(person) for person in (test_users.ann, test_users.mia)] == ["Boston; Denver", "Boston"]
    (shift,) = read_rows(test_users.ann.get(path, headers=CSV))
    assert (shift["Location"], shift["Location id"]) == ("Denver", test_users.denver.id)
    (own_shift,) = read_rows(test_users.sam.get(path, headers=CSV))
    assert (own_shift["Location"], own_shift["Location id"]) == ("", test_users.denver.id)


def test_csv_of_shifts_names_people_as_the_json_does(test_users: UserFixtures, env: Environment) -> None:
    leaver, day = test_users.create_user(name="Leaver"), datetime.fromisoformat("2020-03-04T09:00")
    for person_id, start in ((leaver.id, day), (test_users.sam.id, day + timedelta(days=1))):
        create_shift(test_users.ann.actor, test_users.boston, person_id, start=start)
    with env.apply_plan(FaultPlan(always={"identity": "503"})):
        assert test_users.ann.delete("/user", {"id": leaver.id}).status_code == 503
    path = f"/staffSchedule?locationId={test_users.boston.id}&expand=occurrences&from=2020-03-04&to=2020-03-06"
    assert test_users.sam.patch("/user", {"profileName": "Sammy"}).status_code == 200

    shown = [item["staffName"] for item in test_users.mia.get(path).json()["items"]]
    rows = read_rows(test_users.mia.get(path, headers=CSV))

    assert shown == [None, "Sammy"]
    assert [row["Person"] or None for row in rows] == shown
    assert test_users.sam.patch("/user", {"profileName": None}).status_code == 200


def test_pages_of_csv_are_linked(test_users: UserFixtures, people: list[User]) -> None:
    whole_list = read_rows(test_users.ann.get("/userManagement", headers=CSV))
    files = list(iter_files(test_users.ann, "/userManagement?limit=3"))

    assert [row for rows in files for row in rows] == whole_list
    assert {len(rows) for rows in files[:-1]} == {3}
    cursor = test_users.ann.get("/userManagement?limit=3").json()["nextCursor"]
    mixed = read_rows(test_users.ann.get(f"/userManagement?cursor={cursor}", headers=CSV))
    assert mixed == whole_list[3:], "a cursor of the JSON list, and no limit: the rest"


def test_whole_lists_longer_than_a_page_come_in_one_file(test_users: UserFixtures) -> None:
    for start, end in (("06:00", "10:00"), ("10:00", "14:00"), ("14:00", "18:00")):
        times = {"startTime": f"2031-01-01T{start}", "endTime": f"2031-01-01T{end}"}
        body = test_users.shift_body(**times, recurrencePattern={"frequency": "daily", "count": 365})
        assert test_users.ann.post("/staffSchedule", body).status_code == 201
    path = f"/staffSchedule?locationId={test_users.boston.id}&expand=occurrences&from=2031-01-01&to=2032-01-01"

    response = test_users.ann.get(path, headers=CSV)

    rows = read_rows(response)
    assert (len(rows), response.links) == (3 * 365, {})
    assert sorted(rows, key=lambda row: row["Start"]) == rows
    assert test_users.ann.get(path, headers={**CSV, "If-None-Match": response.headers["ETag"]}).status_code == 304


def test_shifts_are_on_the_clock_of_the_location(test_users: UserFixtures) -> None:
    times = {"startTime": "2033-03-12T22:00", "endTime": "2033-03-13T06:00"}  # the clock skips an hour
    details = {"position": "Front desk", "breakMinutes": 30, "notes": "=Keys: ask Mia\nDoor 2"}
    schedule = test_users.ann.post("/staffSchedule", test_users.shift_body(**times, **details)).json()
    path = f"/staffSchedule?locationId={test_users.boston.id}&expand=occurrences&from=2033-03-12&to=2033-03-14"

    (row,) = read_rows(test_users.sam.get(path, headers=CSV))

    assert (row["Person"], row["Location"]) == (test_users.sam.user.name, "Boston")
    assert (row["Start"], row["End"]) == ("2033-03-12 22:00", "2033-03-13 06:00")
    assert (row["Time zone"], row["Hours"], row["Series"]) == ("America/New_York", "7.0", "no")
    assert (row["Position"], row["Break (minutes)"], row["Notes"]) == ("Front desk", "30", "'=Keys: ask Mia\nDoor 2")
    assert (row["User id"], row["Schedule id"]) == (test_users.sam.id, schedule["id"])
    unexpanded = test_users.sam.get(path.replace("&expand=occurrences", ""), headers=CSV)
    assert unexpanded.headers["Content-Type"] == "application/json", "schedules have no table"


def test_calls_as_csv(test_users: UserFixtures) -> None:
    query = {"locationId": test_users.boston_number.number.location_id}
    call_id = test_users.recorded_call_id
    items = test_users.ann.get("/call", params=query).json()["items"]
    call = next(item for item in items if item["id"] == call_id)

    rows = read_rows(test_users.ann.get("/call", params=query, headers=CSV))

    row = next(row for row in rows if row["Call id"] == call_id)
    assert row["Caller"].replace(" ", "").replace("-", "") == call["caller"]
    assert row["Number called"].startswith("+1 ")
    assert (row["Outcome"], row["Recordings"]) == ("voicemail", "voicemail")
    assert datetime.fromisoformat(row["Started"]).second == 0


def test_whole_lists_count_as_exports(test_users: UserFixtures) -> None:
    statuses = [test_users.abe.get("/userManagement", headers=CSV).status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]
    assert test_users.abe.get("/userManagement?limit=1000", headers=CSV).status_code == 200, "a page is a read"
