"""The days on which rules start shifts: as a period with residues, and as bits. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from math import gcd

from staffing.recurrence import dst, expand
from staffing.recurrence.expand import DAYS, Rule, Series


@dataclass(frozen=True)
class Days:
    """A set of days that repeats: ordinals that are ``residues`` modulo ``period``."""

    period: int
    residues: tuple[int, ...]


def repeating(series: Series) -> Days | None:
    """The days on which a daily or weekly rule starts shifts; None where they do not repeat."""
    rule, first = series.rule, series.start.date().toordinal()
    if rule is None or rule.by_month or rule.frequency not in ("daily", "weekly"):
        return None
    return _repeating(rule, first)


def _repeating(rule: Rule, first: int) -> Days:
    wanted = {DAYS.index(day.day) for day in rule.by_day}
    if rule.frequency == "daily":
        period = rule.interval * 7 // gcd(rule.interval, 7) if wanted else rule.interval
        days = [first + step for step in range(0, period, rule.interval)]
        kept = [day for day in days if not wanted or _weekday(day) in wanted]
        return Days(period, tuple(day % period for day in kept))
    week = first - (_weekday(first) - DAYS.index(rule.first_day_of_week)) % 7
    wanted = wanted or {_weekday(first)}
    period = 7 * rule.interval
    kept = [day for day in range(week, week + 7) if _weekday(day) in wanted]
    return Days(period, tuple(day % period for day in kept))


def _weekday(ordinal: int) -> int:
    return (ordinal - 1) % 7  # 1 January of the year 1 was a Monday


def solve(left: int, by: int, right: int, and_by: int) -> tuple[int, int] | None:
    """A day that is ``left`` modulo ``by`` and ``right`` modulo ``and_by``, and their period."""
    common = gcd(by, and_by)
    if (right - left) % common:
        return None
    whole = by // common * and_by
    steps = (right - left) // common * pow(by // common, -1, and_by // common)
    return (left + by * (steps % (and_by // common))) % whole, whole


@lru_cache(maxsize=512)
def bits(rule: Rule, first: datetime, base: int) -> int:
    """The days on which a rule starts shifts: bit n stands for the day ``base`` + n."""
    start, end = first.date().toordinal(), base + dst.HORIZON.days + 40
    if rule.frequency in ("daily", "weekly"):
        days = _repeating(rule, start)
        low = max(start, base)
        every = (
            day
            for residue in days.residues
            for day in range(low + (residue - low) % days.period, end, days.period)
        )
    else:
        span = (datetime.combine(date.fromordinal(day), first.time()) for day in (base, end))
        every = (at.date().toordinal() for at in expand.starts(rule, first, *span))
    text = bytearray(b"0") * (end - base)
    for day in every:
        if not rule.by_month or date.fromordinal(day).month in rule.by_month:
            text[-1 - (day - base)] = ord("1")
    return int(text, 2)


def numbers(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, from the lowest."""
    text = f"{bits:b}"[::-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)
