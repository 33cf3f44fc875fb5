"""Fields of what a shift says beyond its times: notes, position, break and color."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import MultilineTextField, StrictSerializer, TextField
from config.api.number_fields import StrictIntegerField
from config.api.record_views import RecordView
from staffing.recurrence.details import (
    COLOR_PATTERN,
    MAX_BREAK_MINUTES,
    MAX_NOTES_LENGTH,
    MAX_POSITION_LENGTH,
    WIRE_NAMES,
)

_HELP = {
    "notes": "What the user should know; may have several lines. null: none.",
    "position": "What the user works as, such as Front desk. null: none.",
    "breakMinutes": "Length of the unpaid or paid break, at most that of the shift. null: not known.",
    "color": "Color in calendars, such as #1f7a8c. null: none.",
}


@extend_schema_field({"type": "string", "pattern": COLOR_PATTERN, "maxLength": 7})
class ColorField(TextField):
    """A color, #rrggbb."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not re.fullmatch(COLOR_PATTERN, text, re.ASCII):
            raise serializers.ValidationError("Must be a color such as #1f7a8c.", code="invalid")
        return text


def _body_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    optional: dict[str, Any] = {"required": False, "allow_null": True}
    return {
        "position": TextField(
            max_length=MAX_POSITION_LENGTH, allow_blank=True, help_text=_HELP["position"], **optional
        ),
        "breakMinutes": StrictIntegerField(
            min_value=0,
            max_value=MAX_BREAK_MINUTES,
            source="break_minutes",
            help_text=_HELP["breakMinutes"],
            **optional,
        ),
        "color": ColorField(max_length=7, help_text=_HELP["color"], **optional),
        "notes": MultilineTextField(
            max_length=MAX_NOTES_LENGTH, allow_blank=True, help_text=_HELP["notes"], **optional
        ),
    }


class TemplateDetails(StrictSerializer):
    """The details of a template, as its other values."""

    def get_fields(self) -> dict[str, Any]:
        """After those of the body."""
        return {**super().get_fields(), **_body_fields()}


class ScheduleDetails(TemplateDetails):
    """The details of a schedule, together in ``details``: only those that were sent."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        details = {name: values.pop(name) for name in WIRE_NAMES if name in values}
        return {**values, "details": details} if details else values


class DetailsView(RecordView[Any]):
    """The details of what is shown."""

    def get_fields(self) -> dict[str, Any]:
        """After those of the view."""
        details = {
            "position": serializers.CharField(allow_null=True, help_text=_HELP["position"]),
            "breakMinutes": serializers.IntegerField(
                source="break_minutes", allow_null=True, help_text=_HELP["breakMinutes"]
            ),
            "color": serializers.CharField(allow_null=True, help_text=_HELP["color"]),
            "notes": serializers.CharField(allow_null=True, help_text=_HELP["notes"]),
        }
        return {**super().get_fields(), **details}
