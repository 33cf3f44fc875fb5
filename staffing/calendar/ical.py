"""Schedules as iCalendar (RFC 5545): an event per series, its exceptions, and its time zone.

A series is an event with an RRULE in the zone of the series. Calendar apps disagree about shifts
that start or end within a clock change, so those around now are separate events in UTC. What is
written is bounded, as everybody who knows the URL can ask for it: changed shifts around now only
(`PAST_PERIOD`, `FUTURE_PERIOD`), and at most `MAX_EVENTS` events, the nearest first.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vRecur

from staffing.models import Schedule
from staffing.recurrence import dst, expand, rrule
from staffing.recurrence.details import NO_DETAILS, Details, get_details
from staffing.recurrence.expand import Occurrence, RecurrenceException, Series

if TYPE_CHECKING:
    from accounts.models import Location

FORMAT_VERSION = 2
"""Of the text; another version means that calendar apps load it again."""
PAST_PERIOD, FUTURE_PERIOD = timedelta(days=60), timedelta(days=400)
"""The period around now in which changed shifts, and those within a clock change, are written."""
MAX_EVENTS = 2_000
"""Series, single shifts, changed and excluded shifts of a calendar."""


def render_calendar(
    schedules: Iterable[Schedule], user_id: str, *, locations_by_id: Mapping[str, "Location"], at: datetime
) -> bytes:
    """The calendar of a person: their shifts of these schedules, the nearest to ``at`` first."""
    calendar = Calendar()
    calendar.add("prodid", "-//Dutyline//Rota//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "Dutyline")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    events: list[Event] = []
    zones: dict[str, datetime] = {}
    for schedule, parts in _select_parts(schedules, user_id, at):
        series = parts[0].series
        zones[series.zone] = min(series.start, zones.get(series.zone, series.start))
        events += [
            _add_metadata(event, schedule, {**get_details(schedule), **overrides}, locations_by_id)
            for event, overrides in _iter_events(schedule, parts)
        ]
    for zone, first_start in sorted(zones.items()):
        if zone != "UTC":
            calendar.add_component(build_timezone(zone, first_start, at))
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
    return event


# --- what is written ------------------------------------------------------------------------------
NO_SHIFT = RecurrenceException()


@dataclass(frozen=True)
class _Part:
    """What a calendar says of a schedule: the series or single shift itself, or one shift."""

    kind: Literal["whole", "changed", "covered"]
    distance: timedelta
    """From now."""
    series: Series
    recurrence_id: datetime
    exception: RecurrenceException = NO_SHIFT
    occurrence: Occurrence | None = None
    """A shift within a clock change."""

    @property
    def is_excluded(self) -> bool:
        return self.exception.start is None and self.occurrence is None


def _select_parts(schedules: Iterable[Schedule], user_id: str, at: datetime) -> Iterator[tuple[Schedule, list[_Part]]]:
    """The parts of each schedule that are written, by id; at most `MAX_EVENTS` in all."""
    schedules_by_id = {str(schedule.id): schedule for schedule in schedules}
    parts = ((part, id) for id, schedule in schedules_by_id.items() for part in _iter_parts(schedule, user_id, at))
    parts_by_id: dict[str, list[_Part]] = defaultdict(list)
    for part, id in heapq.nsmallest(MAX_EVENTS, parts, key=lambda item: item[0].distance):
        parts_by_id[id].append(part)
    for id in sorted(parts_by_id):
        yield schedules_by_id[id], parts_by_id[id]


def _iter_parts(schedule: Schedule, user_id: str, at: datetime) -> Iterator[_Part]:
    series, now = schedule.series(), at.replace(tzinfo=None)
    if schedule.staff_id != user_id:
        for recurrence_id, exception in series.exceptions.items():
            if exception.staff_id == user_id and exception.start and exception.start >= now - PAST_PERIOD:
                yield _Part("covered", abs(exception.start - now), series, recurrence_id, exception)
        return
    if series.rule is None:
        yield _Part("whole", abs(series.start - now), series, series.start)
        return
    yield _Part("whole", timedelta(0), series, series.start)
    for recurrence_id, exception in expand.exclude_covers(series).exceptions.items():
        starts = [recurrence_id, exception.start or recurrence_id]
        if max(starts) >= now - PAST_PERIOD:
            is_distant = min(starts) > now + FUTURE_PERIOD
            change = NO_SHIFT if is_distant else exception
            distance = min(abs(start - now) for start in starts)
            yield _Part("changed", distance, series, recurrence_id, change)
    for occurrence in _iter_dst_affected(series, at):
        is_skipped = series.gap == "skip" and not expand.is_valid_wall_time(occurrence.recurrence_id, series.zone)
        shift = None if is_skipped else occurrence
        yield _Part("changed", abs(occurrence.start - at), series, occurrence.recurrence_id, occurrence=shift)


def _iter_dst_affected(series: Series, at: datetime) -> Iterator[Occurrence]:
    """Regular shifts around now that start or end at a skipped wall time."""
    series_without_gap = Series(series.start, series.end, series.zone, series.rule, series.exceptions)
    for transition in dst.list_transitions(series.zone, at.year):
        if at - PAST_PERIOD <= transition <= at + FUTURE_PERIOD:
            day = timedelta(days=1)
            for occurrence in expand.iter_occurrences(series_without_gap, transition - day, transition + day):
                if occurrence.is_adjusted and not occurrence.is_changed:
                    yield occurrence


# --- events ---------------------------------------------------------------------------------------
def _iter_events(schedule: Schedule, parts: list[_Part]) -> Iterator[tuple[Event, Details]]:
    """Each event of a schedule, and the details that differ from those of the schedule."""
    changed_parts = sorted((part for part in parts if part.kind != "whole"), key=lambda part: part.recurrence_id)
    for part in parts:
        if part.kind == "whole":
            excluded = [item for item in changed_parts if item.is_excluded]
            yield _build_main_event(schedule, part.series, excluded), NO_DETAILS
    for part in changed_parts:
        if part.kind == "covered":
            event = _build_event(f"{schedule.id}-{part.recurrence_id:%Y%m%dT%H%M%S}", _resolve_part(part))
            yield event, part.exception.details
        elif not part.is_excluded:
            event = _build_event(schedule.id, _resolve_part(part))
            event.add("recurrence-id", _to_zone(part.recurrence_id, part.series.zone))
            yield event, part.exception.details


def _build_main_event(schedule: Schedule, series: Series, excluded: list[_Part]) -> Event:
    event = _build_event(schedule.id, _resolve_times(series))
    if series.rule:
        event.add("rrule", vRecur.from_ical(rrule.to_rrule(series.rule, zone=series.zone)))
    if excluded:
        event.add("exdate", [_to_zone(part.recurrence_id, series.zone) for part in excluded])
    return event


def _resolve_part(part: _Part) -> tuple[datetime, datetime]:
    """Start and end of a changed shift, or of one within a clock change."""
    if part.occurrence:
        return part.occurrence.start, part.occurrence.end
    return _resolve_times(expand.to_single_shift(part.series, part.recurrence_id, part.exception))


def _build_event(uid: str, times: tuple[datetime, datetime]) -> Event:
    event = Event()
    event.add("uid", f"{uid}@dutyline")
    event.add("dtstart", times[0])
    event.add("dtend", times[1])
    return event


def _resolve_times(series: Series) -> tuple[datetime, datetime]:
    """Start and end of the first shift: local, or in UTC if a clock change skips one of them."""
    zone = series.zone
    if series.rule or all(expand.is_valid_wall_time(wall_time, zone) for wall_time in (series.start, series.end)):
        return _to_zone(series.start, zone), _to_zone(series.end, zone)
    occurrence = expand.build_first_occurrence(series)
    return occurrence.start, occurrence.end


def _to_zone(wall_time: datetime, zone: str) -> datetime:
    return wall_time.replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))


# --- time zones -----------------------------------------------------------------------------------
def build_timezone(zone: str, first_start: datetime, at: datetime) -> Timezone:
    """The VTIMEZONE of a zone: its clock changes from the first shift on, for some decades."""
    timezone = Timezone()
    timezone.add("tzid", zone)
    zone_info = ZoneInfo(zone)
    since = first_start.replace(tzinfo=UTC) - timedelta(days=2)
    all_transitions = {*dst.list_transitions(zone, first_start.year), *dst.list_transitions(zone, at.year)}
    transitions = [transition for transition in sorted(all_transitions) if transition >= since]
    initial_time = since.astimezone(zone_info)
    timezone.add_component(_build_observance(initial_time, initial_time, [since]))
    grouped: dict[tuple[timedelta | None, timedelta | None, str | None], list[datetime]] = {}
    for transition in transitions:
        time_before, time_after = _local_times_around(transition, zone_info)
        key = (time_before.utcoffset(), time_after.utcoffset(), time_after.tzname())
        grouped.setdefault(key, []).append(transition)
    for group in grouped.values():
        timezone.add_component(_build_observance(*_local_times_around(group[0], zone_info), group))
    return timezone


def _local_times_around(transition: datetime, zone_info: ZoneInfo) -> tuple[datetime, datetime]:
    return (transition - timedelta(seconds=1)).astimezone(zone_info), transition.astimezone(zone_info)


def _build_observance(
    time_before: datetime, time_after: datetime, transitions: list[datetime]
) -> TimezoneStandard | TimezoneDaylight:
    """One offset of a zone and its onsets, in the local time before them."""
    observance = TimezoneDaylight() if time_after.dst() else TimezoneStandard()
    offset = time_before.utcoffset() or timedelta()
    first_onset, *later_onsets = [(transition + offset).replace(tzinfo=None) for transition in transitions]
    observance.add("dtstart", first_onset)
    if later_onsets:
        observance.add("rdate", later_onsets)
    observance.add("tzoffsetfrom", offset)
    observance.add("tzoffsetto", time_after.utcoffset() or timedelta())
    observance.add("tzname", time_after.tzname() or "")
    return observance
