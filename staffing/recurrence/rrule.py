"""A rule as members of a pattern, in the words of JSCalendar (RFC 8984), and as RRULE. Pure.

Both say the same; `parse` takes either, or both if they agree. What our profile leaves out is
refused by name, never ignored: the parts of RFC 5545 on which calendars disagree.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from config import errors
from staffing.recurrence import dst, expand
from staffing.recurrence.expand import DAYS, Day, Rule

MOST_COUNT = 1000
MOST_DAYS, MOST_POSITIONS = 35, 12
"""Parts of a rule that multiply what a month costs to expand."""
EARLIEST = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall time
FREQUENCIES = ("daily", "weekly", "monthly", "yearly")
MEMBERS = {
    *("frequency", "interval", "byDay", "byMonthDay", "byMonth", "bySetPosition"),
    *("firstDayOfWeek", "skip", "count", "until", "timeZone", "gap", "exceptions", "rrule"),
}
_OF_RULE = MEMBERS - {"timeZone", "gap", "exceptions", "rrule", "skip"}
_PLACE = "/recurrencePattern"
_NUMBER = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


class Unsupported(errors.Invalid):
    """A member, or a use of one, that our profile leaves out."""

    code = "recurrence_unsupported"


def wrong(member: str, detail: str) -> errors.Invalid:
    """What is refused of a pattern, by the name of its member."""
    return errors.Invalid(detail, pointer=f"{_PLACE}/{member}")


def _unsupported(member: str, detail: str) -> Unsupported:
    return Unsupported(detail, pointer=f"{_PLACE}/{member}")


def known_zone(name: Any) -> str:
    """The name of a time zone that there is. Raises `errors.Invalid`."""
    if not isinstance(name, str) or name not in dst.names():
        raise wrong("timeZone", "It must be an IANA time zone, such as Europe/Berlin.")
    return name


def local(value: Any, name: str) -> datetime:
    """A local time to the second, without an offset."""
    detail = "It must be a local time without an offset: 2027-01-01T09:00:00."
    if not isinstance(value, str) or not _LOCAL.fullmatch(value):
        raise wrong(name, detail)
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise wrong(name, detail) from error
    if not EARLIEST <= found < expand.LAST:
        raise wrong(name, f"It must be from {EARLIEST.year} to {expand.LAST.year - 1}.")
    return found


def parse(given: Mapping[str, Any], *, zone: str) -> Rule:
    """The rule that the members of a pattern say, or its ``rrule``.

    Raises `errors.Invalid` or `Unsupported`, naming the member.
    """
    for name in given:
        if name not in MEMBERS:
            raise _unsupported(name, "No such member here.")
    if given.get("skip", "omit") != "omit":
        raise _unsupported("skip", "Only omit is possible: what does not exist is left out.")
    told = {name: given[name] for name in given if name in _OF_RULE}
    text = given.get("rrule")
    if text is None:
        return _settled(_checked(of_members(told)), zone)
    rule = _settled(_checked(of_rrule(text, zone=zone)), zone)
    if told and _settled(_checked(of_members(told)), zone) != rule:
        raise wrong("rrule", "It says another rule than the other members.")
    return rule


def _settled(rule: Rule, zone: str) -> Rule:
    """With an end that the clock of the zone shows, as RRULE tells it in UTC."""
    if rule.until is None:
        return rule
    return replace(rule, until=expand.wall(expand.instant(rule.until, zone), zone))


def of_members(told: Mapping[str, Any]) -> Rule:
    """The rule of its members, each within its own limits. Raises `errors.Invalid`."""
    frequency = told.get("frequency")
    if frequency not in FREQUENCIES:
        raise wrong("frequency", f"It must be one of {', '.join(FREQUENCIES)}.")
    return Rule(
        frequency=frequency,
        interval=_number(told, "interval", 1, 366) or 1,
        by_day=_days(told.get("byDay", ())),
        by_month_day=_numbers(told, "byMonthDay", -31, 31),
        by_month=_months(told.get("byMonth", ())),
        by_set_position=_positions(told),
        first_day_of_week=_day(told.get("firstDayOfWeek", "mo"), "firstDayOfWeek"),
        count=_number(told, "count", 1, MOST_COUNT),
        until=_until(told["until"]) if "until" in told else None,
    )


def _number(told: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    if name not in told:
        return None
    value = told[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise wrong(name, f"It must be a whole number from {least} to {most}.")
    return value


def _numbers(told: Mapping[str, Any], name: str, least: int, most: int) -> tuple[int, ...]:
    values = told.get(name, ())
    detail = f"It must be a list of whole numbers from {least} to {most}, without 0."
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > 62:
        raise wrong(name, detail)
    for value in values:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        if not good or value == 0:
            raise wrong(name, detail)
    return tuple(sorted(set(values)))


def _positions(told: Mapping[str, Any]) -> tuple[int, ...]:
    found = _numbers(told, "bySetPosition", -31, 31)
    if len(found) > MOST_POSITIONS:
        raise wrong("bySetPosition", f"{MOST_POSITIONS} positions at most.")
    return found


def _months(values: Any) -> tuple[int, ...]:
    detail = 'It must be a list of months, "1" to "12".'
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise wrong("byMonth", detail)
    found = set()
    for value in values:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or text not in {str(n) for n in range(1, 13)}:
            raise wrong("byMonth", detail)
        found.add(int(text))
    return tuple(sorted(found))


def _day(value: Any, name: str) -> str:
    if value not in DAYS:
        raise wrong(name, f"It must be one of {', '.join(DAYS)}.")
    return str(value)


def _days(values: Any) -> tuple[Day, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > MOST_DAYS:
        raise wrong("byDay", "It must be a list of days.")
    found = set()
    for number, value in enumerate(values):
        name = f"byDay/{number}"
        if not isinstance(value, Mapping) or not {"day"} <= set(value) <= {"day", "nthOfPeriod"}:
            raise wrong(name, 'It must be like {"day": "mo"} or {"day": "fr", "nthOfPeriod": -1}.')
        nth = _number(value, "nthOfPeriod", -5, 5) if "nthOfPeriod" in value else None
        if nth == 0:
            raise wrong(f"{name}/nthOfPeriod", "It must be from -5 to 5, without 0.")
        found.add(Day(_day(value["day"], f"{name}/day"), nth))
    return tuple(sorted(found, key=_order))


def _order(day: Day) -> tuple[int, int]:
    return DAYS.index(day.day), day.nth or 0


def _until(value: Any) -> datetime:
    """A local time, or a date: then its last second."""
    if isinstance(value, str) and len(value) == 10:
        value = f"{value}T23:59:59"
    return local(value, "until")


def _checked(rule: Rule) -> Rule:
    """Refuse what our profile leaves out."""
    nth = any(day.nth for day in rule.by_day)
    month = rule.frequency in ("monthly", "yearly")
    for refused, member, detail in (
        (rule.count and rule.until, "count", "Only one of count and until is possible."),
        (nth and not month, "byDay", "nthOfPeriod is possible monthly or yearly only."),
        (
            rule.by_month_day and not month,
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
        if refused:
            raise _unsupported(member, detail)
    return rule


def to_members(rule: Rule) -> dict[str, Any]:
    """The rule as members of a pattern, in canonical form; without what is the default."""
    days = [
        {"day": day.day, **({"nthOfPeriod": day.nth} if day.nth else {})} for day in rule.by_day
    ]
    told = {
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
    return {name: value for name, value in told.items() if value}


# --- RRULE ----------------------------------------------------------------------------------------
def to_rrule(rule: Rule, *, zone: str) -> str:
    """The rule as RFC 5545 writes it, without its name; UNTIL in UTC."""
    parts = {
        "FREQ": rule.frequency.upper(),
        "INTERVAL": str(rule.interval) if rule.interval > 1 else "",
        "BYMONTH": _joined(rule.by_month),
        "BYMONTHDAY": _joined(rule.by_month_day),
        "BYDAY": _joined(f"{day.nth or ''}{day.day.upper()}" for day in rule.by_day),
        "BYSETPOS": _joined(rule.by_set_position),
        "WKST": rule.first_day_of_week.upper() if rule.first_day_of_week != "mo" else "",
        "COUNT": str(rule.count or ""),
        "UNTIL": f"{expand.instant(rule.until, zone):%Y%m%dT%H%M%SZ}" if rule.until else "",
    }
    return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def _joined(values: Any) -> str:
    return ",".join(str(value) for value in values)


def of_rrule(text: Any, *, zone: str) -> Rule:
    """The rule of an RRULE. Raises `errors.Invalid` or `Unsupported`."""
    if not isinstance(text, str) or not text.isascii() or len(text) > 500:
        raise wrong("rrule", "It must be a rule such as FREQ=WEEKLY;BYDAY=MO,FR.")
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS:
            raise _unsupported("rrule", f"{name[:20] or 'An empty part'} is not supported.")
        if name in parts or not value:
            raise wrong("rrule", f"{name} is given twice or without a value.")
        parts[name] = value
    try:
        told = {_PARTS[name][0]: _PARTS[name][1](value) for name, value in parts.items()}
        if isinstance(told.get("until"), datetime):
            told["until"] = _local_until(told["until"], zone)
        return of_members(told)
    except (ValueError, KeyError, OverflowError, errors.Invalid) as error:
        detail = error.detail if isinstance(error, errors.Invalid) else "It cannot be read."
        raise wrong("rrule", detail) from error


def _local_until(until: datetime, zone: str) -> str:
    local = until if until.tzinfo is None else expand.wall(until, zone)
    return local.isoformat()


def _list(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    return lambda text: [read(part) for part in text.split(",")]


def _whole(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("no whole number")
    return int(text)


def _read_day(text: str) -> dict[str, Any]:
    day, nth = text[-2:].lower(), text[:-2]
    return {"day": day, **({"nthOfPeriod": _whole(nth)} if nth else {})}


def _read_until(text: str) -> datetime:
    if len(text) == 8:
        day = datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a local date
        return day + timedelta(hours=23, minutes=59, seconds=59)
    if text.endswith("Z"):
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a local time


_PARTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "FREQ": ("frequency", str.lower),
    "INTERVAL": ("interval", _whole),
    "BYDAY": ("byDay", _list(_read_day)),
    "BYMONTHDAY": ("byMonthDay", _list(_whole)),
    "BYMONTH": ("byMonth", _list(_whole)),
    "BYSETPOS": ("bySetPosition", _list(_whole)),
    "WKST": ("firstDayOfWeek", str.lower),
    "COUNT": ("count", _whole),
    "UNTIL": ("until", _read_until),
}
