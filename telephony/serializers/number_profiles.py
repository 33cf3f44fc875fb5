"""Serializers of what countries demand for numbers, and of a customer's profiles in them."""

from typing import Any

from rest_framework import serializers

from config.api.fields import StrictChoiceField, StrictQuery, StrictSerializer, TextField
from config.api.record_views import RecordView
from telephony import dialing_rules
from telephony.models import ADDRESS_STATUSES, NumberProfile
from telephony.numbers import requirements
from telephony.serializers.numbers import NUMBER_TYPE_HELP, CountryField, PhoneNumberField


class NumberRequirementQuery(StrictQuery):
    """The numbers whose requirements are asked for."""

    country = CountryField(max_length=2, help_text="Two-letter country code (ISO 3166-1), such as DE.")
    type = StrictChoiceField(choices=list(dialing_rules.NUMBER_TYPES), required=False, help_text=NUMBER_TYPE_HELP)


class NumberRequirementView(RecordView[requirements.Requirement]):
    """What a country demands for a type of number."""

    country = serializers.CharField(help_text="Two-letter country code (ISO 3166-1).")
    type = serializers.ChoiceField(choices=list(dialing_rules.NUMBER_TYPES), help_text="Type of number.")
    requires = serializers.ChoiceField(choices=list(requirements.REQUIREMENTS), help_text="What is demanded.")
    missing = serializers.ListField(
        child=serializers.ChoiceField(choices=["address", "bundle"]),
        help_text="What the customer lacks; empty: numbers can be purchased.",
    )
    detail = serializers.CharField(help_text="The requirement, and what to do next, in words.")


class NumberProfileView(RecordView[NumberProfile]):
    """A customer's address in a country, which purchases of numbers there name."""

    country = serializers.CharField(help_text="Two-letter country code (ISO 3166-1).")
    businessName = serializers.CharField(source="address.business_name", help_text="Name of the business.")
    street = serializers.CharField(source="address.street", help_text="Street and number.")
    city = serializers.CharField(source="address.city", help_text="City.")
    postalCode = serializers.CharField(source="address.postal_code", help_text="Postal code.")
    region = serializers.CharField(source="address.region", help_text="State or province; may be empty.")
    addressStatus = serializers.ChoiceField(
        choices=list(ADDRESS_STATUSES), source="address_status", help_text="Whether purchases can name the address."
    )
    hasBundle = serializers.SerializerMethodField(help_text="Whether a regulatory bundle was approved.")
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()

    def get_hasBundle(self, profile: NumberProfile) -> bool:  # noqa: N802 - the wire's name
        """Whether a regulatory bundle was approved."""
        return bool(profile.bundle_sid)


class NumberProfiles(serializers.Serializer[Any]):
    """The customer's profiles, by country."""

    items = NumberProfileView(many=True)


class NumberProfileChange(StrictSerializer):
    """The address of the business in this country.

    Other fields of the profile may be sent back unchanged.
    """

    record_view = NumberProfileView
    businessName = TextField(max_length=64, source="business_name", help_text="Name of the business.")
    street = TextField(max_length=120, help_text="Street and number.")
    city = TextField(max_length=64, help_text="City.")
    postalCode = TextField(max_length=16, source="postal_code", help_text="Postal code.")
    region = TextField(
        max_length=64, required=False, allow_blank=True, help_text="State or province, where addresses have one."
    )


class NumberAdoption(StrictSerializer):
    """The number to adopt, and its location."""

    phoneNumber = PhoneNumberField(source="number")
    locationId = TextField(max_length=100, source="location_id")
