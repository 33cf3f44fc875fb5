"""Imports that others could not read: people and rotas as spreadsheets and calendars write them."""

import pytest

from accounts import csv_import
from accounts.users import create
from tests.support.users import UserFixtures


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
