"""Creating the people of a file one after the other, and what that would do."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from accounts import permissions, users
from accounts.csv_import.rows import ImportRow, PeopleFile
from accounts.models import User
from accounts.permissions import Actor
from accounts.users import address_claims, create
from config import errors
from config.journal import two_phase
from config.spreadsheets import Problem

BATCH_SIZE = 100
"""Addresses in one lookup."""
MAX_WAIT = 1800.0
"""Seconds to wait, in all, for one person while a dependency is unavailable."""


@dataclass
class ImportResult:
    """Counts and problems."""

    created: int = 0
    already_exists: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class PlannedRow:
    """What an import would do with a row."""

    row: ImportRow
    outcome: Literal["create", "unchanged", "refused"]
    problems: Sequence[Problem] = ()
    location_names: Sequence[str] = ()
    """Of the person to create."""


def plan_rows(file: PeopleFile, customer_id: str) -> Iterator[PlannedRow]:
    """What an import would do with each row, conflicts with existing people included."""
    existing_users = _load_existing_users(file.rows)
    for row in file.rows:
        problems, user = list(row.problems), existing_users.get(row.email_key)
        if user and user.customer_id != customer_id and not address_claims.has_expired(user, datetime.now(UTC)):
            problems.append(Problem(row.line, "already in use", file.table.column_of("email")))
        if problems:
            yield PlannedRow(row, "refused", problems)
        elif user and user.customer_id == customer_id and user.status != "pending":
            yield PlannedRow(row, "unchanged")
        else:
            ids = (row.new_user.locations if row.new_user else None) or ()
            yield PlannedRow(row, "create", location_names=[file.location_names.get(id, id) for id in ids])


def import_rows(
    rows: Sequence[ImportRow],
    customer_id: str,
    *,
    on_progress: Callable[[], None],
    actor: Actor | None = None,
    wait: Callable[[float], None] = time.sleep,
    max_wait: float = MAX_WAIT,
) -> ImportResult:
    """Create missing people one after the other; ``on_progress`` is called after each.

    The actor is Dutyline itself unless there is one. Raises `errors.Unavailable` after
    ``max_wait`` seconds for one person.
    """
    actor, result = actor or permissions.system_actor(customer_id), ImportResult()
    remaining_rows = iter(rows)
    while batch := list(islice(remaining_rows, BATCH_SIZE)):
        existing_users = _load_existing_users(batch)
        for row in batch:
            if row.new_user:
                _import_row(row, row.new_user, existing_users.get(row.email_key), actor, result, (wait, max_wait))
            on_progress()
    return result


def _import_row(
    row: ImportRow,
    new_user: create.NewUserData,
    existing_user: User | None,
    actor: Actor,
    result: ImportResult,
    patience: tuple[Callable[[float], None], float],
) -> None:
    """Create one person, waiting as long as a vendor asks for, but only some seconds in all."""
    wait, max_wait = patience
    deadline = time.monotonic() + max_wait
    while True:
        try:
            if _create_or_resume(new_user, existing_user, actor):
                result.created += 1
            else:
                result.already_exists += 1
        except errors.Unavailable as unavailable:
            if time.monotonic() >= deadline:
                raise
            wait(unavailable.retry_after)
            existing_user = users.find_users_by_email([new_user.email]).get(row.email_key)
        except errors.DomainError as refusal:
            result.problems.append(Problem(row.line, str(refusal)))
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


def _load_existing_users(rows: Sequence[ImportRow]) -> dict[str, User]:
    return users.find_users_by_email(row.new_user.email for row in rows if row.new_user)
