"""Fields of times: with offset, or local."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework import serializers

from config.api.fields import Span, Text
from staffing.recurrence import rrule
from staffing.recurrence.expand import LAST

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.0{1,9})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
EXAMPLES = "such as 2027-01-04T09:00:00-05:00, or 2027-01-04T09:00:00 by the location's clock"


class ShiftTime(serializers.DateTimeField):
    """A time with an offset, or a local one without: aware or naive."""

    def to_internal_value(self, value: Any) -> datetime:
        text = value.upper() if isinstance(value, str) else ""
        try:
            found = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
            if found and rrule.EARLIEST.year < found.year < LAST.year:
                return found.astimezone(UTC) if found.tzinfo else found
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError(f"It must be a time, {EXAMPLES}.", code="invalid")


class LocalTime(serializers.CharField):
    """A wall time without offset, as shifts of a series are named."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            if isinstance(data, str) and _LOCAL.fullmatch(data):
                found = datetime.fromisoformat(data)
                if rrule.EARLIEST <= found < LAST:
                    return found
        except ValueError:
            pass
        raise serializers.ValidationError(
            "It must be a local time without an offset: 2027-01-04T09:00:00.", code="invalid"
        )


class Clock(Text):
    """A time of day, HH:MM."""

    def __init__(self, **more: Any) -> None:
        super().__init__(max_length=5, **more)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _CLOCK.fullmatch(text):
            raise serializers.ValidationError("It must be a time of day: 09:00.", code="invalid")
        return text


class Window(Span):
    """A span of time within what schedules may be in."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Beyond, there is nothing to find."""
        for name, wire in (("since", "from"), ("until", "to")):
            if name in attrs:
                check_year(attrs[name], wire)
        return super().validate(attrs)


def check_year(at: datetime, name: str = "") -> None:
    """Refuse what is beyond the years in which anybody may be on duty."""
    if not rrule.EARLIEST.year < at.year < LAST.year:
        span = f"It must be from {rrule.EARLIEST.year + 1} to {LAST.year - 1}."
        raise serializers.ValidationError({name: [span]} if name else span, code="invalid")


def offset_time(at: datetime, zone: str) -> str:
    """A moment as the clock of a zone shows it, with its offset."""
    return at.astimezone(ZoneInfo(zone)).isoformat()
