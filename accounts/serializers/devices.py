"""The wire shapes of push tokens."""

from typing import Any

from rest_framework import serializers

from config.api.fields import Body, Text


class Device(Body):
    """A device, as Expo names it."""

    token = Text(max_length=250, help_text="ExponentPushToken[…] or ExpoPushToken[…].")


class DeviceView(serializers.Serializer[Any]):
    """What became of a device."""

    token = serializers.CharField()
    status = serializers.ChoiceField(choices=["registered", "removed"])
