"""Whether, and of what, a customer is told that callers would reach nobody: settings.

A customer has them, and each of its locations may have others. Only choices are stored.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MAX_DAYS = 31
MIN_MINUTES, MAX_MINUTES = 5, 240
_NAMES = ("days", "min_minutes", "off")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class ReachAlerts:
    """What applies at a location."""

    days: int = 7
    """How many days ahead is looked."""
    min_minutes: int = 15
    """A shorter time in which callers reach nobody is no reason to tell."""
    off: bool = False
    """Nobody is told."""


def resolve(location: Settings, customer: Settings) -> ReachAlerts:
    """What applies at a location: its choices, else those of the customer, else the defaults."""
    choices = {**_choices_of(customer), **_choices_of(location)}
    return ReachAlerts(**{name: choices[name] for name in _NAMES if name in choices})


def merge(settings: Settings, change: Settings | None) -> dict[str, Any]:
    """The stored choices after a partial change; None removes a choice, or all of them."""
    if change is None:
        return {}
    merged = {**settings.get("reach_alerts", {}), **change}
    return {name: value for name, value in merged.items() if value is not None}


def to_shown(customer: Settings) -> dict[str, Any]:
    """What applies at locations that chose nothing, as clients see it."""
    return asdict(resolve({}, customer))


def to_shown_choices(location: Settings) -> dict[str, Any]:
    """The choices of a location, as clients see them; None: the customer's applies."""
    choices = _choices_of(location)
    return {name: choices.get(name) for name in _NAMES}


def _choices_of(settings: Settings) -> Mapping[str, Any]:
    choices: Mapping[str, Any] = settings.get("reach_alerts") or {}
    return choices
