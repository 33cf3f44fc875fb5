"""The wire shapes of what people and customers choose."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from accounts import preferences
from config.api.fields import StrictBooleanField, StrictChoiceField, StrictIntegerField, StrictSerializer, TimeZoneField

_LANGUAGE = "The language of mails; null: the customer's."
_ZONE = "The IANA time zone of times in mails; null: the customer's."
_RINGING = "Whether calls to where one is on duty ring one's phone, once it is verified; off."
_REMINDER = "How long before a shift a reminder comes, 5 to 1,440 minutes; null: 60."


class ChannelChange(StrictSerializer):
    """Which events reach a person on one channel."""

    rightsChanged = StrictBooleanField(required=False, source="rights_changed")
    locationAssigned = StrictBooleanField(required=False, source="location_assigned")
    termsRenewed = StrictBooleanField(required=False, source="terms_renewed")
    rotaChanged = StrictBooleanField(required=False, source="rota_changed")
    shiftReminder = StrictBooleanField(required=False, source="shift_reminder")
    voicemailLeft = StrictBooleanField(required=False, source="voicemail_left")


class NotificationsChange(StrictSerializer):
    """Which notifications are wanted, by channel and event; what is not named stays."""

    email = ChannelChange(required=False)
    push = ChannelChange(required=False)


class SettingsChange(StrictSerializer):
    """What a person chooses; what is not named stays, null forgets a choice."""

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
    """Which events reach a person on one channel."""

    rightsChanged = serializers.BooleanField(source="rights_changed")
    locationAssigned = serializers.BooleanField(source="location_assigned")
    termsRenewed = serializers.BooleanField(source="terms_renewed")
    rotaChanged = serializers.BooleanField(source="rota_changed")
    shiftReminder = serializers.BooleanField(source="shift_reminder")
    voicemailLeft = serializers.BooleanField(source="voicemail_left")


class NotificationsView(serializers.Serializer[Any]):
    """Which notifications are wanted, by channel and event."""

    email = ChannelView()
    push = ChannelView()


class SettingsView(serializers.Serializer[Any]):
    """What a person chose, every notification spelled out."""

    language = serializers.ChoiceField(choices=preferences.LANGUAGES, allow_null=True, help_text=_LANGUAGE)
    timeZone = serializers.CharField(source="time_zone", allow_null=True, help_text=_ZONE)
    reminderMinutes = serializers.IntegerField(source="reminder_minutes", help_text=_REMINDER)
    ringing = serializers.BooleanField(help_text=_RINGING)
    notifications = NotificationsView()

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """From what is stored, which is sparse."""
        return dict(super().to_representation(preferences.with_defaults(instance)))


class DefaultsChange(StrictSerializer):
    """What a customer chooses for people who chose nothing."""

    language = StrictChoiceField(choices=preferences.LANGUAGES, required=False, allow_null=True)
    timeZone = TimeZoneField(required=False, allow_null=True, source="time_zone")


class DefaultsView(serializers.Serializer[Any]):
    """What holds for people who chose nothing."""

    language = serializers.ChoiceField(choices=preferences.LANGUAGES)
    timeZone = serializers.CharField(source="time_zone")

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """From what is stored, which is sparse."""
        language = preferences.language_of({}, instance)
        zone = preferences.time_zone_of({}, instance)
        return dict(super().to_representation({"language": language, "time_zone": zone}))
