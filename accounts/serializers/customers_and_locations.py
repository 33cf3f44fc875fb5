"""Serializers of customers and locations."""

from rest_framework import serializers

from accounts.models import CUSTOMER_STATUSES, Customer, Location
from accounts.serializers.preferences import DefaultsChange, DefaultsView
from accounts.serializers.reach_alerts import LocationSettingsChange, LocationSettingsView
from config.api.fields import StrictSerializer, TextField, TimeZoneField
from config.api.name_field import NameField
from config.api.record_bodies import NewRecordBody
from config.api.record_views import RecordView

_PLACE_ZONE = (
    "Time zone of a place: an IANA name, such as America/Denver. Former names (US/Mountain) and names of Windows "
    "(Mountain Standard Time) are taken in any case; responses have the current IANA name. UTC and others that are "
    "not of a place are refused: the zone tells the country."
)


class CustomerView(RecordView[Customer]):
    """A customer."""

    id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=list(CUSTOMER_STATUSES))
    settings = DefaultsView()
    createdAt = serializers.DateTimeField(source="created_at")
    version = serializers.IntegerField()


class CustomerChange(StrictSerializer):
    """The fields to update; all are optional.

    Other fields of the customer may be sent back unchanged.
    """

    record_view = CustomerView
    name = NameField(is_new=False, required=False)
    settings = DefaultsChange(required=False)


class LocationView(RecordView[Location]):
    """A location of a customer."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    name = serializers.CharField()
    address = serializers.CharField()
    timeZone = serializers.CharField(source="time_zone", help_text="IANA time zone.")
    phoneNumber = serializers.CharField(
        source="phone_number", allow_null=True, help_text="In E.164; null if the location has no number."
    )
    settings = LocationSettingsView(source="own_settings")
    createdAt = serializers.DateTimeField(source="created_at")
    version = serializers.IntegerField()


class NewLocation(NewRecordBody):
    """A new location."""

    record_view = LocationView
    name = NameField()
    timeZone = TimeZoneField(source="time_zone", help_text=_PLACE_ZONE)
    address = TextField(max_length=500, required=False, allow_blank=True)


class LocationChange(StrictSerializer):
    """The fields to update; all are optional.

    Other fields of the location may be sent back unchanged.
    """

    record_view = LocationView
    name = NameField(is_new=False, required=False)
    timeZone = TimeZoneField(required=False, source="time_zone", help_text=_PLACE_ZONE)
    address = TextField(max_length=500, required=False, allow_blank=True)
    settings = LocationSettingsChange(required=False)
