"""Schedules as iCalendar (RFC 5545): one event per series, its exceptions, and the clocks it uses.

The rule of a series goes out as RRULE in its own zone, so a calendar shows every shift to come.
What readers disagree on, shifts whose start or end a clock jumps over, is written out in UTC for
`AHEAD`. The text depends on what is kept alone, so that its digest is an ETag.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalendar import (
    Calendar,
    Event,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vRecur,
)

from staffing.models import Schedule
from staffing.recurrence import dst, expand, rrule
from staffing.recurrence.expand import Occurrence, Series

if TYPE_CHECKING:
    from accounts.models import Location

BEHIND, AHEAD = timedelta(days=60), timedelta(days=400)
"""For how long, around now, shifts that a clock jumps over are written out."""


def calendar(
    schedules: Iterable[Schedule], user_id: str, *, places: Mapping[str, "Location"], at: datetime
) -> bytes:
    """What of these schedules is a person's, as a calendar."""
    made = Calendar()
    made.add("prodid", "-//Dutyline//Rota//EN")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", "Dutyline")
    made.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    events: list[Event] = []
    zones: dict[str, datetime] = {}
    for schedule in sorted(schedules, key=lambda one: str(one.id)):
        series = schedule.series()
        zones[series.zone] = min(series.start, zones.get(series.zone, series.start))
        every = _events(schedule, series, user_id, at)
        events += [_about(event, schedule, places) for event in every]
    for zone, first in sorted(zones.items()):
        if zone != "UTC":
            made.add_component(clock(zone, first, at))
    for event in events:
        made.add_component(event)
    return bytes(made.to_ical())


def _about(event: Event, schedule: Schedule, places: Mapping[str, "Location"]) -> Event:
    place = places.get(schedule.location_id)
    event.add("summary", place.name if place else "On duty")
    if place and place.address:
        event.add("location", place.address)
    event.add("dtstamp", schedule.updated_at)
    event.add("last-modified", schedule.updated_at)
    event.add("created", schedule.created_at)
    event.add("sequence", int(schedule.version) - 1)
    return event


def _events(schedule: Schedule, series: Series, user_id: str, at: datetime) -> Iterator[Event]:
    if schedule.staff_id == user_id:
        yield from _own(schedule, expand.own(series), at)
        return
    for id, change in sorted(series.changes.items()):
        if change.staff_id == user_id and change.start:
            shift = expand.single(series, id, change)
            yield _event(f"{schedule.id}-{id:%Y%m%dT%H%M%S}", shift)


def _own(schedule: Schedule, series: Series, at: datetime) -> Iterator[Event]:
    if series.rule is None:
        yield _event(schedule.id, series)
        return
    left_out = [id for id, change in series.changes.items() if change.start is None]
    put_out = {
        id: _placed(expand.single(series, id, change))
        for id, change in series.changes.items()
        if change.start
    }
    for one in _jumped_over(series, at):
        if series.gap == "skip" and not expand.exists(one.recurrence_id, series.zone):
            left_out.append(one.recurrence_id)
        else:
            put_out[one.recurrence_id] = (one.start, one.end)
    event = _event(schedule.id, series)
    event.add("rrule", vRecur.from_ical(rrule.to_rrule(series.rule, zone=series.zone)))
    if left_out:
        event.add("exdate", [_local(id, series.zone) for id in sorted(left_out)])
    yield event
    for id, (start, end) in sorted(put_out.items()):
        yield _moved(schedule.id, id, start, end, series.zone)


def _jumped_over(series: Series, at: datetime) -> Iterator[Occurrence]:
    """Regular shifts around now whose start or end no clock shows, skipped ones too."""
    shown = Series(series.start, series.end, series.zone, series.rule, series.changes)
    for change in dst.changes(series.zone, at.year):
        if at - BEHIND <= change <= at + AHEAD:
            day = timedelta(days=1)
            for one in expand.occurrences(shown, change - day, change + day):
                if one.is_adjusted and not one.is_changed:
                    yield one


def _event(uid: str, series: Series) -> Event:
    event = Event()
    event.add("uid", f"{uid}@dutyline")
    start, end = _placed(series)
    event.add("dtstart", start)
    event.add("dtend", end)
    return event


def _moved(uid: str, id: datetime, start: datetime, end: datetime, zone: str) -> Event:
    event = Event()
    event.add("uid", f"{uid}@dutyline")
    event.add("recurrence-id", _local(id, zone))
    event.add("dtstart", start)
    event.add("dtend", end)
    return event


def _placed(series: Series) -> tuple[datetime, datetime]:
    """Start and end of a first shift: by its own clock, or in UTC where that does not show them."""
    zone = series.zone
    if all(expand.exists(wall, zone) for wall in (series.start, series.end)):
        return _local(series.start, zone), _local(series.end, zone)
    if series.rule:
        return _local(series.start, zone), _local(series.end, zone)
    one = expand.placed(series)
    return one.start, one.end


def _local(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))


# --- clocks ---------------------------------------------------------------------------------------
def clock(zone: str, first: datetime, at: datetime) -> Timezone:
    """The changes of a zone's clock from a first shift on, for some decades."""
    made = Timezone()
    made.add("tzid", zone)
    info = ZoneInfo(zone)
    since = first.replace(tzinfo=UTC) - timedelta(days=2)
    every = {*dst.changes(zone, first.year), *dst.changes(zone, at.year)}
    changes = [change for change in sorted(every) if change >= since]
    before = since.astimezone(info)
    made.add_component(_observance(before, before, [since]))
    grouped: dict[tuple[timedelta | None, timedelta | None, str | None], list[datetime]] = {}
    for change in changes:
        was, becomes = _around(change, info)
        key = (was.utcoffset(), becomes.utcoffset(), becomes.tzname())
        grouped.setdefault(key, []).append(change)
    for every_such in grouped.values():
        made.add_component(_observance(*_around(every_such[0], info), every_such))
    return made


def _around(change: datetime, info: ZoneInfo) -> tuple[datetime, datetime]:
    return (change - timedelta(seconds=1)).astimezone(info), change.astimezone(info)


def _observance(
    was: datetime, becomes: datetime, changes: list[datetime]
) -> TimezoneStandard | TimezoneDaylight:
    """From when on a zone has which offset; times by the clock before it."""
    made = TimezoneDaylight() if becomes.dst() else TimezoneStandard()
    offset = was.utcoffset() or timedelta()
    first, *rest = [(change + offset).replace(tzinfo=None) for change in changes]
    made.add("dtstart", first)
    if rest:
        made.add("rdate", rest)
    made.add("tzoffsetfrom", offset)
    made.add("tzoffsetto", becomes.utcoffset() or timedelta())
    made.add("tzname", becomes.tzname() or "")
    return made
