"""Locations: the places of a customer."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from accounts import locations
from accounts.admin import reach_alerts
from accounts.admin.operator_commands import OperatorForm, run_command
from accounts.admin.projected import Location
from accounts.models import Location as LocationRecord
from accounts.serializers.customers_and_locations import LocationChange, LocationView, NewLocation
from config import dynamodb
from config.backoffice import operators
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url, build_panels
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Fact, Moment, RecordHeader


class LocationForm(OperatorForm):
    """A location."""

    view_serializer, create_body, change_body = LocationView, NewLocation, LocationChange
    labels = reach_alerts.REACH_ALERT_LABELS
    help_texts = {
        "settings__reachAlerts__days": "Empty: as the customer has it.",
        "settings__reachAlerts__minMinutes": "Empty: as the customer has it.",
    }

    def save_record(self) -> LocationRecord:
        if not self.is_change:
            return locations.create_location(actor=self.actor, at=self.now, **self.body)
        pk = self.instance.pk
        return locations.update_location(pk, self.body, actor=self.actor, at=self.now, precondition=self.precondition)


@admin.register(Location)
class LocationAdmin(RecordAdmin):
    """Locations of a customer by name."""

    section, icon, is_addable = "Customers", "location_on", True
    id_prefix, subject_type, search_kind = "loc", "location", "loc"
    form = LocationForm
    ordering, sort_column = ("name_key",), "name"
    list_display = ("name", "time_zone", "address", "people")
    search_help_text = "The beginning of a name, or an id"
    link_rights = {"Buy a number": operators.WRITE}
    fieldsets = (
        (None, {"fields": ("name", "timeZone", "address", "version")}),
        (reach_alerts.TITLE, {"fields": tuple(reach_alerts.REACH_ALERT_LABELS)}),
    )
    add_fieldsets = fieldsets[:1]
    buttons = (
        Button(
            "remove",
            "Remove",
            "Removes the location permanently. No person, schedule or number may still refer to it.",
            run_command(locations.delete_location, "{obj} was removed."),
            confirmation_name=lambda obj: str(obj.record.name),
        ),
    )

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        return RecordHeader(
            name=str(record.name),
            facts=[
                Fact("Time there now", Moment(operators.now(), str(record.time_zone))),
                Fact("People", int(record.people)),
                Fact("Address", record.address or "—"),
                Fact("Time zone", record.time_zone),
                Fact("Created", Moment(record.created_at)),
            ],
        )

    def describe_result(self, record: LocationRecord, names: dynamodb.BatchResult) -> dict[str, Any]:
        return {"detail": record.address}

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        panels = build_panels(settings.LOCATION_PAGE_PANELS, str(obj.pk))
        return {**super().page_context(request, obj), "panels": panels}

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        return [
            ("Customer", admin_change_url("accounts", "customer", obj.record.customer_id)),
            ("Rota", reverse("admin:rota", args=(obj.pk,))),
            ("Schedules", admin_list_url("staffing", "schedule", location_id__exact=obj.pk)),
            ("Calls", admin_list_url("telephony", "call", location_id__exact=obj.pk)),
            ("Calls by hour", reverse("admin:location_demand", args=(obj.pk,))),
            ("Buy a number", reverse("admin:buy_number", args=(obj.pk,))),
        ]
