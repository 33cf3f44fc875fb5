"""The days on which rules start shifts: as a period with residues, and as bits. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from math import gcd

from staffing.recurrence import dst, expand
from staffing.recurrence.expand import WEEKDAY_CODES, RecurrenceRule, Series


@dataclass(frozen=True)
class PeriodicDays:
    """A set of days that repeats: ordinals that are ``residues`` modulo ``period``."""

    period: int
    residues: tuple[int, ...]


def get_periodic_days(series: Series) -> PeriodicDays | None:
    """The days on which a daily or weekly rule starts shifts; None where they do not repeat."""
    rule, first_day = series.rule, series.start.date().toordinal()
    if rule is None or rule.by_month or rule.frequency not in ("daily", "weekly"):
        return None
    return _compute_periodic_days(rule, first_day)


def _compute_periodic_days(rule: RecurrenceRule, first_day: int) -> PeriodicDays:
    weekdays = {WEEKDAY_CODES.index(day.day) for day in rule.by_day}
    if rule.frequency == "daily":
        period = rule.interval * 7 // gcd(rule.interval, 7) if weekdays else rule.interval
        days = [first_day + step for step in range(0, period, rule.interval)]
        matching_days = [day for day in days if not weekdays or _get_weekday(day) in weekdays]
        return PeriodicDays(period, tuple(day % period for day in matching_days))
    week_start = first_day - (_get_weekday(first_day) - WEEKDAY_CODES.index(rule.first_day_of_week)) % 7
    weekdays = weekdays or {_get_weekday(first_day)}
    period = 7 * rule.interval
    matching_days = [day for day in range(week_start, week_start + 7) if _get_weekday(day) in weekdays]
    return PeriodicDays(period, tuple(day % period for day in matching_days))


def _get_weekday(ordinal: int) -> int:
    return (ordinal - 1) % 7  # 1 January of the year 1 was a Monday


def solve_congruences(residue_a: int, modulus_a: int, residue_b: int, modulus_b: int) -> tuple[int, int] | None:
    """A day that is ``left`` modulo ``by`` and ``right`` modulo ``and_by``, and their period."""
    common_divisor = gcd(modulus_a, modulus_b)
    if (residue_b - residue_a) % common_divisor:
        return None
    combined_modulus = modulus_a // common_divisor * modulus_b
    steps = (
        (residue_b - residue_a) // common_divisor * pow(modulus_a // common_divisor, -1, modulus_b // common_divisor)
    )
    return (residue_a + modulus_a * (steps % (modulus_b // common_divisor))) % combined_modulus, combined_modulus


@lru_cache(maxsize=512)
def build_bitmap(rule: RecurrenceRule, first_start: datetime, base_day: int) -> int:
    """The days on which a rule starts shifts: bit n stands for the day ``base`` + n."""
    start, end = first_start.date().toordinal(), base_day + dst.HORIZON.days + 40
    if rule.frequency in ("daily", "weekly"):
        days = _compute_periodic_days(rule, start)
        low_day = max(start, base_day)
        matching_days = (
            day
            for residue in days.residues
            for day in range(low_day + (residue - low_day) % days.period, end, days.period)
        )
    else:
        span = (datetime.combine(date.fromordinal(day), first_start.time()) for day in (base_day, end))
        matching_days = (wall_time.date().toordinal() for wall_time in expand.iter_starts(rule, first_start, *span))
    digits = bytearray(b"0") * (end - base_day)
    for day in matching_days:
        if not rule.by_month or date.fromordinal(day).month in rule.by_month:
            digits[-1 - (day - base_day)] = ord("1")
    return int(digits, 2)


def iter_set_bits(bitmap: int) -> Iterator[int]:
    """The numbers of the bits that are set, from the lowest."""
    digits = f"{bitmap:b}"[::-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)
