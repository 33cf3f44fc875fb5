"""The wire shape of ``recurrencePattern``. What its members may be is decided by the rules."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_MONTHS = [str(number) for number in range(1, 13)]
_WEEKDAYS = ["mo", "tu", "we", "th", "fr", "sa", "su"]


class WeekdayView(serializers.Serializer[Any]):
    """A weekday; of a month, perhaps the nth."""

    day = serializers.ChoiceField(choices=_WEEKDAYS)
    nthOfPeriod = serializers.IntegerField(required=False, min_value=-5, max_value=5)


class RecurrenceExceptionView(serializers.Serializer[Any]):
    """What became of one shift: left out, or put elsewhere, in local time."""

    excluded = serializers.BooleanField(required=False)
    startTime = serializers.CharField(required=False)
    endTime = serializers.CharField(required=False)
    staffId = serializers.CharField(required=False)


class RecurrencePatternView(serializers.Serializer[Any]):
    """How a series recurs, in the words of JSCalendar (RFC 8984)."""

    frequency = serializers.ChoiceField(
        choices=["daily", "weekly", "monthly", "yearly"], required=False, help_text="Needed, unless rrule says it."
    )
    interval = serializers.IntegerField(required=False, min_value=1, max_value=366)
    byDay = WeekdayView(many=True, required=False)
    byMonthDay = serializers.ListField(child=serializers.IntegerField(), required=False)
    byMonth = serializers.ListField(child=serializers.ChoiceField(choices=_MONTHS), required=False)
    bySetPosition = serializers.ListField(child=serializers.IntegerField(), required=False)
    firstDayOfWeek = serializers.ChoiceField(choices=_WEEKDAYS, required=False)
    count = serializers.IntegerField(required=False, min_value=1, max_value=1000)
    until = serializers.CharField(required=False, help_text="Local; the last time at which a shift may start.")
    timeZone = serializers.CharField(required=False, help_text="IANA.")
    gap = serializers.ChoiceField(
        choices=["shift", "skip"],
        required=False,
        help_text="Where the clock jumps over a start: later by the jump, or not at all.",
    )
    exceptions = serializers.DictField(
        child=RecurrenceExceptionView(), required=False, help_text="By the shift's original local start."
    )
    rrule = serializers.CharField(required=False, help_text="The same rule as RFC 5545 has it.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Sparse, as it is kept."""
        return dict(instance)


@extend_schema_field(RecurrencePatternView)
class RecurrencePatternField(serializers.DictField):
    """How a series recurs: an object that `staffing.recurrence.pattern` checks by name."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("It must be an object.", code="invalid")
        return data

    def run_child_validation(self, data: Any) -> Any:
        """The rules do that."""
        return data
