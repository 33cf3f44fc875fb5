"""Lines: the IVR configurations of locations, and previews of calls."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import display

from accounts.admin.operator_commands import OperatorForm, actor_for, load_location_names
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url, link_to
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader
from telephony import lines
from telephony.admin.projected import Line
from telephony.calls import preview
from telephony.models import Line as LineRecord
from telephony.serializers.numbers import IvrConfigurationChange, LineView


class IvrConfigurationForm(OperatorForm):
    """The IVR configuration of a location, as JSON."""

    view_serializer, change_body = LineView, IvrConfigurationChange
    help_texts = {"configuration": "JSON that follows the schema at /schemas/ivr-1.json."}

    def save_record(self) -> LineRecord:
        record = self.instance.record
        if not self.body:
            return record
        configuration = self.body["configuration"]
        return lines.update_configuration(
            self.instance.pk, configuration, actor=self.actor, at=self.now, precondition=self.precondition
        )

    def error_text(self, detail: str, path: str) -> str:
        """All errors are at the one field, so each names its place."""
        return f"/{path}: {detail}"


class CallTimeForm(forms.Form):
    """The time of a previewed call."""

    at = form_fields.LocalDateTimeField("Time", required=False, help_text="Local time of the location; empty: now.")


def _preview(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> HttpResponse:
    actor = actor_for(request, obj)
    at = datetime.fromisoformat(form_data["at"]) if form_data.get("at") else operators.now()
    call_preview = preview.preview_call(obj.pk, actor=actor, at=at)
    line, location = lines.get_line(obj.pk, actor=actor)
    context = {
        **admin.site.each_context(request),
        "title": "Call preview",
        "subtitle": f"{location.name}, {line.number}",
        "preview": call_preview,
        "local": call_preview.at.astimezone(ZoneInfo(str(location.time_zone))),
        "zone": location.time_zone,
        "links": [
            ("IVR configuration", admin_change_url("telephony", "line", obj.pk)),
            ("Rota", reverse("admin:rota", args=(obj.pk,))),
        ],
    }
    return TemplateResponse(request, "backoffice/preview.html", context)


@admin.register(Line)
class LineAdmin(RecordAdmin):
    """Lines of a customer, by location."""

    section, icon = "Telephony", "dialpad"
    form = IvrConfigurationForm
    ordering = ("location_id",)
    list_display = ("location_label", "number", "updated_at")
    fieldsets = ((None, {"fields": ("configuration", "version")}),)
    buttons = (
        Button(
            "preview",
            "Preview a call",
            "Shows what a caller would hear and which phones would ring. No call is made.",
            _preview,
            required_right=operators.READ,
            is_available=lambda obj: bool(obj.record.configuration),
            form=CallTimeForm,
        ),
    )

    @display(description="Location")
    def location_label(self, obj: Any) -> str:
        return str(getattr(obj, "location_name", None) or obj.record.location_id)

    def load_related(self, objects: Any) -> None:
        load_location_names(objects)

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        self.load_related([obj])
        number = str(record.number or "")
        return RecordHeader(
            name=f"IVR configuration of {self.location_label(obj)}",
            badge=Badge("takes calls", "good")
            if number and record.configuration
            else Badge("takes no calls", "warning"),
            facts=[
                Fact("Location", link_to("accounts", "location", str(record.location_id), self.location_label(obj))),
                Fact("Number", link_to("telephony", "phonenumber", number) if number else "no number yet", not number),
                Fact("Last changed", Moment(record.updated_at)),
            ],
            primary="preview",
        )

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Location", admin_change_url("accounts", "location", record.location_id)),
            ("Calls", admin_list_url("telephony", "call", location_id__exact=record.location_id)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
            *([("Number", admin_change_url("telephony", "phonenumber", record.number))] if record.number else []),
        ]
