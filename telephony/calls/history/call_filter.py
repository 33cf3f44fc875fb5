"""Filters of lists of calls: as expressions of DynamoDB, and applied to a call. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from config import dynamodb, errors, phone_numbers
from telephony import callers, dialing_rules
from telephony.callers import CallerFilter
from telephony.models import Call

Direction = Literal["in", "out"]
MAX_VALUES = 100
"""Values of one IN of DynamoDB's."""


@dataclass(frozen=True)
class CallCriteria:
    """Which calls a list shows, as it is asked for."""

    location_id: str | None = None
    customer_id: str | None = None
    since: datetime | None = None
    """``since`` and ``until``: naive ones are local."""
    until: datetime | None = None
    caller: str = ""
    """As in `callers.parse_search`."""
    outcome: tuple[str, ...] = ()
    answered_by: str = ""
    direction: tuple[Direction, ...] = ("in",)


@dataclass(frozen=True)
class CallFilter:
    """Which calls of a period a list shows; empty members select nothing out."""

    earliest: datetime
    latest: datetime
    caller: CallerFilter | None = None
    outcomes: tuple[str, ...] = ()
    answered_by: str = ""
    direction: Direction | None = None

    def matches(self, call: Call) -> bool:
        """Whether a call of the period is shown."""
        return (
            (self.caller is None or self.caller.matches(str(call.caller)))
            and (not self.outcomes or call.outcome in self.outcomes)
            and (not self.answered_by or call.answered_by == self.answered_by)
            and (self.direction is None or call.direction == self.direction)
        )

    @property
    def selects_most(self) -> bool:
        """Whether few calls of the period are left out: at most those that called back."""
        return not (self.caller or self.outcomes or self.answered_by) and self.direction != "out"

    def to_expression(self, location_ids: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
        """An expression of DynamoDB with its values; empty if every call of the period is shown.

        ``location_ids``: only calls of these locations; none: of all.
        """
        values: dict[str, Any] = {}
        parts = []
        if self.caller:
            parts.append(_caller_expression(self.caller, values))
        for name, chosen in (("outcome", self.outcomes), ("location_id", location_ids)):
            if chosen:
                parts.append(" OR ".join(_iter_in(name, chosen, values)))
        if self.answered_by:
            values[":answered_by"] = {"S": self.answered_by}
            parts.append("#answered_by = :answered_by")
        if self.direction:
            values[":direction"] = {"S": self.direction}
            older = "attribute_not_exists(#direction) OR " if self.direction == "in" else ""
            parts.append(f"{older}#direction = :direction")
        return " AND ".join(f"({part})" for part in parts), values


def _iter_in(name: str, chosen: Sequence[str], values: dict[str, Any]) -> Iterator[str]:
    keys = [f":{name[0]}{number}" for number in range(len(chosen))]
    values |= {key: {"S": value} for key, value in zip(keys, chosen, strict=True)}
    for start in range(0, len(keys), MAX_VALUES):
        yield f"#{name} IN ({', '.join(keys[start : start + MAX_VALUES])})"


def _caller_expression(caller_filter: CallerFilter, values: dict[str, Any]) -> str:
    texts = [*caller_filter.exact, *caller_filter.beginnings, *caller_filter.parts]
    caller_values = {f":caller{number}": {"S": text} for number, text in enumerate(texts)}
    names = iter(caller_values)
    conditions = [f"#caller = {next(names)}" for _ in caller_filter.exact]
    conditions += [f"begins_with(#caller, {next(names)})" for _ in caller_filter.beginnings]
    conditions += [f"contains(#caller, {next(names)})" for _ in caller_filter.parts]
    values |= caller_values
    return " OR ".join(conditions)


def parse_caller_search(text: str, time_zone: str) -> CallerFilter:
    """The filter of a search where the time zone is this one. Raises `errors.InvalidRequest`."""
    try:
        return callers.parse_search(text, dialing_rules.country_of_location(time_zone))
    except ValueError as error:
        raise errors.InvalidRequest(str(error), pointer="?caller") from error


def parse_answerer(text: str) -> str:
    """The id of a user, or a number in E.164. Raises `errors.InvalidRequest`."""
    if dynamodb.is_id("usr", text):
        return text
    number = phone_numbers.parse_number(f"+{text.strip().removeprefix('+')}")
    if number is None:
        detail = "Must be the id of a user, or a phone number with country code."
        raise errors.InvalidRequest(detail, pointer="?answeredBy")
    return phone_numbers.to_e164(number)
