"""Serializers of the days of a location: public holidays and notes."""

import re
from datetime import date
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config import errors
from config.api.fields import MultilineTextField, StrictQuery, StrictSerializer, TextField
from config.api.record_views import RecordView
from config.api.time_queries import QUERY_YEARS
from staffing.schedules import days

_DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_RULE = f"a date from {QUERY_YEARS[0]} to {QUERY_YEARS[-1]}, such as 2026-12-24"


def parse_date(text: str) -> date | None:
    """The date that a text is, if it is in `QUERY_YEARS`."""
    try:
        day = date.fromisoformat(text) if _DATE_PATTERN.fullmatch(text) else None
    except ValueError:
        return None
    return day if day and day.year in QUERY_YEARS else None


def parse_path_date(text: str) -> date:
    """The date in a path. Raises `errors.InvalidRequest`."""
    day = parse_date(text)
    if day is None:
        raise errors.InvalidRequest(f"The path must end with {_DATE_RULE}.")
    return day


@extend_schema_field(OpenApiTypes.DATE)
class DateField(TextField):
    """A date, YYYY-MM-DD."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=10, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        day = parse_date(data) if isinstance(data, str) else None
        if day is None and data is not serializers.empty:
            raise serializers.ValidationError(f"Must be {_DATE_RULE}.", code="invalid")
        return day or super().run_validation(data)


class DaysQuery(StrictQuery):
    """The days of interest."""

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        since = DateField(source="since", help_text="First day, at the location.")
        until = DateField(source="last_day", help_text=f"Last day, inclusive; at most {days.MAX_DAYS} days in all.")
        return {**super().get_fields(), "from": since, "to": until}


class LocationDayView(RecordView[days.LocationDay]):
    """A day at a location: its public holidays, and a note for everybody who works there."""

    derived_fields = ("holidays",)
    date = serializers.DateField(help_text="The day, at the location.")
    holidays = serializers.ListField(
        child=serializers.CharField(), help_text="Names of public holidays; may be empty.", read_only=True
    )
    note = serializers.CharField(allow_null=True, help_text="Note of the day; may have several lines. null: none.")
    updatedAt = serializers.DateTimeField(
        source="updated_at", allow_null=True, help_text="When the note was set or changed; null without a note."
    )
    version = serializers.IntegerField(allow_null=True, help_text="Version of the note; null without a note.")


class LocationDays(serializers.Serializer[Any]):
    """The days with a holiday or a note, by date."""

    items = LocationDayView(many=True)


class DayNoteChange(StrictSerializer):
    """The note of the day. The other fields of the day may be sent back unchanged."""

    record_view = LocationDayView
    note = MultilineTextField(
        max_length=days.MAX_NOTE_LENGTH, help_text="What everybody should know; may have several lines."
    )


class DeletedDayNote(serializers.Serializer[Any]):
    """A deleted note of a day."""

    date = serializers.DateField(help_text="The day.")
    status = serializers.ChoiceField(choices=["removed"], help_text="Confirms the deletion.")
