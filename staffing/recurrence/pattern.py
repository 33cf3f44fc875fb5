"""``recurrencePattern``: the rule and the exceptions of a series as JSON. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from config import errors
from staffing.recurrence import details, expand, local_time, rrule, rules, wall_clock
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import RecurrenceRule

MAX_EXCEPTIONS = 500
_EXCEPTION_FIELDS = ("startTime", "endTime", "staffId", *details.WIRE_NAMES.values())
_NOT_OF_RULE = {"exceptions", "gap"}
"""Members of a stored pattern besides those of the rule."""
MAX_MOVE_DISTANCE = timedelta(days=400)
"""How far a shift may be moved from its original start."""


class RecurrenceStartMismatch(errors.InvalidRequest):
    """The first shift is not an occurrence of the rule."""

    code = "recurrence_start_mismatch"
    example_detail = "The first shift does not match the recurrence rule."
    example_pointer = "/startTime"


class RecurrenceTooRare(errors.InvalidRequest):
    """Many years lie between two occurrences of the rule."""

    code = "recurrence_too_rare"


def parse_series(pattern: Mapping[str, Any], *, start: datetime, end: datetime, zone: str) -> Series:
    """The series of a pattern and the wall times of the first shift.

    ``zone`` applies if the pattern names none. Raises `errors.InvalidRequest` or a subclass, naming
    the member.
    """
    zone = rrule.parse_zone(pattern.get("timeZone", zone))
    gap = pattern.get("gap", "shift")
    if gap not in ("shift", "skip"):
        raise rrule.invalid_field("gap", "Must be shift or skip.")
    rule = rrule.parse_rule(pattern, zone=zone)
    series = Series(start, end, zone, rule, gap=gap)
    check_series(series)
    exceptions = _parse_exceptions(pattern.get("exceptions", {}), rule, start)
    for recurrence_id, exception in exceptions.items():
        if exception.start:
            pointer = f"/recurrencePattern/exceptions/{recurrence_id.isoformat()}"
            local_time.check_day_exists(exception.start, zone, pointer)
    return replace(series, exceptions=exceptions)


def check_series(series: Series, *, is_new: bool = True) -> None:
    """Check that the rule starts the first shift, and ends in time.

    Raises `RecurrenceStartMismatch`, `RecurrenceTooRare` if ``is_new``, or `errors.InvalidRequest`.
    """
    if series.rule is None:
        return
    if not (rules.can_start_on(series.rule, series.start) and rules.has_start(series.rule, series.start, series.start)):
        raise RecurrenceStartMismatch(
            f"The first shift starts on {series.start:%A, %Y-%m-%d at %H:%M} in {series.zone}, when the recurrence "
            "rule starts none.",
            pointer="/startTime",
        )
    if not rules.is_count_reached(series.rule, series.start):
        raise rrule.invalid_field("count", f"The series must end before {rules.LATEST_START.year}.")
    if series.rule.until and series.rule.until >= rules.LATEST_START:
        raise rrule.invalid_field("until", f"Must be before {rules.LATEST_START.year}.")
    if is_new and rules.is_rare(series.rule, series.start):
        raise RecurrenceTooRare(
            "The recurrence rule recurs too rarely; create single shifts.", pointer="/recurrencePattern"
        )


def to_pattern(series: Series) -> dict[str, Any]:
    """The pattern of a series, in canonical form."""
    if series.rule is None:
        raise TypeError("A single shift has no pattern.")
    pattern = to_stored_pattern(series) or {}
    if exceptions := pattern.get("exceptions"):
        shown = {recurrence_id: _show_exception(recurrence_id, fields) for recurrence_id, fields in exceptions.items()}
        pattern = {**pattern, "exceptions": shown}
    return {**pattern, "timeZone": series.zone, "rrule": rrule.to_rrule(series.rule, zone=series.zone)}


def _show_exception(recurrence_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An exception without a start that is the original one, unless that is all it has."""
    is_redundant = fields.get("startTime") == recurrence_id and len(fields) > 1
    return {name: value for name, value in fields.items() if name != "startTime" or not is_redundant}


def _exception_to_json(exception: RecurrenceException) -> dict[str, Any]:
    if exception.start is None:
        return {"excluded": True}
    fields = {
        "startTime": exception.start.isoformat(),
        "endTime": exception.end.isoformat() if exception.end else None,
        "staffId": exception.staff_id,
    }
    return {name: value for name, value in fields.items() if value} | details.to_json(exception.details)


def _parse_exceptions(
    raw_exceptions: Any, rule: RecurrenceRule, first_start: datetime
) -> dict[datetime, RecurrenceException]:
    if not isinstance(raw_exceptions, Mapping) or len(raw_exceptions) > MAX_EXCEPTIONS:
        detail = f"Must be an object of at most {MAX_EXCEPTIONS} changes by original start."
        raise rrule.invalid_field("exceptions", detail)
    exceptions: dict[datetime, RecurrenceException] = {}
    for key, value in raw_exceptions.items():
        name = f"exceptions/{key[:40]}"
        start = rrule.parse_local_time(key, name)
        if not rules.has_start(rule, first_start, start):
            raise rrule.invalid_field(name, "No occurrence of this series starts at that time.")
        if start in exceptions:
            raise rrule.invalid_field(name, "This occurrence is named twice.")
        exceptions[start] = _parse_exception(value, start, name)
    return exceptions


def _parse_exception(value: Any, start: datetime, name: str) -> RecurrenceException:
    if value == {"excluded": True} and value["excluded"] is True:
        return RecurrenceException()
    if not isinstance(value, Mapping) or not value or set(value) - set(_EXCEPTION_FIELDS):
        names = ", ".join(f"`{field}`" for field in _EXCEPTION_FIELDS)
        raise rrule.invalid_field(name, f"Must be `excluded`: true, or any of {names}.")
    new_start = rrule.parse_local_time(value["startTime"], f"{name}/startTime") if "startTime" in value else start
    if abs(new_start - start) > MAX_MOVE_DISTANCE:
        raise rrule.invalid_field(f"{name}/startTime", f"Must be within {MAX_MOVE_DISTANCE.days} days.")
    new_end = rrule.parse_local_time(value["endTime"], f"{name}/endTime") if "endTime" in value else None
    if new_end and not timedelta() < new_end - new_start <= expand.MAX_SHIFT_DURATION:
        detail = f"Must be after the start, by at most {expand.MAX_SHIFT_DAYS} days."
        raise rrule.invalid_field(f"{name}/endTime", detail)
    staff_id = value.get("staffId")
    if staff_id is not None and not isinstance(staff_id, str):
        raise rrule.invalid_field(f"{name}/staffId", "Must be a string.")
    return RecurrenceException(new_start, new_end, staff_id, details.parse_overrides(value, name))


def to_stored_pattern(series: Series) -> dict[str, Any] | None:
    """The pattern as a record stores it; None for a single shift."""
    if series.rule is None:
        return None
    exceptions = {
        recurrence_id.isoformat(): _exception_to_json(exception)
        for recurrence_id, exception in sorted(series.exceptions.items())
    }
    return {
        **rrule.to_fields(series.rule),
        **({"gap": series.gap} if series.gap != "shift" else {}),
        **({"exceptions": exceptions} if exceptions else {}),
    }


def from_stored_pattern(
    start: str, end: str, zone: str, pattern: Mapping[str, Any] | None, window: tuple[datetime, datetime] | None = None
) -> Series:
    """The series of a stored pattern; it was checked when it was stored.

    With a ``window``, its exceptions are complete only for occurrences that overlap these instants.
    """
    if pattern is None:
        return _load_single_shift(start, end, zone)
    if "exceptions" not in pattern:
        return _load_regular_series(start, end, zone, orjson.dumps(pattern))
    return _load_series(start, end, zone, pattern, window)


@lru_cache(maxsize=4096)
def _load_regular_series(start: str, end: str, zone: str, pattern: bytes) -> Series:
    """A series without exceptions. Cached with what it knows of itself, as lists ask again."""
    return _load_series(start, end, zone, orjson.loads(pattern), None)


def _load_series(
    start: str, end: str, zone: str, pattern: Mapping[str, Any], window: tuple[datetime, datetime] | None
) -> Series:
    first_start, first_end = datetime.fromisoformat(start), datetime.fromisoformat(end)
    exceptions = {
        datetime.fromisoformat(recurrence_id): _exception_from_json(fields)
        for recurrence_id, fields in _exceptions_within(pattern, window, first_end - first_start)
    }
    rule_fields = {name: value for name, value in pattern.items() if name not in _NOT_OF_RULE}
    rule = _load_rule(orjson.dumps(rule_fields))
    return Series(first_start, first_end, zone, rule, exceptions, pattern.get("gap", "shift"))


@lru_cache(maxsize=4096)
def _load_single_shift(start: str, end: str, zone: str) -> Series:
    """Cached with the instants that it knows of itself: a write asks for its shift seven times."""
    return Series(datetime.fromisoformat(start), datetime.fromisoformat(end), zone)


@lru_cache(maxsize=4096)
def _load_rule(fields: bytes) -> RecurrenceRule:
    """The rule of stored members. Lists read few different ones, and parsing costs ten look-ups."""
    return rrule.parse_fields(orjson.loads(fields))


def _exceptions_within(
    pattern: Mapping[str, Any], window: tuple[datetime, datetime] | None, duration: timedelta
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """The stored exceptions whose occurrences may overlap a window: there may be hundreds."""
    exceptions: Mapping[str, Mapping[str, Any]] = pattern.get("exceptions", {})
    if window is None or not exceptions:
        return exceptions.items()
    wall_times = wall_clock.widen_to_wall_times(*window)
    earliest_start, low, high = (at.isoformat() for at in (wall_times[0] - duration, *wall_times))
    return [
        (recurrence_id, fields)
        for recurrence_id, fields in exceptions.items()
        if earliest_start <= recurrence_id <= high
        or (
            "" < fields.get("startTime", "") <= high
            and (fields["startTime"] >= earliest_start or fields.get("endTime", "") >= low)
        )
    ]


def _exception_from_json(fields: Mapping[str, Any]) -> RecurrenceException:
    if "startTime" not in fields:
        return RecurrenceException()
    end = fields.get("endTime")
    return RecurrenceException(
        datetime.fromisoformat(fields["startTime"]),
        datetime.fromisoformat(end) if end else None,
        fields.get("staffId"),
        {name: fields[wire] for name, wire in details.WIRE_NAMES.items() if wire in fields},
    )
