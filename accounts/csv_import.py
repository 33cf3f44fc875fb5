"""Creating people from a CSV file, with the validation of ``POST /user``.

Required columns are ``email`` and ``name``; ``role``, ``locations`` and ``userSkills`` are
optional. Lists are separated by semicolons; locations are ids or names. Existing people are not
changed, so an interrupted import can be repeated.
"""

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Any

from rest_framework.exceptions import ValidationError

from accounts import permissions, users
from accounts.models import Location, User
from accounts.permissions import Actor
from accounts.serializers.users import NewUser
from accounts.users import address_claims, create, email_address
from config import dynamodb, errors
from config.journal import two_phase

COLUMNS = ("email", "name", "role", "locations", "userSkills")
REQUIRED_COLUMNS = ("email", "name")
LIST_COLUMNS = ("locations", "userSkills")
BATCH_SIZE = 100
"""Addresses in one lookup."""
MAX_WAIT = 1800.0
"""Seconds to wait, in all, for one person while a dependency is unavailable."""


class InvalidImportFile(errors.InvalidRequest):
    """The file is not a valid CSV file of people."""

    code = "bad_file"


@dataclass
class ImportRow:
    """One line of the file: the person to create, or what is wrong."""

    line: int
    new_user: create.NewUserData | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def email_key(self) -> str:
        """The key of the person's address; empty without a person."""
        return email_address.email_key(self.new_user.email) if self.new_user else ""


@dataclass
class ImportResult:
    """Counts, and the problems as (line, message)."""

    created: int = 0
    already_exists: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def read_rows(file: IO[str], customer_id: str) -> list[ImportRow]:
    """Every line, validated alone and against the others. Raises `InvalidImportFile`."""
    location_ids_by_name = _location_ids_by_name(customer_id)
    rows: list[ImportRow] = []
    first_lines: dict[str, int] = {}
    for line, values in _read_lines(file):
        row = _parse_row(line, values, customer_id, location_ids_by_name)
        first_line = first_lines.setdefault(row.email_key, line)
        if row.new_user and first_line != line:
            row.problems.append(f"email: duplicate of line {first_line}")
        rows.append(row)
    return rows


def check_rows(rows: Sequence[ImportRow], customer_id: str) -> Iterator[tuple[int, str]]:
    """Every problem as (line, message), conflicts with existing people included."""
    existing_users = _load_existing_users(rows)
    for row in rows:
        yield from ((row.line, problem) for problem in row.problems)
        existing_user = existing_users.get(row.email_key)
        if existing_user is None or existing_user.customer_id == customer_id:
            continue
        if not address_claims.has_expired(existing_user, datetime.now(UTC)):
            yield row.line, "email: already in use"


def import_rows(
    rows: Sequence[ImportRow],
    customer_id: str,
    *,
    on_progress: Callable[[], None],
    wait: Callable[[float], None] = time.sleep,
) -> ImportResult:
    """Create missing people one after the other; ``on_progress`` is called after each.

    Raises `errors.Unavailable` after `MAX_WAIT` seconds for one person.
    """
    actor, result = permissions.system_actor(customer_id), ImportResult()
    remaining_rows = iter(rows)
    while batch := list(islice(remaining_rows, BATCH_SIZE)):
        existing_users = _load_existing_users(batch)
        for row in batch:
            if row.new_user:
                _import_row(row, row.new_user, existing_users.get(row.email_key), actor, result, wait)
            on_progress()
    return result


def _import_row(
    row: ImportRow,
    new_user: create.NewUserData,
    existing_user: User | None,
    actor: Actor,
    result: ImportResult,
    wait: Callable[[float], None],
) -> None:
    """Create one person, waiting as long as a vendor asks for."""
    deadline = time.monotonic() + MAX_WAIT
    while True:
        try:
            if _create_or_resume(new_user, existing_user, actor):
                result.created += 1
            else:
                result.already_exists += 1
        except errors.Unavailable as unavailable:
            if time.monotonic() > deadline:
                raise
            wait(unavailable.retry_after)
            existing_user = users.find_users_by_email([new_user.email]).get(row.email_key)
        except errors.DomainError as refusal:
            result.problems.append((row.line, str(refusal)))
            return
        else:
            return


def _create_or_resume(new_user: create.NewUserData, existing_user: User | None, actor: Actor) -> bool:
    """Create one person, or finish an unfinished creation; False if they exist already."""
    at = datetime.now(UTC)
    if existing_user and existing_user.customer_id == new_user.customer_id:
        if existing_user.status != "pending":
            return False
        if create.resume_creation(existing_user.id, two_phase.Attempt(actor, at)):
            return True
    create.create_user(new_user, actor=actor, at=at)
    return True


def _read_lines(file: IO[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        header = file.readline()
        reader = csv.reader(file, delimiter=_detect_delimiter(header), strict=True)
        columns = [name.strip() for name in next(csv.reader([header], delimiter=_detect_delimiter(header)), [])]
        _check_columns(columns)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                yield reader.line_num + 1, {"": f"has {len(cells)} columns instead of {len(columns)}"}
                continue
            yield reader.line_num + 1, dict(zip(columns, cells, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidImportFile(f"The file is not CSV in UTF-8: {error}") from error


def _detect_delimiter(header: str) -> str:
    """The delimiter of a file: a semicolon in locales with decimal commas, else a comma."""
    return ";" if header.count(";") > header.count(",") else ","


def _check_columns(columns: Sequence[str]) -> None:
    unknown = sorted(set(columns) - set(COLUMNS))
    missing = sorted(set(REQUIRED_COLUMNS) - set(columns))
    if unknown:
        raise InvalidImportFile(f"Unknown column {unknown[0]!r}; known columns are {', '.join(COLUMNS)}.")
    if missing:
        raise InvalidImportFile(f"The column {missing[0]} is missing.")
    if len(set(columns)) < len(columns):
        raise InvalidImportFile("Duplicate column.")


def _parse_row(
    line: int, values: Mapping[str, str], customer_id: str, location_ids_by_name: Mapping[str, list[str]]
) -> ImportRow:
    if "" in values:
        return ImportRow(line, problems=[values[""]])
    problems: list[str] = []
    body: dict[str, Any] = {"customerId": customer_id}
    for name, text in values.items():
        if name in LIST_COLUMNS:
            parts = [part.strip() for part in text.split(";") if part.strip()]
            items = _resolve_locations(parts, location_ids_by_name, problems) if name == "locations" else parts
            body |= {name: items} if parts else {}
        elif text.strip() or name in REQUIRED_COLUMNS:
            body[name] = text
    try:
        new_user = create.NewUserData(**NewUser.parse(body))
    except ValidationError as error:
        return ImportRow(line, problems=[*problems, *_format_errors(error)])
    return ImportRow(line, new_user, problems)


def _resolve_locations(
    parts: Sequence[str], location_ids_by_name: Mapping[str, list[str]], problems: list[str]
) -> list[str]:
    """The ids of these locations, which are ids or names."""
    ids = []
    for part in parts:
        matches = location_ids_by_name.get(part.casefold(), [])
        if len(matches) != 1:
            problem = "several locations are named" if matches else "unknown location"
            problems.append(f"locations: {problem} {part!r}")
        ids += matches[:1]
    return ids


def _location_ids_by_name(customer_id: str) -> dict[str, list[str]]:
    """Location ids of the customer by lower-case id and name; ``*`` stands for all."""
    location_ids: dict[str, list[str]] = {"*": ["*"]}
    values = {":of": {"S": customer_id}}
    for location in dynamodb.iter_records(Location, "#customer_id = :of", values, IndexName="byCustomer"):
        location_ids.setdefault(location.id.casefold(), []).append(location.id)
        location_ids.setdefault(location.name.strip().casefold(), []).append(location.id)
    return location_ids


def _load_existing_users(rows: Sequence[ImportRow]) -> dict[str, User]:
    return users.find_users_by_email(row.new_user.email for row in rows if row.new_user)


def _format_errors(error: ValidationError) -> Iterator[str]:
    details = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    for name, messages in details.items():
        for message in messages if isinstance(messages, list) else [messages]:
            yield f"{name}: {message}"
