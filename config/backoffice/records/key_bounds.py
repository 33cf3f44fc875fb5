"""Several comparisons of a sort key as the one condition that DynamoDB takes. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pynamodb.expressions.condition import Condition

_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class KeyBounds:
    """Between which values a sort key lies; None: no bound."""

    low: Any = None
    high: Any = None
    excluded: frozenset[Any] = frozenset()
    """Bounds that do not belong to it, which DynamoDB's BETWEEN would include."""

    @property
    def is_empty(self) -> bool:
        """Whether no value lies between them."""
        if self.low is None or self.high is None:
            return False
        return bool(self.low > self.high or (self.low == self.high and self.low in self.excluded))

    def to_condition(self, attribute: Any) -> Condition:
        """DynamoDB's condition; `excluded` bounds must be left out of what it finds."""
        if self.low is not None and self.high is not None:
            return attribute.between(self.low, self.high)
        if self.low is not None:
            return attribute > self.low if self.low in self.excluded else attribute >= self.low
        return attribute < self.high if self.high in self.excluded else attribute <= self.high

    def _narrow(self, *, low: Any = None, high: Any = None, is_exclusive: bool = False) -> "KeyBounds":
        bounds = self
        if low is not None and (bounds.low is None or low >= bounds.low):
            bounds = replace(bounds, low=low)
        if high is not None and (bounds.high is None or high <= bounds.high):
            bounds = replace(bounds, high=high)
        if is_exclusive:
            bounds = replace(bounds, excluded=bounds.excluded | {low if low is not None else high})
        return bounds


def combine(comparisons: Iterable[tuple[str, Any]]) -> KeyBounds:
    """The bounds of lookups with their values. Raises TypeError if values cannot be compared."""
    bounds = KeyBounds()
    for lookup, value in comparisons:
        if lookup in ("gt", "gte"):
            bounds = bounds._narrow(low=value, is_exclusive=lookup == "gt")
        elif lookup in ("lt", "lte"):
            bounds = bounds._narrow(high=value, is_exclusive=lookup == "lt")
        elif lookup == "startswith":
            bounds = bounds._narrow(low=value, high=value + _LAST_CHARACTER)
        else:
            low, high = value if lookup == "range" else (value, value)
            bounds = bounds._narrow(low=low, high=high)
    return bounds
