"""Serializers of who is on duty."""

from typing import Any

from rest_framework import serializers

from config.api.fields import StrictQuery
from config.api.record_views import RecordView
from config.api.time_queries import LOCAL_TIMES_HELP, QueryTimeField
from staffing.schedules import on_duty
from staffing.serializers.schedules import ShiftView


class OnDutyQuery(StrictQuery):
    """The time of interest."""

    at = QueryTimeField(required=False, help_text=f"Default: now. {LOCAL_TIMES_HELP}")


class OnDutyView(RecordView[Any]):
    """A user on duty, until when, and why."""

    staffId = serializers.CharField(source="user.id")
    name = serializers.CharField(source="user.name")
    until = serializers.DateTimeField(help_text="When the user goes off duty.")
    reason = serializers.ChoiceField(choices=on_duty.REASONS, help_text="Why the user is on duty.")
    breakUntil = serializers.DateTimeField(
        source="paused_until",
        allow_null=True,
        help_text="When the user's break ends, until which calls do not ring the user's phone; null: no break.",
    )
    shift = ShiftView()


class LocationOnDutyView(RecordView[Any]):
    """The users on duty at a location, by start of their shift."""

    locationId = serializers.CharField(source="location_id")
    at = serializers.DateTimeField(help_text="The time of interest, at the location.")
    items = OnDutyView(many=True)
