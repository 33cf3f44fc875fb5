"""Fields that take exactly the type they name, and bodies that know all their members."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NoReturn
from zoneinfo import available_timezones

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

_DATE_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class InvalidQuery(serializers.ValidationError):
    """What is wrong stands in the query, not in the body."""


class StrictSerializer(serializers.Serializer[Any]):
    """A request body or query: an unknown member is refused, naming it."""

    @classmethod
    def parse(cls, data: Any) -> dict[str, Any]:
        """The checked values. Raises ValidationError."""
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @classmethod
    def parse_query(cls, request: Request) -> dict[str, Any]:
        """The checked query parameters; one that is given twice is refused."""
        for name, values in request.query_params.lists():
            if len(values) > 1:
                raise InvalidQuery({name: ["It is given more than once."]})
        try:
            return cls.parse(request.query_params.dict())
        except serializers.ValidationError as error:
            raise InvalidQuery(error.detail) from error

    def to_internal_value(self, data: Any) -> Any:
        """Report everything that is wrong at once, unknown members included."""
        names = data if isinstance(data, Mapping) else ()
        field_errors: dict[str, Any] = {
            name: [ErrorDetail("No such member here.", code="unknown")] for name in names if name not in self.fields
        }
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            field_errors |= error.detail if isinstance(error.detail, dict) else {}
        if field_errors:
            raise serializers.ValidationError(field_errors)
        return values


class TextField(serializers.CharField):
    """A string, trimmed and in Unicode's NFC form, without control characters."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self._raise_invalid("It must be a string.")
        text = unicodedata.normalize("NFC", data.strip())
        if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in text):
            self._raise_invalid("It holds a character that cannot be shown.")
        return text

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            self._raise_invalid("It must be a string.")
        return super().run_validation(data)

    def _raise_invalid(self, detail: str) -> NoReturn:
        raise serializers.ValidationError(detail, code="invalid")


class TextListField(serializers.ListField):
    """A list of strings, each at most ``longest`` characters; repeats are dropped."""

    def __init__(self, *, max_item_length: int, max_items: int, **options: Any) -> None:
        super().__init__(child=TextField(max_length=max_item_length), max_length=max_items, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            raise serializers.ValidationError("It must be a list of strings.", code="invalid")
        return list(dict.fromkeys(super().to_internal_value(data)))


class StrictBooleanField(serializers.BooleanField):
    """true or false, nothing that looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("It must be true or false.", code="invalid")
        return data


class StrictChoiceField(serializers.ChoiceField):
    """One of some words."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("It must be a string.", code="invalid")
        return super().to_internal_value(data)


class TimeZoneField(TextField):
    """A time zone by its IANA name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, **options)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in _time_zones():
            raise serializers.ValidationError(
                "It must be an IANA time zone, such as Europe/Berlin.", code="unknown_time_zone"
            )
        return name


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


class QueryIntegerField(serializers.IntegerField):
    """A whole number in a query: plain digits."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data)
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise serializers.ValidationError("It must be a whole number.", code="invalid")
        return int(text)


class StrictIntegerField(serializers.IntegerField):
    """A whole number in a body: a JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("It must be a whole number.", code="invalid")
        return int(super().to_internal_value(data))


class StrictDateTimeField(serializers.DateTimeField):
    """A moment in RFC 3339: a date and time with an offset, or Z."""

    def to_internal_value(self, value: Any) -> datetime:
        text = value.replace(" ", "+") if isinstance(value, str) else ""  # "+", not escaped
        text = text.upper()
        try:
            instant = datetime.fromisoformat(text) if _DATE_TIME_PATTERN.fullmatch(text) else None
            if instant and instant.tzinfo:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError(
            "It must be a moment with an offset, such as 2026-11-23T09:00:00Z.", code="invalid"
        )


class DateTimeRangeQuery(StrictSerializer):
    """A query about some time: ``from`` is the first moment in it, ``to`` the first after it."""

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        since = StrictDateTimeField(required=False, source="since", help_text="The first moment that counts.")
        until = StrictDateTimeField(required=False, source="until", help_text="The first that does not.")
        return {**super().get_fields(), "from": since, "to": until}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An empty or reversed span is a mistake of whoever asks."""
        if "since" in attrs and "until" in attrs and attrs["since"] >= attrs["until"]:
            raise serializers.ValidationError({"to": ["It must be later than from."]})
        return attrs


class PageQuery(StrictSerializer):
    """The query of a list that goes on by cursor."""

    limit = QueryIntegerField(required=False, min_value=1, max_value=1000, help_text="1 to 1,000, the default.")
    cursor = TextField(required=False, max_length=2000, help_text="`nextCursor` of the page before.")


class EmptyBody(StrictSerializer):
    """An operation that needs to be told nothing: no body, or an empty object."""
