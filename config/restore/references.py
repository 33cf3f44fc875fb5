"""References between tables: after a restore, each must lead to a record.

Tables are restored to the same second, but one by one: a transaction of that second may be in some
of them only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Reference:
    """An attribute that names records of another table by their hash key.

    Both tables are named without prefix: an app may refer to tables of apps below it, whose records
    it does not import. ``range_key``: that of the record, if its table has one.
    """

    table: str
    attribute: str
    target: str
    range_key: int | str | None = None
    except_values: frozenset[str] = frozenset()
    unless: str = ""
    """An attribute; records that have it need not lead anywhere."""


@dataclass
class TableReport:
    """The items of a table, and its references that lead nowhere."""

    table: str
    items: int
    broken: list[str]
    broken_count: int
    checked: int


@cache
def load_references() -> Sequence[Reference]:
    """Those of all apps."""
    return [reference for path in settings.REFERENCES for reference in import_string(path)]


def check_table(record_class: type[dynamodb.Record]) -> TableReport:
    """Read a whole table, and look up what its records name."""
    name = _short_name(record_class)
    references = [reference for reference in load_references() if reference.table == name]
    report = TableReport(name, 0, [], 0, 0)
    for items in dynamodb.iter_pages("Scan", TableName=record_class.table_name(), ConsistentRead=True):
        report.items += len(items)
        if references:
            _check_page([record_class.from_item(item) for item in items], references, report)
    return report


def _check_page(records: Sequence[dynamodb.Record], references: Sequence[Reference], report: TableReport) -> None:
    named = [(record, reference, value) for record in records for reference, value in _values(record, references)]
    keys = {
        dynamodb.RecordKey(_class_of(reference.target), value, reference.range_key) for _, reference, value in named
    }
    batch = dynamodb.batch_get(keys)
    report.checked += len(named)
    for record, reference, value in named:
        if batch.get(_class_of(reference.target), value, reference.range_key) is None:
            report.broken_count += 1
            if len(report.broken) < MAX_EXAMPLES:
                key = " ".join(str(part) for part in record.key_values())
                report.broken.append(
                    f"{report.table} {key}: {reference.attribute} {value} is not in {reference.target}"
                )


def _values(record: dynamodb.Record, references: Sequence[Reference]) -> Iterator[tuple[Reference, str]]:
    for reference in references:
        value = getattr(record, reference.attribute)
        if value is None or (reference.unless and getattr(record, reference.unless)):
            continue
        for each in value if isinstance(value, (list, set)) else [value]:
            if each not in reference.except_values:
                yield reference, str(each)


@cache
def _class_of(table: str) -> type[dynamodb.Record]:
    return {_short_name(record_class): record_class for record_class in dynamodb.record_classes()}[table]


def _short_name(record_class: type[dynamodb.Record]) -> str:
    return record_class.table_name().removeprefix(dynamodb.full_table_name(""))
