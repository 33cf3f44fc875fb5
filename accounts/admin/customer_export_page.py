"""The page that has everything of a customer prepared, shows how far it is, and downloads it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import slugify

from accounts import customers
from accounts.admin import customer_deletion
from accounts.admin.operator_commands import leaving_actor
from accounts.models import CustomerExport
from accounts.privacy import customer_export
from config import errors
from config.backoffice import operators
from config.backoffice.links import admin_change_url
from config.backoffice.page_customer import set_page_customer
from config.backoffice.record_header import Moment
from config.privacy import customer_data


def export_view(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Show the export of a customer; a POST has a new one prepared."""
    actor = _require_lead(request, customer_id)
    at = operators.now()
    if request.method == "POST":
        customer_export.request_export(customer_id, actor=actor, at=at)
        return HttpResponseRedirect(reverse("admin:customer_export", args=(customer_id,)))
    set_page_customer(request, customer_id)
    export = customer_export.find_export(customer_id, actor=actor, at=at)
    context = {
        **admin.site.each_context(request),
        "title": "Export everything",
        "export": export,
        "progress": _progress(export) if export else None,
        "back_url": admin_change_url("accounts", "customer", customer_id),
        "download_url": reverse("admin:customer_export_file", args=(customer_id,)),
        **customer_deletion.deletion_context(customers.get_customer(customer_id)),
    }
    return TemplateResponse(request, "backoffice/customer_export.html", context)


def download_view(request: HttpRequest, customer_id: str) -> HttpResponseBase:
    """The zip, as it is read."""
    actor = _require_lead(request, customer_id)
    try:
        chunks = customer_export.download(customer_id, actor=actor, at=operators.now())
    except customer_export.ExportNotReady as not_ready:
        messages.info(request, not_ready.detail)
        return HttpResponseRedirect(reverse("admin:customer_export", args=(customer_id,)))
    response = StreamingHttpResponse(chunks, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{_file_name(customer_id)}"'
    return response


def _file_name(customer_id: str) -> str:
    """The customer and the day, such as ``hilltop-vets-2026-11-29.zip``."""
    name = slugify(customers.get_customer(customer_id).name)[:100] or "customer"
    return f"{name}-{operators.now():%Y-%m-%d}.zip"


def _require_lead(request: HttpRequest, customer_id: str) -> Any:
    if not operators.has_right(request, operators.LEAD):
        raise PermissionDenied
    if request.method not in ("GET", "POST"):
        raise errors.NotFound("There is nothing at this path.")
    customers.get_customer(customer_id)
    return leaving_actor(request, customer_id)


def _progress(export: CustomerExport) -> dict[str, Any]:
    kinds = len(customer_data.load_sources())
    done = min(int(export.sources_done), kinds)
    return {
        "is_ready": bool(export.completed_at),
        "done": done,
        "kinds": kinds,
        "rows": int(export.rows),
        "requested_at": Moment(export.requested_at),
        "completed_at": Moment(export.completed_at),
        "deleted_at": Moment(export.requested_at + customer_export.LIFETIME),
    }
