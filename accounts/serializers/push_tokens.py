"""Serializers of push tokens."""

from typing import Any

from rest_framework import serializers

from config.api.fields import StrictChoiceField, StrictQuery, StrictSerializer, TextField
from config.api.record_views import RecordView


class PushTokenBody(StrictSerializer):
    """An Expo push token."""

    token = TextField(
        max_length=250, help_text="ExponentPushToken[…], ExpoPushToken[…], or the UUID of an old installation."
    )
    platform = TextField(
        max_length=50, required=False, allow_null=True, help_text="Not used: Expo knows the platform of a token."
    )
    status = StrictChoiceField(
        choices=["registered", "removed"], required=False, help_text="Not used: may be sent back as it was answered."
    )


class PushTokenQuery(StrictQuery):
    """The push token to remove, for clients that cannot send a body with DELETE."""

    token = TextField(max_length=250, required=False, help_text="Instead of `token` in the body.")


class PushTokenView(RecordView[Any]):
    """The status of a push token."""

    token = serializers.CharField(help_text="The token of the request.")
    status = serializers.ChoiceField(
        choices=["registered", "removed"], help_text="Whether notifications are sent to the device."
    )
