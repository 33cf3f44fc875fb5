"""Strict serializer fields, and serializers that refuse unknown fields."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from config import errors

UNKNOWN_TIME_ZONE = errors.define_field_code("unknown_time_zone", "Not the name of an IANA time zone.")
_DATE_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LOCAL_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?", re.ASCII)
LOCAL_TIMES_HELP = (
    "A date-time with an offset; or a local time without one, or a date (its midnight), in the time zone of the "
    "location, otherwise in the customer's `timeZone` setting."
)


class InvalidQuery(serializers.ValidationError):
    """The query is invalid, not the body."""


class StrictSerializer(serializers.Serializer[Any]):
    """A request body or query that refuses unknown fields."""

    @classmethod
    def parse(cls, data: Any) -> dict[str, Any]:
        """The validated values. Raises ValidationError."""
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @classmethod
    def parse_query(cls, request: Request) -> dict[str, Any]:
        """The validated query parameters. Raises InvalidQuery, also for repeated parameters."""
        for name, values in request.query_params.lists():
            if len(values) > 1:
                raise InvalidQuery({name: ["Send this parameter once."]})
        try:
            return cls.parse(request.query_params.dict())
        except serializers.ValidationError as error:
            raise InvalidQuery(error.detail) from error

    def to_internal_value(self, data: Any) -> Any:
        """Report all errors at once, unknown fields included."""
        names = data if isinstance(data, Mapping) else ()
        field_errors: dict[str, Any] = {
            name: [ErrorDetail("Unknown field.", code="unknown")] for name in names if name not in self.fields
        }
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            field_errors |= error.detail if isinstance(error.detail, dict) else {}
        if field_errors:
            raise serializers.ValidationError(field_errors)
        return values


class TextField(serializers.CharField):
    """A string, trimmed and normalized to NFC; refuses control characters."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            raise serializers.ValidationError("Must be a string.", code="invalid")
        return super().run_validation(data)

    def to_internal_value(self, data: str) -> str:
        text = unicodedata.normalize("NFC", data.strip())
        if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in text):
            raise serializers.ValidationError("Contains a character that cannot be displayed.", code="invalid")
        return text


class TextListField(serializers.ListField):
    """A list of strings; drops duplicates."""

    def __init__(self, *, max_item_length: int, max_items: int, **options: Any) -> None:
        super().__init__(child=TextField(max_length=max_item_length), max_length=max_items, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            raise serializers.ValidationError("Must be a list of strings.", code="invalid")
        return list(dict.fromkeys(super().to_internal_value(data)))


class StrictBooleanField(serializers.BooleanField):
    """A JSON boolean; refuses numbers and strings."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Must be true or false.", code="invalid")
        return data


class StrictChoiceField(serializers.ChoiceField):
    """One of a set of strings."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be a string.", code="invalid")
        return super().to_internal_value(data)


class TimeZoneField(TextField):
    """An IANA time zone name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, **options)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in _time_zones():
            raise serializers.ValidationError(
                "Must be an IANA time zone, such as Europe/Berlin.", code=UNKNOWN_TIME_ZONE
            )
        return name


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


class QueryIntegerField(serializers.IntegerField):
    """An integer in a query: digits only."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data)
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise serializers.ValidationError("Must be an integer.", code="invalid")
        return int(text)


class StrictIntegerField(serializers.IntegerField):
    """An integer in a body: a JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("Must be an integer.", code="invalid")
        return int(super().to_internal_value(data))


@extend_schema_field(OpenApiTypes.STR)
class QueryTimeField(serializers.DateTimeField):
    """A date-time with an offset or Z (aware), or a local one or a date (naive).

    `config.local_time` resolves the naive ones.
    """

    def to_internal_value(self, value: Any) -> datetime:
        text = value.replace(" ", "+") if isinstance(value, str) else ""  # "+", not escaped
        text = text.upper()
        try:
            if _DATE_TIME_PATTERN.fullmatch(text):
                return datetime.fromisoformat(text).astimezone(UTC)
            if _LOCAL_TIME_PATTERN.fullmatch(text) and not text.startswith(("0001", "9999")):
                return datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError(
            "Must be a date-time with an offset, such as 2026-11-23T09:00:00Z, a local time without one, or a date.",
            code="invalid",
        )


class DateTimeRangeQuery(StrictSerializer):
    """A query for a time range; `config.local_time.resolve_range` resolves and checks it."""

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        since = QueryTimeField(
            required=False, source="since", help_text=f"Start of the range, inclusive. {LOCAL_TIMES_HELP}"
        )
        until = QueryTimeField(
            required=False,
            source="until",
            help_text="End of the range, exclusive: a date is the midnight at which it begins.",
        )
        return {**super().get_fields(), "from": since, "to": until}


class PageQuery(StrictSerializer):
    """The query of a paginated list."""

    limit = QueryIntegerField(required=False, min_value=1, max_value=1000, help_text="1 to 1,000; default 1,000.")
    cursor = TextField(required=False, max_length=2000, help_text="`nextCursor` of the previous page.")


class NextCursorField(serializers.CharField):
    """The cursor of the next page; null at the end."""

    def __init__(self) -> None:
        super().__init__(allow_null=True, help_text="Send as `cursor` to get the next page; null at the end.")


class EmptyBody(StrictSerializer):
    """No body, or an empty object."""


class DeletedRecord(serializers.Serializer[Any]):
    """A deleted record."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["removed"], help_text="Confirms the deletion.")
