"""Numbers at Twilio without a record here, which operators assign or release.

The page of a customer reserves numbers for them (`NumberAdmin.reserve_view`).
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.operator_commands import actor_for, operator_actor
from accounts.admin.page_customer import load_page_customer
from accounts.admin.projected import Location
from config import audit, dynamodb, errors
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.links import link_to
from config.backoffice.record_admin import RecordAdmin
from telephony.admin.projected import Orphan
from telephony.numbers import adoption, unassigned


class AssignNumberForm(forms.Form):
    """The location that gets the number."""

    location = form_fields.text_field("Location id", max_length=64)


def _adopt(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> str:
    location_id = str(form_data["location"])
    location = Location.get(location_id) if dynamodb.is_id("loc", location_id) else None
    if location is None:
        raise errors.NotFound("Location not found.")
    adoption.assign_number(obj.pk, location_id, actor=actor_for(request, location), at=operators.now())
    return f"{obj} is now the number of {location}."


def _withdraw(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor(request, str(obj.record.reserved_for))
    adoption.withdraw_reservation(obj.pk, actor=actor, at=operators.now())
    return f"{obj} is not reserved any more."


def _release(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = operators.author_of(request, audit.PLATFORM_STREAM)
    unassigned.release_number(obj.pk, actor=author, at=operators.now())
    return f"{obj} was released at Twilio."


@admin.register(Orphan)
class OrphanAdmin(RecordAdmin):
    """Numbers at Twilio that are nobody's, and those reserved for a customer."""

    section, icon, customer_field = "Platform", "help", None
    list_display = ("number", "sid", "tag", "customer", "found_at")
    fields = ("number", "sid", "tag", "customer", "found_at")

    @display(description="Reserved for")
    def customer(self, obj: Any) -> str:
        if not obj.record.reserved_for:
            return "—"
        customer = load_page_customer(str(obj.record.reserved_for))
        return link_to("accounts", "customer", str(obj.record.reserved_for), customer.name if customer else None)

    def owner_of(self, obj: Any) -> str | None:
        return obj.record.reserved_for

    buttons = (
        Button(
            "adopt",
            "Assign",
            "Assigns the number to a location, which answers its calls from then on.",
            _adopt,
            required_right=operators.LEAD,
            form=AssignNumberForm,
        ),
        Button(
            "withdraw",
            "Withdraw the reservation",
            "The customer can no longer adopt the number.",
            _withdraw,
            required_right=operators.LEAD,
            is_available=lambda obj: bool(obj.record.reserved_for),
        ),
        Button(
            "release",
            "Release",
            "Releases the number at Twilio. This cannot be undone.",
            _release,
            required_right=operators.LEAD,
            confirmation_name=lambda obj: str(obj.record.number),
        ),
    )
