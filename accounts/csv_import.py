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

COLUMNS = ("email", "name", "role", "locations", "userSkills")
REQUIRED = ("email", "name")
LISTS = ("locations", "userSkills")
AT_ONCE = 100
"""Addresses that are looked up together."""
PATIENCE = 1800.0
"""Seconds to wait, in all, for one person while something is away."""


class BadFile(errors.Invalid):
    """The file cannot be read as a list of people."""

    code = "bad_file"


@dataclass
class Row:
    """One line of the file: who is wanted, or what is wrong with it."""

    line: int
    wanted: create.Wanted | None = None
    problems: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """How an import ended."""

    created: int = 0
    here_already: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def read(file: IO[str], customer_id: str) -> list[Row]:
    """Every line, checked by itself and against the others. Raises `BadFile`."""
    actor = permissions.system(customer_id)
    places = _places(actor)
    rows: list[Row] = []
    lines: dict[str, int] = {}
    for line, values in _lines(file):
        row = _row(line, values, customer_id, places)
        key = email_address.key(row.wanted.email) if row.wanted else ""
        if row.wanted and key in lines:
            row.problems.append(f"email: it is in line {lines[key]} already")
        lines.setdefault(key, line)
        rows.append(row)
    return rows


def check(rows: Sequence[Row], customer_id: str) -> Iterator[tuple[int, str]]:
    """Everything wrong with a file, by line; what is wrong only here included."""
    known = _known(rows)
    for row in rows:
        yield from ((row.line, problem) for problem in row.problems)
        holder = known.get(email_address.key(row.wanted.email)) if row.wanted else None
        if holder and holder.customer_id != customer_id:
            yield row.line, "email: somebody else has this address"


def run(
    rows: Sequence[Row],
    customer_id: str,
    *,
    step: Callable[[], None],
    wait: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Create who is not here yet, one after the other; ``step`` is called after each."""
    actor, outcome = permissions.system(customer_id), Outcome()
    whole = iter(rows)
    while batch := list(islice(whole, AT_ONCE)):
        known = _known(batch)
        for row in batch:
            if row.wanted:
                holder = known.get(email_address.key(row.wanted.email))
                _bring(row.line, row.wanted, holder, actor, outcome, wait)
            step()
    return outcome


def _bring(
    line: int,
    wanted: create.Wanted,
    holder: User | None,
    actor: Actor,
    outcome: Outcome,
    wait: Callable[[float], None],
) -> None:
    """See to one person, waiting as long as a vendor asks for."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if _is_new(wanted, holder, actor):
                outcome.created += 1
            else:
                outcome.here_already += 1
        except errors.Unavailable as away:
            if time.monotonic() > end:
                raise
            wait(away.retry_after)
            holder = users.by_address([wanted.email]).get(email_address.key(wanted.email))
        except errors.Refusal as refusal:
            outcome.problems.append((line, str(refusal)))
            return
        else:
            return


def _is_new(wanted: create.Wanted, holder: User | None, actor: Actor) -> bool:
    """Create one person, or finish what was begun; False where they are here already."""
    at = datetime.now(UTC)
    if holder and holder.customer_id == wanted.customer_id:
        if holder.status != "pending":
            return False
        if create.resume(holder.id, actor=actor, at=at):
            return True
    create.create(wanted, actor=actor, at=at)
    return True


def _lines(file: IO[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        head = file.readline()
        reader = csv.reader(file, delimiter=_delimiter(head), strict=True)
        names = [name.strip() for name in next(csv.reader([head], delimiter=_delimiter(head)), [])]
        _check_columns(names)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                yield reader.line_num + 1, {"": f"it has {len(cells)} columns, not {len(names)}"}
                continue
            yield reader.line_num + 1, dict(zip(names, cells, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadFile(f"The file is not CSV in UTF-8: {error}") from error


def _delimiter(head: str) -> str:
    """A spreadsheet writes semicolons where the comma is the decimal mark."""
    return ";" if head.count(";") > head.count(",") else ","


def _check_columns(names: Sequence[str]) -> None:
    unknown = sorted(set(names) - set(COLUMNS))
    missing = sorted(set(REQUIRED) - set(names))
    if unknown:
        raise BadFile(f"There is no column {unknown[0]!r}; possible are {', '.join(COLUMNS)}.")
    if missing:
        raise BadFile(f"The column {missing[0]} is missing.")
    if len(set(names)) < len(names):
        raise BadFile("A column is there twice.")


def _row(
    line: int, values: Mapping[str, str], customer_id: str, places: Mapping[str, list[str]]
) -> Row:
    if "" in values:
        return Row(line, problems=[values[""]])
    problems: list[str] = []
    body: dict[str, Any] = {"customerId": customer_id}
    for name, text in values.items():
        if name in LISTS:
            parts = [part.strip() for part in text.split(";") if part.strip()]
            found = _found(parts, places, problems) if name == "locations" else parts
            body |= {name: found} if parts else {}
        elif text.strip() or name in REQUIRED:
            body[name] = text
    try:
        wanted = create.Wanted(**NewUser.of(body))
    except ValidationError as error:
        return Row(line, problems=[*problems, *_told(error)])
    return Row(line, wanted, problems)


def _found(parts: Sequence[str], places: Mapping[str, list[str]], problems: list[str]) -> list[str]:
    """Ids of the locations that are named."""
    ids = []
    for part in parts:
        fitting = places.get(part.casefold(), [])
        if len(fitting) != 1:
            what = "several locations are called" if fitting else "there is no location"
            problems.append(f"locations: {what} {part!r}")
        ids += fitting[:1]
    return ids


def _places(actor: Actor) -> dict[str, list[str]]:
    """The customer's locations by id and by name; ``*`` is all of them."""
    found: dict[str, list[str]] = {"*": ["*"]}
    start: pagination.Place | None = None
    while True:
        page = locations.within_reach(actor, limit=1000, start=start)
        for place in page.records:
            found.setdefault(place.id.casefold(), []).append(place.id)
            found.setdefault(place.name.strip().casefold(), []).append(place.id)
        if page.next is None:
            return found
        start = page.next


def _known(rows: Sequence[Row]) -> dict[str, User]:
    return users.by_address(row.wanted.email for row in rows if row.wanted)


def _told(error: ValidationError) -> Iterator[str]:
    details = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    for name, faults in details.items():
        for fault in faults if isinstance(faults, list) else [faults]:
            yield f"{name}: {fault}"
