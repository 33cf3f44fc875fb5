"""Serializer of ``recurrencePattern`` for the document; `staffing.recurrence` validates it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_MONTHS = [str(number) for number in range(1, 13)]
_WEEKDAYS = ["mo", "tu", "we", "th", "fr", "sa", "su"]


class WeekdayView(serializers.Serializer[Any]):
    """A weekday, or the nth weekday of the period."""

    day = serializers.ChoiceField(choices=_WEEKDAYS)
    nthOfPeriod = serializers.IntegerField(required=False, min_value=-5, max_value=5)


class RecurrenceExceptionView(serializers.Serializer[Any]):
    """A change of one occurrence: excluded, or moved; in local time."""

    excluded = serializers.BooleanField(required=False)
    startTime = serializers.CharField(required=False)
    endTime = serializers.CharField(required=False)
    staffId = serializers.CharField(required=False)


class RecurrencePatternView(serializers.Serializer[Any]):
    """A recurrence rule in the terms of JSCalendar (RFC 8984)."""

    frequency = serializers.ChoiceField(
        choices=["daily", "weekly", "monthly", "yearly"], required=False, help_text="Required unless `rrule` is sent."
    )
    interval = serializers.IntegerField(required=False, min_value=1, max_value=366)
    byDay = WeekdayView(many=True, required=False)
    byMonthDay = serializers.ListField(child=serializers.IntegerField(), required=False)
    byMonth = serializers.ListField(child=serializers.ChoiceField(choices=_MONTHS), required=False)
    bySetPosition = serializers.ListField(child=serializers.IntegerField(), required=False)
    firstDayOfWeek = serializers.ChoiceField(choices=_WEEKDAYS, required=False)
    count = serializers.IntegerField(required=False, min_value=1, max_value=1000)
    until = serializers.CharField(required=False, help_text="Local time of the last possible start.")
    timeZone = serializers.CharField(required=False, help_text="IANA time zone.")
    gap = serializers.ChoiceField(
        choices=["shift", "skip"],
        required=False,
        help_text="If a start falls into a skipped hour: shift it by the clock change, or skip the occurrence.",
    )
    exceptions = serializers.DictField(
        child=RecurrenceExceptionView(),
        required=False,
        help_text="By `recurrenceId`, the original local start of the occurrence.",
    )
    rrule = serializers.CharField(required=False, help_text="The same rule as an RFC 5545 RRULE.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Sparse, as stored."""
        return dict(instance)


@extend_schema_field(RecurrencePatternView)
class RecurrencePatternField(serializers.DictField):
    """A recurrence rule; `staffing.recurrence.pattern` validates it."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be an object.", code="invalid")
        return data

    def run_child_validation(self, data: Any) -> Any:
        """Skip: the domain validates it."""
        return data
