"""What a shift says beyond its times: notes, position, break and color. Pure.

A schedule has details; an exception of a series overrides some of them for one occurrence. An
override of None means that the occurrence has none.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from config import errors
from config.text import clean_text
from staffing.recurrence import rrule
from staffing.recurrence.expand import MAX_SHIFT_DURATION, RecurrenceException, Series

Details = Mapping[str, Any]
"""Values by name in `WIRE_NAMES`."""
NO_DETAILS: Details = {}
WIRE_NAMES = {"notes": "notes", "position": "position", "break_minutes": "breakMinutes", "color": "color"}
MAX_NOTES_LENGTH, MAX_POSITION_LENGTH = 1_000, 100
MAX_BREAK_MINUTES = int(MAX_SHIFT_DURATION / timedelta(minutes=1))
COLOR_PATTERN = r"^#[0-9A-Fa-f]{6}$"


def normalize_details(values: Details) -> dict[str, Any]:
    """The details among ``values``; empty texts are None, colors in lower case."""
    details = {name: values[name] for name in WIRE_NAMES if name in values}
    return {name: None if value == "" else _lower(name, value) for name, value in details.items()}


def _lower(name: str, value: Any) -> Any:
    return value.lower() if name == "color" and value else value


def to_json(details: Details) -> dict[str, Any]:
    """The details by the names that the API has for them."""
    return {WIRE_NAMES[name]: value for name, value in details.items()}


def get_details(record: Any) -> dict[str, Any]:
    """The details of a schedule or a template."""
    return {name: getattr(record, name) for name in WIRE_NAMES}


def find_overrides(effective: Details, inherited: Details) -> dict[str, Any]:
    """What an exception stores so that its occurrence has the ``effective`` details."""
    return {name: value for name, value in effective.items() if value != inherited.get(name)}


def parse_overrides(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The details of an exception in a ``recurrencePattern``. Raises `errors.InvalidRequest`."""
    overrides = {attribute: values[wire] for attribute, wire in WIRE_NAMES.items() if wire in values}
    for attribute, value in overrides.items():
        if value is None:
            continue
        field = f"{name}/{WIRE_NAMES[attribute]}"
        if attribute == "break_minutes":
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_BREAK_MINUTES:
                raise rrule.invalid_field(field, f"Must be a whole number from 0 to {MAX_BREAK_MINUTES}.")
        elif attribute == "color":
            if not isinstance(value, str) or not re.fullmatch(COLOR_PATTERN, value, re.ASCII):
                raise rrule.invalid_field(field, "Must be a color such as #1f7a8c.")
        else:
            overrides[attribute] = _parse_text(value, field, is_notes=attribute == "notes")
    return normalize_details(overrides)


def _parse_text(value: Any, field: str, *, is_notes: bool) -> str:
    if not isinstance(value, str):
        raise rrule.invalid_field(field, "Must be a string.")
    max_length = MAX_NOTES_LENGTH if is_notes else MAX_POSITION_LENGTH
    try:
        return clean_text(value, max_length=max_length, is_multiline=is_notes)
    except ValueError as error:
        raise rrule.invalid_field(field, str(error)) from error


def check_breaks(series: Series, details: Details) -> None:
    """Raise `errors.InvalidRequest` if a break is longer than its shift."""
    duration = series.end - series.start
    _check_break(details.get("break_minutes"), duration)
    for recurrence_id, exception in series.exceptions.items():
        if exception.start:
            exception_duration = exception.end - exception.start if exception.end else duration
            own_break = "break_minutes" in exception.details
            pointer = f"/recurrencePattern/exceptions/{recurrence_id.isoformat()}/breakMinutes" if own_break else ""
            break_minutes = exception.details.get("break_minutes", details.get("break_minutes"))
            _check_break(break_minutes, exception_duration, pointer or "/breakMinutes")


def _check_break(break_minutes: int | None, duration: timedelta, pointer: str = "/breakMinutes") -> None:
    if break_minutes and timedelta(minutes=break_minutes) > duration:
        detail = f"The break must be at most the {duration // timedelta(minutes=1):,} minutes of the shift."
        raise errors.InvalidRequest(detail, pointer=pointer)


def strip_details(series: Series) -> Series:
    """The same shifts without details; exceptions that change nothing else become regular."""
    if not series.exceptions:
        return series
    duration = series.end - series.start
    exceptions = {
        recurrence_id: RecurrenceException(exception.start, exception.end, exception.staff_id)
        for recurrence_id, exception in series.exceptions.items()
        if not (exception.details and exception.keeps_times(recurrence_id, duration) and not exception.staff_id)
    }
    return Series(series.start, series.end, series.zone, series.rule, exceptions, series.gap)
