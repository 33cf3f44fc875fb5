"""Whether a rule comes often enough: looking for one that hardly does is dear. Pure."""

from calendar import monthrange
from dataclasses import replace
from datetime import datetime, timedelta

from staffing.recurrence.expand import DAYS, LAST, Rule, starts

RARE = {"monthly": 100, "yearly": 12}
"""Periods within which a rule must start something again."""


def may_fit(rule: Rule, start: datetime) -> bool:
    """Whether a day is one that a rule speaks of; without asking how its series goes on."""
    if rule.by_month and start.month not in rule.by_month:
        return False
    days = _of_month(rule, start)
    if not days:
        return False
    if rule.by_set_position:
        chosen = {days[n - 1 if n > 0 else n] for n in rule.by_set_position if abs(n) <= len(days)}
        return start.day in chosen
    return start.day in days


def _of_month(rule: Rule, start: datetime) -> list[int]:
    """The days of the month of ``start`` that a rule's days of week and month allow."""
    first, many = monthrange(start.year, start.month)
    found = []
    for day in range(1, many + 1):
        weekday = DAYS[(first + day - 1) % 7]
        nths = {None, (day - 1) // 7 + 1, -((many - day) // 7 + 1)}
        in_week = not rule.by_day or any(d.day == weekday and d.nth in nths for d in rule.by_day)
        in_month = not rule.by_month_day or {day, day - many - 1} & set(rule.by_month_day)
        if in_week and in_month:
            found.append(day)
    return found


def is_rare(rule: Rule, first: datetime) -> bool:
    """Whether the second occurrence is so far away that looking for any costs too much."""
    periods = RARE.get(rule.frequency)
    if periods is None or rule.count == 1:
        return False
    endless = replace(rule, count=None, until=None)
    after = next(starts(endless, first, first + timedelta(days=1), LAST), None)
    if after is None:
        return rule.until is None or rule.count is not None
    months = (after.year - first.year) * 12 + after.month - first.month
    return months > periods * rule.interval * (12 if rule.frequency == "yearly" else 1)
