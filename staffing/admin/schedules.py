"""Schedules: a list, forms, and calendars of a location or a person."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe
from unfold.decorators import display

from accounts import users
from accounts.admin.operator_commands import actor_for, group_by_customer, load_location_names
from config.backoffice import clock, operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.forms.record_form import FieldValues
from config.backoffice.links import admin_change_url, admin_list_url, link_to
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader
from staffing.admin import day_note_page, occurrences
from staffing.admin.patterns import PatternForm
from staffing.admin.projected import Schedule
from staffing.admin.rota import move_page
from staffing.admin.rota import pages as rota_pages
from staffing.admin.rota_import_page import RotaImportPage
from staffing.models import Schedule as ScheduleRecord
from staffing.recurrence.describe import describe_pattern
from staffing.recurrence.details import WIRE_NAMES
from staffing.recurrence.series_update import SeriesUpdate
from staffing.schedules import commands
from staffing.serializers.schedules import NewSchedule, ScheduleChange, ScheduleView, ScopeQuery

_SCOPE_CHOICES = [
    ("all", "The whole series"),
    ("following", "This shift and all later ones"),
    ("occurrence", "This shift only"),
]


class ScheduleForm(PatternForm):
    """A shift, or a series of shifts."""

    view_serializer, create_body, change_body = ScheduleView, NewSchedule, ScheduleChange
    labels = {"staffId": "Person", "startTime": "Start", "endTime": "End", "breakMinutes": "Break"}
    help_texts = {
        "startTime": "In the time zone of the location.",
        "breakMinutes": "In minutes.",
        "color": "Such as #1f7a8c.",
        "allowOverlap": "Saves even if the person has another shift at that time.",
    }
    scope = form_fields.choice_field("Applies to", _SCOPE_CHOICES, initial="all")
    recurrenceId = form_fields.LocalDateTimeField(
        "Original start of the shift", required=False, help_text="Leave empty to change the whole series."
    )
    scope_params: Mapping[str, Any] = {}

    def _load_initial(self) -> None:
        """The values of the series; of one of its shifts if the page was opened from the rota."""
        super()._load_initial()
        start = occurrences.parse_start(self.request.GET, self.instance.record)
        if start:
            shift_values = occurrences.to_field_values(self.instance.record, start)
            scope_values = {"scope": "occurrence", "recurrenceId": start.isoformat()}
            self.initial = {**self.initial, **scope_values, **shift_values}

    def to_body(self, field_values: FieldValues) -> FieldValues:
        body = super().to_body(field_values)
        if self.is_change:
            scope = {name: value for name in ("scope", "recurrenceId") if (value := self.cleaned_data[name])}
            self.scope_params = ScopeQuery.parse(scope)
            clearable = WIRE_NAMES.values()
            body = {
                name: value
                for name, value in body.items()
                if name not in scope and (value is not None or name in clearable)
            }
        return body

    def save_record(self) -> ScheduleRecord:
        changes, actor, now = dict(self.body), self.actor, self.now
        if not self.is_change:
            draft = commands.ScheduleDraft(customer_id=self.customer_id, **changes)
            return commands.create_schedule(draft, actor=actor, at=now)
        location_id, allow_overlap = changes.pop("location_id", None), bool(changes.pop("allow_overlap", False))
        return commands.update_schedule(
            self.instance.pk,
            SeriesUpdate(**changes),
            location_id=location_id,
            allow_overlap=allow_overlap,
            **self.scope_params,
            actor=actor,
            at=now,
            precondition=self.precondition,
        )


class ShiftScopeForm(forms.Form):
    """Which shifts of a series are removed."""

    scope = form_fields.choice_field("Applies to", _SCOPE_CHOICES)
    recurrence_id = form_fields.LocalDateTimeField("Original start of the shift", required=False)

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        if values.get("scope") != "all" and not values.get("recurrence_id"):
            self.add_error("recurrence_id", "Enter the original start of the shift.")
        return values


def _remove(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> str:
    scope_values = {"scope": form_data["scope"]}
    if form_data.get("recurrence_id"):
        scope_values["recurrenceId"] = form_data["recurrence_id"]
    scope_params = ScopeQuery.parse(scope_values)
    commands.delete_schedule(obj.pk, actor=actor_for(request, obj), at=operators.now(), **scope_params)
    return f"The {obj} was removed." if form_data["scope"] == "all" else "The shifts were removed."


@admin.register(Schedule)
class ScheduleAdmin(RecordAdmin):
    """Schedules of a customer or a location: single shifts by start, then series by end."""

    section, icon, is_addable = "Rota", "calendar_month", True
    id_prefix, subject_type = "sch", "schedule"
    form = ScheduleForm
    ordering = ("window",)
    list_display = ("time_range", "person_link", "location_link", "recurrence", "updated_at")
    fieldsets = (
        (None, {"fields": ("version", "locationId", "staffId", "startTime", "endTime")}),
        ("Details", {"fields": ("position", "breakMinutes", "color", "notes")}),
        ("Recurrence", {"fields": ("frequency", "interval", "byDay", "until", "count")}),
        ("This change", {"fields": ("scope", "recurrenceId", "allowOverlap")}),
    )
    add_fieldsets = (*fieldsets[:3], (None, {"fields": ("allowOverlap",)}))
    buttons = (
        Button(
            "remove",
            "Remove",
            "Removes the shifts from the rota and notifies the person.",
            _remove,
            form=ShiftScopeForm,
            is_destructive=True,
        ),
    )

    def load_related(self, objects: Any) -> None:
        """Load the people and locations of a page, in two reads per customer."""
        load_location_names(objects)
        for customer_id, rows in group_by_customer(objects).items():
            users_by_id = users.load_users({obj.record.staff_id for obj in rows}, customer_id)
            for obj in rows:
                user = users_by_id.get(obj.record.staff_id)
                obj.staff_name = user.name if user else None

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        self.load_related([obj])
        start, end = record.zoned_times
        return RecordHeader(
            name=f"{'Series' if record.is_series else 'Shift'} of {obj.staff_name or 'a deleted person'}",
            badge=Badge("series", "info") if record.is_series else None,
            facts=[
                Fact("Person", self.person_link(obj)),
                Fact("Location", self.location_link(obj)),
                Fact("First shift" if record.is_series else "Begins", Moment(start, str(record.zone))),
                Fact("Ends", Moment(end, str(record.zone))),
                *([Fact("Recurs", self.recurrence(obj))] if record.is_series else []),
                Fact("Last changed", Moment(record.updated_at)),
            ],
        )

    @display(description="When")
    def time_range(self, obj: Any) -> str:
        start, end = obj.record.zoned_times
        last = f"{end:%H:%M}" if end - start < timedelta(days=1) else clock.format_day_time(end)
        return f"{clock.format_day_time(start)}–{last} {start:%Z}"

    @display(description="Person")
    def person_link(self, obj: Any) -> str:
        return link_to("accounts", "user", str(obj.record.staff_id), obj.staff_name)

    @display(description="Location")
    def location_link(self, obj: Any) -> str:
        return link_to("accounts", "location", str(obj.record.location_id), obj.location_name)

    @display(description="Recurs")
    def recurrence(self, obj: Any) -> str:
        return describe_pattern(ScheduleView(obj.record).data["recurrencePattern"])

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Location", admin_change_url("accounts", "location", record.location_id)),
            ("Person", admin_change_url("accounts", "user", record.staff_id)),
            ("Rota", f"{reverse('admin:rota', args=(record.location_id,))}?day={record.start[:10]}"),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.staff_id)),
        ]

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Back to the rota, if the page was opened from there."""
        back_url = occurrences.parse_back_url(request.GET)
        return HttpResponseRedirect(back_url) if back_url else super().response_post_save_change(request, obj)

    def get_urls(self) -> list[URLPattern]:
        location_view = self.admin_site.admin_view(require_safe(rota_pages.location_rota))
        import_view = self.admin_site.admin_view(RotaImportPage().view)
        person_view = self.admin_site.admin_view(require_safe(rota_pages.person_rota))
        move_location_view = self.admin_site.admin_view(move_page.move_of_location)
        move_person_view = self.admin_site.admin_view(move_page.move_of_person)
        return [
            path("rota/<str:location_id>/", location_view, name="rota"),
            path("day-note/<str:location_id>/", self.admin_site.admin_view(day_note_page.day_note), name="day_note"),
            path("import/<str:customer_id>/", import_view, name="rota_import"),
            path("rota-of/<str:user_id>/", person_view, name="rota_of"),
            path("rota/<str:location_id>/move/", move_location_view, name="rota_move"),
            path("rota-of/<str:user_id>/move/", move_person_view, name="rota_of_move"),
            *super().get_urls(),
        ]
