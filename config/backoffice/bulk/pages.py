"""The pages of a bulk action: what would be changed, how far it is, and the report."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.text import slugify

from config import audit, dynamodb, errors, journal, spreadsheets
from config.backoffice import operators
from config.backoffice.bulk.execution import describe_state, find_button
from config.backoffice.forms.actions import Button
from config.backoffice.page_customer import party_of, set_page_customer
from config.backoffice.record_header import Moment
from config.bulk import runs
from config.bulk.models import BulkChunk, BulkRun

MAX_NAMES = 100
"""Records that a page names; the report has all."""
MAX_LISTED = 30
GONE = "a record that was erased"


@dataclass(frozen=True)
class _Row:
    """A record, and what came of it."""

    name: str
    key: str
    outcome: str
    reason: str = ""


def start_preview(
    request: HttpRequest, model_admin: Any, queryset: Any, button: Button, form_values: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Store what is selected, and lead to the page that shows it."""
    objects = list(islice(queryset.iterator(), runs.MAX_RECORDS + 1))
    if len(objects) > runs.MAX_RECORDS:
        messages.warning(request, f"More than {runs.MAX_RECORDS:,} match: these are the first {runs.MAX_RECORDS:,}.")
        del objects[runs.MAX_RECORDS :]
    possible = [str(obj.pk) for obj in objects if button.is_available(obj)]
    left_out = {str(obj.pk): describe_state(obj) for obj in objects if not button.is_available(obj)}
    customer_ids = {str(getattr(obj.record, "customer_id", None) or "") for obj in objects}
    run = runs.create_preview(
        runs.Selection(possible, left_out, customer_ids.pop() or None if len(customer_ids) == 1 else None),
        model=model_admin.opts.label_lower,
        action=button.name,
        operator_id=operators.operator_id(request.user),
        operator_pk=int(request.user.pk or 0),
        at=operators.now(),
        form_values=form_values,
    )
    return HttpResponseRedirect(reverse("admin:bulk_run", args=(run.id,)))


def run_view(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show a run; a POST begins it."""
    run, button, model_admin = _open(request, run_id)
    form = None
    if not run.begun_at:
        if run.operator_id != operators.operator_id(request.user):
            raise errors.NotFound("There is no such bulk action.")
        is_post = request.method == "POST"
        form = button.form(request.POST if is_post else None, initial=dict(run.form_values)) if button.form else None
        if is_post and int(run.total) and (form is None or form.is_valid()):
            _begin(request, run, form.cleaned_data if form else {})
            return HttpResponseRedirect(request.path)
    chunks = runs.load_chunks(run)
    counts = runs.count(run, chunks)
    context = {
        **admin.site.each_context(request),
        "title": button.label,
        "subtitle": _count_text(model_admin, int(run.total)),
        "run": run,
        "button": button,
        "form": form,
        "counts": counts,
        "created_at": Moment(run.begun_at or run.created_at),
        "ended_at": Moment(run.ended_at),
        "back_url": _list_url(model_admin, run),
        "report_url": reverse("admin:bulk_report", args=(run.id,)),
        "runs_url": reverse("admin:bulk_runs"),
        "max_listed": MAX_LISTED,
        "undo": _find_undo(request, run, button, counts),
        "page_details": _describe(run, chunks, button),
        **_listed(run, chunks, model_admin),
    }
    return TemplateResponse(request, "backoffice/bulk_run.html", context)


def _describe(run: BulkRun, chunks: Sequence[BulkChunk], button: Button) -> Sequence[str]:
    """What the action does to the records that are to be changed, until it begins."""
    keys = [key for chunk in chunks for key in chunk.ids]
    return button.bulk_details(keys, run.customer_id and str(run.customer_id)) if keys and not run.begun_at else ()


def _find_undo(request: HttpRequest, run: BulkRun, button: Button, counts: runs.Counts) -> Button | None:
    """The action that undoes one that has ended, if there is one and the operator may do it."""
    if not (run.ended_at and counts.done and button.opposite):
        return None
    opposite, _ = find_button(str(run.model), button.opposite)
    return opposite if operators.has_right(request, opposite.required_right) else None


def _listed(run: BulkRun, chunks: Sequence[BulkChunk], model_admin: Any) -> dict[str, Any]:
    """The records that a page names: those to be changed, then what came of them; with links."""
    left_out = [(key, reason) for chunk in chunks for key, reason in chunk.left_out.items()]
    failed = [(key, reason) for chunk in chunks for key, reason in chunk.outcomes.items() if reason]
    done = [key for chunk in chunks for key, reason in chunk.outcomes.items() if not reason]
    keys = (done if run.begun_at else [key for chunk in chunks for key in chunk.ids])[:MAX_NAMES]
    shown = [*left_out[:MAX_LISTED], *failed[:MAX_LISTED]]
    names = _names_of(model_admin, [*keys, *(key for key, _ in shown)])

    def link(key: str) -> str:
        return format_html('<a href="{}">{}</a>', model_admin.url_for_pk(key), names[key]) if key in names else GONE

    total = len(done) if run.begun_at else int(run.total)
    return {
        "names": [link(key) for key in keys],
        "more_names": total - len(keys),
        "left_out": [(link(key), reason) for key, reason in left_out[:MAX_LISTED]],
        "failed": [(link(key), reason) for key, reason in failed[:MAX_LISTED]],
    }


def _names_of(model_admin: Any, keys: Iterable[str]) -> dict[str, str]:
    """Names by key of the records that exist."""
    names: dict[str, str] = {}
    distinct = list(dict.fromkeys(keys))
    for start in range(0, len(distinct), 100):
        part = model_admin.model.objects.filter(pk__in=distinct[start : start + 100])
        names |= {str(obj.pk): str(obj) for obj in part.iterator()}
    return names


def _begin(request: HttpRequest, run: BulkRun, values: dict[str, Any]) -> None:
    subject = party_of(request, run.customer_id and str(run.customer_id))
    author = operators.author_of(request, subject.customer_id)
    if not runs.begin(run, values, author=author, subject=subject, at=operators.now()):
        messages.info(request, "It has begun already.")


def undo_view(request: HttpRequest, run_id: str) -> HttpResponse:
    """Preview the opposite action for the records to which an action was done."""
    run, button, model_admin = _open(request, run_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    chunks = runs.load_chunks(run)
    opposite = _find_undo(request, run, button, runs.count(run, chunks))
    if opposite is None:
        raise errors.Conflict("This bulk action cannot be undone here.")
    keys = [key for chunk in chunks for key, reason in chunk.outcomes.items() if not reason]
    return start_preview(request, model_admin, _Selected(model_admin, keys), opposite, run.form_values)


@dataclass(frozen=True)
class _Selected:
    """Records by key, as a query set that can only be read through."""

    model_admin: Any
    keys: Sequence[str]

    def iterator(self) -> Iterator[Any]:
        for start in range(0, len(self.keys), 100):
            yield from self.model_admin.model.objects.filter(pk__in=self.keys[start : start + 100]).iterator()


def report_view(request: HttpRequest, run_id: str) -> HttpResponse:
    """The report as CSV, audited. Names are those of now; of erased records it has the id."""
    run, button, model_admin = _open(request, run_id)
    if not run.begun_at:
        raise errors.NotFound("This bulk action has not begun.")
    party = party_of(request, run.customer_id and str(run.customer_id))
    values = {"list": f"bulk action: {button.label}", "format": "CSV", "rows": int(run.total) + int(run.left_out)}
    changes = [audit.FieldChange(name, None, value) for name, value in values.items()]
    author = operators.author_of(request, party.customer_id)
    journal.write_audit_event(author, "list.exported", party, operators.now(), changes=changes)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["Name", "Result", "Reason", "Id"])
    for row in _report_rows(runs.load_chunks(run), model_admin):
        writer.writerow([spreadsheets.neutralize(cell) for cell in (row.name, row.outcome, row.reason, row.key)])
    response = HttpResponse(spreadsheets.BYTE_ORDER_MARK + text.getvalue(), "text/csv; charset=utf-8")
    name = slugify(f"{button.label} {model_admin.opts.verbose_name_plural} {run.begun_at:%Y-%m-%d}")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _report_rows(chunks: Sequence[BulkChunk], model_admin: Any) -> list[_Row]:
    keys = [key for chunk in chunks for key in (*chunk.ids, *chunk.left_out)]
    names = _names_of(model_admin, keys)
    rows = []
    for chunk in chunks:
        for key in chunk.ids:
            reason = chunk.outcomes.get(key)
            outcome = "not started" if reason is None else "failed" if reason else "done"
            rows.append(_Row(names.get(key, ""), key, outcome, reason or ""))
        rows += [_Row(names.get(key, ""), key, "left out", reason) for key, reason in chunk.left_out.items()]
    return rows


def list_view(request: HttpRequest) -> HttpResponse:
    """The last bulk actions of the operator."""
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied
    rows = []
    own_runs = runs.list_runs(operators.operator_id(request.user), operators.now(), limit=MAX_LISTED)
    customers = _name_customers(own_runs)
    for run in own_runs:
        button, model_admin = find_button(str(run.model), str(run.action))
        title = f"{button.label}: {_count_text(model_admin, int(run.total))}"
        state = "running" if not run.ended_at else "stopped" if run.stopped_because else "ended"
        url = reverse("admin:bulk_run", args=(run.id,))
        customer = customers.get(str(run.customer_id), ("several customers, or none", ""))
        rows.append({"title": title, "state": state, "at": Moment(run.begun_at), "url": url, "customer": customer})
    context = {**admin.site.each_context(request), "title": "My bulk actions", "rows": rows}
    return TemplateResponse(request, "backoffice/bulk_runs.html", context)


def _name_customers(own_runs: Sequence[BulkRun]) -> dict[str, tuple[str, str]]:
    """Name and URL of the customers of runs, by id; one round trip."""
    naming = import_string(settings.BOARD_CUSTOMER_NAMES)
    ids = {str(run.customer_id) for run in own_runs if run.customer_id}
    records = dynamodb.batch_get({naming.record_key(id) for id in ids})
    return {id: naming.describe(records, id) or ("a customer that was erased", "") for id in ids}


def _open(request: HttpRequest, run_id: str) -> tuple[BulkRun, Button, Any]:
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied
    run = runs.find_run(run_id, operators.now())
    button, model_admin = find_button(str(run.model), str(run.action))
    if not operators.has_right(request, button.required_right):
        raise PermissionDenied
    set_page_customer(request, str(run.customer_id) if run.customer_id else None)
    return run, button, model_admin


def _count_text(model_admin: Any, count: int) -> str:
    opts = model_admin.opts
    return f"{count} {opts.verbose_name if count == 1 else opts.verbose_name_plural}"


def _list_url(model_admin: Any, run: BulkRun) -> str:
    url = reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist")
    return f"{url}?customer_id__exact={run.customer_id}" if run.customer_id else url


def list_urls(site: Any) -> list[URLPattern]:
    """The pages of bulk actions."""
    return [
        path("bulk/", site.admin_view(list_view), name="bulk_runs"),
        path("bulk/<str:run_id>/", site.admin_view(run_view), name="bulk_run"),
        path("bulk/<str:run_id>/undo/", site.admin_view(undo_view), name="bulk_undo"),
        path("bulk/<str:run_id>/report/", site.admin_view(report_view), name="bulk_report"),
    ]
