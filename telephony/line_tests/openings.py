"""When a line opens next, and when it is tested: each morning before it opens, by its clock."""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from staffing.recurrence import wall_clock
from staffing.schedules.queries import QueryTooWide
from telephony.lines import ResolvedLine
from telephony.public_hours import periods
from telephony.public_hours.periods import OpenHours

WEEKS = 4
MORNING = time(8)
"""When a line is tested that is open all night, or does not open."""
LEAD, SPREAD = timedelta(minutes=5), timedelta(minutes=10)
"""A test is due so long before the opening; lines that open at once are spread."""


def load_hours(line: ResolvedLine, at: datetime) -> OpenHours | None:
    """The open hours of the next weeks; None: the rota has too many shifts to look at."""
    try:
        return periods.load_open_hours(line, at, weeks=WEEKS)
    except QueryTooWide:
        return None


def find_opening(hours: OpenHours | None, at: datetime) -> datetime | None:
    """When the line is open next: now, or when it opens; None: not in these weeks. Pure."""
    return next((max(start, at) for start, end in hours.periods if end > at), None) if hours else None


def find_due(line: ResolvedLine, hours: OpenHours | None, at: datetime) -> datetime:
    """When the line is due to be tested next. Pure."""
    lead = LEAD + _spread(line.location_id)
    openings = _iter_openings(hours) if hours else iter(())
    due = next((opening - lead for opening in openings if opening - lead > at), None)
    if due:
        return due
    today = wall_clock.to_wall_time(at, line.time_zone).date()
    mornings = (_morning(today + timedelta(days=number), line.time_zone) - lead for number in range(3))
    return next(morning for morning in mornings if morning > at)


def _spread(location_id: str) -> timedelta:
    """Always the same of a location."""
    digest = hashlib.sha256(location_id.encode()).digest()
    return SPREAD * (digest[0] / 256)


def _iter_openings(hours: OpenHours) -> Iterator[datetime]:
    """The first opening of each day; in the morning if the line is open at midnight and then."""
    for number in range((hours.until - hours.since).days):
        day = hours.since + timedelta(days=number)
        midnight, next_midnight = (
            wall_clock.to_instant(datetime.combine(each, time()), hours.time_zone)
            for each in (day, day + timedelta(days=1))
        )
        morning = _morning(day, hours.time_zone)
        if any(start <= midnight and end > morning for start, end in hours.periods):
            yield morning
        elif opening := next((start for start, _ in hours.periods if midnight <= start < next_midnight), None):
            yield opening


def _morning(day: date, zone: str) -> datetime:
    return wall_clock.to_instant(datetime.combine(day, MORNING), zone)
