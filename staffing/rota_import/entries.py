"""What a file says of a shift or a series, and the schedule that it becomes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rest_framework.exceptions import ValidationError
from ulid import base32

from accounts.permissions import Actor
from config.spreadsheets import Column, Problem, bound_problems
from staffing.schedules import commands
from staffing.serializers.schedules import NewSchedule

Columns = Mapping[str, Column]
"""Where a file has the value of a member of ``POST /schedule``."""


@dataclass
class RotaEntry:
    """A row or an event: the schedule to create, or what is wrong."""

    line: int
    title: str
    """Who, where and when, for people."""
    draft: commands.ScheduleDraft | None = None
    problems: list[Problem] = field(default_factory=list)
    columns: Columns = field(default_factory=dict)
    known_id: str = ""
    """The id of the schedule of which the file says that it is this one."""
    known_start: datetime | None = None
    """Which shift of that series it is, by the wall time at which the rule starts it."""
    notes: list[str] = field(default_factory=list)
    """What was assumed, for people."""

    def locate(self, pointer: str) -> Column | None:
        """The column of a member that a JSON pointer names."""
        return self.columns.get(pointer.strip("/").partition("/")[0])


@dataclass(frozen=True)
class ImportOptions:
    """What an operator says about a file."""

    encoding: str | None = None
    location: str = ""
    """Name or id of the location of shifts that name none."""
    date_order: Any = None
    """`times.DateOrder`"""
    allow_overlap: bool = False


def derive_id(customer_id: str, *parts: str) -> str:
    """The id of the schedule of an entry: the same whenever the file is imported."""
    digest = hashlib.sha256("\0".join(["rota import", customer_id, *parts]).encode()).digest()
    return f"sch_{base32.encode(digest[:16])}"


def complete(entry: RotaEntry, body: Mapping[str, Any], schedule_id: str, actor: Actor, options: ImportOptions) -> None:
    """Set the draft of an entry from a body as the API takes it, or add its problems."""
    body = {name: value for name, value in body.items() if value is not None}
    try:
        values = NewSchedule.parse({"customerId": actor.customer_id, **body})
    except ValidationError as error:
        entry.problems += _list_problems(error, entry)
        return
    if not entry.problems:
        entry.draft = commands.ScheduleDraft(**values, allow_overlap=options.allow_overlap, id=schedule_id)


def _list_problems(error: ValidationError, entry: RotaEntry) -> Sequence[Problem]:
    details = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    problems = [
        Problem(entry.line, str(message), entry.locate(name))
        for name, messages in details.items()
        for message in (messages if isinstance(messages, list) else [messages])
    ]
    return bound_problems(problems)


def describe_times(start: datetime | None, end: datetime | None) -> str:
    """The time of a shift in words."""
    if start is None or end is None:
        return "?"
    last = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%a} {end.day} {end:%b %H:%M}"
    return f"{start:%a} {start.day} {start:%b %Y %H:%M} to {last}"
