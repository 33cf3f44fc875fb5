"""The data map: which personal data is stored, why, for how long, and who receives it.

Every attribute of a record declares its facts (`config.dynamodb.attributes.PersonalData`). Each app
declares here what needs code: how accounts are erased, and the chapters of an export.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb
from config.dynamodb.attributes import RecordAttribute

ExportRow = Mapping[str, Any]
"""Values in an export: names in camelCase, values as JSON or datetimes."""


@dataclass(frozen=True)
class ExportChapter:
    """One chapter of an export: the values of some categories of a record class."""

    name: str
    """The member of the JSON."""
    title: str
    description: str
    record_class: type[dynamodb.Record]
    categories: tuple[str, ...]
    read: Callable[[Any], Iterable[dynamodb.Record | ExportRow]] | None = None
    """The records or rows of a person; None: the record with the person's id, if there is one."""
    source: Callable[[Any], Any] | None = None
    """What several chapters read of a person: called once, and what ``read`` takes instead."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Printed as a table: heading -> members in that column; empty: printed as facts."""
    is_newest_first: bool = False

    @cached_property
    def attributes(self) -> list[RecordAttribute[Any]]:
        """The attributes that the chapter exports."""
        return [
            attribute
            for attribute in self.record_class.declared_attributes()
            if attribute.personal_data.category in self.categories and not attribute.personal_data.withheld_because
        ]

    def to_row(self, record: dynamodb.Record) -> ExportRow:
        """The exported values of a record."""
        return {to_camel_case(item.attr_name): getattr(record, item.attr_name) for item in self.attributes}

    def label(self, member: str) -> str:
        """The printed name of a member."""
        for attribute in self.attributes:
            if attribute.label and to_camel_case(attribute.attr_name) == member:
                return attribute.label
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", member).lower()
        return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class BatchErasure:
    """How records that may be many are removed."""

    find: Callable[[Any], Sequence[dynamodb.Record]]
    """Reads the records of a person."""
    erase: Callable[..., None]
    """Removes them, if there are any: ``(person, actor=, at=)``; repeatable."""


@dataclass(frozen=True)
class DeletionStep:
    """What ends when a person is deleted, although they can still be restored."""

    find: Callable[[Any], Sequence[dynamodb.Record]]
    """Reads what there is to end."""
    end: Callable[..., None]
    """Ends it, if there is any: ``(person, actor=, at=)``; repeatable."""
    restore: Callable[..., None] | None = None
    """Brings back what can be, once the person is restored: as ``end``. None: nothing."""


@dataclass(frozen=True)
class AppDataMap:
    """What one app declares."""

    chapters: Sequence[ExportChapter]
    records_to_erase: Mapping[type[dynamodb.Record], Callable[[Any], Sequence[dynamodb.Record]]]
    """The records of a person that erasure removes in one transaction, with the person."""
    erase_in_batches: Mapping[type[dynamodb.Record], BatchErasure] = field(default_factory=dict)
    """Removes records that may be many, before that."""
    erase_afterwards: Mapping[type[dynamodb.Record], Callable[[str], None]] = field(default_factory=dict)
    """Removes records that nobody sees without the person, in the background: ``(user_id)``."""
    deletion_steps: Sequence[DeletionStep] = ()
    """What ends at once when somebody is deleted; everything else stays until they are erased."""
    recipients: Mapping[str, str] = field(default_factory=dict)
    """The purpose of each recipient, by the name that attributes use."""


def load_data_maps() -> list[AppDataMap]:
    """The declarations of all apps."""
    return [import_string(path) for path in settings.DATA_MAPS]


def export_chapters() -> list[ExportChapter]:
    """The chapters of an export in order."""
    return [chapter for data_map in load_data_maps() for chapter in data_map.chapters]


def iter_export_rows(person: Any) -> Iterator[tuple[ExportChapter, Iterator[ExportRow]]]:
    """The chapters of a person in order, each with its rows, which are read as they are consumed.

    The rows of a chapter must be consumed before the next one is asked for.
    """
    chapters = export_chapters()
    single_records = dynamodb.batch_get(
        dynamodb.RecordKey(chapter.record_class, person.id) for chapter in chapters if chapter.read is None
    )
    sources: dict[Callable[[Any], Any], Any] = {}
    for chapter in chapters:
        if chapter.read is None:
            record = single_records.get(chapter.record_class, person.id)
            items: Iterable[dynamodb.Record | ExportRow] = [record] if record else []
        elif chapter.source:
            if chapter.source not in sources:
                sources[chapter.source] = chapter.source(person)
            items = chapter.read(sources[chapter.source])
        else:
            items = chapter.read(person)
        yield chapter, (chapter.to_row(item) if isinstance(item, dynamodb.Record) else item for item in items)


def to_camel_case(name: str) -> str:
    """``accepted_at`` as the API has it: ``acceptedAt``."""
    first_word, *other_words = name.split("_")
    return first_word + "".join(word.capitalize() for word in other_words)


def records_to_erase(person: Any, *, but: tuple[type[dynamodb.Record], ...] = ()) -> list[dynamodb.Record]:
    """Every record that is removed with a person, ``but`` those of these classes."""
    return [
        record
        for data_map in load_data_maps()
        for record_class, list_records in data_map.records_to_erase.items()
        if record_class not in but
        for record in list_records(person)
    ]


def records_of(person: Any, record_class: type[dynamodb.Record]) -> Sequence[dynamodb.Record]:
    """Those of one class."""
    return [
        record
        for data_map in load_data_maps()
        if record_class in data_map.records_to_erase
        for record in data_map.records_to_erase[record_class](person)
    ]


def erase_in_batches(person: Any, *, actor: Any, at: datetime) -> None:
    """Remove the records that are too many for the transaction that removes the person.

    Most people have none of them, which takes one round trip.
    """
    erasures = dict.fromkeys(erasure for data_map in load_data_maps() for erasure in data_map.erase_in_batches.values())
    record_lists = dynamodb.gather(*(partial(erasure.find, person) for erasure in erasures))
    for erasure, records in zip(erasures, record_lists, strict=True):
        if records:
            erasure.erase(person, actor=actor, at=at)


def end_at_deletion(person: Any, *, actor: Any, at: datetime) -> None:
    """End what a deleted person has at once. Most have nothing, which takes one round trip."""
    steps = [step for data_map in load_data_maps() for step in data_map.deletion_steps]
    record_lists = dynamodb.gather(*(partial(step.find, person) for step in steps))
    for step, records in zip(steps, record_lists, strict=True):
        if records:
            step.end(person, actor=actor, at=at)


def restore_after_deletion(person: Any, *, actor: Any, at: datetime) -> None:
    """Bring back what `end_at_deletion` ended, as far as it can be; repeatable."""
    for data_map in load_data_maps():
        for step in data_map.deletion_steps:
            if step.restore:
                step.restore(person, actor=actor, at=at)


def erase_afterwards(user_id: str) -> None:
    """Remove what remains after the transaction that removed the person; repeatable."""
    for data_map in load_data_maps():
        for erase in data_map.erase_afterwards.values():
            erase(user_id)


_MARKDOWN_HEADER = """# Personal data

Every stored attribute, by table. Generated by `manage.py data_map` from the records; a test compares them.

Whoever is deleted can be restored for 30 days (`DELETION_GRACE_DAYS`), or is erased at once on request. Only the
erasure removes what the tables below call removed or unreadable "after deletion of the account"; until then nobody
but operators sees it. Devices, the calendar feed and the shifts to come end with the deletion. A customer
who leaves is closed at once and erased after the same time, or at once on request: then everything below is
removed, but for the audit, which cannot be read any more, and technical state that expires within days.

What is removed here remains in DynamoDB's point-in-time recovery for 35 days. The file storage has a log of
deleted people and customers, ids and times only, and of erased callers, as pseudonyms, with which
`manage.py restored` erases them again after a restore ([operations](operations/backup.md)).
"""


def render_markdown() -> str:
    """The whole map as Markdown."""
    load_data_maps()  # imports the records of all apps
    return "\n".join([_MARKDOWN_HEADER, *map(_render_table_section, dynamodb.record_classes())])


def _render_table_section(record_class: type[dynamodb.Record]) -> str:
    name = record_class.table_name().removeprefix(f"{settings.DYNAMODB['prefix']}-")
    description = (record_class.__doc__ or "").partition("\n")[0].replace("``", "`")
    lines = [
        f"## {name}\n\n{description}\n",
        "| attribute | category | purpose | retention | recipients | after deletion of the account | exported |",
        "|---|---|---|---|---|---|---|",
    ]
    for attribute in record_class.declared_attributes():
        facts = attribute.personal_data
        cells = [
            f"`{attribute.attr_name}`",
            *(facts.category, facts.purpose, facts.retention),
            ", ".join(facts.recipients) or "none",
            facts.erasure.value,
            f"no: {facts.withheld_because}" if facts.withheld_because else "yes",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
