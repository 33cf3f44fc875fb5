"""Dates and times as people and spreadsheets write them. Pure.

What could mean two days is refused: 1/4/2027 is in January or in April, unless the order is said.
"""

import re
from datetime import UTC, date, timedelta, timezone
from typing import Literal, NamedTuple

from config.folding import fold_text

DateOrder = Literal["dmy", "mdy"]
"""Whether the day or the month comes first in a date with slashes."""
DATE_EXAMPLE = "Write the date as 2027-01-04."
_MONTHS = {
    "jan": 1,
    "ene": 1,
    "feb": 2,
    "mar": 3,
    "mae": 3,
    "mrz": 3,
    "apr": 4,
    "abr": 4,
    "may": 5,
    "mai": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "ago": 8,
    "sep": 9,
    "set": 9,
    "oct": 10,
    "okt": 10,
    "nov": 11,
    "dec": 12,
    "dez": 12,
    "dic": 12,
}
"""By the first letters in English, German and Spanish."""
_ISO_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{4})(\d\d)(\d\d)", re.ASCII)
_DOTTED_DATE = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d\d)", re.ASCII)
_SLASHED_DATE = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4}|\d\d)", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})[. -]*(?:de )?([a-z]{3,10})\.?[ ,-]*(?:de )?(\d{4}|\d\d)", re.ASCII)
_MONTH_FIRST = re.compile(r"([a-z]{3,10})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.ASCII)
_WEEKDAY_NAMES = (
    "mo mon monday montag lun lunes",
    "tu tue tues tuesday di dienstag martes",
    "we wed wednesday mi mittwoch mie miercoles",
    "th thu thur thurs thursday do donnerstag jue jueves",
    "fr fri friday freitag vie viernes",
    "sa sat saturday samstag sonnabend sab sabado",
    "su sun sunday so sonntag dom domingo",
)
_WEEKDAYS = {name: number for number, names in enumerate(_WEEKDAY_NAMES) for name in names.split()}
_TIME_CELL_DAY = re.compile(
    r"1899-12-3[01]|1900-01-0[01]|1904-01-01|(?:30|31)[./]12[./]1899|12/3[01]/1899|0?[01][./]0?[01][./]1900", re.ASCII
)
"""Day 0 of spreadsheets, with which some write a time of day alone."""
EARLIEST_YEAR, LATEST_YEAR = 1970, 2199
_FIRST_WORD = re.compile(r"([a-z]+)[.,]?\s+", re.ASCII)
_TIME = re.compile(
    r"(\d{1,2})(?:[:.h](\d\d)?)?(?::(\d\d)(?:\.0+)?)?\s*(?:([ap])\.?\s?m?\.?)?(?:\s*uhr)?(?:\s*h)?", re.ASCII
)
_TIME_WITHIN = re.compile(
    r"(?:[T\s,]+)(\d{1,2}(?:[:.h]\d\d)(?::\d\d(?:\.0+)?)?\s*(?:[ap]\.?\s?m\.?)?(?:\s*uhr)?)$", re.ASCII
)
_OFFSET = re.compile(r"(?<=\d)\s?(z|utc|[+-]\d\d:?\d\d)$", re.ASCII)
_DATE_AND_T = re.compile(r"^(\d{4}-\d\d-\d\d)t", re.ASCII)
_MAX_LENGTH = 60


class Moment(NamedTuple):
    """What a cell says of a time: a day, a time of day, or both; an offset only with both."""

    day: date | None
    time: timedelta | None
    offset: timezone | None = None


def parse_moment(text: str, order: DateOrder | None = None) -> Moment:
    """A date, a time of day, or both. Raises `ValueError` with a sentence."""
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"Is too long for a time. {DATE_EXAMPLE}")
    folded = fold_text(text).replace("a.m", "am").replace("p.m", "pm")
    without_day = _parse_time_of_day(folded)
    if without_day is not None:
        return Moment(None, without_day)
    if folded.isdigit() and len(folded) <= 4:
        raise ValueError(f"{text!r} is neither a date nor a time. Write 09:00, or 2027-01-04.")
    offset = None
    if match := _OFFSET.search(folded):
        if _TIME_WITHIN.search(folded[: match.start()].replace("t", " ")) is None:
            match = None
        else:
            offset, folded = _parse_offset(match[1]), folded[: match.start()]
    folded = _DATE_AND_T.sub(r"\1 ", folded)
    within = _TIME_WITHIN.search(folded)
    time = _parse_time_of_day(within[1]) if within else None
    if within and time is None:
        raise ValueError(f"{text!r} is no time of day.")
    day_text = (folded[: within.start()] if within else folded).strip(" ,")
    if time is not None and offset is None and _TIME_CELL_DAY.fullmatch(day_text):
        return Moment(None, time)
    return Moment(_parse_day(day_text, order), time, offset)


def _parse_offset(text: str) -> timezone:
    if text in ("z", "utc"):
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 15 or minutes > 59:
        raise ValueError(f"{text} is no offset from UTC.")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _parse_time_of_day(text: str) -> timedelta | None:
    """The time since midnight; 24:00 is the end of the day. None: the text is no time."""
    match = _TIME.fullmatch(text.strip())
    has_sign = match and (match[2] or match[4] or text.strip() != match[1])
    if match is None or not has_sign:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[4]:
        if not 1 <= hours <= 12:
            raise ValueError(f"{text!r} is no time of day.")
        hours = hours % 12 + (12 if match[4] == "p" else 0)
    time = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds or time > timedelta(hours=24):
        raise ValueError(f"{text!r} is no time of day in whole minutes.")
    return time


def _parse_day(text: str, order: DateOrder | None) -> date:
    weekday = None
    if (word := _FIRST_WORD.match(text)) and word[1] in _WEEKDAYS:
        weekday, text = _WEEKDAYS[word[1]], text[word.end() :]
    try:
        day = _match_day(text, order)
    except KeyError as error:
        raise ValueError(f"{text!r} names no month. {DATE_EXAMPLE}") from error
    except _NoSuchDay as error:
        raise ValueError(f"There is no day {text}. {DATE_EXAMPLE}") from error
    if day is None:
        raise ValueError(f"{text[:40]!r} is no date that is understood. {DATE_EXAMPLE}")
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise ValueError(f"A date must be from {EARLIEST_YEAR} to {LATEST_YEAR}.")
    if weekday not in (None, day.weekday()):
        raise ValueError(f"{day.day} {day:%B %Y} is a {day:%A}: correct the day or the weekday.")
    return day


class _NoSuchDay(Exception):
    """The month or the day does not exist."""


def _match_day(text: str, order: DateOrder | None) -> date | None:
    if match := _ISO_DATE.fullmatch(text):
        year, month, day = (int(part) for part in match.groups() if part)
        return _to_date(year, month, day)
    if match := _DOTTED_DATE.fullmatch(text):
        return _to_date(_year(match[3]), int(match[2]), int(match[1]))
    if match := _SLASHED_DATE.fullmatch(text):
        return _parse_slashed(match, order)
    if match := _DAY_FIRST.fullmatch(text):
        return _to_date(_year(match[3]), _month(match[2]), int(match[1]))
    match = _MONTH_FIRST.fullmatch(text)
    return _to_date(_year(match[3]), _month(match[1]), int(match[2])) if match else None


def _to_date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise _NoSuchDay from error


def _parse_slashed(match: re.Match[str], order: DateOrder | None) -> date:
    first, second, year = int(match[1]), int(match[2]), _year(match[3])
    if order is None and first != second and max(first, second) <= 12:
        raise ValueError(f"{match[0]} could be two days: say which comes first, day or month. {DATE_EXAMPLE}")
    is_day_first = order == "dmy" if order else first > 12
    return _to_date(year, second, first) if is_day_first else _to_date(year, first, second)


def _year(text: str) -> int:
    return int(text) + (2000 if len(text) == 2 else 0)


def _month(name: str) -> int:
    return _MONTHS[name[:3]]
