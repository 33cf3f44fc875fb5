"""Fields of date-times with an offset, local times and times of day."""

import re
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import TextField
from config.api.time_queries import MAX_TIME_LENGTH, DateTimeRangeQuery
from staffing.recurrence import rrule
from staffing.recurrence.rules import LATEST_START

_DATE_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.0{1,9})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_TIME_OF_DAY_PATTERN = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
TIME_EXAMPLES = "such as 2027-01-04T09:00:00-05:00, or 2027-01-04T09:00:00 in the location's time zone"


@extend_schema_field(
    {
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.0{1,9})?)?([Zz]|[+-]\d{2}:\d{2})?$",
        "examples": ["2027-01-04T09:00:00", "2027-01-04T09:00:00-05:00"],
    }
)
class ShiftTimeField(serializers.DateTimeField):
    """A date-time with an offset (aware), or a local one without (naive)."""

    def to_internal_value(self, value: Any) -> datetime:
        text = value.upper() if isinstance(value, str) and len(value) <= MAX_TIME_LENGTH else ""
        try:
            parsed = datetime.fromisoformat(text) if _DATE_TIME_PATTERN.fullmatch(text) else None
            if parsed and rrule.EARLIEST_START.year < parsed.year < LATEST_START.year:
                return parsed.astimezone(UTC) if parsed.tzinfo else parsed
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError(f"Must be a date-time, {TIME_EXAMPLES}.", code="invalid")


@extend_schema_field({"type": "string", "examples": ["2027-01-04T09:00:00"]})
class RecurrenceIdField(ShiftTimeField):
    """The original start of an occurrence: local, or with an offset as `startTime` shows it."""

    def to_internal_value(self, value: Any) -> datetime:
        is_short = isinstance(value, str) and len(value) <= MAX_TIME_LENGTH
        text = value.replace(" ", "+") if is_short else value  # "+", not escaped
        return super().to_internal_value(text)


class TimeOfDayField(TextField):
    """A time of day, HH:MM."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=5, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _TIME_OF_DAY_PATTERN.fullmatch(text):
            raise serializers.ValidationError("Must be a time of day, such as 09:00.", code="invalid")
        return text


class TimeRangeQuery(DateTimeRangeQuery):
    """A query for a time range that includes running shifts."""

    def get_fields(self) -> dict[str, Any]:
        """Say which shifts are in the range."""
        fields = super().get_fields()
        fields["from"].help_text += " Shifts that began earlier and end after it are included."
        fields["to"].help_text += " Shifts that begin before it and end later are included."
        return fields
