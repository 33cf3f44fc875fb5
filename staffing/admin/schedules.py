"""Schedules: what is planned, as a list, as forms, and as a calendar of a location or a person."""

from collections.abc import Mapping
from typing import Any

from django import forms as django_forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe
from unfold.decorators import display

from accounts import locations, users
from accounts.admin import operator_actor
from config.backoffice import audit_context
from config.backoffice.columns import link_to
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, admin_change_url, admin_list_url
from config.dynamodb import ids
from staffing.admin import rota
from staffing.admin.patterns import PatternForm, describe_pattern
from staffing.admin.projected import Schedule
from staffing.models import Schedule as ScheduleRecord
from staffing.recurrence.edit import SeriesUpdate
from staffing.schedules import commands
from staffing.serializers.schedules import NewSchedule, ScheduleChange, ScheduleView, ScopeQuery

_SCOPE_CHOICES = [
    ("all", "The whole series"),
    ("following", "This shift and all that follow"),
    ("occurrence", "This shift only"),
]


class ScheduleForm(PatternForm):
    """A shift, or a series of them."""

    view_serializer, create_body, change_body = ScheduleView, NewSchedule, ScheduleChange
    locationId = form_fields.related_record_field("Location", Schedule._meta.get_field("location"))
    staffId = form_fields.related_record_field("Person", Schedule._meta.get_field("staff"))
    startTime = form_fields.LocalDateTimeField("Start", help_text="By the location's clock.")
    endTime = form_fields.LocalDateTimeField("End")
    until = form_fields.LocalDateTimeField("Until", required=False, help_text="The last time a shift may start.")
    count = form_fields.number_field("Number of shifts", min_value=1)
    allowOverlap = form_fields.switch_field("Even if they are on duty elsewhere then")
    scope = form_fields.choice_field("Changes", _SCOPE_CHOICES, required=True)
    recurrenceId = form_fields.LocalDateTimeField(
        "Which shift", required=False, help_text="Its original start, for “this shift …”."
    )
    scope_params: Mapping[str, Any]

    def prepare_fields(self) -> None:
        if self.is_change:
            customer_id = str(self.instance.record.customer_id)
            self.initial["scope"] = "all"
        else:
            customer_id = self.request.GET.get("customer_id", "")
            del self.fields["scope"], self.fields["recurrenceId"]
        for name in ("locationId", "staffId"):
            form_fields.limit_to_customer(self.fields[name], customer_id)
        for name in ("locationId", "staffId", "startTime", "endTime"):
            self.initial.setdefault(name, self.request.GET.get(name))

    def to_body(self, field_values: record_form.FieldValues) -> record_form.FieldValues:
        self.scope_params = {}
        if not self.is_change:
            present_values = {name: value for name, value in field_values.items() if value not in (None, [], "", False)}
            customer_id = self.request.GET.get("customer_id", "")
            return {"customerId": customer_id, **self.with_pattern(present_values)}
        body = self.with_pattern(field_values)
        scope_values = {name: self.cleaned_data[name] for name in ("scope", "recurrenceId")}
        self.scope_params = ScopeQuery.parse({name: value for name, value in scope_values.items() if value})
        return {member: value for member, value in body.items() if member not in scope_values and value is not None}


class ShiftScopeForm(django_forms.Form):
    """Which shifts of a series are meant."""

    scope = form_fields.choice_field("Removes", _SCOPE_CHOICES, required=True)
    recurrence_id = form_fields.LocalDateTimeField("Which shift", required=False)

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        if values.get("scope") != "all" and not values.get("recurrence_id"):
            self.add_error("recurrence_id", "Name the shift by its original start.")
        return values


def _remove(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> str:
    scope_values = {"scope": form_data["scope"]}
    if form_data.get("recurrence_id"):
        scope_values["recurrenceId"] = form_data["recurrence_id"]
    commands.delete_schedule(
        obj.pk,
        actor=operator_actor.actor(request, str(obj.record.customer_id)),
        at=audit_context.current_time(),
        **ScopeQuery.parse(scope_values),
    )
    return f"The {obj} is removed." if form_data["scope"] == "all" else "The shifts are removed."


@admin.register(Schedule)
class ScheduleAdmin(RecordAdmin):
    """What is planned for a customer or a location: single shifts by start, then series by end."""

    section, icon, is_addable = "Rota", "calendar_month", True
    form = ScheduleForm
    ordering = ("window",)
    list_display = ("time_range", "person_link", "location_link", "recurrence", "updated_at")
    fieldsets = (
        (None, {"fields": ("version", "locationId", "staffId", "startTime", "endTime")}),
        ("Recurs", {"fields": ("frequency", "interval", "byDay", "until", "count")}),
        ("This change", {"fields": ("scope", "recurrenceId", "allowOverlap")}),
    )
    add_fieldsets = (*fieldsets[:2], (None, {"fields": ("allowOverlap",)}))
    buttons = (
        Button(
            "remove",
            "Remove",
            "The shifts are taken from the rota; who had them is told.",
            _remove,
            form=ShiftScopeForm,
            is_destructive=True,
        ),
    )

    def load_related(self, objects: Any) -> None:
        """The names of the people and places of a page, in two reads."""
        records_by_customer: dict[str, list[ScheduleRecord]] = {}
        for obj in objects:
            records_by_customer.setdefault(str(obj.record.customer_id), []).append(obj.record)
        for customer_id, records in records_by_customer.items():
            users_by_id = users.load_users({schedule.staff_id for schedule in records}, customer_id)
            locations_by_id = locations.load_locations({schedule.location_id for schedule in records}, customer_id)
            for obj in objects:
                if obj.record.customer_id == customer_id:
                    obj.related = (users_by_id.get(obj.record.staff_id), locations_by_id.get(obj.record.location_id))

    @display(description="When")
    def time_range(self, obj: Any) -> str:
        start = obj.record.start[:16].replace("T", " ")
        return f"{start} to {obj.record.end[11:16]} {obj.record.zone}"

    @display(description="Person")
    def person_link(self, obj: Any) -> str:
        user = obj.related[0]
        return link_to("accounts", "user", str(obj.record.staff_id), user.name if user else None)

    @display(description="Location")
    def location_link(self, obj: Any) -> str:
        location = obj.related[1]
        name = location.name if location else None
        return link_to("accounts", "location", str(obj.record.location_id), name)

    @display(description="Recurs")
    def recurrence(self, obj: Any) -> str:
        return describe_pattern(ScheduleView(obj.record).data["recurrencePattern"])

    def find_pk(self, term: str) -> str | None:
        return term if ids.is_id("sch", term) and self.model.get(term) else None

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        record = obj.record
        return {
            "links": [
                ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
                ("Location", admin_change_url("accounts", "location", record.location_id)),
                ("Person", admin_change_url("accounts", "user", record.staff_id)),
                ("Rota", reverse("admin:rota", args=(record.location_id,))),
                ("Audit", admin_list_url("config", "auditentry", stream__exact=record.staff_id)),
            ]
        }

    def get_urls(self) -> list[URLPattern]:
        location_view = self.admin_site.admin_view(require_safe(rota.location_rota))
        person_view = self.admin_site.admin_view(require_safe(rota.person_rota))
        return [
            path("rota/<str:location_id>/", location_view, name="rota"),
            path("rota-of/<str:user_id>/", person_view, name="rota_of"),
            *super().get_urls(),
        ]

    def save_record(self, request: HttpRequest, obj: Any, form: Any) -> ScheduleRecord:
        now = audit_context.current_time()
        changes = dict(form.body)
        if obj is None:
            new_schedule = commands.ScheduleDraft(**changes)
            return commands.create_schedule(
                new_schedule, actor=operator_actor.actor_for_chosen_customer(request), at=now
            )
        location_change = {name: changes.pop(name, None) for name in ("location_id",)}
        allow_overlap = bool(changes.pop("allow_overlap", False))
        return commands.update_schedule(
            obj.pk,
            SeriesUpdate(**changes),
            **location_change,
            **form.scope_params,
            allow_overlap=allow_overlap,
            actor=operator_actor.actor(request, str(obj.record.customer_id)),
            at=now,
            versions=form.versions,
        )
