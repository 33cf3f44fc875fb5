"""The data map: what is kept of people, why, for how long, who receives it, and how it ends.

Each floor declares its part, which ``settings.PERSONAL_DATA`` names; a test fails when an attribute
of any record is missing. Erasure removes what the map says, and an export shows it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb


class Erasure(StrEnum):
    """What becomes of a value when the person is deleted."""

    REMOVED = "removed with the person"
    ENDED = "what is to come is removed; what was stays as evidence, and names nobody"
    UNREADABLE = "stays, unreadable: the key that seals it is destroyed"
    EVIDENCE = "stays as evidence; names nobody"
    PROOF = "stays as proof, sealed under a key of ours"
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
    label: str = ""
    """What an export calls it; empty: what its name says."""


Row = Mapping[str, Any]
"""Some values as an export shows them: members in camelCase, values as JSON or moments."""


@dataclass(frozen=True)
class Holding:
    """What one table holds."""

    record: type[dynamodb.Record]
    attributes: tuple[Attribute, ...]
    of_person: Callable[[Any], Sequence[dynamodb.Record]] | None = None
    """The records of a person that erasure removes, with the person, in one transaction."""
    in_steps: Callable[..., None] | None = None
    """Removes those that may be many before that, ``(person, actor=, at=)``; may be repeated."""
    shown: Callable[[Any], Iterable[dynamodb.Record | Row]] | None = None
    """What an export shows of a person; nothing where it is None."""


@dataclass(frozen=True)
class Chapter:
    """One part of an export: the values of some categories."""

    name: str
    """The member of the JSON."""
    title: str
    about: str
    categories: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Printed as a table: heading -> members in that column; empty: printed as facts."""
    derived: Callable[[Any], Row] | None = None
    """What follows from the values of a person and helps to understand them."""


@dataclass(frozen=True)
class Part:
    """What one floor declares."""

    holdings: Sequence[Holding]
    chapters: Sequence[Chapter]
    recipients: Mapping[str, str] = field(default_factory=dict)
    """Who receives values, by the name that attributes use, and what for."""


def parts() -> list[Part]:
    """The whole map, floor by floor."""
    return [import_string(path) for path in settings.PERSONAL_DATA]


def holdings() -> Iterator[Holding]:
    """What every table holds."""
    for part in parts():
        yield from part.holdings


def told(person: Any) -> Iterator[tuple[Chapter, Iterator[Row]]]:
    """What an export shows of a person, chapter by chapter; rows are read as they are taken."""
    every = list(holdings())
    for part in parts():
        for chapter in part.chapters:
            yield chapter, _rows(chapter, every, person)


def _rows(chapter: Chapter, every: Iterable[Holding], person: Any) -> Iterator[Row]:
    derived = chapter.derived(person) if chapter.derived else {}
    for holding in every:
        wanted = [
            one
            for one in holding.attributes
            if one.category in chapter.categories and not one.withheld
        ]
        if holding.shown and wanted:
            for found in holding.shown(person):
                row = _row(found, wanted) if isinstance(found, dynamodb.Record) else found
                yield {**row, **derived}
                derived = {}  # it is told once


def _row(record: dynamodb.Record, wanted: Iterable[Attribute]) -> Row:
    return {camel(one.name): getattr(record, one.name) for one in wanted}


def camel(name: str) -> str:
    """``accepted_at`` as the wire has it: ``acceptedAt``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def label(chapter: Chapter, member: str) -> str:
    """What an export calls a member of a chapter."""
    for holding in holdings():
        for one in holding.attributes:
            if one.category in chapter.categories and one.label and camel(one.name) == member:
                return one.label
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", member).lower()
    return words[:1].upper() + words[1:]


def records_of(person: Any) -> list[dynamodb.Record]:
    """Every record that goes when a person is deleted."""
    return [
        record
        for holding in holdings()
        if holding.of_person
        for record in holding.of_person(person)
    ]


def erase_in_steps(person: Any, *, actor: Any, at: datetime) -> None:
    """Remove what does not go with the person in one transaction."""
    for remove in dict.fromkeys(holding.in_steps for holding in holdings()):
        if remove:
            remove(person, actor=actor, at=at)


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
