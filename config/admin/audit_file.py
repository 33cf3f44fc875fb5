"""The audit as a readable file: a PDF of the entries that the filters select."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.module_loading import import_string

from config.admin import audit_subjects, audit_text
from config.admin.audit_filters import LOOKS_PARAM, describe_choice
from config.audit import reader
from config.backoffice import clock, list_file, operators
from config.backoffice.page_customer import get_page_customer
from config.backoffice.records.list_filters import SINCE_PARAM, UNTIL_PARAM, last_month, parse_period

MAX_PRINTED = 1_000
"""Entries of one PDF; the CSV has more."""
COLUMNS = ("When", "Who", "What", "About", "What changed")
PLAIN_COLUMNS = ("UTC", "Action", "Id")


def build_row(obj: Any) -> list[str]:
    """An entry in words; the time by the clock of the page."""
    return _to_cells(obj.decrypted, obj.subject_name, obj.names)


def _to_cells(entry: reader.DecryptedEntry, subject_name: str, names: Mapping[str, str]) -> list[str]:
    return [
        format_time(entry.at),
        audit_text.party_name(entry.actor),
        audit_text.sentence(entry),
        subject_name,
        audit_text.changes_text(entry, names),
    ]


def file_table() -> list_file.FileTable:
    """The columns of the CSV: those of the PDF, and what programs need."""
    return list_file.FileTable(
        (*COLUMNS, *PLAIN_COLUMNS), lambda obj: [*build_row(obj), *_to_plain_cells(obj.decrypted)]
    )


def _to_plain_cells(entry: reader.DecryptedEntry) -> list[str]:
    return [f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.id]


def describe_entries(entries: Sequence[reader.DecryptedEntry]) -> list[dict[str, str]]:
    """Entries as rows by column, in words; times in UTC."""
    described = audit_subjects.describe_all(entries)
    with timezone.override(UTC):
        return [
            dict(
                zip((*COLUMNS, *PLAIN_COLUMNS), (*_to_cells(entry, name, names), *_to_plain_cells(entry)), strict=True)
            )
            for entry, (name, names) in zip(entries, described, strict=True)
        ]


def format_time(at: datetime) -> str:
    """A time by the clock of the page, with its zone."""
    local = at.astimezone(timezone.get_current_timezone())
    return f"{clock.format_day_time(local)} {local:%Z}"


def pdf_response(rows: list_file.ListRows, request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The PDF, with the entries as JSON inside; audited. Raises `errors.Unavailable`."""
    printed = list_file.ListRows(rows.objects[:MAX_PRINTED], rows.is_complete and len(rows.objects) <= MAX_PRINTED)
    list_file.audit_download(request, model_admin, printed, "PDF")
    print_document: Callable[[str, bytes], bytes] = import_string(settings.DOCUMENT_PRINTER)
    cells = [build_row(obj) for obj in printed.objects]
    content = print_document(_render(cells, printed, request), _to_json(printed.objects))
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{list_file.file_name(request, model_admin)}.pdf"'
    response["Cache-Control"] = "no-store"
    return response


def _render(cells: Sequence[Sequence[str]], rows: list_file.ListRows, request: HttpRequest) -> str:
    customer = get_page_customer(request)
    period = parse_period(request.GET.get(SINCE_PARAM), request.GET.get(UNTIL_PARAM))
    about = [
        f"{len(cells):,} entries, newest first: {period}. Times: {timezone.get_current_timezone_name()}.",
        f"Created by {operators.operator_name(request.user)} on {format_time(operators.now())}.",
    ]
    if text := _describe_filters(request):
        about.append(text)
    if not rows.is_complete:
        about.append(f"Not complete: these are the newest {len(cells):,}. Select fewer days for the others.")
    title = f"Audit: {customer.name}" if customer else "Audit"
    heading = title.replace("\\", " ").replace('"', "”").replace("\n", " ")[:100]
    return render_to_string("export/audit.html", {"title": title, "heading": heading, "about": about, "rows": cells})


def _describe_filters(request: HttpRequest) -> str:
    """The filters in words; that of the customer is the title."""
    parts = []
    if person := request.GET.get("person", ""):
        parts.append(f"by or about “{person[:100]}”")
    if what := request.GET.get("what", ""):
        parts.append(f"about “{describe_choice(what)[:100]}”")
    only = f"Only entries {', '.join(parts)}." if parts else ""
    left_out = "" if request.GET.get(LOOKS_PARAM) else f"Left out: what {operators.operator_name(request.user)} viewed."
    return " ".join(filter(None, (only, left_out)))


def _to_json(objects: Sequence[Any]) -> bytes:
    entries = [
        {
            "id": entry.id,
            "at": entry.at.isoformat(),
            "action": entry.action,
            "by": entry.actor,
            "about": entry.subject,
            "changes": entry.changes,
            "hash": entry.hash,
        }
        for entry in (obj.decrypted for obj in objects)
    ]
    return orjson.dumps({"entries": entries}, default=str)


def list_files(request: HttpRequest, urls: Mapping[str, str]) -> list[tuple[str, str]]:
    """The files of a list: titles and URLs, from the URLs by format.

    Of last month, unless the list has a period; then of what is filtered.
    """
    values = {name: str(value) for name, value in request.GET.items() if name != "p"}
    queries = {"Download as": urlencode(values)}
    if not {SINCE_PARAM, UNTIL_PARAM} & set(values):
        month = urlencode({**values, **last_month(timezone.localdate()).parameters})
        queries = {"Last month as": month, **queries}
    return [(f"{title} {name}", f"{url}?{query}") for title, query in queries.items() for name, url in urls.items()]
