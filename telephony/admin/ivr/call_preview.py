"""The page that previews a call to a location: now, or at a chosen time."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.admin.operator_commands import actor_for
from config import phone_numbers
from config.backoffice import operators
from config.backoffice.page_customer import set_page_customer
from config.backoffice.record_admin import RecordAdmin
from telephony import lines
from telephony.admin.ivr import changes, preview_words
from telephony.admin.ivr.form_parts import Field
from telephony.calls.preview import preview_call


class CallPreviewPage(RecordAdmin):
    """Adds the page of previewed calls of a line."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<path:object_id>/preview/", view, name="telephony_line_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what a caller would hear at the local time ``at``; now without one."""
        if not operators.has_right(request, operators.READ):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        obj: Any = self.model.get(unquote(object_id))
        if obj is None or not obj.record.configuration:
            raise Http404
        actor = actor_for(request, obj)
        set_page_customer(request, actor.customer_id)
        line, location = lines.get_line(obj.pk, actor=actor)
        zone, text = str(location.time_zone), request.GET.get("at", "")[:40]
        at = changes.read_time(text, zone, operators.now())
        shown = text or f"{operators.now().astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"
        error = "" if at else changes.TIME_HELP
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Preview a call",
            "subtitle": f"{location.name}, {phone_numbers.to_readable(str(line.number or '')) or 'no number'}",
            "field": Field("at", "Time", shown, "datetime-local", help=f"Local time ({zone}).", error=error),
            "preview": preview_words.describe(preview_call(obj.pk, actor=actor, at=at), zone) if at else None,
            "links": [("IVR configuration", self.url_for_pk(obj.pk)), ("Rota", reverse("admin:rota", args=(obj.pk,)))],
        }
        return TemplateResponse(request, "backoffice/preview.html", context)
