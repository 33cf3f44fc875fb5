"""Templates: reusable shapes of schedules."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import operator_actor
from config.backoffice import operator_actor as at_the_door
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from config.dynamodb import ids
from staffing import shift_templates
from staffing.admin.patterns import PatternFields
from staffing.admin.projected import Template
from staffing.models import Template as Record
from staffing.serializers.shift_templates import NewTemplate, TemplateChange, TemplateView


class TemplateForm(PatternFields):
    """A shape of a schedule."""

    view, new, changed = TemplateView, NewTemplate, TemplateChange
    name = form_fields.text("Name", required=True)
    locationId = form_fields.one_of(
        "Location", Template._meta.get_field("location"), required=False, help_text="None: any."
    )
    startTime = form_fields.text("Start", required=True, help_text="A time of day: 09:00.")
    endTime = form_fields.text(
        "End", required=True, help_text="Not after the start: of the next day."
    )

    def prepare(self) -> None:
        if self.is_change:
            customer_id = str(self.instance.kept.customer_id)
        else:
            customer_id = self.request.GET.get("customer_id", "")
        form_fields.confine(self.fields["locationId"], customer_id)

    def wire(self, given: record_form.Asked) -> record_form.Asked:
        if self.is_change:
            return {"id": self.instance.pk, **self.with_pattern(given)}
        made = {name: value for name, value in given.items() if value not in (None, [], "")}
        customer_id = self.request.GET.get("customer_id", "")
        return {"customerId": customer_id, **self.with_pattern(made)}


def _remove(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, str(obj.kept.customer_id))
    shift_templates.remove(obj.pk, actor=actor, at=at_the_door.now())
    return f"{obj} is removed; schedules made of it stay."


@admin.register(Template)
class TemplateAdmin(RecordAdmin):
    """Shapes of a customer by name."""

    section, icon, adds = "Rota", "content_copy", True
    form = TemplateForm
    ordering = ("name_key",)
    list_display = ("name", "start", "end", "updated_at")
    searches = "The beginning of a name, or an id"
    fieldsets = (
        (None, {"fields": ("version", "name", "locationId", "startTime", "endTime")}),
        ("Recurs", {"fields": ("frequency", "interval", "byDay")}),
    )
    buttons = (
        Button(
            "remove",
            "Remove",
            "It is removed for good; schedules made of it stay.",
            _remove,
            name_of=lambda obj: str(obj.kept.name),
        ),
    )

    def search(self, queryset: Any, term: str) -> Any:
        if ids.is_id("tpl", term):
            return queryset.filter(pk=term)
        return queryset.filter(name_key__startswith=term.casefold())

    def find(self, term: str) -> str | None:
        return term if ids.is_id("tpl", term) and self.model.get(term) else None

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        kept = obj.kept
        links = [("Customer", page_of("accounts", "customer", kept.customer_id))]
        if kept.location_id:
            links.append(("Location", page_of("accounts", "location", kept.location_id)))
        links.append(("Audit", list_of("config", "auditentry", stream__exact=kept.customer_id)))
        return {"links": links}

    def keep(self, request: HttpRequest, before: Any, form: Any) -> Record:
        now = at_the_door.now()
        asked = {n: v for n, v in form.asked.items() if n not in ("id", "customer_id")}
        if before is None:
            return shift_templates.create(asked, actor=operator_actor.for_chosen(request), at=now)
        actor = operator_actor.actor(request, str(before.kept.customer_id))
        return shift_templates.change(before.pk, asked, actor=actor, at=now, versions=form.versions)
