"""The wire shapes of push tokens."""

from typing import Any

from rest_framework import serializers

from config.api.fields import StrictSerializer, TextField


class PushTokenBody(StrictSerializer):
    """A device, as Expo names it."""

    token = TextField(max_length=250, help_text="ExponentPushToken[…] or ExpoPushToken[…].")


class PushTokenView(serializers.Serializer[Any]):
    """What became of a device."""

    token = serializers.CharField()
    status = serializers.ChoiceField(choices=["registered", "removed"])
