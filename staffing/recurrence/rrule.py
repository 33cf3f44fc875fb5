"""A rule as members of a pattern, named as in JSCalendar (RFC 8984), and as RRULE (RFC 5545). Pure.

`parse_rule` takes either, or both if they agree. Parts on which calendar programs disagree are not
supported: they are refused by name, never ignored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from config import errors, zone_names
from staffing.recurrence import rrule_text, rules, wall_clock
from staffing.recurrence.rules import WEEKDAY_CODES, NthWeekday, RecurrenceRule

MAX_COUNT = 1000
MAX_WORD_LENGTH = 20
"""Characters of a frequency or a weekday."""
MAX_BY_DAY, MAX_POSITIONS = 35, 12
"""Limits of parts that multiply the cost of expanding a month."""
EARLIEST_START = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall time
FREQUENCIES = ("daily", "weekly", "monthly", "yearly")
PATTERN_FIELDS = {
    *("frequency", "interval", "byDay", "byMonthDay", "byMonth", "bySetPosition"),
    *("firstDayOfWeek", "skip", "count", "until", "timeZone", "gap", "exceptions", "rrule"),
}
RULE_FIELDS = PATTERN_FIELDS - {"timeZone", "gap", "exceptions", "rrule", "skip"}
EMPTY_PART = "A part is empty: remove a semicolon, or write what is missing there."
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
_LOCAL_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)


class RecurrenceUnsupported(errors.InvalidRequest):
    """A field of the recurrence rule, or this use of it, is not supported."""

    code = "recurrence_unsupported"


def invalid_field(field: str, detail: str) -> errors.InvalidRequest:
    """An error about a member of a pattern."""
    return errors.InvalidRequest(detail, pointer=f"{_POINTER}/{field}")


def _unsupported_field(field: str, detail: str) -> RecurrenceUnsupported:
    return RecurrenceUnsupported(detail, pointer=f"{_POINTER}/{field}")


def parse_zone(name: Any) -> str:
    """The canonical name of a time zone. Raises `errors.InvalidRequest`."""
    return zone_names.parse_name(name if isinstance(name, str) else "", pointer=f"{_POINTER}/timeZone")


def parse_local_time(value: Any, field: str) -> datetime:
    """A local time without an offset. Raises `errors.InvalidRequest`."""
    detail = "Must be a local time without an offset, such as 2027-01-01T09:00:00."
    if not isinstance(value, str) or not _LOCAL_TIME_PATTERN.fullmatch(value):
        raise invalid_field(field, detail)
    try:
        wall_time = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid_field(field, detail) from error
    if not EARLIEST_START <= wall_time < rules.LATEST_START:
        raise invalid_field(field, f"Must be from {EARLIEST_START.year} to {rules.LATEST_START.year - 1}.")
    return wall_time


def parse_rule(pattern: Mapping[str, Any], *, zone: str) -> RecurrenceRule:
    """The rule of a pattern's members or of its ``rrule``.

    Raises `errors.InvalidRequest` or `RecurrenceUnsupported`, naming the member.
    """
    for name in pattern:
        if name not in PATTERN_FIELDS:
            raise _unsupported_field(name, f"Unknown field; a pattern has {', '.join(sorted(PATTERN_FIELDS))}.")
    if pattern.get("skip", "omit") != "omit":
        raise _unsupported_field("skip", "Must be omit: days that do not exist are left out.")
    rule_fields = {name: pattern[name] for name in pattern if name in RULE_FIELDS}
    text = pattern.get("rrule")
    if text is None:
        return _normalize_until(_check_supported(parse_fields(rule_fields)), zone)
    rule = _normalize_until(_check_supported(parse_rrule(text, zone=zone)), zone)
    if rule_fields and _normalize_until(_check_supported(parse_fields(rule_fields)), zone) != rule:
        raise invalid_field("rrule", "Contradicts the other members; send either.")
    return rule


def _normalize_until(rule: RecurrenceRule, zone: str) -> RecurrenceRule:
    """The rule with an ``until`` that exists in the zone, as RRULE stores it in UTC."""
    if rule.until is None:
        return rule
    return replace(rule, until=wall_clock.to_wall_time(wall_clock.to_instant(rule.until, zone), zone))


def parse_fields(fields: Mapping[str, Any]) -> RecurrenceRule:
    """The rule of these members, each within its limits. Raises `errors.InvalidRequest`."""
    frequency = _fold(fields.get("frequency"))
    if frequency not in FREQUENCIES:
        raise invalid_field("frequency", f"Must be one of {', '.join(FREQUENCIES)}.")
    return RecurrenceRule(
        frequency=frequency,
        interval=_parse_integer(fields, "interval", 366) or 1,
        by_day=_parse_weekdays(fields),
        by_month_day=_parse_days(fields, "byMonthDay", 62),
        by_month=_parse_months(fields),
        by_set_position=_parse_days(fields, "bySetPosition", MAX_POSITIONS),
        first_day_of_week=_parse_weekday(fields.get("firstDayOfWeek", "mo"), "firstDayOfWeek"),
        count=_parse_integer(fields, "count", MAX_COUNT),
        until=_parse_until(fields["until"]) if "until" in fields else None,
    )


def _fold(value: Any) -> Any:
    """Text in lower case; RRULE has frequencies and days in upper case."""
    return value.lower() if isinstance(value, str) and len(value) <= MAX_WORD_LENGTH else value


def _is_integer(value: Any, minimum: int, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum


def _parse_integer(fields: Mapping[str, Any], name: str, maximum: int) -> int | None:
    if name in fields and not _is_integer(fields[name], 1, maximum):
        raise invalid_field(name, f"Must be a whole number from 1 to {maximum}.")
    return fields.get(name)


def _parse_list(fields: Mapping[str, Any], name: str, max_length: int) -> Sequence[Any]:
    values = fields.get(name, ())
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > max_length:
        raise invalid_field(name, f"Must be a list of at most {max_length} values.")
    return values


def _parse_days(fields: Mapping[str, Any], name: str, max_length: int) -> tuple[int, ...]:
    """Days of the month, or positions: counted from 1, or from the end."""
    values = _parse_list(fields, name, max_length)
    if not all(_is_integer(value, -31, 31) and value for value in values):
        raise invalid_field(name, "Must be a list of whole numbers from -31 to 31, without 0.")
    return tuple(sorted(set(values)))


def _parse_months(fields: Mapping[str, Any]) -> tuple[int, ...]:
    """Months as JSCalendar writes them, in text, or as numbers."""
    months = {str(number): number for number in range(1, 13)}
    values = [str(value) if _is_integer(value, 1, 12) else value for value in _parse_list(fields, "byMonth", 62)]
    if not all(isinstance(value, str) and value in months for value in values):
        raise invalid_field("byMonth", 'Must be a list of months, "1" to "12".')
    return tuple(sorted({months[value] for value in values}))


def _parse_weekday(value: Any, name: str) -> str:
    if _fold(value) not in WEEKDAY_CODES:
        raise invalid_field(name, f"Must be one of {', '.join(WEEKDAY_CODES)}.")
    return str(value).lower()


def _parse_weekdays(fields: Mapping[str, Any]) -> tuple[NthWeekday, ...]:
    weekdays = set()
    for index, value in enumerate(_parse_list(fields, "byDay", MAX_BY_DAY)):
        name = f"byDay/{index}"
        if isinstance(value, str) and rrule_text.DAY_PATTERN.fullmatch(value):
            value = rrule_text.parse_day(value)
        if not isinstance(value, Mapping) or not {"day"} <= set(value) <= {"day", "nthOfPeriod"}:
            raise invalid_field(name, 'Must be like {"day": "mo"}, {"day": "fr", "nthOfPeriod": -1} or "MO".')
        nth = value.get("nthOfPeriod")
        if "nthOfPeriod" in value and not (_is_integer(nth, -5, 5) and nth):
            raise invalid_field(f"{name}/nthOfPeriod", "Must be a whole number from -5 to 5, without 0.")
        weekdays.add(NthWeekday(_parse_weekday(value["day"], f"{name}/day"), nth))
    return tuple(sorted(weekdays, key=lambda weekday: (WEEKDAY_CODES.index(weekday.day), weekday.nth or 0)))


def _parse_until(value: Any) -> datetime:
    """A local time, or the last second of a date."""
    if isinstance(value, str) and len(value) == 10:
        value = f"{value}T23:59:59"
    return parse_local_time(value, "until")


def _check_supported(rule: RecurrenceRule) -> RecurrenceRule:
    """The rule itself. Raises `RecurrenceUnsupported`."""
    has_nth = any(day.nth for day in rule.by_day)
    has_monthly_days = rule.frequency == "monthly" and rule.by_day
    is_monthly_or_yearly = rule.frequency in ("monthly", "yearly")
    for is_refused, field, detail in (
        (rule.count and rule.until, "count", "Use either `count` or `until`."),
        (has_nth and not is_monthly_or_yearly, "byDay", "`nthOfPeriod` needs a monthly or yearly frequency."),
        (rule.by_month_day and not is_monthly_or_yearly, "byMonthDay", "Needs a monthly or yearly frequency."),
        (
            rule.frequency == "yearly" and (rule.by_day or rule.by_month_day) and not rule.by_month,
            "byDay" if rule.by_day else "byMonthDay",
            "A yearly frequency with days needs `byMonth`.",
        ),
        (rule.by_set_position and not has_monthly_days, "bySetPosition", "Needs a monthly frequency and `byDay`."),
    ):
        if is_refused:
            raise _unsupported_field(field, detail)
    return rule


def to_fields(rule: RecurrenceRule) -> dict[str, Any]:
    """The members of a rule in canonical form, without defaults."""
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
    """The RRULE of a rule, without the property name; UNTIL in UTC."""
    parts = {
        "FREQ": rule.frequency.upper(),
        "INTERVAL": str(rule.interval) if rule.interval > 1 else "",
        "BYMONTH": _join(rule.by_month),
        "BYMONTHDAY": _join(rule.by_month_day),
        "BYDAY": _join(f"{day.nth or ''}{day.day.upper()}" for day in rule.by_day),
        "BYSETPOS": _join(rule.by_set_position),
        "WKST": rule.first_day_of_week.upper() if rule.first_day_of_week != "mo" else "",
        "COUNT": str(rule.count or ""),
        "UNTIL": f"{wall_clock.to_instant(rule.until, zone):%Y%m%dT%H%M%SZ}" if rule.until else "",
    }
    return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def _join(values: Any) -> str:
    return ",".join(str(value) for value in values)


def parse_rrule(text: Any, *, zone: str) -> RecurrenceRule:
    """The rule of an RRULE. Raises `errors.InvalidRequest` or `RecurrenceUnsupported`."""
    if not isinstance(text, str) or len(text) > 500 or not text.isascii():
        raise invalid_field("rrule", "Must be an RRULE such as FREQ=WEEKLY;BYDAY=MO,FR.")
    fields: dict[str, Any] = {}
    for name, value in rrule_text.split_parts(text):
        if name not in _RRULE_FIELDS:
            raise _unsupported_field("rrule", f"Unsupported part: {name[:20]}." if name else EMPTY_PART)
        if _RRULE_FIELDS[name] in fields or not value:
            raise invalid_field("rrule", f"{name} must occur once and have a value.")
        try:
            fields[_RRULE_FIELDS[name]] = rrule_text.parse_value(name, value, zone)
        except (ValueError, OverflowError) as error:
            raise invalid_field("rrule", f"{name} has an invalid value.") from error
    try:
        return parse_fields(fields)
    except errors.InvalidRequest as error:
        raise invalid_field("rrule", error.detail) from error
