"""Lists as files: the rows that the filters select, bounded; each download is audited."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst, slugify

from config import audit, errors, journal, spreadsheets
from config.api import csv_tables
from config.backoffice import operators
from config.backoffice.page_customer import get_page_customer, party_of
from config.backoffice.records.list_filters import SINCE_PARAM, UNTIL_PARAM, parse_period

MAX_ROWS = 5_000
MAX_READ = 20_000
"""Records that one file reads: a filter may select few of them."""
CHUNK_SIZE = 250
CUT_OFF = "This file is not complete: the list has more rows. Select a shorter period or another filter."


@dataclass(frozen=True)
class FileTable:
    """How a list looks in a file."""

    columns: Sequence[str]
    build_row: Callable[[Any], Sequence[Any]]
    """The cells of a projected record: text, numbers and times."""


@dataclass(frozen=True)
class ListRows:
    """The projected records of a list, with what `load_related` adds."""

    objects: list[Any]
    is_complete: bool


def read_rows(queryset: Any, load_related: Callable[[Any], None], *, needs_key: bool) -> ListRows:
    """Up to `MAX_ROWS` records. Raises `errors.InvalidRequest` for a list of no customer."""
    if needs_key:
        raise errors.InvalidRequest("Choose a customer first: a file has the records of one.")
    objects: list[Any] = []
    cursor, read_count = None, 0
    while True:
        page = queryset.page(CHUNK_SIZE, cursor)
        chunk = list(queryset.with_records(page.records))
        load_related(chunk)
        objects += chunk
        read_count, cursor = read_count + max(page.scanned_count, len(chunk)), page.next_cursor
        if cursor is None or len(objects) >= MAX_ROWS or read_count >= MAX_READ:
            return ListRows(objects[:MAX_ROWS], cursor is None and len(objects) <= MAX_ROWS)


def shown_columns(model_admin: Any) -> FileTable:
    """The columns that a list shows, and the key."""
    names = [name for name in model_admin.list_display if name != "action_checkbox"]
    labels = [str(label_for_field(name, model_admin.model, model_admin)) for name in names]
    with_key = model_admin.model._meta.pk.attname not in names

    def build_row(obj: Any) -> list[Any]:
        cells = [_to_cell(lookup_field(name, obj, model_admin)[2]) for name in names]
        return [*cells, str(obj.pk)] if with_key else cells

    return FileTable([*map(capfirst, labels), *(["Id"] if with_key else [])], build_row)


def _to_cell(value: Any) -> Any:
    if isinstance(value, SafeString):
        return " ".join(unescape(strip_tags(value)).split())
    if isinstance(value, datetime):
        return csv_tables.local_time_cell(value, timezone.get_current_timezone_name())
    if isinstance(value, bool):
        return csv_tables.yes_no_cell(value)
    if isinstance(value, list | tuple | set | frozenset):
        return csv_tables.list_cell(map(str, value))
    return csv_tables.phone_cell(value) if isinstance(value, str) else value


def csv_response(rows: ListRows, table: FileTable, request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The file; the download is audited first. Times are by the clock of the page."""
    audit_download(request, model_admin, rows, "CSV")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table.columns)
    for obj in rows.objects:
        writer.writerow([spreadsheets.neutralize(cell) for cell in table.build_row(obj)])
    if not rows.is_complete:
        writer.writerow([CUT_OFF])
    response = HttpResponse(spreadsheets.BYTE_ORDER_MARK + text.getvalue(), "text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file_name(request, model_admin)}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def file_name(request: HttpRequest, model_admin: Any) -> str:
    """The name of a file, without ending: the list, the customer, and its days, or else today."""
    customer = get_page_customer(request)
    days = parse_period(request.GET.get(SINCE_PARAM), request.GET.get(UNTIL_PARAM)).slug or str(timezone.localdate())
    about = slugify(f"{model_admin.opts.verbose_name_plural} {customer.name if customer else ''}")
    return f"{about[:100]}-{days}"


def audit_download(request: HttpRequest, model_admin: Any, rows: ListRows, format: str) -> None:
    """Write the audit entry of an export, in the log of the customer if it is of one."""
    customer = get_page_customer(request)
    customer_id = customer.id if customer else _customer_of(rows.objects)
    party = party_of(request, customer_id)
    filters = {name: str(value)[:200] for name, value in request.GET.items()}
    values = {
        "list": str(model_admin.opts.verbose_name_plural),
        "format": format,
        "rows": len(rows.objects),
        "filters": filters,
    }
    changes = [audit.FieldChange(name, None, value) for name, value in values.items()]
    author = operators.author_of(request, party.customer_id)
    journal.write_audit_event(author, "list.exported", party, operators.now(), changes=changes)


def _customer_of(objects: Sequence[Any]) -> str | None:
    """The customer of these records, if it is one."""
    ids = {str(customer_id) for obj in objects if (customer_id := getattr(obj.record, "customer_id", None))}
    return ids.pop() if len(ids) == 1 else None
