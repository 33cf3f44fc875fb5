"""Open hours as iCalendar (RFC 5545): an event per period, a whole day per holiday."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vDuration

from staffing.calendar import parts, zones
from staffing.recurrence import wall_clock
from staffing.schedules.coverage import Period
from telephony.lines import ResolvedLine
from telephony.public_hours.periods import OpenHours

REFRESH_INTERVAL = timedelta(hours=1)
_LONGEST = timedelta(hours=24)
_TEXTS = {"en": ("Open", "Closed"), "de": ("Geöffnet", "Geschlossen"), "es": ("Abierto", "Cerrado")}
"""By language: the titles of the events."""


def render_calendar(line: ResolvedLine, hours: OpenHours, public_id: str, *, updated_at: datetime) -> bytes:
    """The hours of a line as a calendar; the same hours are the same text."""
    open_text, closed_text = _TEXTS.get(str(line.configuration.get("language", ""))[:2], _TEXTS["en"])
    calendar = Calendar()
    calendar.add("prodid", "-//Dutyline//Hours//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", line.location_name)
    calendar.add("x-wr-timezone", hours.time_zone)
    calendar.add("refresh-interval", REFRESH_INTERVAL, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH_INTERVAL))  # the same for Outlook
    if hours.periods and hours.time_zone != "UTC":
        start = wall_clock.to_wall_time(hours.periods[0][0], hours.time_zone)
        since = wall_clock.to_instant(datetime.combine(hours.since, time()), hours.time_zone)
        calendar.add_component(zones.build_timezone(hours.time_zone, start, since))
    for start, end in _split_days(hours):
        event = _build_event(f"{start:%Y%m%dT%H%M}-{public_id}", open_text, updated_at)
        event.add("dtstart", _to_event_time(start, end, start, hours.time_zone))
        event.add("dtend", _to_event_time(start, end, end, hours.time_zone))
        calendar.add_component(event)
    open_days = {wall_clock.to_wall_time(start, hours.time_zone).date() for start, _ in hours.periods}
    for day, name in hours.holidays.items():
        if day not in open_days:
            title = closed_text if name == day.isoformat() else f"{closed_text}: {name}"
            event = _build_event(f"{day:%Y%m%d}-{public_id}", title, updated_at)
            event.add("dtstart", day)
            event.add("dtend", day + timedelta(days=1))
            calendar.add_component(event)
    return bytes(calendar.to_ical())


def _split_days(hours: OpenHours) -> Iterator[Period]:
    """The periods; those of more than a day by each day, so that they stay the same every day."""
    for start, end in hours.periods:
        while end - start > _LONGEST:
            next_day = wall_clock.to_wall_time(start, hours.time_zone).date() + timedelta(days=1)
            midnight = wall_clock.to_instant(datetime.combine(next_day, time()), hours.time_zone)
            yield start, midnight
            start = midnight
        yield start, end


def _build_event(uid: str, title: str, updated_at: datetime) -> Event:
    event = Event()
    event.add("uid", f"{uid}@dutyline")
    event.add("summary", title)
    event.add("dtstamp", updated_at)
    event.add("transp", "TRANSPARENT")  # being open keeps nobody busy
    return event


def _to_event_time(start: datetime, end: datetime, at: datetime, zone: str) -> datetime:
    """By the clock of the zone; in UTC around a clock change that skips or repeats one of both."""
    wall_times = [wall_clock.to_wall_time(instant, zone) for instant in (start, end)]
    is_plain = zone != "UTC" and all(parts.is_plain(wall_time, zone) for wall_time in wall_times)
    return at.astimezone(ZoneInfo(zone) if is_plain else UTC)
