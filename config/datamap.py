"""The data map: what is kept of people, why, for how long, who receives it, and how it ends.

Each floor declares its records in a list that ``settings.PERSONAL_DATA`` names; a test fails when
an attribute of any record is missing. Erasure removes what the map says, and an export shows it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamo


class Erasure(StrEnum):
    """What becomes of a value when the person is deleted."""

    REMOVED = "removed with the person"
    UNREADABLE = "stays, unreadable: the key that seals it is destroyed"
    EVIDENCE = "stays as evidence; names nobody"
    EXPIRES = "goes by itself"
    IMPERSONAL = "says nothing about a person"


@dataclass(frozen=True)
class Attribute:
    """One stored attribute."""

    name: str
    category: str
    purpose: str
    retention: str
    erasure: Erasure
    recipients: tuple[str, ...] = ()
    withheld: str = ""
    """Why an export does not show it; empty where it does."""


@dataclass(frozen=True)
class Holding:
    """What one table holds."""

    record: type[dynamo.Record]
    attributes: tuple[Attribute, ...]
    of_person: Callable[[Any], Sequence[dynamo.Record]] | None = None
    """The records of a person that erasure removes, with the person, in one transaction."""
    in_steps: Callable[..., None] | None = None
    """Removes those that may be many before that, ``(person, actor=, at=)``; may be repeated."""


def holdings() -> Iterator[Holding]:
    """The whole map, floor by floor."""
    for path in settings.PERSONAL_DATA:
        yield from import_string(path)


def records_of(person: Any) -> list[dynamo.Record]:
    """Every record that goes when a person is deleted."""
    return [
        record
        for holding in holdings()
        if holding.of_person
        for record in holding.of_person(person)
    ]


def erase_in_steps(person: Any, *, actor: Any, at: datetime) -> None:
    """Remove what does not go with the person in one transaction."""
    for holding in holdings():
        if holding.in_steps:
            holding.in_steps(person, actor=actor, at=at)


_HEAD = """# What is kept of people

Printed from the data map by `manage.py data_map`; a test holds it to the code.
"""


def page() -> str:
    """The whole map as Markdown."""
    return "\n".join([_HEAD, *(_section(holding) for holding in holdings())])


def _section(holding: Holding) -> str:
    name = holding.record.table_name().removeprefix(f"{settings.DYNAMODB['prefix']}-")
    about = (holding.record.__doc__ or "").partition("\n")[0].replace("``", "`")
    lines = [
        f"## {name}\n\n{about}\n",
        "| attribute | category | purpose | kept | received by | after deletion | in an export |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in holding.attributes:
        cells = [
            f"`{one.name}`",
            one.category,
            one.purpose,
            one.retention,
            ", ".join(one.recipients) or "nobody",
            one.erasure.value,
            f"no: {one.withheld}" if one.withheld else "yes",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
