"""Everything that is stored for a customer, for an export: each app declares its part.

``settings.CUSTOMER_DATA`` lists sequences of `ExportSource`. A source is read page by page, so that
an export of any size can go on where it stopped.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb
from config.dynamodb import pagination
from config.privacy.data_map import ExportRow, to_camel_case

PAGE_SIZE = 250
ReadPage = Callable[[str, pagination.Cursor | None], pagination.CursorPage[Any]]
"""Reads the next page of a customer: by its id, and from a cursor on."""


@dataclass(frozen=True)
class ExportSource:
    """One kind of records in the export of a customer."""

    name: str
    """Of the files: ``calls.json`` and ``calls.csv``."""
    read_page: ReadPage
    to_row: Callable[[Any], ExportRow]
    files: Callable[[Any], Mapping[str, str]] = lambda record: {}
    """Stored files of a record, by their names in the export."""
    file_name: Callable[[ExportRow], str] | None = None
    """Each row is a file of its own, of this name."""
    to_csv_rows: Callable[[Sequence[Any]], Sequence[ExportRow]] | None = None
    """From the records of a page: the rows for spreadsheets, where they differ."""


def load_sources() -> Sequence[ExportSource]:
    """Those of all apps, in order."""
    return [source for path in settings.CUSTOMER_DATA for source in import_string(path)]


def read_by_index(
    record_class: type[dynamodb.Record], *, attribute: str = "customer_id", limit: int = PAGE_SIZE
) -> ReadPage:
    """Pages of whole records by the index ``byCustomer``, which may hold a part of them only."""

    def read_page(customer_id: str, cursor: pagination.Cursor | None) -> pagination.CursorPage[Any]:
        values = {":of": {"S": customer_id}}
        page = pagination.query_page(
            record_class, "byCustomer", f"#{attribute} = :of", values, limit=limit, cursor=cursor
        )
        keys = [record.record_key for record in page.records]
        batch = dynamodb.batch_get(keys)
        records = [record for key in keys if (record := batch.get(*key))]
        # the index may lag behind: nothing of another customer may get in
        own = [record for record in records if getattr(record, attribute) == customer_id]
        return pagination.CursorPage(own, page.next_cursor)

    return read_page


def read_all(read: Callable[[str], Iterator[Any]]) -> ReadPage:
    """One page of what a customer has few of."""
    return lambda customer_id, cursor: pagination.CursorPage(list(read(customer_id)))


def row_of(*names: str) -> Callable[[dynamodb.Record], ExportRow]:
    """These attributes of a record."""

    def to_row(record: dynamodb.Record) -> ExportRow:
        return {to_camel_case(name): getattr(record, name) for name in names}

    return to_row
