"""The text of an RRULE (RFC 5545): its parts and their values. Pure.

Understood is what can mean one thing only: any case, ``RRULE:`` before it, one semicolon after it,
lines that are continued, and spaces around what separates parts and values.
"""

import re
from datetime import datetime
from typing import Any

from staffing.recurrence import wall_clock

DAY_PATTERN = re.compile(r"([+-]?\d{1,2})?[A-Za-z]{2}", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)
_CONTINUED_LINE = re.compile(r"\r?\n[ \t]")
_SPACED_SEPARATOR = re.compile(r"\s*([;:=,])\s*", re.ASCII)


def split_parts(text: str) -> list[tuple[str, str]]:
    """The name and the value of each part in upper case; without name where a part is empty."""
    text = _CONTINUED_LINE.sub("", text.upper()).strip()
    text = _SPACED_SEPARATOR.sub(r"\1", text).removeprefix("RRULE:").removesuffix(";")
    parts = (part.partition("=") for part in text.split(";"))
    return [(name, value) for name, _, value in parts]


def parse_value(name: str, text: str, zone: str) -> Any:
    """A part's value as the member of a pattern has it. Raises `ValueError`."""
    if name in ("FREQ", "WKST"):
        return text.lower()
    if name == "UNTIL":
        if not _UNTIL.fullmatch(text):
            raise ValueError("no date or date-time")
        until = datetime.fromisoformat(text if "T" in text else f"{text}T235959")
        return (wall_clock.to_wall_time(until, zone) if until.tzinfo else until).isoformat()
    values = text.split(",")
    if name == "BYDAY":
        return [parse_day(day) for day in values]
    if name in ("INTERVAL", "COUNT"):
        return _parse_integer(text)
    return [_parse_integer(value) for value in values]


def parse_day(text: str) -> dict[str, Any]:
    """A day such as MO or -1FR, as the member of a pattern. Raises `ValueError`."""
    nth = {"nthOfPeriod": _parse_integer(text[:-2])} if text[:-2] else {}
    return {"day": text[-2:].lower(), **nth}


def _parse_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("no whole number")
    return int(text)
