"""A rule as members of a pattern, in the words of JSCalendar (RFC 8984), and as RRULE. Pure.

Both say the same; `parse` takes either, or both if they agree. What our profile leaves out is
refused by name, never ignored: the parts of RFC 5545 on which calendars disagree.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from config import errors
from staffing.recurrence import dst, expand, rules
from staffing.recurrence.rules import WEEKDAY_CODES, NthWeekday, RecurrenceRule

MAX_COUNT = 1000
MAX_BY_DAY, MAX_POSITIONS = 35, 12
"""Parts of a rule that multiply what a month costs to expand."""
EARLIEST_START = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall time
FREQUENCIES = ("daily", "weekly", "monthly", "yearly")
PATTERN_FIELDS = {
    *("frequency", "interval", "byDay", "byMonthDay", "byMonth", "bySetPosition"),
    *("firstDayOfWeek", "skip", "count", "until", "timeZone", "gap", "exceptions", "rrule"),
}
_RULE_FIELDS = PATTERN_FIELDS - {"timeZone", "gap", "exceptions", "rrule", "skip"}
_POINTER = "/recurrencePattern"
_RRULE_FIELDS = {
    "FREQ": "frequency",
    "INTERVAL": "interval",
    "BYDAY": "byDay",
    "BYMONTHDAY": "byMonthDay",
    "BYMONTH": "byMonth",
    "BYSETPOS": "bySetPosition",
    "WKST": "firstDayOfWeek",
    "COUNT": "count",
    "UNTIL": "until",
}
_RRULE_INTEGER = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_RRULE_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)
_LOCAL_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


class RecurrenceUnsupported(errors.InvalidRequest):
    """A member, or a use of one, that our profile leaves out."""

    code = "recurrence_unsupported"


def invalid_field(field: str, detail: str) -> errors.InvalidRequest:
    """What is refused of a pattern, by the name of its member."""
    return errors.InvalidRequest(detail, pointer=f"{_POINTER}/{field}")


def _unsupported_field(field: str, detail: str) -> RecurrenceUnsupported:
    return RecurrenceUnsupported(detail, pointer=f"{_POINTER}/{field}")


def parse_zone(name: Any) -> str:
    """The name of a time zone that there is. Raises `errors.Invalid`."""
    if not isinstance(name, str) or name not in dst.list_zone_names():
        raise invalid_field("timeZone", "It must be an IANA time zone, such as Europe/Berlin.")
    return name


def parse_local_time(value: Any, field: str) -> datetime:
    """A local time to the second, without an offset."""
    detail = "It must be a local time without an offset: 2027-01-01T09:00:00."
    if not isinstance(value, str) or not _LOCAL_TIME_PATTERN.fullmatch(value):
        raise invalid_field(field, detail)
    try:
        wall_time = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid_field(field, detail) from error
    if not EARLIEST_START <= wall_time < rules.LATEST_START:
        raise invalid_field(field, f"It must be from {EARLIEST_START.year} to {rules.LATEST_START.year - 1}.")
    return wall_time


def parse_rule(pattern: Mapping[str, Any], *, zone: str) -> RecurrenceRule:
    """The rule that the members of a pattern say, or its ``rrule``.

    Raises `errors.Invalid` or `Unsupported`, naming the member.
    """
    for name in pattern:
        if name not in PATTERN_FIELDS:
            raise _unsupported_field(name, "No such member here.")
    if pattern.get("skip", "omit") != "omit":
        raise _unsupported_field("skip", "Only omit is possible: what does not exist is left out.")
    rule_fields = {name: pattern[name] for name in pattern if name in _RULE_FIELDS}
    text = pattern.get("rrule")
    if text is None:
        return _normalize_until(_check_supported(parse_fields(rule_fields)), zone)
    rule = _normalize_until(_check_supported(parse_rrule(text, zone=zone)), zone)
    if rule_fields and _normalize_until(_check_supported(parse_fields(rule_fields)), zone) != rule:
        raise invalid_field("rrule", "It says another rule than the other members.")
    return rule


def _normalize_until(rule: RecurrenceRule, zone: str) -> RecurrenceRule:
    """With an end that the clock of the zone shows, as RRULE tells it in UTC."""
    if rule.until is None:
        return rule
    return replace(rule, until=expand.to_wall_time(expand.to_instant(rule.until, zone), zone))


def parse_fields(fields: Mapping[str, Any]) -> RecurrenceRule:
    """The rule of its members, each within its own limits. Raises `errors.Invalid`."""
    frequency = fields.get("frequency")
    if frequency not in FREQUENCIES:
        raise invalid_field("frequency", f"It must be one of {', '.join(FREQUENCIES)}.")
    return RecurrenceRule(
        frequency=frequency,
        interval=_parse_integer(fields, "interval", 1, 366) or 1,
        by_day=_parse_weekdays(fields.get("byDay", ())),
        by_month_day=_parse_integers(fields, "byMonthDay", -31, 31),
        by_month=_parse_months(fields.get("byMonth", ())),
        by_set_position=_parse_positions(fields),
        first_day_of_week=_parse_weekday(fields.get("firstDayOfWeek", "mo"), "firstDayOfWeek"),
        count=_parse_integer(fields, "count", 1, MAX_COUNT),
        until=_parse_until(fields["until"]) if "until" in fields else None,
    )


def _parse_integer(fields: Mapping[str, Any], name: str, minimum: int, maximum: int) -> int | None:
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise invalid_field(name, f"It must be a whole number from {minimum} to {maximum}.")
    return value


def _parse_integers(fields: Mapping[str, Any], name: str, minimum: int, maximum: int) -> tuple[int, ...]:
    values = fields.get(name, ())
    detail = f"It must be a list of whole numbers from {minimum} to {maximum}, without 0."
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > 62:
        raise invalid_field(name, detail)
    for value in values:
        is_valid = isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum
        if not is_valid or value == 0:
            raise invalid_field(name, detail)
    return tuple(sorted(set(values)))


def _parse_positions(fields: Mapping[str, Any]) -> tuple[int, ...]:
    positions = _parse_integers(fields, "bySetPosition", -31, 31)
    if len(positions) > MAX_POSITIONS:
        raise invalid_field("bySetPosition", f"{MAX_POSITIONS} positions at most.")
    return positions


def _parse_months(values: Any) -> tuple[int, ...]:
    detail = 'It must be a list of months, "1" to "12".'
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise invalid_field("byMonth", detail)
    months = set()
    for value in values:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or text not in {str(number) for number in range(1, 13)}:
            raise invalid_field("byMonth", detail)
        months.add(int(text))
    return tuple(sorted(months))


def _parse_weekday(value: Any, name: str) -> str:
    if value not in WEEKDAY_CODES:
        raise invalid_field(name, f"It must be one of {', '.join(WEEKDAY_CODES)}.")
    return str(value)


def _parse_weekdays(values: Any) -> tuple[NthWeekday, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > MAX_BY_DAY:
        raise invalid_field("byDay", "It must be a list of days.")
    weekdays = set()
    for index, value in enumerate(values):
        name = f"byDay/{index}"
        if not isinstance(value, Mapping) or not {"day"} <= set(value) <= {"day", "nthOfPeriod"}:
            raise invalid_field(name, 'It must be like {"day": "mo"} or {"day": "fr", "nthOfPeriod": -1}.')
        nth = _parse_integer(value, "nthOfPeriod", -5, 5) if "nthOfPeriod" in value else None
        if nth == 0:
            raise invalid_field(f"{name}/nthOfPeriod", "It must be from -5 to 5, without 0.")
        weekdays.add(NthWeekday(_parse_weekday(value["day"], f"{name}/day"), nth))
    return tuple(sorted(weekdays, key=_get_weekday_sort_key))


def _get_weekday_sort_key(day: NthWeekday) -> tuple[int, int]:
    return WEEKDAY_CODES.index(day.day), day.nth or 0


def _parse_until(value: Any) -> datetime:
    """A local time, or a date: then its last second."""
    if isinstance(value, str) and len(value) == 10:
        value = f"{value}T23:59:59"
    return parse_local_time(value, "until")


def _check_supported(rule: RecurrenceRule) -> RecurrenceRule:
    """Refuse what our profile leaves out."""
    has_nth = any(day.nth for day in rule.by_day)
    is_monthly_or_yearly = rule.frequency in ("monthly", "yearly")
    for is_refused, field, detail in (
        (rule.count and rule.until, "count", "Only one of count and until is possible."),
        (has_nth and not is_monthly_or_yearly, "byDay", "nthOfPeriod is possible monthly or yearly only."),
        (
            rule.by_month_day and not is_monthly_or_yearly,
            "byMonthDay",
            "Days of the month are possible monthly or yearly only.",
        ),
        (
            rule.frequency == "yearly" and (rule.by_day or rule.by_month_day) and not rule.by_month,
            "byDay" if rule.by_day else "byMonthDay",
            "Yearly, days need byMonth.",
        ),
        (
            rule.by_set_position and not (rule.frequency == "monthly" and rule.by_day),
            "bySetPosition",
            "It is possible monthly only, with byDay.",
        ),
    ):
        if is_refused:
            raise _unsupported_field(field, detail)
    return rule


def to_fields(rule: RecurrenceRule) -> dict[str, Any]:
    """The rule as members of a pattern, in canonical form; without what is the default."""
    days = [{"day": day.day, **({"nthOfPeriod": day.nth} if day.nth else {})} for day in rule.by_day]
    fields = {
        "frequency": rule.frequency,
        "interval": rule.interval if rule.interval > 1 else None,
        "byDay": days,
        "byMonthDay": list(rule.by_month_day),
        "byMonth": [str(month) for month in rule.by_month],
        "bySetPosition": list(rule.by_set_position),
        "firstDayOfWeek": rule.first_day_of_week if rule.first_day_of_week != "mo" else None,
        "count": rule.count,
        "until": rule.until.isoformat() if rule.until else None,
    }
    return {name: value for name, value in fields.items() if value}


# --- RRULE ----------------------------------------------------------------------------------------
def to_rrule(rule: RecurrenceRule, *, zone: str) -> str:
    """The rule as RFC 5545 writes it, without its name; UNTIL in UTC."""
    parts = {
        "FREQ": rule.frequency.upper(),
        "INTERVAL": str(rule.interval) if rule.interval > 1 else "",
        "BYMONTH": _join(rule.by_month),
        "BYMONTHDAY": _join(rule.by_month_day),
        "BYDAY": _join(f"{day.nth or ''}{day.day.upper()}" for day in rule.by_day),
        "BYSETPOS": _join(rule.by_set_position),
        "WKST": rule.first_day_of_week.upper() if rule.first_day_of_week != "mo" else "",
        "COUNT": str(rule.count or ""),
        "UNTIL": f"{expand.to_instant(rule.until, zone):%Y%m%dT%H%M%SZ}" if rule.until else "",
    }
    return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def _join(values: Any) -> str:
    return ",".join(str(value) for value in values)


def parse_rrule(text: Any, *, zone: str) -> RecurrenceRule:
    """The rule of an RRULE. Raises `errors.InvalidRequest` or `RecurrenceUnsupported`."""
    if not isinstance(text, str) or not text.isascii() or len(text) > 500:
        raise invalid_field("rrule", "Must be an RRULE such as FREQ=WEEKLY;BYDAY=MO,FR.")
    fields: dict[str, Any] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name not in _RRULE_FIELDS:
            raise _unsupported_field("rrule", f"Unsupported part: {name[:20] or 'it is empty'}.")
        if _RRULE_FIELDS[name] in fields or not value:
            raise invalid_field("rrule", f"{name} must occur once and have a value.")
        try:
            fields[_RRULE_FIELDS[name]] = _parse_rrule_value(name, value, zone)
        except (ValueError, OverflowError) as error:
            raise invalid_field("rrule", f"{name} has an invalid value.") from error
    try:
        return parse_fields(fields)
    except errors.InvalidRequest as error:
        raise invalid_field("rrule", error.detail) from error


def _parse_rrule_value(name: str, text: str, zone: str) -> Any:
    """A part's value as the member of a pattern has it. Raises `ValueError`."""
    if name in ("FREQ", "WKST"):
        return text.lower()
    if name == "UNTIL":
        if not _RRULE_UNTIL.fullmatch(text):
            raise ValueError("no date or date-time")
        until = datetime.fromisoformat(text if "T" in text else f"{text}T235959")
        return (expand.to_wall_time(until, zone) if until.tzinfo else until).isoformat()
    values = text.split(",")
    if name == "BYDAY":
        return [
            {"day": day[-2:].lower(), **({"nthOfPeriod": _parse_rrule_integer(day[:-2])} if day[:-2] else {})}
            for day in values
        ]
    if name in ("INTERVAL", "COUNT"):
        return _parse_rrule_integer(text)
    return [_parse_rrule_integer(value) for value in values]


def _parse_rrule_integer(text: str) -> int:
    if not _RRULE_INTEGER.fullmatch(text):
        raise ValueError("no whole number")
    return int(text)
