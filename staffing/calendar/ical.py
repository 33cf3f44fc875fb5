"""Schedules as iCalendar (RFC 5545): an event per series, its exceptions, and its time zone.

A series is an event with an RRULE in the zone of the series; shifts around a clock change are
events in UTC. What is written is bounded, as everybody who knows the URL can ask for it: see
`staffing.calendar.parts`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vDuration, vRecur

from staffing.calendar import parts, zones
from staffing.calendar.parts import Part
from staffing.models import Schedule
from staffing.recurrence import covers, rrule
from staffing.recurrence.details import NO_DETAILS, Details, get_details
from staffing.recurrence.expand import Series

if TYPE_CHECKING:
    from accounts.models import Location

REFRESH_INTERVAL = timedelta(hours=1)


def render_calendar(
    schedules: Iterable[Schedule], user_id: str, *, locations_by_id: Mapping[str, "Location"], at: datetime
) -> bytes:
    """The calendar of a person: their shifts of these schedules, the nearest to ``at`` first."""
    calendar = Calendar()
    calendar.add("prodid", "-//Dutyline//Rota//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", "Dutyline")
    calendar.add("refresh-interval", REFRESH_INTERVAL, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH_INTERVAL))  # the same for Outlook
    events: list[Event] = []
    first_starts: dict[str, datetime] = {}
    for schedule, own_parts in parts.select_parts(schedules, user_id, at):
        zone = own_parts[0].series.zone
        starts = [part.earliest_start for part in own_parts]
        first_starts[zone] = min([*starts, first_starts.get(zone, starts[0])])
        events += [
            _add_metadata(event, schedule, {**get_details(schedule), **overrides}, locations_by_id)
            for event, overrides in _iter_events(schedule, own_parts)
        ]
    for zone, first_start in sorted(first_starts.items()):
        if zone != "UTC":
            calendar.add_component(zones.build_timezone(zone, first_start, at))
    for event in events:
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _add_metadata(
    event: Event, schedule: Schedule, details: Details, locations_by_id: Mapping[str, "Location"]
) -> Event:
    location = locations_by_id.get(schedule.location_id)
    location_name = location.name if location else "On duty"
    event.add("summary", f"{details['position']}, {location_name}" if details["position"] else location_name)
    description = [f"Break: {details['break_minutes']:g} min"] if details["break_minutes"] else []
    description += [details["notes"]] if details["notes"] else []
    if description:
        event.add("description", "\n\n".join(description))
    if location and location.address:
        event.add("location", location.address)
    event.add("dtstamp", schedule.updated_at)
    event.add("last-modified", schedule.updated_at)
    event.add("created", schedule.created_at)
    event.add("sequence", int(schedule.version) - 1)
    event.add("transp", "OPAQUE")
    return event


# --- events ---------------------------------------------------------------------------------------
def _iter_events(schedule: Schedule, own_parts: list[Part]) -> Iterator[tuple[Event, Details]]:
    """Each event of a schedule, and the details that differ from those of the schedule."""
    changed_parts = sorted((part for part in own_parts if part.kind != "whole"), key=lambda part: part.recurrence_id)
    for part in own_parts:
        if part.kind == "whole":
            excluded = [item for item in changed_parts if item.is_excluded]
            yield _build_main_event(schedule, part.series, excluded), NO_DETAILS
    for part in changed_parts:
        if part.kind == "separate":
            event = _build_event(f"{schedule.id}-{part.recurrence_id:%Y%m%dT%H%M%S}", _resolve_part(part))
            yield event, part.exception.details
        elif not part.is_excluded:
            event = _build_event(schedule.id, _resolve_part(part))
            event.add("recurrence-id", _to_zone(part.recurrence_id, part.series.zone))
            yield event, part.exception.details


def _build_main_event(schedule: Schedule, series: Series, excluded: list[Part]) -> Event:
    event = _build_event(schedule.id, _resolve_times(series))
    if series.rule:
        event.add("rrule", vRecur.from_ical(rrule.to_rrule(series.rule, zone=series.zone)))
    if excluded:
        event.add("exdate", [_to_zone(part.recurrence_id, series.zone) for part in excluded])
    return event


def _resolve_part(part: Part) -> tuple[datetime, datetime]:
    """Start and end of a changed shift, or of one around a clock change."""
    if part.occurrence:
        return part.occurrence.start, part.occurrence.end
    return _resolve_times(covers.to_single_shift(part.series, part.recurrence_id, part.exception))


def _build_event(uid: str, times: tuple[datetime, datetime]) -> Event:
    event = Event()
    event.add("uid", f"{uid}@dutyline")
    event.add("dtstart", times[0])
    event.add("dtend", times[1])
    return event


def _resolve_times(series: Series) -> tuple[datetime, datetime]:
    """Start and end of the first shift: local, or in UTC if a clock change skips or repeats one."""
    zone = series.zone
    if series.rule or all(parts.is_plain(wall_time, zone) for wall_time in (series.start, series.end)):
        return _to_zone(series.start, zone), _to_zone(series.end, zone)
    occurrence = series.first_occurrence
    return occurrence.start, occurrence.end


def _to_zone(wall_time: datetime, zone: str) -> datetime:
    return wall_time.replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
