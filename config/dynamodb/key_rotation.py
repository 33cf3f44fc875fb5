"""Moves everything that is encrypted or signed under earlier data keys to the current one.

Scans whole tables, so it is for commands, never for a request. It may run while requests are
served: a value is replaced only if it is still the one that was read, so the product's own writes
win. What was moved stays moved if the process dies; the next run continues.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb
from config.dynamodb import data_keys, unaudited

PAGE_SIZE, BATCH_SIZE = 500, 16
"""Items that one Scan reads, and values that are replaced at once."""


@dataclass(frozen=True)
class ProtectedAttribute:
    """An attribute whose values are encrypted or signed under data keys."""

    name: str
    """What reports call its values."""
    record_class: type[dynamodb.Record]
    attribute: str
    get_key_id: Callable[[Any], str]
    """The id of the data key of a record's value."""
    renew: Callable[[Any], Any]
    """The value under the current data key. Raises `InvalidTag` if the stored one is not valid."""
    scan_filter: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the Scan that leave out records without a value."""


@dataclass
class RotationReport:
    """How many values were moved, by name; and those that are not valid under any key."""

    moved: Counter[str] = field(default_factory=Counter)
    invalid: list[str] = field(default_factory=list)


def protected_attributes() -> list[ProtectedAttribute]:
    """Those of ``settings.PROTECTED_ATTRIBUTES``."""
    return [import_string(path) for path in settings.PROTECTED_ATTRIBUTES]


def count_values() -> Counter[tuple[str, str]]:
    """The number of values by key id and name."""
    counts: Counter[tuple[str, str]] = Counter()
    for protected in protected_attributes():
        for records in _scan_pages(protected):
            counts.update((protected.get_key_id(record), protected.name) for record in records)
    return counts


def rotate() -> RotationReport:
    """Move every value to the current data key. Raises `errors.Unavailable`."""
    report = RotationReport()
    for protected in protected_attributes():
        for records in _scan_pages(protected):
            outdated = [record for record in records if protected.get_key_id(record) != data_keys.current_id()]
            for start in range(0, len(outdated), BATCH_SIZE):
                batch = outdated[start : start + BATCH_SIZE]
                outcomes = dynamodb.gather(*(partial(_move, protected, record) for record in batch))
                report.moved[protected.name] += outcomes.count("")
                report.invalid += filter(None, outcomes)
    return report


def _scan_pages(protected: ProtectedAttribute) -> Iterator[list[dynamodb.Record]]:
    pages = dynamodb.iter_pages(
        "Scan",
        TableName=protected.record_class.table_name(),
        ConsistentRead=True,
        Limit=PAGE_SIZE,
        **protected.scan_filter,
    )
    for items in pages:
        yield [protected.record_class.from_item(item) for item in items]


def _move(protected: ProtectedAttribute, record: dynamodb.Record) -> str | None:
    """Empty if the value was moved, None if it has changed meanwhile, or else what is wrong."""
    try:
        value = protected.renew(record)
    except InvalidTag:
        key = " ".join(str(part) for part in record.key_values())
        return f"{protected.name}, {key}: not valid under {protected.get_key_id(record)}"
    return "" if unaudited.replace_protected_value(record, protected.attribute, value) else None
