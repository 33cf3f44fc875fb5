"""Serializers of user settings and customer defaults."""

from collections.abc import Mapping
from typing import Any, cast

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts import preferences
from accounts.serializers.reach_alerts import ReachAlertsChange, ReachAlertsView
from config import json_cache
from config.api.fields import StrictBooleanField, StrictChoiceField, StrictSerializer, TimeZoneField
from config.api.number_fields import StrictIntegerField
from config.api.record_views import RecordView

_EVENTS = {
    "rights_changed": "Role or permissions changed.",
    "location_assigned": "A location was added.",
    "terms_renewed": "New terms are in force.",
    "rota_changed": "Another person changed the user's shifts.",
    "shift_reminder": "A shift starts soon; see `reminderMinutes`.",
    "voicemail_left": "A caller left a voicemail for the user's location.",
    "call_missed": "A caller reached nobody at the user's location and is to be called back; at most one message per "
    "location in five minutes.",
    "callback_due": "A caller expects to be called back now; to those on duty, or to those in charge.",
    "callback_handed_over": "A call-back is open again, because whoever had taken it is off duty; to those on duty.",
    "hole_found": "Callers will reach nobody at a location at a time when its line is open; to those in charge, once.",
    "not_ringable": "A shift starts in an hour, and calls cannot ring the user's phone; shortly before the shift to "
    "those in charge.",
}
_LANGUAGE = "Language of notifications; null: the customer's default."
_ZONE = "IANA time zone of times in notifications; null: the customer's default."
_RINGING = "Whether calls ring the user's verified phone while the user is on duty; default false."
_ANSWER_WITHOUT_KEY = (
    "Whether a call is connected as soon as the user's phone is picked up, without pressing 1; default false. "
    "A mailbox that picks up would take the call: it cannot be told from a person."
)
_REMINDER = "Minutes between the reminder and the start of a shift, 5 to 1,440; default 60."


@extend_schema_serializer(component_name="NotificationChannelChange")
class ChannelChange(StrictSerializer):
    """Which events the user is notified of on this channel."""

    rightsChanged = StrictBooleanField(required=False, source="rights_changed", help_text=_EVENTS["rights_changed"])
    locationAssigned = StrictBooleanField(
        required=False, source="location_assigned", help_text=_EVENTS["location_assigned"]
    )
    termsRenewed = StrictBooleanField(required=False, source="terms_renewed", help_text=_EVENTS["terms_renewed"])
    rotaChanged = StrictBooleanField(required=False, source="rota_changed", help_text=_EVENTS["rota_changed"])
    shiftReminder = StrictBooleanField(required=False, source="shift_reminder", help_text=_EVENTS["shift_reminder"])
    voicemailLeft = StrictBooleanField(required=False, source="voicemail_left", help_text=_EVENTS["voicemail_left"])
    callMissed = StrictBooleanField(required=False, source="call_missed", help_text=_EVENTS["call_missed"])
    callbackDue = StrictBooleanField(required=False, source="callback_due", help_text=_EVENTS["callback_due"])
    callbackHandedOver = StrictBooleanField(
        required=False, source="callback_handed_over", help_text=_EVENTS["callback_handed_over"]
    )
    holeFound = StrictBooleanField(required=False, source="hole_found", help_text=_EVENTS["hole_found"])
    notRingable = StrictBooleanField(required=False, source="not_ringable", help_text=_EVENTS["not_ringable"])


class NotificationsChange(StrictSerializer):
    """Notification settings to update, by channel and event."""

    email = ChannelChange(required=False)
    push = ChannelChange(required=False)


class SettingsChange(StrictSerializer):
    """Settings to update; null restores the default."""

    language = StrictChoiceField(choices=preferences.LANGUAGES, required=False, allow_null=True, help_text=_LANGUAGE)
    timeZone = TimeZoneField(required=False, allow_null=True, source="time_zone", help_text=_ZONE)
    reminderMinutes = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=5,
        max_value=preferences.MAX_REMINDER_MINUTES,
        source="reminder_minutes",
        help_text=_REMINDER,
    )
    ringing = StrictBooleanField(required=False, allow_null=True, help_text=_RINGING)
    answerWithoutKey = StrictBooleanField(
        required=False, allow_null=True, source="answer_without_key", help_text=_ANSWER_WITHOUT_KEY
    )
    notifications = NotificationsChange(required=False)


@extend_schema_serializer(component_name="NotificationChannel")
class ChannelView(RecordView[Any]):
    """Which events the user is notified of on this channel."""

    rightsChanged = serializers.BooleanField(source="rights_changed", help_text=_EVENTS["rights_changed"])
    locationAssigned = serializers.BooleanField(source="location_assigned", help_text=_EVENTS["location_assigned"])
    termsRenewed = serializers.BooleanField(source="terms_renewed", help_text=_EVENTS["terms_renewed"])
    rotaChanged = serializers.BooleanField(source="rota_changed", help_text=_EVENTS["rota_changed"])
    shiftReminder = serializers.BooleanField(source="shift_reminder", help_text=_EVENTS["shift_reminder"])
    voicemailLeft = serializers.BooleanField(source="voicemail_left", help_text=_EVENTS["voicemail_left"])
    callMissed = serializers.BooleanField(source="call_missed", help_text=_EVENTS["call_missed"])
    callbackDue = serializers.BooleanField(source="callback_due", help_text=_EVENTS["callback_due"])
    callbackHandedOver = serializers.BooleanField(
        source="callback_handed_over", help_text=_EVENTS["callback_handed_over"]
    )
    holeFound = serializers.BooleanField(source="hole_found", help_text=_EVENTS["hole_found"])
    notRingable = serializers.BooleanField(source="not_ringable", help_text=_EVENTS["not_ringable"])


class NotificationsView(RecordView[Any]):
    """Notification settings, by channel and event."""

    email = ChannelView()
    push = ChannelView()


class SettingsView(RecordView[Any]):
    """The settings of a user."""

    language = serializers.ChoiceField(choices=preferences.LANGUAGES, allow_null=True, help_text=_LANGUAGE)
    timeZone = serializers.CharField(source="time_zone", allow_null=True, help_text=_ZONE)
    reminderMinutes = serializers.IntegerField(source="reminder_minutes", help_text=_REMINDER)
    ringing = serializers.BooleanField(help_text=_RINGING)
    answerWithoutKey = serializers.BooleanField(source="answer_without_key", help_text=_ANSWER_WITHOUT_KEY)
    notifications = NotificationsView()

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """Stored settings are sparse: add the defaults."""
        return cast(dict[str, Any], _show_settings(instance))

    def show_complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The view of settings with defaults."""
        return super().to_representation(settings)


@json_cache.remember(max_size=1_024)
def _show_settings(stored: dict[str, Any]) -> dict[str, Any]:
    return SettingsView().show_complete(preferences.with_defaults(stored))


@extend_schema_serializer(component_name="CustomerDefaultsChange")
class DefaultsChange(StrictSerializer):
    """Defaults to update; they apply to users who chose nothing else."""

    language = StrictChoiceField(choices=preferences.LANGUAGES, required=False, allow_null=True)
    timeZone = TimeZoneField(required=False, allow_null=True, source="time_zone")
    reachAlerts = ReachAlertsChange(
        required=False, allow_null=True, source="reach_alerts", help_text="Null: the defaults."
    )


@extend_schema_serializer(component_name="CustomerDefaults")
class DefaultsView(RecordView[Any]):
    """Defaults for users who chose nothing else."""

    language = serializers.ChoiceField(choices=preferences.LANGUAGES)
    timeZone = serializers.CharField(source="time_zone")
    reachAlerts = ReachAlertsView(source="reach_alerts")

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """Stored settings are sparse: add the defaults."""
        return dict(super().to_representation(preferences.defaults_of(instance)))
