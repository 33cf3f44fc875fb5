"""Serializers of user settings and customer defaults."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from accounts import preferences
from config.api.fields import StrictBooleanField, StrictChoiceField, StrictIntegerField, StrictSerializer, TimeZoneField

_LANGUAGE = "Language of e-mails; null: the customer's default."
_ZONE = "IANA time zone of times in e-mails; null: the customer's default."
_RINGING = "Whether calls to a location ring the user's verified phone while on duty; default false."
_REMINDER = "Minutes from the reminder to the start of a shift, 5 to 1,440; null: 60."


class ChannelChange(StrictSerializer):
    """The events to notify about on one channel."""

    rightsChanged = StrictBooleanField(required=False, source="rights_changed")
    locationAssigned = StrictBooleanField(required=False, source="location_assigned")
    termsRenewed = StrictBooleanField(required=False, source="terms_renewed")
    rotaChanged = StrictBooleanField(required=False, source="rota_changed")
    shiftReminder = StrictBooleanField(required=False, source="shift_reminder")
    voicemailLeft = StrictBooleanField(required=False, source="voicemail_left")


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
    notifications = NotificationsChange(required=False)


class ChannelView(serializers.Serializer[Any]):
    """The events to notify about on one channel."""

    rightsChanged = serializers.BooleanField(source="rights_changed")
    locationAssigned = serializers.BooleanField(source="location_assigned")
    termsRenewed = serializers.BooleanField(source="terms_renewed")
    rotaChanged = serializers.BooleanField(source="rota_changed")
    shiftReminder = serializers.BooleanField(source="shift_reminder")
    voicemailLeft = serializers.BooleanField(source="voicemail_left")


class NotificationsView(serializers.Serializer[Any]):
    """Notification settings, by channel and event."""

    email = ChannelView()
    push = ChannelView()


class SettingsView(serializers.Serializer[Any]):
    """The settings of a user."""

    language = serializers.ChoiceField(choices=preferences.LANGUAGES, allow_null=True, help_text=_LANGUAGE)
    timeZone = serializers.CharField(source="time_zone", allow_null=True, help_text=_ZONE)
    reminderMinutes = serializers.IntegerField(source="reminder_minutes", help_text=_REMINDER)
    ringing = serializers.BooleanField(help_text=_RINGING)
    notifications = NotificationsView()

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """Stored settings are sparse: add the defaults."""
        return dict(super().to_representation(preferences.with_defaults(instance)))


class DefaultsChange(StrictSerializer):
    """Default settings to update, for users without their own."""

    language = StrictChoiceField(choices=preferences.LANGUAGES, required=False, allow_null=True)
    timeZone = TimeZoneField(required=False, allow_null=True, source="time_zone")


class DefaultsView(serializers.Serializer[Any]):
    """Default settings, for users without their own."""

    language = serializers.ChoiceField(choices=preferences.LANGUAGES)
    timeZone = serializers.CharField(source="time_zone")

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """Stored settings are sparse: add the defaults."""
        language = preferences.language_of({}, instance)
        zone = preferences.time_zone_of({}, instance)
        return dict(super().to_representation({"language": language, "time_zone": zone}))
