"""Serializer of colleagues."""

from typing import Any

from rest_framework import serializers

from accounts.models import ALL_LOCATIONS, User
from config.api.record_views import RecordView


class ColleagueView(RecordView[User]):
    """Somebody who works at one of the signed-in user's locations."""

    id = serializers.CharField()
    name = serializers.CharField()
    profileName = serializers.CharField(
        source="profile_name", allow_null=True, help_text="What they want to be called; null: their name."
    )
    userSkills = serializers.ListField(child=serializers.CharField(), source="skills")
    locations = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text='Ids of the locations that both have; ["*"] if both have all.',
    )

    def to_representation(self, instance: User) -> dict[str, Any]:
        """Of the locations only those that ``actor`` of the context has."""
        own_locations, locations = self.context["actor"].locations, list(instance.locations)
        if ALL_LOCATIONS in locations:
            locations = list(own_locations)
        elif ALL_LOCATIONS not in own_locations:
            locations = [id for id in locations if id in own_locations]
        return {
            "id": instance.id,
            "name": instance.name,
            "profileName": instance.profile_name,
            "userSkills": list(instance.skills),
            "locations": locations,
        }
