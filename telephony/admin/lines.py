"""IVR configurations: how the locations of a customer answer, and what a caller would meet."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms as django_forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import display

from accounts import locations
from accounts.admin import operator_actor
from config import errors, strict_json
from config.backoffice import audit_context, operator_permissions
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, admin_change_url, admin_list_url
from telephony import lines
from telephony.admin.projected import Line
from telephony.calls import preview
from telephony.models import Line as LineRecord
from telephony.serializers.numbers import LineView


class IvrConfigurationForm(record_form.RecordForm):
    """How a location answers, as the JSON that the API takes."""

    view_serializer = LineView
    configuration = form_fields.textarea_field(
        "Configuration", rows=28, help_text="JSON, as /schemas/ivr-1.json describes it."
    )

    def extra_initial(self) -> record_form.FieldValues:
        configuration = self.instance.record.configuration
        return {"configuration": json.dumps(configuration, indent=2, ensure_ascii=False) if configuration else ""}

    def clean(self) -> dict[str, Any]:
        values = dict(self.cleaned_data)
        self.body = {}
        if "configuration" in self.changed_data:
            try:
                self.body = {"configuration": strict_json.loads(values["configuration"].encode())}
            except strict_json.MalformedJSON as error:
                self.add_error("configuration", ValidationError(str(error)))
        return values

    def _add_refusal_errors(self, refusal: errors.DomainError) -> None:
        """Each fault with the place that it is at, as all of them are of one field."""
        if isinstance(refusal, errors.PreconditionFailed) or not refusal.field_errors:
            super()._add_refusal_errors(refusal)
            return
        for fault in refusal.field_errors:
            path = fault.pointer.removeprefix("/configuration") or "/"
            self.add_error("configuration", ValidationError(f"{path}: {fault.detail}"))


class CallTimeForm(django_forms.Form):
    """When somebody would call."""

    at = form_fields.LocalDateTimeField("When", required=False, help_text="In UTC; now, if left out.")


def _preview(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> HttpResponse:
    actor = operator_actor.actor(request, str(obj.record.customer_id))
    at = datetime.fromisoformat(form_data["at"]) if form_data.get("at") else audit_context.current_time()
    call_preview = preview.preview_call(obj.pk, actor=actor, at=at.replace(tzinfo=at.tzinfo or UTC))
    line, location = lines.get_line(obj.pk, actor=actor)
    context = {
        **admin.site.each_context(request),
        "title": "What a caller would meet",
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
    """Lines of a customer."""

    section, icon = "Telephony", "dialpad"
    form = IvrConfigurationForm
    ordering = ("location_id",)
    list_display = ("location_label", "number", "updated_at")
    fieldsets = ((None, {"fields": ("configuration", "version")}),)
    buttons = (
        Button(
            "preview",
            "Preview a call",
            "Who would be rung and what would be heard, without a call.",
            _preview,
            required_right=operator_permissions.READ,
            is_available=lambda obj: bool(obj.record.configuration),
            form=CallTimeForm,
        ),
    )

    @display(description="Location")
    def location_label(self, obj: Any) -> str:
        return str(getattr(obj, "location_name", None) or obj.record.location_id)

    def load_related(self, objects: Any) -> None:
        for customer_id in {str(obj.record.customer_id) for obj in objects}:
            customer_lines = [obj for obj in objects if obj.record.customer_id == customer_id]
            locations_by_id = locations.load_locations({str(obj.pk) for obj in customer_lines}, customer_id)
            for obj in customer_lines:
                location = locations_by_id.get(str(obj.pk))
                obj.location_name = location.name if location else None

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        record = obj.record
        links = [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Location", admin_change_url("accounts", "location", record.location_id)),
            ("Calls", admin_list_url("telephony", "call", location_id__exact=record.location_id)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
        ]
        if record.number:
            links.append(("Number", admin_change_url("telephony", "phonenumber", record.number)))
        return {"links": links}

    def save_record(self, request: HttpRequest, obj: Any, form: Any) -> LineRecord:
        if "configuration" not in form.body:
            return obj.record
        actor = operator_actor.actor(request, str(obj.record.customer_id))
        now = audit_context.current_time()
        configuration = form.body["configuration"]
        return lines.update_configuration(obj.pk, configuration, actor=actor, at=now, versions=form.versions)
