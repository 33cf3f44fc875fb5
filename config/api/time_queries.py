"""Query parameters that are times, and ranges of them."""

import re
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import StrictQuery

QUERY_YEARS = range(1970, 2200)
"""No record is of another time, and no arithmetic with these overflows."""
MAX_TIME_LENGTH = 64
"""Characters of a time, in any form; longer texts are refused as they are."""
_DATE_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LOCAL_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?", re.ASCII)
LOCAL_TIMES_HELP = (
    "A date-time with an offset; or a local time without one, or a date (its midnight), in the time zone of the "
    "location, otherwise in the customer's `timeZone` setting."
)


@extend_schema_field(OpenApiTypes.STR)
class QueryTimeField(serializers.DateTimeField):
    """A date-time with an offset or Z (aware), or a local one or a date (naive).

    `config.local_time` resolves the naive ones. Years outside of `QUERY_YEARS` are refused.
    """

    def to_internal_value(self, value: Any) -> datetime:
        at = self._parse(value)
        if at.year not in QUERY_YEARS:
            text = f"Must be from {QUERY_YEARS[0]} to {QUERY_YEARS[-1]}."
            raise serializers.ValidationError(text, code="invalid")
        return at

    def _parse(self, value: Any) -> datetime:
        is_short = isinstance(value, str) and len(value) <= MAX_TIME_LENGTH
        text = value.replace(" ", "+") if is_short else ""  # "+", not escaped
        text = text.upper()
        try:
            if _DATE_TIME_PATTERN.fullmatch(text):
                return datetime.fromisoformat(text).astimezone(UTC)
            if _LOCAL_TIME_PATTERN.fullmatch(text):
                return datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError(
            "Must be a date-time with an offset, such as 2026-11-23T09:00:00Z, a local time without one, or a date.",
            code="invalid",
        )


class DateTimeRangeQuery(StrictQuery):
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
