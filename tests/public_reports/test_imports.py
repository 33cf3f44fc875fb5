"""Imports that others could not read: people and rotas as spreadsheets and calendars write them."""

import pytest

from accounts import csv_import
from accounts.users import create
from staffing import rota_import
from staffing.rota_import import ImportOptions
from tests.support.users import UserFixtures, now


def read_people(content: str | bytes, test_users: UserFixtures) -> list[create.NewUserData]:
    data = content.encode() if isinstance(content, str) else content
    rows = csv_import.read_file(data, test_users.customer.id).rows
    problems = [str(problem) for row in rows for problem in row.problems]
    assert problems == []
    return [row.new_user for row in rows if row.new_user]


@pytest.mark.parametrize(
    "content",
    [
        "Email,Name\nzoe@cast.example,Zoë Müller\n",
        "E-mail;First name;Last name\nzoe@cast.example;Zoë;Müller\n",
        "First Name\tLast Name\tE-MAIL\nZoë\tMüller\tzoe@cast.example\n".encode("utf-16"),
        "Vorname;Nachname;E-Mail-Adresse\nZoë;Müller;zoe@cast.example\n",
        "Vorname;Name;E-Mail\nZoë;Müller;zoe@cast.example\n",
        "sep=;\nNombre;Apellidos;Correo electrónico;;;\nZoë;Müller;zoe@cast.example;;;\n;;;;;\n",
    ],
)
def test_osticket_2123_headers_of_a_spreadsheet_are_understood(test_users: UserFixtures, content: str | bytes) -> None:
    """osTicket/osTicket#2123: the header ``Email, Name`` was refused."""
    (user,) = read_people(content, test_users)
    assert (user.email, user.name, user.role) == ("zoe@cast.example", "Zoë Müller", "staff")


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Jan", "Janssen", "Jan Janssen"),
        ("Peter", "Peters", "Peter Peters"),
        ("Ann", "Hannemann", "Ann Hannemann"),
        ("Peter", "Peter", "Peter Peter"),
        ("Zoë", "Zoë Müller", "Zoë Müller"),
        ("Zoë", "MÜLLER, ZOË", "MÜLLER, ZOË"),
    ],
)
def test_osticket_2123_a_first_name_in_the_surname(test_users: UserFixtures, first: str, last: str, name: str) -> None:
    """German files call the surname ``Name``."""
    (user,) = read_people(f'Vorname;Name;E-Mail\n{first};"{last}";zoe@cast.example\n', test_users)
    assert user.name == name


@pytest.mark.parametrize(
    ("content", "phone"),
    [
        ("First name,Last name,Email,Phone\nZoë,Müller,zoe@cast.example,+1 (415) 555-0142\n", "+14155550142"),
        ('Name,Email,Phone\nZoë,zoe@cast.example,="+14155550142"\n', "+14155550142"),
        ("Name,Email,Phone\nZoë,zoe@cast.example,'+1 415-555-0142\n", "+14155550142"),
        ("Name,Email,Phone,Mobile\nZoë,zoe@cast.example,+14155550142,0049 30 1234567\n", "+49301234567"),
        ("Name;Correo;Teléfono\nZoë;zoe@cast.example;\u00a0+34 912 345 678\n", "+34912345678"),
    ],
)
def test_gophish_1388_a_phone_column_is_read(test_users: UserFixtures, content: str, phone: str) -> None:
    """gophish/gophish#1388: more columns than the few that were known were refused."""
    (user,) = read_people(content, test_users)
    assert user.phone == phone


def import_rota(content: str, test_users: UserFixtures) -> tuple[int, int]:
    """How many shifts were created, and how many existed already."""
    actor, options = test_users.ann.actor, ImportOptions(location="Boston")
    entries = rota_import.read_file(content.encode(), actor=actor, options=options)
    planned = list(rota_import.plan_entries(entries, actor=actor, at=now()))
    assert [str(problem) for entry in planned for problem in entry.problems] == []
    result = rota_import.import_entries(planned, actor=actor)
    assert result.problems == []
    return result.created, result.already_exists


def test_csoc_de_shifts_5_a_rota_is_imported_from_a_calendar_once(test_users: UserFixtures) -> None:
    """csoc-de/Shifts#5: no way to bring in shifts that a calendar has."""
    properties = [
        *("UID:night@clinic.example", "DTSTART;TZID=America/New_York:20280105T220000", "DURATION:PT8H"),
        *("RRULE:FREQ=WEEKLY;BYDAY=WE;COUNT=3", f"SUMMARY:Night: {test_users.sam.user.name}"),
    ]
    content = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *properties, "END:VEVENT", "END:VCALENDAR", ""])
    assert import_rota(content, test_users) == (1, 0)
    assert import_rota(content, test_users) == (0, 1)


def test_helfertool_41_a_rota_is_imported_from_a_spreadsheet_once(test_users: UserFixtures) -> None:
    """helfertool/helfertool#41: shifts could only be entered one by one."""
    name = test_users.sam.user.name
    content = (
        f"sep=;\nName;Datum;Von;Bis;Ort\n{name};03.02.2028;8:00;16:00;Boston\n{name};04.02.2028;8:00;16:00;\n;;;;\n"
    )
    assert import_rota(content, test_users) == (2, 0)
    assert import_rota(content, test_users) == (0, 2)
