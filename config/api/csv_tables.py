"""Lists as CSV (RFC 4180), for people who open them in a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

import phonenumbers
from django.http import HttpResponse
from rest_framework.request import Request

from config import content_negotiation, phone_numbers, spreadsheets
from config.api import pagination, throttling
from config.dynamodb.pagination import Cursor, CursorPage

MEDIA_TYPE = "text/csv"
MAX_ROWS = 10_000
"""Rows of one file; the header Link leads to the next."""
MAX_PAGES = 100
"""Pages that one file reads: those of a filtered list can be almost empty."""
PAGE_SIZE = 1_000
T = TypeVar("T")


class FetchPage(Protocol[T]):
    """Reads one page of a list."""

    def __call__(self, *, limit: int, cursor: Cursor | None) -> CursorPage[T]: ...


@dataclass(frozen=True)
class Table(Generic[T]):
    """How a list looks as CSV: the name of the file, the header row, and the rows of a page."""

    name: str
    columns: Sequence[str]
    build_rows: Callable[[Sequence[T]], Iterable[Sequence[Any]]]


def is_requested(request: Request) -> bool:
    """Whether the client prefers CSV to JSON."""
    return content_negotiation.select_media_type(request, ["application/json", MEDIA_TYPE]) == MEDIA_TYPE


def table_response(
    request: Request, table: Table[T], scope: str, fetch_page: FetchPage[T], *, limit: int | None, cursor: str | None
) -> HttpResponse:
    """The list from ``cursor`` on: up to ``limit`` rows, or without one all up to `MAX_ROWS`.

    If rows are left, the header Link leads to them. A file without ``limit`` costs as much as an
    export, and counts as one. Raises `errors.TooManyRequests`, `pagination.InvalidCursor`, and what
    ``fetch_page`` raises.
    """
    if limit is None:
        throttling.get_limiter().count_request("export", str(request.user.id))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table.columns)
    next_cursor = pagination.decode_cursor(scope, cursor)
    rows_left = limit or MAX_ROWS
    for _ in range(1 if limit else MAX_PAGES):
        page = fetch_page(limit=min(rows_left, PAGE_SIZE), cursor=next_cursor)
        writer.writerows([spreadsheets.neutralize(cell) for cell in row] for row in table.build_rows(page.records))
        rows_left, next_cursor = rows_left - len(page.records), page.next_cursor
        if next_cursor is None or rows_left == 0:
            break
    headers = {"Content-Disposition": f'attachment; filename="{table.name}.csv"', "Vary": "Accept"}
    if next_page := pagination.encode_cursor(scope, next_cursor):
        headers["Link"] = pagination.next_link(request, next_page)
    return HttpResponse(spreadsheets.BYTE_ORDER_MARK + text.getvalue(), f"{MEDIA_TYPE}; charset=utf-8", headers=headers)


def phone_cell(number: str | None) -> str | None:
    """A phone number in groups, +1 617-555-0142: spreadsheets show +16175550142 as 1.6E+10."""
    parsed = phone_numbers.parse_number(number) if number and number.startswith("+") else None
    if parsed is None:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def local_time_cell(at: datetime | None, zone: str) -> str | None:
    """A time on the clock of a zone, in the form that spreadsheets read in every language."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") if at else None


def list_cell(values: Iterable[str]) -> str:
    """Several values in one cell."""
    return "; ".join(values)


def yes_no_cell(value: object) -> str:
    """A truth value as a word."""
    return "yes" if value else "no"
