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
from config.backoffice import operator_actor as at_the_door
from config.backoffice.columns import linked
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from config.dynamodb import ids
from staffing.admin import rota
from staffing.admin.patterns import PatternFields, in_words
from staffing.admin.projected import Schedule
from staffing.models import Schedule as Record
from staffing.recurrence.edit import Asked
from staffing.schedules import commands
from staffing.serializers.schedules import NewSchedule, ScheduleChange, ScheduleView, ScopeQuery

_SCOPE = [
    ("all", "The whole series"),
    ("following", "This shift and all that follow"),
    ("occurrence", "This shift only"),
]


class ScheduleForm(PatternFields):
    """A shift, or a series of them."""

    view, new, changed = ScheduleView, NewSchedule, ScheduleChange
    locationId = form_fields.one_of("Location", Schedule._meta.get_field("location"))
    staffId = form_fields.one_of("Person", Schedule._meta.get_field("staff"))
    startTime = form_fields.WallTime("Start", help_text="By the location's clock.")
    endTime = form_fields.WallTime("End")
    until = form_fields.WallTime(
        "Until", required=False, help_text="The last time a shift may start."
    )
    count = form_fields.number("Number of shifts", min_value=1)
    allowOverlap = form_fields.switch("Even if they are on duty elsewhere then")
    scope = form_fields.choice("Changes", _SCOPE, required=True)
    recurrenceId = form_fields.WallTime(
        "Which shift", required=False, help_text="Its original start, for “this shift …”."
    )
    which: Mapping[str, Any]

    def prepare(self) -> None:
        if self.is_change:
            customer_id = str(self.instance.kept.customer_id)
            self.initial["scope"] = "all"
        else:
            customer_id = self.request.GET.get("customer_id", "")
            del self.fields["scope"], self.fields["recurrenceId"]
        for name in ("locationId", "staffId"):
            form_fields.confine(self.fields[name], customer_id)
        for name in ("locationId", "staffId", "startTime", "endTime"):
            self.initial.setdefault(name, self.request.GET.get(name))

    def wire(self, given: record_form.Asked) -> record_form.Asked:
        self.which = {}
        if not self.is_change:
            made = {name: v for name, v in given.items() if v not in (None, [], "", False)}
            customer_id = self.request.GET.get("customer_id", "")
            return {"customerId": customer_id, **self.with_pattern(made)}
        body = self.with_pattern(given)
        which = {name: self.cleaned_data[name] for name in ("scope", "recurrenceId")}
        self.which = ScopeQuery.of({name: v for name, v in which.items() if v})
        return {n: v for n, v in body.items() if n not in which and v is not None}


class WhichShifts(django_forms.Form):
    """Which shifts of a series are meant."""

    scope = form_fields.choice("Removes", _SCOPE, required=True)
    recurrence_id = form_fields.WallTime("Which shift", required=False)

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        if values.get("scope") != "all" and not values.get("recurrence_id"):
            self.add_error("recurrence_id", "Name the shift by its original start.")
        return values


def _remove(request: HttpRequest, obj: Any, given: Mapping[str, Any]) -> str:
    which = {"scope": given["scope"]}
    if given.get("recurrence_id"):
        which["recurrenceId"] = given["recurrence_id"]
    commands.remove(
        obj.pk,
        actor=operator_actor.actor(request, str(obj.kept.customer_id)),
        at=at_the_door.now(),
        **ScopeQuery.of(which),
    )
    return f"The {obj} is removed." if given["scope"] == "all" else "The shifts are removed."


@admin.register(Schedule)
class ScheduleAdmin(RecordAdmin):
    """What is planned for a customer or a location: single shifts by start, then series by end."""

    section, icon, adds = "Rota", "calendar_month", True
    form = ScheduleForm
    ordering = ("window",)
    list_display = ("what", "person", "place", "recurs", "updated_at")
    fieldsets = (
        (None, {"fields": ("version", "locationId", "staffId", "startTime", "endTime")}),
        ("Recurs", {"fields": ("frequency", "interval", "byDay", "until", "count")}),
        ("This change", {"fields": ("scope", "recurrenceId", "allowOverlap")}),
    )
    add_fieldsets = (
        *fieldsets[:2],
        (None, {"fields": ("allowOverlap",)}),
    )
    buttons = (
        Button(
            "remove",
            "Remove",
            "The shifts are taken from the rota; who had them is told.",
            _remove,
            form=WhichShifts,
            is_grave=True,
        ),
    )

    def prepare(self, objects: Any) -> None:
        """The names of the people and places of a page, in two reads."""
        by_customer: dict[str, list[Record]] = {}
        for obj in objects:
            by_customer.setdefault(str(obj.kept.customer_id), []).append(obj.kept)
        for customer_id, kept in by_customer.items():
            people = users.named({one.staff_id for one in kept}, customer_id)
            places = locations.named({one.location_id for one in kept}, customer_id)
            for obj in objects:
                if obj.kept.customer_id == customer_id:
                    obj.names = (people.get(obj.kept.staff_id), places.get(obj.kept.location_id))

    @display(description="When")
    def what(self, obj: Any) -> str:
        return f"{obj.kept.start[:16].replace('T', ' ')} to {obj.kept.end[11:16]} {obj.kept.zone}"

    @display(description="Person")
    def person(self, obj: Any) -> str:
        user = obj.names[0]
        return linked("accounts", "user", str(obj.kept.staff_id), user.name if user else None)

    @display(description="Location")
    def place(self, obj: Any) -> str:
        found = obj.names[1]
        name = found.name if found else None
        return linked("accounts", "location", str(obj.kept.location_id), name)

    @display(description="Recurs")
    def recurs(self, obj: Any) -> str:
        return in_words(ScheduleView(obj.kept).data["recurrencePattern"])

    def find(self, term: str) -> str | None:
        return term if ids.is_id("sch", term) and self.model.get(term) else None

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        kept = obj.kept
        return {
            "links": [
                ("Customer", page_of("accounts", "customer", kept.customer_id)),
                ("Location", page_of("accounts", "location", kept.location_id)),
                ("Person", page_of("accounts", "user", kept.staff_id)),
                ("Rota", reverse("admin:rota", args=(kept.location_id,))),
                ("Audit", list_of("config", "auditentry", stream__exact=kept.staff_id)),
            ]
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(rota.of_location))
        of_person = self.admin_site.admin_view(require_safe(rota.of_person))
        return [
            path("rota/<str:location_id>/", view, name="rota"),
            path("rota-of/<str:user_id>/", of_person, name="rota_of"),
            *super().get_urls(),
        ]

    def keep(self, request: HttpRequest, before: Any, form: Any) -> Record:
        now = at_the_door.now()
        asked = dict(form.asked)
        if before is None:
            wanted = commands.Wanted(**asked)
            return commands.create(wanted, actor=operator_actor.for_chosen(request), at=now)
        own = {name: asked.pop(name, None) for name in ("location_id",)}
        overlap = bool(asked.pop("allow_overlap", False))
        return commands.change(
            before.pk,
            Asked(**asked),
            **own,
            **form.which,
            allow_overlap=overlap,
            actor=operator_actor.actor(request, str(before.kept.customer_id)),
            at=now,
            versions=form.versions,
        )
