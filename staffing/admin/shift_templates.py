"""Templates: reusable shapes of schedules."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import operator_actor
from config.backoffice import audit_context
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, admin_change_url, admin_list_url
from config.dynamodb import ids
from staffing import shift_templates
from staffing.admin.patterns import PatternForm
from staffing.admin.projected import Template
from staffing.models import Template as TemplateRecord
from staffing.serializers.shift_templates import NewTemplate, TemplateChange, TemplateView


class TemplateForm(PatternForm):
    """A shape of a schedule."""

    view_serializer, create_body, change_body = TemplateView, NewTemplate, TemplateChange
    name = form_fields.text_field("Name", required=True)
    locationId = form_fields.related_record_field(
        "Location", Template._meta.get_field("location"), required=False, help_text="None: any."
    )
    startTime = form_fields.text_field("Start", required=True, help_text="A time of day: 09:00.")
    endTime = form_fields.text_field("End", required=True, help_text="Not after the start: of the next day.")

    def prepare_fields(self) -> None:
        if self.is_change:
            customer_id = str(self.instance.record.customer_id)
        else:
            customer_id = self.request.GET.get("customer_id", "")
        form_fields.limit_to_customer(self.fields["locationId"], customer_id)

    def to_body(self, field_values: record_form.FieldValues) -> record_form.FieldValues:
        if self.is_change:
            return {"id": self.instance.pk, **self.with_pattern(field_values)}
        present_values = {name: value for name, value in field_values.items() if value not in (None, [], "")}
        customer_id = self.request.GET.get("customer_id", "")
        return {"customerId": customer_id, **self.with_pattern(present_values)}


def _remove(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, str(obj.record.customer_id))
    shift_templates.delete_template(obj.pk, actor=actor, at=audit_context.current_time())
    return f"{obj} is removed; schedules made of it stay."


@admin.register(Template)
class TemplateAdmin(RecordAdmin):
    """Shapes of a customer by name."""

    section, icon, is_addable = "Rota", "content_copy", True
    form = TemplateForm
    ordering = ("name_key",)
    list_display = ("name", "start", "end", "updated_at")
    search_hint = "The beginning of a name, or an id"
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
            confirmation_name=lambda obj: str(obj.record.name),
        ),
    )

    def search(self, queryset: Any, term: str) -> Any:
        if ids.is_id("tpl", term):
            return queryset.filter(pk=term)
        return queryset.filter(name_key__startswith=term.casefold())

    def find_pk(self, term: str) -> str | None:
        return term if ids.is_id("tpl", term) and self.model.get(term) else None

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        record = obj.record
        links = [("Customer", admin_change_url("accounts", "customer", record.customer_id))]
        if record.location_id:
            links.append(("Location", admin_change_url("accounts", "location", record.location_id)))
        links.append(("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)))
        return {"links": links}

    def save_record(self, request: HttpRequest, obj: Any, form: Any) -> TemplateRecord:
        now = audit_context.current_time()
        changes = {name: value for name, value in form.body.items() if name not in ("id", "customer_id")}
        if obj is None:
            return shift_templates.create_template(
                changes, actor=operator_actor.actor_for_chosen_customer(request), at=now
            )
        actor = operator_actor.actor(request, str(obj.record.customer_id))
        return shift_templates.update_template(obj.pk, changes, actor=actor, at=now, versions=form.versions)
