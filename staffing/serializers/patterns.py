"""Serializer of ``recurrencePattern`` for the document; `staffing.recurrence` validates it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.record_views import RecordView

_MONTHS = [str(number) for number in range(1, 13)]
WEEKDAYS = ["mo", "tu", "we", "th", "fr", "sa", "su"]


class WeekdayView(RecordView[Any]):
    """A weekday, or with `nthOfPeriod` the nth one of the month or year."""

    day = serializers.ChoiceField(choices=WEEKDAYS)
    nthOfPeriod = serializers.IntegerField(
        required=False, min_value=-5, max_value=5, help_text="Negative numbers count from the end."
    )


class RecurrenceExceptionView(RecordView[Any]):
    """A change of one occurrence: excluded, moved, covered by another user, or other details."""

    excluded = serializers.BooleanField(required=False, help_text="true: the occurrence does not take place.")
    startTime = serializers.CharField(required=False, help_text="Local start.")
    endTime = serializers.CharField(required=False, help_text="Local end.")
    staffId = serializers.CharField(required=False, help_text="Id of the user who covers the occurrence.")
    notes = serializers.CharField(required=False, allow_null=True, help_text="Instead of those of the schedule.")
    position = serializers.CharField(required=False, allow_null=True, help_text="Instead of that of the schedule.")
    breakMinutes = serializers.IntegerField(
        required=False, allow_null=True, help_text="Instead of those of the schedule."
    )
    color = serializers.CharField(required=False, allow_null=True, help_text="Instead of that of the schedule.")


class RecurrencePatternView(RecordView[Any]):
    """A recurrence rule in the terms of JSCalendar (RFC 8984)."""

    frequency = serializers.ChoiceField(
        choices=["daily", "weekly", "monthly", "yearly"], required=False, help_text="Required unless `rrule` is sent."
    )
    interval = serializers.IntegerField(
        required=False, min_value=1, max_value=366, help_text="Every nth day, week, month or year; default 1."
    )
    byDay = WeekdayView(many=True, required=False, help_text="Days of the week, or of the month or year.")
    byMonthDay = serializers.ListField(
        child=serializers.IntegerField(min_value=-31, max_value=31),
        required=False,
        help_text="Negative numbers count from the end of the month.",
    )
    byMonth = serializers.ListField(
        child=serializers.ChoiceField(choices=_MONTHS), required=False, help_text="Months, from 1 to 12."
    )
    bySetPosition = serializers.ListField(
        child=serializers.IntegerField(min_value=-31, max_value=31),
        required=False,
        help_text="Which of the matching days of a period; -1 is the last one.",
    )
    firstDayOfWeek = serializers.ChoiceField(choices=WEEKDAYS, required=False, help_text="Default: mo.")
    count = serializers.IntegerField(
        required=False, min_value=1, max_value=1000, help_text="Number of occurrences; not together with `until`."
    )
    until = serializers.CharField(
        required=False,
        help_text="Latest local start of an occurrence, inclusive: a local time without an offset, such as "
        "2027-12-31T09:00:00, or a date, such as 2027-12-31, which includes that day.",
    )
    timeZone = serializers.CharField(required=False, help_text="IANA time zone; default: that of the location.")
    gap = serializers.ChoiceField(
        choices=["shift", "skip"],
        required=False,
        help_text="If a clock change skips the start: shift (default) moves it, skip omits the occurrence.",
    )
    exceptions = serializers.DictField(
        child=RecurrenceExceptionView(),
        required=False,
        help_text="Changed occurrences by `recurrenceId`, the original local start.",
    )
    rrule = serializers.CharField(
        required=False, help_text="The rule as an RRULE (RFC 5545); may be sent instead of the other fields."
    )

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
