"""Reading a file of people: every row becomes a person to create, or problems."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rest_framework.exceptions import ValidationError

from accounts.csv_import import columns
from accounts.models import ALL_LOCATIONS, Location
from accounts.serializers.users import NewUser, PhoneField
from accounts.users import create, email_address
from config import dynamodb, errors, phone_numbers, spreadsheets, zone_names
from config.spreadsheets import InvalidImportFile, Problem, Row, Table, fold_header

_COLUMNS_BY_FIELD = {
    "email": ("email",),
    "name": ("name", "lastName", "firstName"),
    "phone": ("mobile", "phone"),
    "role": ("role",),
    "locations": ("locations",),
    "userSkills": ("userSkills",),
}
_NATIONAL_PHONE = re.compile(r"[\d\s().\-/]{4,32}")
_LIST_SEPARATORS = re.compile(r"[;\n|]")


@dataclass(frozen=True)
class _Places:
    """The locations of the customer, to read rows with."""

    ids: Mapping[str, Sequence[str]]
    """By lower-case id and name; ``*`` stands for all."""
    names: Mapping[str, str]
    countries: Mapping[str, str]
    """By id: the country (ISO 3166) of the time zone."""

    def find_country(self, location_ids: Sequence[str]) -> str | None:
        """The country of phone numbers without one: that of these locations, or else of all."""
        countries = {self.countries[id] for id in location_ids if id in self.countries} or set(self.countries.values())
        return countries.pop() if len(countries) == 1 else None


class _ImportedUser(NewUser):
    """A new user as ``POST /user`` takes it, with a phone."""

    phone = PhoneField(required=False)


@dataclass
class ImportRow:
    """One row of the file: the person to create, or what is wrong."""

    line: int
    new_user: create.NewUserData | None = None
    problems: list[Problem] = field(default_factory=list)
    title: str = ""
    """The name and the address as the row has them, also of a row with problems."""

    @property
    def email_key(self) -> str:
        """The key of the person's address; empty without a person."""
        return email_address.email_key(self.new_user.email) if self.new_user else ""


@dataclass(frozen=True)
class PeopleFile:
    """The rows of a file, and its columns for problems that are noticed later."""

    rows: Sequence[ImportRow]
    table: Table
    location_names: Mapping[str, str] = field(default_factory=dict)
    """By id."""


def read_file(
    content: bytes, customer_id: str, *, encoding: str | None = None, max_rows: int | None = None
) -> PeopleFile:
    """Every row, validated alone and against the others. Raises `InvalidImportFile`."""
    table = spreadsheets.read_table(content, columns.KEYS_BY_HEADER, ignored=columns.IGNORED_HEADERS, encoding=encoding)
    _check_columns(table)
    if max_rows and len(table.rows) > max_rows:
        raise InvalidImportFile(f"The file has more than {max_rows} people; split it, or use the command.")
    places = _load_places(customer_id)
    rows: list[ImportRow] = []
    first_lines: dict[str, int] = {}
    for table_row in table.rows:
        row = _parse_row(table_row, table, customer_id, places)
        first_line = first_lines.setdefault(row.email_key, row.line) if row.new_user else row.line
        if first_line != row.line:
            row.problems.append(Problem(row.line, f"duplicate of line {first_line}", table.column_of("email")))
        rows.append(row)
    return PeopleFile(rows, table, places.names)


def _check_columns(table: Table) -> None:
    if "email" not in table.columns:
        raise InvalidImportFile("The column email is missing.")
    if not {"name", "firstName", "lastName"} & set(table.columns):
        raise InvalidImportFile("The column name is missing, or firstName and lastName.")


def _parse_row(row: Row, table: Table, customer_id: str, places: _Places) -> ImportRow:
    problems = list(row.problems)
    unreadable = {problem.column for problem in problems}
    body: dict[str, Any] = {
        "customerId": customer_id,
        "email": row.values.get("email", ""),
        "name": _join_name(row.values, table),
    }
    if role := row.values.get("role"):
        body["role"] = columns.ROLES_BY_WORD.get(fold_header(role), role)
    if skills := _split_list(row.values.get("userSkills", "")):
        body["userSkills"] = skills
    if location_names := row.values.get("locations"):
        body["locations"], details = _resolve_locations(location_names, places)
        problems += [Problem(row.line, detail, table.columns["locations"]) for detail in details]
        problems = spreadsheets.bound_problems(problems)
    if phone := row.values.get("mobile") or row.values.get("phone"):
        body["phone"] = _complete_phone(phone, places.find_country(body.get("locations", ())))
    title = " ".join(filter(None, (body["name"][:80], f"<{body['email'][:120]}>" if body["email"] else "")))
    try:
        new_user = create.NewUserData(**_ImportedUser.parse(body))
    except ValidationError as error:
        field_problems = _list_field_problems(error, row.line, table)
        problems += [problem for problem in field_problems if problem.column not in unreadable or not problem.column]
        return ImportRow(row.line, problems=spreadsheets.bound_problems(problems), title=title)
    return ImportRow(row.line, new_user, problems, title)


def _complete_phone(text: str, country: str | None) -> str:
    """A phone with its country code: ``608-555-0112`` at a location in the USA is +16085550112."""
    if text.startswith("00"):
        return f"+{text[2:]}"
    if country is None or not _NATIONAL_PHONE.fullmatch(text):
        return text
    number = phone_numbers.parse_number(text, country)
    return phone_numbers.to_e164(number) if number and not number.extension else text


def _join_name(values: Mapping[str, str], table: Table) -> str:
    """The whole name; beside a column of first names, ``name`` may be the last name alone."""
    first, last, name = (values.get(key, "") for key in ("firstName", "lastName", "name"))
    if name and first and "lastName" not in table.columns and not _words(first) < _words(name):
        last, name = name, ""
    return name or f"{first} {last}".strip()


def _words(name: str) -> set[str]:
    return set(name.casefold().replace(",", " ").split())


def _split_list(text: str) -> list[str]:
    parts = (part.strip() for part in _LIST_SEPARATORS.split(text))
    return list(dict.fromkeys(part for part in parts if part))


def _resolve_locations(text: str, places: _Places) -> tuple[list[str], list[str]]:
    """The ids of locations by id or name, and what is wrong; their names may contain commas."""
    ids: list[str] = []
    details: list[str] = []
    location_ids = places.ids
    for part in _split_list(text):
        pieces = [piece.strip() for piece in part.split(",") if piece.strip()]
        is_list = part.casefold() not in location_ids and all(piece.casefold() in location_ids for piece in pieces)
        for name in pieces if is_list else [part]:
            matches = location_ids.get(name.casefold(), ())
            if not matches and fold_header(name) in columns.WORDS_FOR_ALL:
                matches = (ALL_LOCATIONS,)
            if len(matches) == 1:
                ids.append(matches[0])
            else:
                details.append(_describe_unresolved(name, places, is_ambiguous=bool(matches)))
    return list(dict.fromkeys(ids)), details


def _describe_unresolved(name: str, places: _Places, *, is_ambiguous: bool) -> str:
    """What is wrong with the name of a location, and which one may be meant."""
    if is_ambiguous:
        return f"several locations are named {name[:80]!r}"
    proposal = errors.did_you_mean(name[:80], places.names.values()).replace("`", "“", 1).replace("`", "”", 1)
    return f"unknown location {name[:80]!r}{proposal.removesuffix('.')}"


def _load_places(customer_id: str) -> _Places:
    location_ids: dict[str, list[str]] = {ALL_LOCATIONS: [ALL_LOCATIONS]}
    names, countries = {}, {}
    values = {":of": {"S": customer_id}}
    for location in dynamodb.iter_records(Location, "#customer_id = :of", values, IndexName="byCustomer"):
        location_ids.setdefault(location.id.casefold(), []).append(location.id)
        location_ids.setdefault(location.name.strip().casefold(), []).append(location.id)
        names[str(location.id)] = str(location.name)
        if country := zone_names.country_of_zone(str(location.time_zone)):
            countries[str(location.id)] = country
    return _Places(location_ids, names, countries)


def _list_field_problems(error: ValidationError, line: int, table: Table) -> Iterator[Problem]:
    details = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    for name, messages in details.items():
        column = table.column_of(*_COLUMNS_BY_FIELD.get(name, ()))
        for message in messages if isinstance(messages, list) else [messages]:
            yield Problem(line, str(message), column)
