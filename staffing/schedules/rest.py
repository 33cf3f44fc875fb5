"""Rest between the shifts of a person, and their hours in a week. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from staffing.recurrence import wall_clock
from staffing.schedules import coverage
from staffing.schedules.coverage import Period

MIN_REST, MAX_WEEK = timedelta(hours=11), timedelta(hours=60)
"""What is warned of: less rest, and longer weeks."""


def find_short_rest(shift: Period, others: Iterable[Period]) -> Period | None:
    """The first other period that ends or begins less than `MIN_REST` from a shift; None: none."""
    start, end = shift
    near = (other for other in others if other[1] <= start < other[1] + MIN_REST or end <= other[0] < end + MIN_REST)
    return min(near, default=None)


def list_long_weeks(periods: Iterable[Period], zone: str) -> list[tuple[date, float]]:
    """The Mondays, by a clock, of weeks with more than `MAX_WEEK` on duty, with their hours."""
    merged = coverage.merge(periods)
    if not merged:
        return []
    monday = monday_of(merged[0][0], zone)
    weeks = []
    while (week := week_of(monday, zone))[0] < merged[-1][1]:
        lengths = (min(end, week[1]) - max(start, week[0]) for start, end in merged)
        total = sum((length for length in lengths if length > timedelta()), timedelta())
        if total > MAX_WEEK:
            weeks.append((monday, round(total / timedelta(hours=1), 1)))
        monday += timedelta(days=7)
    return weeks


def monday_of(at: datetime, zone: str) -> date:
    """The Monday of the week of an instant, by a clock."""
    day = wall_clock.to_wall_time(at, zone).date()
    return day - timedelta(days=day.weekday())


def week_of(monday: date, zone: str) -> Period:
    """The instants between which a week is, by a clock."""
    start, end = (
        wall_clock.to_instant(datetime.combine(day, time()), zone) for day in (monday, monday + timedelta(days=7))
    )
    return start, end
