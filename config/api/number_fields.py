"""Fields of whole numbers, in bodies and in queries."""

from typing import Any

from rest_framework import serializers


class _BoundedIntegerField(serializers.IntegerField):
    """An integer whose every error says the bounds."""

    def __init__(self, *, min_value: int, max_value: int, **options: Any) -> None:
        text = f"Must be a whole number from {min_value:,} to {max_value:,}."
        messages: dict[str, Any] = dict.fromkeys(("invalid", "min_value", "max_value"), text)
        super().__init__(min_value=min_value, max_value=max_value, error_messages=messages, **options)


class QueryIntegerField(_BoundedIntegerField):
    """An integer in a query: digits only."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data)
        if len(text) > 9 or not (text.isascii() and text.isdigit()):
            self.fail("invalid")
        return int(text)


MAX_NUMBER_LENGTH = 1_000
"""Digits of a limit that are looked at."""


class LimitField(serializers.IntegerField):
    """The number of items in a page; more than the maximum is cut to it."""

    def __init__(self, *, maximum: int, default: int) -> None:
        self.maximum = maximum
        text = f"1 to {maximum:,}; more is cut to it. Default {default:,}."
        super().__init__(required=False, min_value=1, help_text=text)

    def to_internal_value(self, data: Any) -> int:
        text = str(data)[:MAX_NUMBER_LENGTH].lstrip("0")
        if not (text.isascii() and text.isdigit()):
            raise serializers.ValidationError("Must be a whole number from 1 on.", code="invalid")
        return min(int(text[:9]), self.maximum)


class StrictIntegerField(_BoundedIntegerField):
    """An integer in a body: a JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return int(super().to_internal_value(data))
