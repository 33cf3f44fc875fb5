"""The wire shapes of calendar feeds."""

from typing import Any

from rest_framework import serializers


class FeedView(serializers.Serializer[Any]):
    """A calendar feed: its address is told once, and opens it to whoever has it."""

    url = serializers.CharField(help_text="For a calendar program; keep it to yourself.")
    createdAt = serializers.DateTimeField(source="created_at")


class DeletedFeed(serializers.Serializer[Any]):
    """There is no feed any more."""

    status = serializers.ChoiceField(choices=["removed"])
