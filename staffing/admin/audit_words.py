"""Words for fields of schedules in the audit."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from config.admin.audit_subjects import SubjectWords
from config.admin.audit_text import FieldWords
from config.backoffice import clock
from staffing.models import Schedule
from staffing.recurrence.describe import describe_pattern

_DAY = re.compile(r"(-?\d+)?([A-Z]{2})")
_LISTS_OF_NUMBERS = {"BYMONTHDAY": "byMonthDay", "BYMONTH": "byMonth", "BYSETPOS": "bySetPosition"}


def describe_rrule(text: Any) -> str:
    """A rule in the notation of iCalendar in words; one that is not understood, as it is."""
    try:
        parts = dict(part.split("=", 1) for part in str(text).removeprefix("RRULE:").split(";"))
        return describe_pattern(_to_pattern(parts))
    except (KeyError, ValueError, IndexError):
        return str(text)


def _to_pattern(parts: dict[str, str]) -> dict[str, Any]:
    pattern: dict[str, Any] = {"frequency": parts["FREQ"].lower(), "interval": int(parts.get("INTERVAL", "1"))}
    if "BYDAY" in parts:
        pattern["byDay"] = [_to_day(day) for day in parts["BYDAY"].split(",")]
    for name, field in _LISTS_OF_NUMBERS.items():
        if name in parts:
            pattern[field] = [int(number) for number in parts[name].split(",")]
    if "COUNT" in parts:
        pattern["count"] = int(parts["COUNT"])
    if "UNTIL" in parts:
        pattern["until"] = datetime.strptime(parts["UNTIL"][:8], "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a date
    return pattern


def _to_day(text: str) -> dict[str, Any]:
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day: dict[str, Any] = {"day": match[2].lower()}
    return {**day, "nthOfPeriod": int(match[1])} if match[1] else day


def _describe_stored_pattern(pattern: Any) -> str:
    try:
        return describe_pattern(pattern)
    except (KeyError, ValueError, TypeError, AttributeError):
        return "a pattern"


WORDS = {
    "staffId": FieldWords("Person"),
    "locationId": FieldWords("Location"),
    "startTime": FieldWords("Start"),
    "endTime": FieldWords("End"),
    "rrule": FieldWords("Repeats", describe_rrule),
    "pattern": FieldWords("Repeats", _describe_stored_pattern),
    "breakMinutes": FieldWords("Break", "{} minutes".format),
    "allowOverlap": FieldWords("Overlap allowed"),
    "splitOff": FieldWords("Continued by"),
    "rest": FieldWords("From then on"),
    "shift": FieldWords("Shift"),
    "details": FieldWords("Details"),
    "feed": FieldWords(""),
}


def _describe_schedule(schedule: Any, names: Mapping[str, str]) -> str:
    person = names.get(str(schedule.staff_id), "somebody whose account is deleted")
    location = names.get(str(schedule.location_id), "a removed location")
    start, _ = schedule.zoned_times
    kind = "series from" if schedule.is_series else "shift"
    return f"{person}, {location}: {kind} {clock.format_day_time(start)} {start:%Z}"


SUBJECTS = {
    "schedule": SubjectWords(
        Schedule, lambda schedule: [str(schedule.staff_id), str(schedule.location_id)], _describe_schedule
    )
}
