"""Locations: the places of a business, and what hangs on them."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from accounts import locations
from accounts.admin import operator_actor
from accounts.admin.projected import Location
from accounts.models import Location as LocationRecord
from accounts.serializers.customers_and_locations import LocationChange, LocationView, NewLocation
from config.backoffice import audit_context
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, admin_change_url, admin_list_url
from config.dynamodb import ids


class LocationForm(record_form.RecordForm):
    """A place."""

    view_serializer, create_body, change_body = LocationView, NewLocation, LocationChange
    name = form_fields.text_field("Name", required=True)
    timeZone = form_fields.text_field("Time zone", required=True, help_text="Such as America/Denver.")
    address = form_fields.text_field("Address", empty_value="")


def _remove(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, obj.record.customer_id)
    locations.delete_location(obj.pk, actor=actor, at=audit_context.current_time())
    return f"{obj} is removed."


@admin.register(Location)
class LocationAdmin(RecordAdmin):
    """Places of a business by name."""

    section, icon, is_addable = "Customers", "location_on", True
    form = LocationForm
    ordering = ("name_key",)
    list_display = ("name", "time_zone", "address", "people")
    search_hint = "The beginning of a name, or an id"
    fieldsets = ((None, {"fields": ("name", "timeZone", "address", "version")}),)
    buttons = (
        Button(
            "remove",
            "Remove",
            "The location is removed for good. Nobody may be confined to it, and no schedule or number may need it.",
            _remove,
            confirmation_name=lambda obj: str(obj.record.name),
        ),
    )

    def search(self, queryset: Any, term: str) -> Any:
        if ids.is_id("loc", term):
            return queryset.filter(pk=term)
        return queryset.filter(name_key__startswith=term.casefold())

    def find_pk(self, term: str) -> str | None:
        return term if ids.is_id("loc", term) and self.model.get(term) else None

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        return {
            "links": [
                ("Customer", admin_change_url("accounts", "customer", obj.record.customer_id)),
                ("Rota", reverse("admin:rota", args=(obj.pk,))),
                ("Schedules", admin_list_url("staffing", "schedule", location_id__exact=obj.pk)),
                ("Line and number", admin_change_url("telephony", "line", obj.pk)),
                ("Calls", admin_list_url("telephony", "call", location_id__exact=obj.pk)),
                ("Buy a number", reverse("admin:buy_number", args=(obj.pk,))),
            ]
        }

    def save_record(self, request: HttpRequest, obj: Any, form: Any) -> LocationRecord:
        now = audit_context.current_time()
        if obj is None:
            actor = operator_actor.actor_for_chosen_customer(request)
            return locations.create_location(actor=actor, at=now, **form.body)
        actor = operator_actor.actor(request, obj.record.customer_id)
        return locations.update_location(obj.pk, form.body, actor=actor, at=now, versions=form.versions)
