"""Recurrence patterns in words. Pure."""

from calendar import month_abbr
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

DAY_NAMES = {"mo": "Mon", "tu": "Tue", "we": "Wed", "th": "Thu", "fr": "Fri", "sa": "Sat", "su": "Sun"}
PERIOD_NAMES = {"daily": "days", "weekly": "weeks", "monthly": "months", "yearly": "years"}


def describe_pattern(pattern: Mapping[str, Any] | None) -> str:
    """A pattern, or its rule alone, in words; None: a single shift."""
    if pattern is None:
        return "once"
    interval, frequency = pattern.get("interval", 1), pattern["frequency"]
    description = str(frequency) if interval == 1 else f"every {interval} {PERIOD_NAMES[frequency]}"
    days = [_describe_day(day) for day in pattern.get("byDay", [])]
    if description == "weekly" and set(days) == set(DAY_NAMES.values()):
        description = "every day"
    elif days:
        positions = _describe_numbers(pattern.get("bySetPosition", []))
        description += f" on the {positions} of {', '.join(days)}" if positions else f" on {', '.join(days)}"
    if month_days := _describe_numbers(pattern.get("byMonthDay", [])):
        description += f" on the {month_days} of the month"
    if months := pattern.get("byMonth"):
        description += " in " + ", ".join(month_abbr[int(month)] for month in months)
    if "count" in pattern:
        description += f", {pattern['count']} times"
    if "until" in pattern:
        last = date.fromisoformat(pattern["until"][:10])
        description += f", until {last.day} {last:%b %Y}"
    return description


def _describe_day(day: Mapping[str, Any]) -> str:
    name = DAY_NAMES[day["day"]]
    return f"the {_describe_number(day['nthOfPeriod'])} {name}" if "nthOfPeriod" in day else name


def _describe_numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(_describe_number, numbers))


def _describe_number(number: int) -> str:
    """1st, 2nd and so on; counted from the end if negative."""
    if number == -1:
        return "last"
    count = abs(number)
    suffix = "th" if count in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{suffix} last" if number < 0 else f"{count}{suffix}"
