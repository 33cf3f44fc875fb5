"""Whether a rule comes often enough: looking for one that hardly does is dear. Pure."""

from calendar import monthrange
from dataclasses import replace
from datetime import datetime, timedelta

from staffing.recurrence.expand import LATEST_START, WEEKDAY_CODES, RecurrenceRule, iter_starts

MAX_PERIODS_APART = {"monthly": 100, "yearly": 12}
"""Periods within which a rule must start something again."""


def can_start_on(rule: RecurrenceRule, start: datetime) -> bool:
    """Whether a day is one that a rule speaks of; without asking how its series goes on."""
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
    """The days of the month of ``start`` that a rule's days of week and month allow."""
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
    """Whether the second occurrence is so far away that looking for any costs too much."""
    periods = MAX_PERIODS_APART.get(rule.frequency)
    if periods is None or rule.count == 1:
        return False
    endless_rule = replace(rule, count=None, until=None)
    next_start = next(iter_starts(endless_rule, first_start, first_start + timedelta(days=1), LATEST_START), None)
    if next_start is None:
        return rule.until is None or rule.count is not None
    months_apart = (next_start.year - first_start.year) * 12 + next_start.month - first_start.month
    return months_apart > periods * rule.interval * (12 if rule.frequency == "yearly" else 1)
