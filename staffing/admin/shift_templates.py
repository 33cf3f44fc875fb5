"""Templates: reusable schedules without dates and people."""

from typing import Any

from django.contrib import admin

from accounts.admin.operator_commands import run_command
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.record_admin import RecordAdmin
from staffing import shift_templates
from staffing.admin.patterns import PatternForm
from staffing.admin.projected import Template
from staffing.models import Template as TemplateRecord
from staffing.serializers.shift_templates import NewTemplate, TemplateChange, TemplateView


class TemplateForm(PatternForm):
    """A template."""

    view_serializer, create_body, change_body = TemplateView, NewTemplate, TemplateChange
    labels = {"startTime": "Start", "endTime": "End"}
    help_texts = {
        "locationId": "Leave empty for any location.",
        "startTime": "A time of day, such as 09:00.",
        "endTime": "A time of day. If it is not after the start, the shift ends on the next day.",
    }

    def save_record(self) -> TemplateRecord:
        actor, now = self.actor, self.now
        if not self.is_change:
            return shift_templates.create_template(self.body, actor=actor, at=now)
        return shift_templates.update_template(
            self.instance.pk, self.body, actor=actor, at=now, precondition=self.precondition
        )


@admin.register(Template)
class TemplateAdmin(RecordAdmin):
    """Templates of a customer by name."""

    section, icon, is_addable = "Rota", "content_copy", True
    id_prefix, subject_type = "tpl", "template"
    form = TemplateForm
    ordering, sort_column = ("name_key",), "name"
    list_display = ("name", "start", "end", "updated_at")
    search_help_text = "The beginning of a name, or an id"
    fieldsets = (
        (None, {"fields": ("version", "name", "locationId", "startTime", "endTime")}),
        ("Details", {"fields": ("position", "breakMinutes", "color", "notes")}),
        ("Recurrence", {"fields": ("frequency", "interval", "byDay")}),
    )
    buttons = (
        Button(
            "remove",
            "Remove",
            "Removes the template permanently. Schedules created from it stay.",
            run_command(shift_templates.delete_template, "{obj} was removed. Schedules created from it stay."),
            confirmation_name=lambda obj: str(obj.record.name),
        ),
    )

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        customer_id, location_id = obj.record.customer_id, obj.record.location_id
        return [
            ("Customer", admin_change_url("accounts", "customer", customer_id)),
            *([("Location", admin_change_url("accounts", "location", location_id))] if location_id else []),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=customer_id)),
        ]
