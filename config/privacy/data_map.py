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
    FUTURE_REMOVED = "what is to come is removed; what was stays as evidence, and names nobody"
    UNREADABLE = "stays, unreadable: the key that seals it is destroyed"
    EVIDENCE = "stays as evidence; names nobody"
    PROOF = "stays as proof, sealed under a key of ours"
    EXPIRES = "goes by itself"
    NOT_PERSONAL = "says nothing about a person"


@dataclass(frozen=True)
class DataMapAttribute:
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


ExportRow = Mapping[str, Any]
"""Some values as an export shows them: members in camelCase, values as JSON or moments."""


@dataclass(frozen=True)
class TableDataMap:
    """What one table holds."""

    record_class: type[dynamodb.Record]
    attributes: tuple[DataMapAttribute, ...]
    records_to_erase: Callable[[Any], Sequence[dynamodb.Record]] | None = None
    """The records of a person that erasure removes, with the person, in one transaction."""
    erase_in_batches: Callable[..., None] | None = None
    """Removes those that may be many before that, ``(person, actor=, at=)``; may be repeated."""
    records_to_export: Callable[[Any], Iterable[dynamodb.Record | ExportRow]] | None = None
    """What an export shows of a person; nothing where it is None."""


@dataclass(frozen=True)
class ExportChapter:
    """One part of an export: the values of some categories."""

    name: str
    """The member of the JSON."""
    title: str
    description: str
    categories: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Printed as a table: heading -> members in that column; empty: printed as facts."""
    derive: Callable[[Any], ExportRow] | None = None
    """What follows from the values of a person and helps to understand them."""


@dataclass(frozen=True)
class AppDataMap:
    """What one floor declares."""

    table_maps: Sequence[TableDataMap]
    chapters: Sequence[ExportChapter]
    recipients: Mapping[str, str] = field(default_factory=dict)
    """Who receives values, by the name that attributes use, and what for."""


def load_data_maps() -> list[AppDataMap]:
    """The whole map, floor by floor."""
    return [import_string(path) for path in settings.DATA_MAPS]


def iter_table_maps() -> Iterator[TableDataMap]:
    """What every table holds."""
    for data_map in load_data_maps():
        yield from data_map.table_maps


def export_chapters(person: Any) -> Iterator[tuple[ExportChapter, Iterator[ExportRow]]]:
    """What an export shows of a person, chapter by chapter; rows are read as they are taken."""
    table_maps = list(iter_table_maps())
    for data_map in load_data_maps():
        for chapter in data_map.chapters:
            yield chapter, _export_rows(chapter, table_maps, person)


def _export_rows(chapter: ExportChapter, table_maps: Iterable[TableDataMap], person: Any) -> Iterator[ExportRow]:
    derived = chapter.derive(person) if chapter.derive else {}
    for table_map in table_maps:
        attributes = [
            attribute
            for attribute in table_map.attributes
            if attribute.category in chapter.categories and not attribute.withheld
        ]
        if table_map.records_to_export and attributes:
            for item in table_map.records_to_export(person):
                row = _to_export_row(item, attributes) if isinstance(item, dynamodb.Record) else item
                yield {**row, **derived}
                derived = {}  # it is told once


def _to_export_row(record: dynamodb.Record, attributes: Iterable[DataMapAttribute]) -> ExportRow:
    return {to_camel_case(attribute.name): getattr(record, attribute.name) for attribute in attributes}


def to_camel_case(name: str) -> str:
    """``accepted_at`` as the wire has it: ``acceptedAt``."""
    first_word, *other_words = name.split("_")
    return first_word + "".join(word.capitalize() for word in other_words)


def export_label(chapter: ExportChapter, member: str) -> str:
    """What an export calls a member of a chapter."""
    for table_map in iter_table_maps():
        for attribute in table_map.attributes:
            if attribute.category in chapter.categories and attribute.label and to_camel_case(attribute.name) == member:
                return attribute.label
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", member).lower()
    return words[:1].upper() + words[1:]


def records_to_erase(person: Any) -> list[dynamodb.Record]:
    """Every record that goes when a person is deleted."""
    return [
        record
        for table_map in iter_table_maps()
        if table_map.records_to_erase
        for record in table_map.records_to_erase(person)
    ]


def erase_in_batches(person: Any, *, actor: Any, at: datetime) -> None:
    """Remove what does not go with the person in one transaction."""
    for erase in dict.fromkeys(table_map.erase_in_batches for table_map in iter_table_maps()):
        if erase:
            erase(person, actor=actor, at=at)


_MARKDOWN_HEADER = """# What is kept of people

Printed from the data map by `manage.py data_map`; a test holds it to the code.
"""


def render_markdown() -> str:
    """The whole map as Markdown."""
    return "\n".join([_MARKDOWN_HEADER, *(_render_table_section(table_map) for table_map in iter_table_maps())])


def _render_table_section(table_map: TableDataMap) -> str:
    name = table_map.record_class.table_name().removeprefix(f"{settings.DYNAMODB['prefix']}-")
    description = (table_map.record_class.__doc__ or "").partition("\n")[0].replace("``", "`")
    lines = [
        f"## {name}\n\n{description}\n",
        "| attribute | category | purpose | kept | received by | after deletion | in an export |",
        "|---|---|---|---|---|---|---|",
    ]
    for attribute in table_map.attributes:
        cells = [
            f"`{attribute.name}`",
            attribute.category,
            attribute.purpose,
            attribute.retention,
            ", ".join(attribute.recipients) or "nobody",
            attribute.erasure.value,
            f"no: {attribute.withheld}" if attribute.withheld else "yes",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
