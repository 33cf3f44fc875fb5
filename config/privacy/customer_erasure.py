"""Erasing everything of a customer: step by step, each page by page, repeatable at any point.

Whatever an export of everything has (`config.privacy.customer_data`) is removed, so a new kind of
records is taken in by itself. ``settings.CUSTOMER_ERASURE`` lists the steps of kinds that need more
than that, such as a call to a vendor, and of kinds that exports do not have. A step reads what is
left, so a process that dies needs no cursor to go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import audit, dynamodb, journal, storage
from config.board import items
from config.dynamodb import unaudited
from config.privacy import customer_data
from config.privacy.customer_data import ReadPage

RECORDS_PER_WRITE = 30
"""Of one transaction: each may have a derived record, and a message for what follows from it."""


@dataclass
class Erasure:
    """The erasure of one customer, as far as one attempt goes."""

    customer_id: str
    author: Any
    """Who acts for the customer, with all rights."""
    at: datetime
    removed: int = 0
    """What was there to remove, in this round."""
    save_point: Callable[[], None] = field(default=lambda: None)
    """Called after each page. Raises `errors.Unavailable` when the time of the attempt is over."""


@dataclass(frozen=True)
class ErasureStep:
    """How records of one kind are erased."""

    name: str
    """That of the `customer_data.ExportSource` that it replaces, or another one."""
    order: int
    """Steps go by it: numbers, calls, rota, people, all else (50), and what others depend on."""
    read_page: ReadPage | None
    """None: nothing is done, as another step erases it, or it stays."""
    erase: Callable[[Sequence[Any], Erasure], None] | None = None
    """Erases the records of a page; None: `remove_records`. Raises `errors.Unavailable`."""


def run_round(erasure: Erasure) -> int:
    """Run every step once; how many records there were. Nothing is left after a round of zero."""
    erasure.removed = 0
    for step in load_steps():
        if step.read_page is None:
            continue
        cursor = None
        while True:
            page = step.read_page(erasure.customer_id, cursor)
            erasure.removed += len(page.records)
            if page.records:
                (step.erase or remove_records)(page.records, erasure)
            erasure.save_point()
            cursor = page.next_cursor
            if cursor is None:
                break
    return erasure.removed


def load_steps() -> list[ErasureStep]:
    """Those of all apps, and one for each kind of records that has none of its own, in order."""
    own_steps = [step for path in settings.CUSTOMER_ERASURE for step in import_string(path)]
    names = {step.name for step in own_steps}
    others = [
        ErasureStep(source.name, 50, source.read_page, _remover(source))
        for source in customer_data.load_sources()
        if source.name not in names
    ]
    return sorted([*own_steps, *others], key=lambda step: step.order)


def _remover(source: customer_data.ExportSource) -> Callable[[Sequence[Any], Erasure], None]:
    def remove(records: Sequence[Any], erasure: Erasure) -> None:
        for record in records:
            for stored_name in source.files(record).values():
                storage.delete_file(stored_name)
        remove_records(records, erasure)

    return remove


def remove_records(records: Sequence[Any], erasure: Erasure) -> None:
    """Remove these records; audited with their number, except for technical state."""
    tables = {dynamodb.full_table_name(name) for name in settings.UNAUDITED_TABLES}
    unaudited.write_all(removals=[record for record in records if record.table_name() in tables])
    audited = [record for record in records if record.table_name() not in tables]
    subject = audit.Party("customer", erasure.customer_id, "", erasure.customer_id, erasure.customer_id)
    for start in range(0, len(audited), RECORDS_PER_WRITE):
        chunk = audited[start : start + RECORDS_PER_WRITE]
        changes = [audit.FieldChange("records", len(chunk), None)]
        with journal.write(erasure.author, "customer.records_erased", subject, erasure.at, changes=changes) as write:
            for record in chunk:
                write.remove(record)


STEPS = (
    ErasureStep("audit", 0, None),  # stays as evidence, and cannot be read without the keys
    ErasureStep("board", 95, customer_data.read_all(items.iter_items)),
)
