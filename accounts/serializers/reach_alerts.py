"""Serializers of the settings by which a customer is told that callers would reach nobody."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts import reach_alerts
from config.api.fields import StrictBooleanField, StrictSerializer
from config.api.number_fields import StrictIntegerField
from config.api.record_views import RecordView

_DAYS = "How many days ahead is looked, 1 to 31; default 7."
_MIN_MINUTES = "Times in which callers reach nobody count from this length on, 5 to 240 minutes; default 15."
_OFF = "Whether nobody is told; default false."
_CUSTOMER = " Null: the customer's."


@extend_schema_serializer(component_name="ReachAlertsChange")
class ReachAlertsChange(StrictSerializer):
    """When those in charge are told that callers would reach nobody; null restores a default."""

    days = StrictIntegerField(
        required=False, allow_null=True, min_value=1, max_value=reach_alerts.MAX_DAYS, help_text=_DAYS
    )
    minMinutes = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=reach_alerts.MIN_MINUTES,
        max_value=reach_alerts.MAX_MINUTES,
        source="min_minutes",
        help_text=_MIN_MINUTES,
    )
    off = StrictBooleanField(required=False, allow_null=True, help_text=_OFF)


@extend_schema_serializer(component_name="ReachAlerts")
class ReachAlertsView(RecordView[Any]):
    """When those in charge are told that callers would reach nobody."""

    days = serializers.IntegerField(help_text=_DAYS)
    minMinutes = serializers.IntegerField(source="min_minutes", help_text=_MIN_MINUTES)
    off = serializers.BooleanField(help_text=_OFF)


@extend_schema_serializer(component_name="LocationReachAlerts")
class LocationReachAlertsView(RecordView[Any]):
    """What of that a location has for itself."""

    days = serializers.IntegerField(allow_null=True, help_text=_DAYS + _CUSTOMER)
    minMinutes = serializers.IntegerField(source="min_minutes", allow_null=True, help_text=_MIN_MINUTES + _CUSTOMER)
    off = serializers.BooleanField(allow_null=True, help_text=_OFF + _CUSTOMER)


class LocationSettingsChange(StrictSerializer):
    """Settings of a location to update; null: the customer's applies."""

    reachAlerts = ReachAlertsChange(
        required=False, allow_null=True, source="reach_alerts", help_text="Null: as the customer has it."
    )


class LocationSettingsView(RecordView[Any]):
    """Settings of a location."""

    reachAlerts = LocationReachAlertsView(source="reach_alerts")

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """Stored settings are sparse."""
        return dict(super().to_representation({"reach_alerts": reach_alerts.to_shown_choices(instance)}))
