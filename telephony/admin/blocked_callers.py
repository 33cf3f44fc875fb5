"""Callers whose calls are rejected."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from accounts import customers, locations
from accounts.admin.operator_commands import OperatorForm, actor_for, load_location_names
from config import phone_numbers
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader
from telephony import blocked_callers
from telephony.admin import readable
from telephony.admin.projected import BlockedCaller
from telephony.models import BlockedCaller as BlockedCallerRecord
from telephony.serializers.blocked_callers import BlockedCallerView, NewBlockedCaller

MAX_LOCATIONS = 200


class BlockedCallerForm(OperatorForm):
    """A caller to block."""

    view_serializer, create_body, change_body = BlockedCallerView, NewBlockedCaller, NewBlockedCaller
    labels = {"locationId": "Where"}
    help_texts = {"number": "With + and country code, or an address such as sip:ann@example.com."}

    def prepare_fields(self) -> None:
        reachable = locations.list_accessible_locations(self.actor, limit=MAX_LOCATIONS, cursor=None).records
        choices = [(str(location.id), str(location.name)) for location in reachable]
        self.fields["locationId"] = form_fields.choice_field("Where", [("", "At all locations"), *choices])
        self.fields["locationId"].required = False

    def save_record(self) -> BlockedCallerRecord:
        values = dict(self.body)
        zone = customers.get_customer(self.customer_id).settings.get("time_zone")
        return blocked_callers.block_caller(
            values.pop("number"), **values, customer_zone=zone, actor=self.actor, at=self.now
        ).record


def _unblock(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    blocked_callers.remove(obj.pk, actor=actor_for(request, obj), at=operators.now())
    return f"Calls of {obj} are taken again."


_FIELDS = ("number", "place", "reason", "blocker", "created_at")


@admin.register(BlockedCaller)
class BlockedCallerAdmin(RecordAdmin):
    """The blocked callers of a customer, by number."""

    section, icon, is_addable, id_prefix = "Telephony", "phone_disabled", True, "blk"
    subject_type = "blocked caller"
    form = BlockedCallerForm
    ordering, sort_column = ("number",), "number"
    list_display = ("number", "place", "reason", "created_at")
    fieldsets = ((None, {"fields": _FIELDS}),)
    add_fieldsets = ((None, {"fields": ("number", "locationId", "reason")}),)
    buttons = (Button("unblock", "Unblock", "Calls of this caller are taken again.", _unblock),)

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        return RecordHeader(
            name=phone_numbers.to_readable(str(record.number)),
            badge=Badge("blocked", "danger"),
            facts=[
                Fact("Where", self.place(obj)),
                Fact("Blocked by", self.blocker(obj)),
                Fact("Blocked", Moment(record.created_at)),
            ],
            primary="unblock",
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            self.load_related([obj])
        return obj

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return _FIELDS if obj else ()

    def load_related(self, objects: Any) -> None:
        load_location_names(objects)

    @display(description="Where")
    def place(self, obj: Any) -> str:
        location_id = obj.record.location_id
        return str(getattr(obj, "location_name", None) or location_id) if location_id else "all locations"

    @display(description="Blocked by")
    def blocker(self, obj: Any) -> str:
        author, customer_id = str(obj.record.blocked_by), str(obj.record.customer_id)
        return readable.load_context(customer_id, [author], []).person(author)

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
        ]
