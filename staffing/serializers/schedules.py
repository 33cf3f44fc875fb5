"""The wire shapes of schedules, single shifts, who is on duty and calendar feeds."""

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from config.api.fields import (
    PageQuery,
    StrictBooleanField,
    StrictChoiceField,
    StrictDateTimeField,
    StrictSerializer,
    TextField,
)
from staffing.models import Schedule
from staffing.recurrence import expand, pattern
from staffing.schedules.queries import Shift
from staffing.serializers.patterns import RecurrencePatternField, RecurrencePatternView
from staffing.serializers.times import (
    TIME_EXAMPLES,
    LocalTimeField,
    ShiftTimeField,
    TimeRangeQuery,
    check_year,
    format_with_offset,
)

SCOPES = ("occurrence", "following", "all")
_ALLOW_OVERLAP_HELP = "true: also where the person is on duty then already."


class NewSchedule(StrictSerializer):
    """A shift or a series to be planned."""

    customerId = TextField(max_length=100, source="customer_id")
    locationId = TextField(max_length=100, source="location_id")
    staffId = TextField(max_length=100, source="staff_id", help_text="A user's id.")
    startTime = ShiftTimeField(source="start", help_text=f"Of the first shift, {TIME_EXAMPLES}.")
    endTime = ShiftTimeField(source="end", help_text="After startTime, by 48 hours at most.")
    recurring = StrictBooleanField(required=False)
    recurrencePattern = RecurrencePatternField(required=False, allow_null=True, source="pattern")
    templateId = TextField(max_length=100, required=False, allow_null=True, source="template_id")
    allowOverlap = StrictBooleanField(required=False, source="allow_overlap", help_text=_ALLOW_OVERLAP_HELP)


class ScheduleChange(StrictSerializer):
    """What is to be changed; what is not named stays."""

    startTime = ShiftTimeField(required=False, source="start")
    endTime = ShiftTimeField(required=False, source="end")
    recurring = StrictBooleanField(required=False)
    recurrencePattern = RecurrencePatternField(required=False, source="pattern")
    staffId = TextField(max_length=100, required=False, source="staff_id")
    locationId = TextField(max_length=100, required=False, source="location_id")
    allowOverlap = StrictBooleanField(required=False, source="allow_overlap", help_text=_ALLOW_OVERLAP_HELP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something must be said."""
        if not set(attrs) - {"allow_overlap"}:
            raise serializers.ValidationError("There are no fields to update.", code="required")
        return attrs


class ScopeQuery(StrictSerializer):
    """Which shifts of a series are meant."""

    scope = StrictChoiceField(choices=SCOPES, required=False, help_text="all is the default.")
    recurrenceId = LocalTimeField(
        required=False, source="recurrence_id", help_text="The shift's original local start: 2027-01-04T09:00:00."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One shift is named for a scope."""
        if "recurrence_id" in attrs and "scope" not in attrs:
            raise serializers.ValidationError({"scope": ["It is needed with recurrenceId."]})
        if attrs.get("scope", "all") != "all" and "recurrence_id" not in attrs:
            raise serializers.ValidationError({"recurrenceId": ["Name the shift."]})
        return attrs


class ScheduleQuery(PageQuery, TimeRangeQuery):
    """Which schedules; a locationId or a customerId is needed."""

    locationId = TextField(max_length=100, required=False, source="location_id")
    customerId = TextField(max_length=100, required=False, source="customer_id")
    staffId = TextField(max_length=100, required=False, source="staff_id", help_text="Narrows.")
    expand = StrictChoiceField(choices=("occurrences",), required=False, help_text="Single shifts, of a window.")


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
    recurrencePattern = RecurrencePatternView(allow_null=True)
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
        first_occurrence = expand.build_first_occurrence(series)
        return {
            "id": instance.id,
            "customerId": instance.customer_id,
            "locationId": instance.location_id,
            "staffId": instance.staff_id,
            "startTime": format_with_offset(first_occurrence.start, series.zone),
            "endTime": format_with_offset(first_occurrence.end, series.zone),
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
        schedule, occurrence = instance.schedule, instance.occurrence
        return {
            "scheduleId": schedule.id,
            "recurrenceId": occurrence.recurrence_id.isoformat() if schedule.is_series else None,
            "customerId": schedule.customer_id,
            "locationId": schedule.location_id,
            "staffId": instance.staff_id,
            "startTime": format_with_offset(occurrence.start, schedule.zone),
            "endTime": format_with_offset(occurrence.end, schedule.zone),
            "timeZone": schedule.zone,
            "changed": occurrence.is_changed,
            "adjusted": occurrence.is_adjusted,
        }


class SchedulePage(serializers.Serializer[Any]):
    """Schedules, or with expand=occurrences single shifts by start."""

    items = serializers.SerializerMethodField()
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )

    @extend_schema_field(
        PolymorphicProxySerializer(
            component_name="RosterItem", serializers=[ScheduleView, ShiftView], resource_type_field_name=None, many=True
        )
    )
    def get_items(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        """Each in its own shape."""
        return [dict((ShiftView if isinstance(item, Shift) else ScheduleView)(item).data) for item in page["items"]]


class DeletedSchedule(serializers.Serializer[Any]):
    """What was removed."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["removed"])
    scope = serializers.ChoiceField(choices=SCOPES)


class OnDutyQuery(StrictSerializer):
    """When."""

    at = StrictDateTimeField(required=False, help_text="A moment; now, if left out.")

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
        return format_with_offset(instance.until, instance.shift.schedule.zone)


class LocationOnDutyView(serializers.Serializer[Any]):
    """Who is on duty at a location, who came first first."""

    locationId = serializers.CharField(source="location_id")
    at = serializers.DateTimeField()
    items = OnDutyView(many=True)


class FeedView(serializers.Serializer[Any]):
    """A calendar feed. Its URL is shown once and needs no sign-in."""

    url = serializers.CharField(help_text="For a calendar program; keep it secret.")
    createdAt = serializers.DateTimeField(source="created_at")


class DeletedFeed(serializers.Serializer[Any]):
    """The calendar feed is closed."""

    status = serializers.ChoiceField(choices=["removed"])
