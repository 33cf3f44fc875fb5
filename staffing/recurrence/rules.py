"""The rule of a series, and the wall times at which it starts occurrences. Pure.

Daily and weekly rules, which are almost all, are counted in days by arithmetic, in a tenth of the
time that python-dateutil takes. That expands the others, from shortly before the requested window,
so that the cost does not depend on when the series began.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import islice, takewhile
from math import lcm
from typing import Literal, NamedTuple

from dateutil import rrule

Frequency = Literal["daily", "weekly", "monthly", "yearly"]
WEEKDAY_CODES = ("mo", "tu", "we", "th", "fr", "sa", "su")
_FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {
    "daily": rrule.DAILY,
    "weekly": rrule.WEEKLY,
    "monthly": rrule.MONTHLY,
    "yearly": rrule.YEARLY,
}
LATEST_START = datetime(2200, 1, 1)  # noqa: DTZ001 - a wall time
"""Nothing starts later."""
MAX_PERIODS_APART = {"monthly": 100, "yearly": 12}
"""Periods within which a rule must start a second occurrence."""


@dataclass(frozen=True)
class NthWeekday:
    """A weekday: the ``nth`` of the month, counted from its end if negative; None: every one."""

    day: str
    nth: int | None = None


@dataclass(frozen=True)
class RecurrenceRule:
    """When a series recurs, in wall time: the supported part of an RRULE (RFC 5545)."""

    frequency: Frequency
    interval: int = 1
    by_day: tuple[NthWeekday, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_position: tuple[int, ...] = ()
    first_day_of_week: str = "mo"
    count: int | None = None
    until: datetime | None = None
    """The last wall time at which an occurrence may start."""

    @cached_property
    def counts_days(self) -> bool:
        """Whether its days follow from their number and their weekday, apart from the month."""
        has_other_parts = self.by_month_day or self.by_set_position or any(day.nth for day in self.by_day)
        return self.frequency in ("daily", "weekly") and not has_other_parts

    @cached_property
    def weekdays(self) -> frozenset[int]:
        """The weekdays of ``by_day``; Monday is 0."""
        return frozenset(WEEKDAY_CODES.index(day.day) for day in self.by_day)


class DayCycle(NamedTuple):
    """The days of a rule that counts days: each ``offset`` of each period, from the first start on.

    Days are ordinals: 1 January of the year 1, a Monday, is 1.
    """

    anchor: int
    """The first day of the first period; that of a weekly rule may be before the first start."""
    period: int
    offsets: tuple[int, ...]
    """Days from the first of a period, ascending."""

    @classmethod
    def of(cls, rule: RecurrenceRule, first_day: int) -> "DayCycle":
        """Those of a rule whose first start is on this day."""
        weekday = (first_day - 1) % 7
        if rule.frequency == "weekly":
            week_start = WEEKDAY_CODES.index(rule.first_day_of_week)
            offsets = tuple(sorted((day - week_start) % 7 for day in rule.weekdays or (weekday,)))
            return cls(first_day - (weekday - week_start) % 7, 7 * rule.interval, offsets)
        if not rule.weekdays:
            return cls(first_day, rule.interval, (0,))
        period = lcm(rule.interval, 7)
        days = range(0, period, rule.interval)
        return cls(first_day, period, tuple(day for day in days if (weekday + day) % 7 in rule.weekdays))

    def iter_days(self, low: int, high: int) -> Iterator[int]:
        """The days from ``low`` until before ``high``."""
        first_of_period = low - (low - self.anchor) % self.period
        while first_of_period < high:
            for offset in self.offsets:
                if low <= first_of_period + offset < high:
                    yield first_of_period + offset
            first_of_period += self.period

    def has_day(self, low: int, high: int) -> bool:
        """Whether there is a day from ``low`` until before ``high``."""
        anchor, period, offsets = self
        phase, span = low - anchor, high - low
        for offset in offsets:  # noqa: SIM110 - half the time of any(), and lists ask it of each series
            if (offset - phase) % period < span:
                return True
        return False

    def find_nth_day(self, nth: int, first_day: int) -> int | None:
        """The ``nth`` day, counted from ``first_day`` in the first period; None: there is none."""
        if not self.offsets:
            return None
        skipped = sum(self.anchor + offset < first_day for offset in self.offsets)
        periods, index = divmod(skipped + nth - 1, len(self.offsets))
        return self.anchor + periods * self.period + self.offsets[index]


def iter_starts(rule: RecurrenceRule, first_start: datetime, since: datetime, until: datetime) -> Iterator[datetime]:
    """The wall times at which a rule starts occurrences, from ``since`` until before ``until``."""
    since = max(first_start, since)
    if rule.counts_days:
        return _iter_counted_days(rule, first_start, since, until)
    candidates = list_counted_starts(rule, first_start) if rule.count else _build_rrule(rule, first_start, since, until)
    return (start for start in takewhile(lambda start: start < until, candidates) if start >= since)


def _iter_counted_days(
    rule: RecurrenceRule, first_start: datetime, since: datetime, until: datetime
) -> Iterator[datetime]:
    """The starts of a rule that counts days; ``since`` is not before the first."""
    first_day, time_of_day = first_start.toordinal(), first_start.time()
    low = since.toordinal() + (since.time() > time_of_day)
    high = until.toordinal() + (until.time() > time_of_day)
    last_start = find_last_counted_start(rule, first_start) if rule.count else rule.until
    if last_start:
        high = min(high, last_start.toordinal() + (last_start.time() >= time_of_day))
    elif rule.count:
        return
    for day in DayCycle.of(rule, first_day).iter_days(low, high):
        if not rule.by_month or date.fromordinal(day).month in rule.by_month:
            yield first_start + timedelta(days=day - first_day)


def find_last_start_before(rule: RecurrenceRule, first_start: datetime, at: datetime) -> datetime | None:
    """The last wall time before ``at`` at which a rule starts an occurrence."""
    for days in (40, 400, 4000, 80_000):
        since = max(first_start, at - timedelta(days=days)) if days < 80_000 else first_start
        *_, last_start = (None, *iter_starts(rule, first_start, since, at))
        if last_start or since == first_start:
            return last_start
    return None


def has_start(rule: RecurrenceRule, first_start: datetime, start: datetime) -> bool:
    """Whether the rule starts an occurrence then."""
    return next(iter_starts(rule, first_start, start, start + timedelta(seconds=1)), None) == start


@lru_cache(maxsize=256)
def list_counted_starts(rule: RecurrenceRule, first_start: datetime) -> tuple[datetime, ...]:
    """All starts of a rule with ``count`` before `LATEST_START`; it cannot be fast-forwarded."""
    endless_rule = replace(rule, count=None)
    return tuple(islice(iter_starts(endless_rule, first_start, first_start, LATEST_START), rule.count))


def find_last_counted_start(rule: RecurrenceRule, first_start: datetime) -> datetime | None:
    """The last start of a rule with ``count``, before `LATEST_START`; None if it starts nothing."""
    if rule.counts_days and rule.count and not (rule.by_month or rule.until):
        first_day = first_start.toordinal()
        day = DayCycle.of(rule, first_day).find_nth_day(rule.count, first_day)
        if day is None:
            return None
        if day < LATEST_START.toordinal():
            return first_start + timedelta(days=day - first_day)
    return max(list_counted_starts(rule, first_start), default=None)


def is_count_reached(rule: RecurrenceRule, first_start: datetime) -> bool:
    """Whether all occurrences that a rule counts start before `LATEST_START`."""
    return rule.count is None or len(list_counted_starts(rule, first_start)) == rule.count


def _build_rrule(rule: RecurrenceRule, first_start: datetime, since: datetime, until: datetime) -> rrule.rrule:
    """The dateutil rule, from shortly before ``since``.

    Parts that a rule omits come from the first occurrence, so they are filled in before the start
    is moved.
    """
    days = [weekday for day in rule.by_day for weekday in _to_dateutil_weekdays(day, rule)]
    month_days = list(rule.by_month_day)
    months = list(rule.by_month)
    if not days and not month_days:
        if rule.frequency == "weekly":
            days = [rrule.weekday(first_start.weekday())]
        elif rule.frequency in ("monthly", "yearly"):
            month_days = [first_start.day]
    if rule.frequency == "yearly" and not months:
        months = [first_start.month]
    return rrule.rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=_fast_forward(rule, first_start, since),
        interval=rule.interval,
        wkst=WEEKDAY_CODES.index(rule.first_day_of_week),
        until=min(rule.until or until, until),
        bysetpos=list(rule.by_set_position) or None,
        bymonth=months or None,
        bymonthday=month_days or None,
        byweekday=days or None,
    )


def _to_dateutil_weekdays(day: NthWeekday, rule: RecurrenceRule) -> list[rrule.weekday]:
    """The dateutil weekdays; it does not combine "every" and "the nth" as RFC 5545 does."""
    weekday_index = WEEKDAY_CODES.index(day.day)
    if day.nth is None and any(other.nth for other in rule.by_day):
        return [rrule.weekday(weekday_index, nth) for nth in range(1, 6)]
    return [rrule.weekday(weekday_index, day.nth)]


def _fast_forward(rule: RecurrenceRule, first_start: datetime, since: datetime) -> datetime:
    """A later start with the same occurrences from ``since`` on, at least a period before it."""
    if rule.frequency == "daily":
        periods = (since - first_start).days // rule.interval - 1
        return first_start + timedelta(days=periods * rule.interval) if periods > 0 else first_start
    if rule.frequency == "weekly":
        days_into_week = (first_start.weekday() - WEEKDAY_CODES.index(rule.first_day_of_week)) % 7
        week_start = first_start - timedelta(days=days_into_week)
        periods = (since - week_start).days // (7 * rule.interval) - 1
        return week_start + timedelta(weeks=periods * rule.interval) if periods > 0 else first_start
    months = rule.interval * (12 if rule.frequency == "yearly" else 1)
    period_start = first_start.replace(day=1, month=1 if rule.frequency == "yearly" else first_start.month)
    months_apart = (since.year - period_start.year) * 12 + since.month - period_start.month
    periods = months_apart // months - 1
    if periods <= 0:
        return first_start
    month = period_start.month - 1 + periods * months
    return period_start.replace(year=period_start.year + month // 12, month=month % 12 + 1)


# --- limits ---------------------------------------------------------------------------------------
def can_start_on(rule: RecurrenceRule, start: datetime) -> bool:
    """Whether a rule allows a day as the first, without expanding the series."""
    if rule.by_month and start.month not in rule.by_month:
        return False
    days = _list_matching_days(rule, start)
    if not days:
        return False
    if rule.by_set_position:
        selected_days = {
            days[position - 1 if position > 0 else position]
            for position in rule.by_set_position
            if abs(position) <= len(days)
        }
        return start.day in selected_days
    return start.day in days


def _list_matching_days(rule: RecurrenceRule, start: datetime) -> list[int]:
    """The days of the month of ``start`` that a rule's weekdays and days of the month allow."""
    first_weekday, day_count = monthrange(start.year, start.month)
    matching_days = []
    for day in range(1, day_count + 1):
        weekday = WEEKDAY_CODES[(first_weekday + day - 1) % 7]
        nths = {None, (day - 1) // 7 + 1, -((day_count - day) // 7 + 1)}
        in_week = not rule.by_day or any(by_day.day == weekday and by_day.nth in nths for by_day in rule.by_day)
        in_month = not rule.by_month_day or {day, day - day_count - 1} & set(rule.by_month_day)
        if in_week and in_month:
            matching_days.append(day)
    return matching_days


def is_rare(rule: RecurrenceRule, first_start: datetime) -> bool:
    """Whether the second occurrence is so far away that looking for occurrences costs too much."""
    periods = MAX_PERIODS_APART.get(rule.frequency)
    if periods is None or rule.count == 1:
        return False
    endless_rule = replace(rule, count=None, until=None)
    next_start = next(iter_starts(endless_rule, first_start, first_start + timedelta(days=1), LATEST_START), None)
    if next_start is None:
        return rule.until is None or rule.count is not None
    months_apart = (next_start.year - first_start.year) * 12 + next_start.month - first_start.month
    return months_apart > periods * rule.interval * (12 if rule.frequency == "yearly" else 1)
