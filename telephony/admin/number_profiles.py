"""Number profiles: what customers need to buy numbers in a country."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from rest_framework import serializers
from unfold.decorators import display

from accounts.admin.operator_commands import OperatorForm, actor_for
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.record_admin import RecordAdmin
from telephony.admin.projected import NumberProfile
from telephony.models import NumberProfile as NumberProfileRecord
from telephony.numbers import address_registration, profiles
from telephony.serializers.number_profiles import NumberProfileChange, NumberProfileView
from telephony.serializers.numbers import CountryField


class NewNumberProfile(NumberProfileChange):
    """The address of a business in a country that the operator names."""

    country = CountryField(max_length=2)


class NumberProfilePatch(NumberProfileChange):
    """Some members of an address."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The same, none required."""
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class NumberProfileForm(OperatorForm):
    """The address of a business in a country."""

    view_serializer, create_body, change_body = NumberProfileView, NewNumberProfile, NumberProfilePatch
    help_texts = {
        "country": "Two letters, such as DE.",
        "region": "State or province, where addresses have one.",
        "businessName": "As in the documents of the business.",
    }

    @classmethod
    def stored_values(cls, record: NumberProfileRecord) -> dict[str, Any]:
        """The stored values, with the address in clear text."""
        return super().stored_values(address_registration.open_profile(record))

    def save_record(self) -> NumberProfileRecord:
        if not self.is_change:
            country = self.body["country"]
            stored_values: dict[str, Any] = {}
        else:
            record = self.instance.record
            country, stored_values = record.country, asdict(address_registration.open_profile(record).address)
        address = profiles.address_fields({**stored_values, **self.body})
        return profiles.put_address(country, address, actor=self.actor, at=self.now, precondition=self.precondition)


class BundleForm(forms.Form):
    """What Twilio's console shows of an approved bundle."""

    bundle = form_fields.text_field(
        "Bundle SID", help_text="BU and 32 digits. Empty: the customer has no bundle.", max_length=34, required=False
    )
    address = form_fields.text_field(
        "Address SID",
        help_text="AD and 32 digits: the address in the bundle. Empty: the one that Dutyline registered.",
        max_length=34,
        required=False,
    )


def _record_bundle(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> str:
    record = obj.record
    profiles.record_bundle(
        record.country,
        record.customer_id,
        bundle_sid=form_data.get("bundle") or "",
        address_sid=form_data.get("address") or "",
        actor=actor_for(request, obj),
        at=operators.now(),
    )
    return f"Purchases of numbers in {record.country} name this bundle." if form_data.get("bundle") else "Removed."


def _delete(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    country = obj.record.country
    profiles.delete_profile(country, actor=actor_for(request, obj), at=operators.now())
    return f"The profile for numbers in {country} was removed."


@admin.register(NumberProfile)
class NumberProfileAdmin(RecordAdmin):
    """Number profiles of a customer, by country."""

    section, icon, is_addable, subject_type = "Telephony", "badge", True, "number profile"
    form = NumberProfileForm
    ordering = ("country",)
    list_display = ("country", "state", "bundle", "updated_at")
    fieldsets = (
        (None, {"fields": ("businessName", "street", "city", "region", "postalCode", "version")}),
        ("At Twilio", {"fields": ("state", "address_sid", "bundle_sid", "bundle_address_sid")}),
    )
    readonly_fields = ("state", "address_sid", "bundle_sid", "bundle_address_sid")
    add_fieldsets = ((None, {"fields": ("country", "businessName", "street", "city", "region", "postalCode")}),)
    buttons = (
        Button(
            "bundle",
            "Record a bundle",
            "Purchases in this country name the bundle. Its documents must be this customer's, and Twilio must have "
            "approved it. The customer can no longer change the address.",
            _record_bundle,
            required_right=operators.LEAD,
            form=BundleForm,
        ),
        Button(
            "remove",
            "Remove",
            "Removes the address and the bundle here, and the address at Twilio. The customer must have no numbers "
            "in this country.",
            _delete,
            confirmation_name=lambda obj: str(obj.record.country),
        ),
    )

    @display(description="Address", label={"registered": "success", "pending": "warning", "rejected": "danger"})
    def state(self, obj: Any) -> str:
        return str(obj.record.address_status)

    @display(description="Bundle", boolean=True)
    def bundle(self, obj: Any) -> bool:
        return bool(obj.record.bundle_sid)

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Numbers", admin_list_url("telephony", "phonenumber", customer_id__exact=record.customer_id)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
        ]
