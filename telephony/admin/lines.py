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
from config.backoffice import operator_actor as at_the_door
from config.backoffice import operator_permissions
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from telephony import lines
from telephony.admin.projected import Line
from telephony.calls import preview
from telephony.models import Line as Record
from telephony.serializers.numbers import LineView


class ConfigurationForm(record_form.RecordForm):
    """How a location answers, as the JSON that the API takes."""

    view = LineView
    configuration = form_fields.area(
        "Configuration", rows=28, help_text="JSON, as /schemas/ivr-1.json describes it."
    )

    def initial_more(self) -> record_form.Asked:
        kept = self.instance.kept.configuration
        return {"configuration": json.dumps(kept, indent=2, ensure_ascii=False) if kept else ""}

    def clean(self) -> dict[str, Any]:
        values = dict(self.cleaned_data)
        self.asked = {}
        if "configuration" in self.changed_data:
            try:
                self.asked = {"configuration": strict_json.loads(values["configuration"].encode())}
            except strict_json.Malformed as error:
                self.add_error("configuration", ValidationError(str(error)))
        return values

    def _tell(self, refusal: errors.Refusal) -> None:
        """Each fault with the place that it is at, as all of them are of one field."""
        if isinstance(refusal, errors.PreconditionFailed) or not refusal.faults:
            super()._tell(refusal)
            return
        for fault in refusal.faults:
            place = fault.pointer.removeprefix("/configuration") or "/"
            self.add_error("configuration", ValidationError(f"{place}: {fault.detail}"))


class When(django_forms.Form):
    """When somebody would call."""

    at = form_fields.WallTime("When", required=False, help_text="In UTC; now, if left out.")


def _preview(request: HttpRequest, obj: Any, given: Mapping[str, Any]) -> HttpResponse:
    actor = operator_actor.actor(request, str(obj.kept.customer_id))
    at = datetime.fromisoformat(given["at"]) if given.get("at") else at_the_door.now()
    found = preview.preview(obj.pk, actor=actor, at=at.replace(tzinfo=at.tzinfo or UTC))
    record, place = lines.get(obj.pk, actor=actor)
    context = {
        **admin.site.each_context(request),
        "title": "What a caller would meet",
        "subtitle": f"{place.name}, {record.number}",
        "preview": found,
        "local": found.at.astimezone(ZoneInfo(str(place.time_zone))),
        "zone": place.time_zone,
        "links": [
            ("IVR configuration", page_of("telephony", "line", obj.pk)),
            ("Rota", reverse("admin:rota", args=(obj.pk,))),
        ],
    }
    return TemplateResponse(request, "backoffice/preview.html", context)


@admin.register(Line)
class LineAdmin(RecordAdmin):
    """Lines of a customer."""

    section, icon = "Telephony", "dialpad"
    form = ConfigurationForm
    ordering = ("location_id",)
    list_display = ("place", "number", "updated_at")
    fieldsets = ((None, {"fields": ("configuration", "version")}),)
    buttons = (
        Button(
            "preview",
            "Preview a call",
            "Who would be rung and what would be heard, without a call.",
            _preview,
            right=operator_permissions.READ,
            when=lambda obj: bool(obj.kept.configuration),
            form=When,
        ),
    )

    @display(description="Location")
    def place(self, obj: Any) -> str:
        return str(getattr(obj, "at", None) or obj.kept.location_id)

    def prepare(self, objects: Any) -> None:
        for customer_id in {str(obj.kept.customer_id) for obj in objects}:
            of = [obj for obj in objects if obj.kept.customer_id == customer_id]
            found = locations.named({str(obj.pk) for obj in of}, customer_id)
            for obj in of:
                known = found.get(str(obj.pk))
                obj.at = known.name if known else None

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        kept = obj.kept
        links = [
            ("Customer", page_of("accounts", "customer", kept.customer_id)),
            ("Location", page_of("accounts", "location", kept.location_id)),
            ("Calls", list_of("telephony", "call", location_id__exact=kept.location_id)),
            ("Audit", list_of("config", "auditentry", stream__exact=kept.customer_id)),
        ]
        if kept.number:
            links.append(("Number", page_of("telephony", "phonenumber", kept.number)))
        return {"links": links}

    def keep(self, request: HttpRequest, before: Any, form: Any) -> Record:
        if "configuration" not in form.asked:
            return before.kept
        actor = operator_actor.actor(request, str(before.kept.customer_id))
        now = at_the_door.now()
        configuration = form.asked["configuration"]
        return lines.change(before.pk, configuration, actor=actor, at=now, versions=form.versions)
