"""Locations: the places of a business, and what hangs on them."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from accounts import locations
from accounts.admin import operator_actor
from accounts.admin.projected import Location
from accounts.models import Location as Record
from accounts.serializers.customers_and_locations import LocationChange, LocationView, NewLocation
from config.backoffice import operator_actor as at_the_door
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from config.dynamodb import ids


class LocationForm(record_form.RecordForm):
    """A place."""

    view, new, changed = LocationView, NewLocation, LocationChange
    name = form_fields.text("Name", required=True)
    timeZone = form_fields.text("Time zone", required=True, help_text="Such as America/Denver.")
    address = form_fields.text("Address", empty="")


def _remove(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, obj.kept.customer_id)
    locations.remove(obj.pk, actor=actor, at=at_the_door.now())
    return f"{obj} is removed."


@admin.register(Location)
class LocationAdmin(RecordAdmin):
    """Places of a business by name."""

    section, icon, adds = "Customers", "location_on", True
    form = LocationForm
    ordering = ("name_key",)
    list_display = ("name", "time_zone", "address", "people")
    searches = "The beginning of a name, or an id"
    fieldsets = ((None, {"fields": ("name", "timeZone", "address", "version")}),)
    buttons = (
        Button(
            "remove",
            "Remove",
            "The location is removed for good. Nobody may be confined to it, and no schedule or "
            "number may need it.",
            _remove,
            name_of=lambda obj: str(obj.kept.name),
        ),
    )

    def search(self, queryset: Any, term: str) -> Any:
        if ids.is_id("loc", term):
            return queryset.filter(pk=term)
        return queryset.filter(name_key__startswith=term.casefold())

    def find(self, term: str) -> str | None:
        return term if ids.is_id("loc", term) and self.model.get(term) else None

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        return {
            "links": [
                ("Customer", page_of("accounts", "customer", obj.kept.customer_id)),
                ("Rota", reverse("admin:rota", args=(obj.pk,))),
                ("Schedules", list_of("staffing", "schedule", location_id__exact=obj.pk)),
                ("Line and number", page_of("telephony", "line", obj.pk)),
                ("Calls", list_of("telephony", "call", location_id__exact=obj.pk)),
                ("Buy a number", reverse("admin:buy_number", args=(obj.pk,))),
            ]
        }

    def keep(self, request: HttpRequest, before: Any, form: Any) -> Record:
        now = at_the_door.now()
        if before is None:
            actor = operator_actor.for_chosen(request)
            return locations.create(actor=actor, at=now, **form.asked)
        actor = operator_actor.actor(request, before.kept.customer_id)
        return locations.change(before.pk, form.asked, actor=actor, at=now, versions=form.versions)
