"""The opening hours of a line as periods of a calendar. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from staffing.recurrence import wall_clock
from telephony.ivr import opening_hours

_DAY = timedelta(days=1)


def list_open_periods(
    configuration: Mapping[str, Any], since: datetime, until: datetime, *, time_zone: str
) -> list[tuple[datetime, datetime]] | None:
    """When a line is open by its own hours, as instants in order; None: the rota opens it.

    Periods that began on the day before ``since`` are included. ``time_zone`` is the location's.
    """
    hours = configuration["hours"]
    if hours["mode"] not in ("weekly", "always"):
        return None
    zone = str(configuration.get("timeZone") or time_zone)
    weekly = hours.get("weekly", {}) if hours["mode"] == "weekly" else {}
    midnight = wall_clock.to_wall_time(since, zone).replace(hour=0, minute=0, second=0, microsecond=0) - _DAY
    last_midnight = wall_clock.to_wall_time(until, zone)
    periods = []
    while midnight <= last_midnight:
        day_hours = [("00:00", "24:00")] if hours["mode"] == "always" else weekly.get(_weekday(midnight), ())
        if not opening_hours.find_holiday(configuration, midnight.date()):
            for start, end in day_hours:
                opening, closing = (midnight + _since_midnight(text) for text in (start, end))
                closing += _DAY if closing <= opening else timedelta()
                periods.append((wall_clock.to_instant(opening, zone), wall_clock.to_instant(closing, zone)))
        midnight += _DAY
    return sorted(period for period in periods if period[1] > since and period[0] < until)


def _weekday(day: datetime) -> str:
    return opening_hours.WEEKDAYS[day.weekday()]


def _since_midnight(text: str) -> timedelta:
    """The time from midnight to a time HH:MM."""
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
