"""The wire shapes of schedules and of their single shifts."""

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from config.api.fields import Body, Choice, Flag, Moment, PageQuery, Text
from staffing.models import Schedule
from staffing.recurrence import expand, pattern
from staffing.schedules.queries import Shift
from staffing.serializers.patterns import Pattern, PatternView
from staffing.serializers.times import (
    EXAMPLES,
    LocalTime,
    ShiftTime,
    Window,
    check_year,
    offset_time,
)

SCOPES = ("occurrence", "following", "all")
_OVERLAP = "true: also where the person is on duty then already."


class NewSchedule(Body):
    """A shift or a series to be planned."""

    customerId = Text(max_length=100, source="customer_id")
    locationId = Text(max_length=100, source="location_id")
    staffId = Text(max_length=100, source="staff_id", help_text="A user's id.")
    startTime = ShiftTime(source="start", help_text=f"Of the first shift, {EXAMPLES}.")
    endTime = ShiftTime(source="end", help_text="After startTime, by 48 hours at most.")
    recurring = Flag(required=False)
    recurrencePattern = Pattern(required=False, allow_null=True, source="pattern")
    templateId = Text(max_length=100, required=False, allow_null=True, source="template_id")
    allowOverlap = Flag(required=False, source="allow_overlap", help_text=_OVERLAP)


class ScheduleChange(Body):
    """What is to be changed; what is not named stays."""

    startTime = ShiftTime(required=False, source="start")
    endTime = ShiftTime(required=False, source="end")
    recurring = Flag(required=False)
    recurrencePattern = Pattern(required=False, source="pattern")
    staffId = Text(max_length=100, required=False, source="staff_id")
    locationId = Text(max_length=100, required=False, source="location_id")
    allowOverlap = Flag(required=False, source="allow_overlap", help_text=_OVERLAP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something must be said."""
        if not set(attrs) - {"allow_overlap"}:
            raise serializers.ValidationError("There are no fields to update.", code="required")
        return attrs


class ScopeQuery(Body):
    """Which shifts of a series are meant."""

    scope = Choice(choices=SCOPES, required=False, help_text="all is the default.")
    recurrenceId = LocalTime(
        required=False,
        source="recurrence_id",
        help_text="The shift's original local start: 2027-01-04T09:00:00.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One shift is named for a scope."""
        if "recurrence_id" in attrs and "scope" not in attrs:
            raise serializers.ValidationError({"scope": ["It is needed with recurrenceId."]})
        if attrs.get("scope", "all") != "all" and "recurrence_id" not in attrs:
            raise serializers.ValidationError({"recurrenceId": ["Name the shift."]})
        return attrs


class ScheduleQuery(PageQuery, Window):
    """Which schedules; a locationId or a customerId is needed."""

    locationId = Text(max_length=100, required=False, source="location_id")
    customerId = Text(max_length=100, required=False, source="customer_id")
    staffId = Text(max_length=100, required=False, source="staff_id", help_text="Narrows.")
    expand = Choice(
        choices=("occurrences",), required=False, help_text="Single shifts, of a window."
    )


class ScheduleView(serializers.Serializer[Schedule]):
    """A shift or a series."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    staffId = serializers.CharField(source="staff_id")
    startTime = serializers.DateTimeField(help_text="Of the first shift.")
    endTime = serializers.DateTimeField()
    timeZone = serializers.CharField(source="zone", help_text="IANA.")
    recurring = serializers.BooleanField(source="is_series")
    recurrencePattern = PatternView(allow_null=True)
    templateId = serializers.CharField(source="template_id", allow_null=True)
    splitFrom = serializers.CharField(
        source="split_from", allow_null=True, help_text="The series of which it was the rest."
    )
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()

    def to_representation(self, instance: Schedule) -> dict[str, Any]:
        """The first shift at its moments, by the schedule's own clock."""
        series = instance.series()
        first = expand.placed(series)
        return {
            "id": instance.id,
            "customerId": instance.customer_id,
            "locationId": instance.location_id,
            "staffId": instance.staff_id,
            "startTime": offset_time(first.start, series.zone),
            "endTime": offset_time(first.end, series.zone),
            "timeZone": series.zone,
            "recurring": instance.is_series,
            "recurrencePattern": pattern.to_pattern(series) if series.rule else None,
            "templateId": instance.template_id,
            "splitFrom": instance.split_from,
            "createdAt": instance.created_at,
            "updatedAt": instance.updated_at,
            "version": int(instance.version),
        }


class ShiftView(serializers.Serializer[Shift]):
    """One shift."""

    scheduleId = serializers.CharField()
    recurrenceId = serializers.CharField(
        allow_null=True, help_text="Its original local start; null where it does not recur."
    )
    customerId = serializers.CharField()
    locationId = serializers.CharField()
    staffId = serializers.CharField(help_text="Who has it.")
    startTime = serializers.DateTimeField()
    endTime = serializers.DateTimeField()
    timeZone = serializers.CharField()
    changed = serializers.BooleanField(help_text="Whether it was put elsewhere by itself.")
    adjusted = serializers.BooleanField(help_text="Whether the clock jumped over start or end.")

    def to_representation(self, instance: Shift) -> dict[str, Any]:
        """By the schedule's own clock."""
        schedule, one = instance.schedule, instance.occurrence
        return {
            "scheduleId": schedule.id,
            "recurrenceId": one.recurrence_id.isoformat() if schedule.is_series else None,
            "customerId": schedule.customer_id,
            "locationId": schedule.location_id,
            "staffId": instance.staff_id,
            "startTime": offset_time(one.start, schedule.zone),
            "endTime": offset_time(one.end, schedule.zone),
            "timeZone": schedule.zone,
            "changed": one.is_changed,
            "adjusted": one.is_adjusted,
        }


class RosterPage(serializers.Serializer[Any]):
    """Schedules, or with expand=occurrences single shifts by start."""

    items = serializers.SerializerMethodField()
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )

    @extend_schema_field(
        PolymorphicProxySerializer(
            component_name="RosterItem",
            serializers=[ScheduleView, ShiftView],
            resource_type_field_name=None,
            many=True,
        )
    )
    def get_items(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        """Each in its own shape."""
        return [
            dict((ShiftView if isinstance(one, Shift) else ScheduleView)(one).data)
            for one in page["items"]
        ]


class ScheduleGone(serializers.Serializer[Any]):
    """What was removed."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["removed"])
    scope = serializers.ChoiceField(choices=SCOPES)


class DutyQuery(Body):
    """When."""

    at = Moment(required=False, help_text="A moment; now, if left out.")

    def validate_at(self, value: datetime) -> datetime:
        """Beyond, there is nothing to find."""
        check_year(value)
        return value


class OnDutyView(serializers.Serializer[Any]):
    """Somebody on duty, until when, and why."""

    staffId = serializers.CharField(source="user.id")
    name = serializers.CharField(source="user.name")
    until = serializers.SerializerMethodField()
    reason = serializers.ChoiceField(
        choices=["scheduled", "moved", "covering"],
        help_text="Planned so, put there by itself, or standing in for whose series it is.",
    )
    shift = ShiftView()

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_until(self, instance: Any) -> str:
        """By the schedule's own clock."""
        return offset_time(instance.until, instance.shift.schedule.zone)


class DutyView(serializers.Serializer[Any]):
    """Who is on duty at a location, who came first first."""

    locationId = serializers.CharField(source="location_id")
    at = serializers.DateTimeField()
    items = OnDutyView(many=True)
