"""Fields of times: with offset, or local."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework import serializers

from config.api.fields import DateTimeRangeQuery, TextField
from staffing.recurrence import rrule
from staffing.recurrence.expand import LATEST_START

_DATE_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.0{1,9})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_LOCAL_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
_TIME_OF_DAY_PATTERN = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
TIME_EXAMPLES = "such as 2027-01-04T09:00:00-05:00, or 2027-01-04T09:00:00 by the location's clock"


class ShiftTimeField(serializers.DateTimeField):
    """A time with an offset, or a local one without: aware or naive."""

    def to_internal_value(self, value: Any) -> datetime:
        text = value.upper() if isinstance(value, str) else ""
        try:
            parsed = datetime.fromisoformat(text) if _DATE_TIME_PATTERN.fullmatch(text) else None
            if parsed and rrule.EARLIEST_START.year < parsed.year < LATEST_START.year:
                return parsed.astimezone(UTC) if parsed.tzinfo else parsed
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError(f"It must be a time, {TIME_EXAMPLES}.", code="invalid")


class LocalTimeField(serializers.CharField):
    """A wall time without offset, as shifts of a series are named."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            if isinstance(data, str) and _LOCAL_TIME_PATTERN.fullmatch(data):
                parsed = datetime.fromisoformat(data)
                if rrule.EARLIEST_START <= parsed < LATEST_START:
                    return parsed
        except ValueError:
            pass
        raise serializers.ValidationError(
            "It must be a local time without an offset: 2027-01-04T09:00:00.", code="invalid"
        )


class TimeOfDayField(TextField):
    """A time of day, HH:MM."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=5, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _TIME_OF_DAY_PATTERN.fullmatch(text):
            raise serializers.ValidationError("It must be a time of day: 09:00.", code="invalid")
        return text


class TimeRangeQuery(DateTimeRangeQuery):
    """A span of time within what schedules may be in."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Beyond, there is nothing to find."""
        for name, wire_name in (("since", "from"), ("until", "to")):
            if name in attrs:
                check_year(attrs[name], wire_name)
        return super().validate(attrs)


def check_year(at: datetime, wire_name: str = "") -> None:
    """Refuse what is beyond the years in which anybody may be on duty."""
    if not rrule.EARLIEST_START.year < at.year < LATEST_START.year:
        span = f"It must be from {rrule.EARLIEST_START.year + 1} to {LATEST_START.year - 1}."
        raise serializers.ValidationError({wire_name: [span]} if wire_name else span, code="invalid")


def format_with_offset(at: datetime, zone: str) -> str:
    """A moment as the clock of a zone shows it, with its offset."""
    return at.astimezone(ZoneInfo(zone)).isoformat()
