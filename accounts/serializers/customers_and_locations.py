"""The wire shapes of customers and their locations."""

from typing import Any

from rest_framework import serializers

from accounts.models import Customer, Location
from accounts.serializers.preferences import DefaultsChange, DefaultsView
from config.api.fields import PageQuery, StrictSerializer, TextField, TimeZoneField


class CustomerView(serializers.Serializer[Customer]):
    """A customer."""

    id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=["active", "suspended"])
    settings = DefaultsView()
    createdAt = serializers.DateTimeField(source="created_at")
    version = serializers.IntegerField()


class CustomerChange(StrictSerializer):
    """What is to be changed; what is not named stays."""

    name = TextField(max_length=200, required=False)
    settings = DefaultsChange(required=False)


class NewLocation(StrictSerializer):
    """A new place."""

    name = TextField(max_length=200)
    timeZone = TimeZoneField(source="time_zone", help_text="Its IANA time zone, such as America/Denver.")
    address = TextField(max_length=500, required=False, allow_blank=True)


class LocationChange(StrictSerializer):
    """What is to be changed; what is not named stays."""

    name = TextField(max_length=200, required=False)
    timeZone = TimeZoneField(required=False, source="time_zone")
    address = TextField(max_length=500, required=False, allow_blank=True)


class LocationView(serializers.Serializer[Location]):
    """A place of a customer."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    name = serializers.CharField()
    address = serializers.CharField()
    timeZone = serializers.CharField(source="time_zone")
    createdAt = serializers.DateTimeField(source="created_at")
    version = serializers.IntegerField()


class LocationQuery(PageQuery):
    """Which locations."""


class LocationPage(serializers.Serializer[Any]):
    """Locations by name."""

    items = LocationView(many=True)
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )


class DeletedLocation(serializers.Serializer[Any]):
    """What was removed."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["removed"])
