"""People from a CSV file: a door beside the API, with the same forms and the same rule behind it.

Columns are named as in ``POST /user``: ``email`` and ``name``, and any of ``role``, ``locations``
and ``userSkills``; lists are parted by semicolons, locations are ids or names. Whoever is here
already is left alone, so an import that was cut off is simply run again.
"""

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Any

from rest_framework.exceptions import ValidationError

from accounts import locations, permissions, users
from accounts.models import User
from accounts.permissions import Actor
from accounts.serializers.users import NewUser
from accounts.users import create, email_address
from config import errors
from config.dynamodb import pagination
from config.journal import two_phase

COLUMNS = ("email", "name", "role", "locations", "userSkills")
REQUIRED_COLUMNS = ("email", "name")
LIST_COLUMNS = ("locations", "userSkills")
BATCH_SIZE = 100
"""Addresses that are looked up together."""
MAX_WAIT = 1800.0
"""Seconds to wait, in all, for one person while something is away."""


class InvalidImportFile(errors.InvalidRequest):
    """The file cannot be read as a list of people."""

    code = "bad_file"


@dataclass
class ImportRow:
    """One line of the file: who is wanted, or what is wrong with it."""

    line: int
    new_user: create.NewUserData | None = None
    problems: list[str] = field(default_factory=list)


@dataclass
class ImportResult:
    """How an import ended."""

    created: int = 0
    already_exists: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def read_rows(file: IO[str], customer_id: str) -> list[ImportRow]:
    """Every line, checked by itself and against the others. Raises `BadFile`."""
    actor = permissions.system_actor(customer_id)
    location_ids_by_name = _location_ids_by_name(actor)
    rows: list[ImportRow] = []
    first_lines: dict[str, int] = {}
    for line, values in _read_lines(file):
        row = _parse_row(line, values, customer_id, location_ids_by_name)
        key = email_address.email_key(row.new_user.email) if row.new_user else ""
        if row.new_user and key in first_lines:
            row.problems.append(f"email: it is in line {first_lines[key]} already")
        first_lines.setdefault(key, line)
        rows.append(row)
    return rows


def check_rows(rows: Sequence[ImportRow], customer_id: str) -> Iterator[tuple[int, str]]:
    """Everything wrong with a file, by line; what is wrong only here included."""
    existing_users = _load_existing_users(rows)
    for row in rows:
        yield from ((row.line, problem) for problem in row.problems)
        existing_user = existing_users.get(email_address.email_key(row.new_user.email)) if row.new_user else None
        if existing_user and existing_user.customer_id != customer_id:
            yield row.line, "email: somebody else has this address"


def import_rows(
    rows: Sequence[ImportRow],
    customer_id: str,
    *,
    on_progress: Callable[[], None],
    wait: Callable[[float], None] = time.sleep,
) -> ImportResult:
    """Create who is not here yet, one after the other; ``step`` is called after each."""
    actor, result = permissions.system_actor(customer_id), ImportResult()
    remaining_rows = iter(rows)
    while batch := list(islice(remaining_rows, BATCH_SIZE)):
        existing_users = _load_existing_users(batch)
        for row in batch:
            if row.new_user:
                existing_user = existing_users.get(email_address.email_key(row.new_user.email))
                _import_row(row.line, row.new_user, existing_user, actor, result, wait)
            on_progress()
    return result


def _import_row(
    line: int,
    new_user: create.NewUserData,
    existing_user: User | None,
    actor: Actor,
    result: ImportResult,
    wait: Callable[[float], None],
) -> None:
    """See to one person, waiting as long as a vendor asks for."""
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
            existing_user = users.find_users_by_email([new_user.email]).get(email_address.email_key(new_user.email))
        except errors.DomainError as refusal:
            result.problems.append((line, str(refusal)))
            return
        else:
            return


def _create_or_resume(new_user: create.NewUserData, existing_user: User | None, actor: Actor) -> bool:
    """Create one person, or finish what was begun; False where they are here already."""
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
                yield reader.line_num + 1, {"": f"it has {len(cells)} columns, not {len(columns)}"}
                continue
            yield reader.line_num + 1, dict(zip(columns, cells, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidImportFile(f"The file is not CSV in UTF-8: {error}") from error


def _detect_delimiter(header: str) -> str:
    """A spreadsheet writes semicolons where the comma is the decimal mark."""
    return ";" if header.count(";") > header.count(",") else ","


def _check_columns(columns: Sequence[str]) -> None:
    unknown = sorted(set(columns) - set(COLUMNS))
    missing = sorted(set(REQUIRED_COLUMNS) - set(columns))
    if unknown:
        raise InvalidImportFile(f"There is no column {unknown[0]!r}; possible are {', '.join(COLUMNS)}.")
    if missing:
        raise InvalidImportFile(f"The column {missing[0]} is missing.")
    if len(set(columns)) < len(columns):
        raise InvalidImportFile("A column is there twice.")


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
    """Ids of the locations that are named."""
    ids = []
    for part in parts:
        matches = location_ids_by_name.get(part.casefold(), [])
        if len(matches) != 1:
            problem = "several locations are called" if matches else "there is no location"
            problems.append(f"locations: {problem} {part!r}")
        ids += matches[:1]
    return ids


def _location_ids_by_name(actor: Actor) -> dict[str, list[str]]:
    """The customer's locations by id and by name; ``*`` is all of them."""
    location_ids: dict[str, list[str]] = {"*": ["*"]}
    cursor: pagination.Cursor | None = None
    while True:
        page = locations.list_accessible_locations(actor, limit=1000, cursor=cursor)
        for location in page.records:
            location_ids.setdefault(location.id.casefold(), []).append(location.id)
            location_ids.setdefault(location.name.strip().casefold(), []).append(location.id)
        if page.next_cursor is None:
            return location_ids
        cursor = page.next_cursor


def _load_existing_users(rows: Sequence[ImportRow]) -> dict[str, User]:
    return users.find_users_by_email(row.new_user.email for row in rows if row.new_user)


def _format_errors(error: ValidationError) -> Iterator[str]:
    details = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    for name, messages in details.items():
        for message in messages if isinstance(messages, list) else [messages]:
            yield f"{name}: {message}"
