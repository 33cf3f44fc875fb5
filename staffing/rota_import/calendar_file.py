"""A rota as an .ics file: an event per shift or series, and events that change a shift of one."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from icalendar import Event

from accounts.permissions import Actor
from config import dynamodb, errors
from config.spreadsheets import Problem
from staffing.recurrence import rrule, rules
from staffing.recurrence.describe import describe_pattern
from staffing.recurrence.rules import RecurrenceRule
from staffing.rota_import import entries, events
from staffing.rota_import.entries import ImportOptions, RotaEntry
from staffing.rota_import.event_staff import find_event_staff
from staffing.rota_import.event_versions import EventProperty, ParsedEvent, read_versions
from staffing.rota_import.events import InvalidEvent, Moment
from staffing.rota_import.people import AmbiguousName, Places, Staff, UnknownName

if TYPE_CHECKING:
    from accounts.models import Location, User

_MEMBERS = {
    "startTime": "DTSTART",
    "endTime": "DTEND",
    "recurrencePattern": "RRULE",
    "staffId": "ATTENDEE",
    "position": "SUMMARY",
    "notes": "DESCRIPTION",
    "locationId": "LOCATION",
}
"""The property with the value of each member of the API."""
_UNSUPPORTED = ("RDATE", "EXRULE")
_OWN_UID = re.compile(r"(sch_[0-9A-Z]{26})(?:-(\d{8}T\d{6}))?@dutyline", re.ASCII)


@dataclass(frozen=True)
class _Shift:
    """What an event says of a shift."""

    staff: Sequence["User"]
    location: "Location"
    unknown_location: str
    """What the event says of the location, if that is none of the customer's."""
    start: Moment
    end: datetime
    position: str
    notes: str


def read_calendar(
    content: bytes,
    staff: Staff,
    places: Places,
    *,
    actor: Actor,
    options: ImportOptions,
    on_progress: Callable[[], None],
) -> Iterator[RotaEntry]:
    """The shifts and series of an .ics file. Raises `InvalidImportFile`."""
    reader = _CalendarReader(staff, places, actor, options)
    versions = read_versions(events.read_events(content, encoding=options.encoding), on_progress)
    for title, problem in versions.problems:
        yield RotaEntry(problem.line, title, problems=[problem])
    changes = versions.list_changes()
    for event in sorted(versions.latest.values(), key=lambda parsed: parsed.line):
        has_master = (event.uid, "") in versions.latest
        if not event.is_cancelled and not (event.recurrence_id and has_master):
            yield from reader.read(event, changes.get(event.uid, ()) if has_master else ())


class _CalendarReader:
    """Turns events into entries."""

    def __init__(self, staff: Staff, places: Places, actor: Actor, options: ImportOptions) -> None:
        self.staff, self.places, self.actor, self.options = staff, places, actor, options
        self.default_location = places.default(options.location)

    def read(self, master: ParsedEvent, changes: Iterable[ParsedEvent]) -> Iterator[RotaEntry]:
        """An entry for each person of an event; a single one if anything is wrong."""
        try:
            shift = self.read_shift(master.event)
            pattern, problems = self._read_pattern(master, shift, changes)
        except InvalidEvent as error:
            yield RotaEntry(master.line, master.title, problems=[master.problem(error)])
            return
        for user in shift.staff[:1] if problems else shift.staff:
            entry = self._start_entry(master, shift, user, pattern, problems)
            needs_zone = pattern or shift.end.fold
            zone = shift.start.zone or (str(shift.location.time_zone) if needs_zone else None)
            body = {
                "staffId": user.id,
                "locationId": shift.location.id,
                "startTime": _to_text(shift.start.wall_time, zone),
                "endTime": _to_text(shift.end, zone),
                "recurrencePattern": pattern,
                "position": shift.position or None,
                "notes": shift.notes or None,
            }
            parts = [master.uid, master.recurrence_key]
            parts += [user.id] if len(shift.staff) > 1 else []
            schedule_id = entries.derive_id(self.actor.customer_id, "event", *parts)
            entries.complete(entry, body, schedule_id, self.actor, self.options)
            yield entry

    def _start_entry(
        self,
        master: ParsedEvent,
        shift: _Shift,
        user: "User",
        pattern: Mapping[str, Any] | None,
        problems: Sequence[Problem],
    ) -> RotaEntry:
        local_zone = str(shift.location.time_zone)
        start, end = (
            replace(shift.start, wall_time=at).in_zone(local_zone) for at in (shift.start.wall_time, shift.end)
        )
        title = f"{user.name}, {shift.location.name}, {entries.describe_times(start, end)}"
        if pattern:
            rule = rrule.parse_rule({"rrule": pattern["rrule"]}, zone=pattern["timeZone"])
            title += f", {describe_pattern(rrule.to_fields(rule))}"
        columns = {
            member: EventProperty("", name, master.title)
            for member, name in _MEMBERS.items()
            if name in master.event or name == "DTEND"
        }
        entry = RotaEntry(master.line, title, problems=list(problems), columns=columns)
        own_uid = _OWN_UID.fullmatch(master.uid)
        if own_uid and dynamodb.is_id("sch", own_uid[1]):
            entry.known_id = own_uid[1]
            entry.known_start = _parse_start(own_uid[2]) if own_uid[2] else _get_wall_time(master.recurrence_id)
        elif shift.unknown_location:
            unknown = shift.unknown_location[:60]
            entry.notes.append(f"There is no location “{unknown}”: planned at {shift.location.name}.")
        return entry

    def read_shift(self, event: Event) -> _Shift:
        """What an event says, without its recurrence. Raises `InvalidEvent`."""
        start = events.get_moment(event, "DTSTART")
        if start is None:
            raise InvalidEvent("DTSTART", "The event has no start.")
        staff, position = find_event_staff(event, self.staff)
        location, unknown_location = self._find_location(events.get_text(event, "LOCATION"))
        return _Shift(
            staff,
            location,
            unknown_location,
            start,
            events.get_end(event, start, str(location.time_zone)),
            position,
            events.get_text(event, "DESCRIPTION"),
        )

    def _find_location(self, text: str) -> tuple["Location", str]:
        """The location, and the text if that names none: calendars have rooms and addresses."""
        default = self.default_location
        try:
            location, unknown = (self.places.find(text), "") if text else (default, "")
        except AmbiguousName as error:
            raise InvalidEvent("LOCATION", str(error)) from error
        except UnknownName as error:
            if default is None:
                raise InvalidEvent("LOCATION", str(error)) from error
            location, unknown = default, text
        if location is None:
            raise InvalidEvent("LOCATION", "Names no location.")
        return location, unknown

    def _read_pattern(
        self, master: ParsedEvent, shift: _Shift, changes: Iterable[ParsedEvent]
    ) -> tuple[dict[str, Any] | None, list[Problem]]:
        """The recurrence pattern, and what is wrong with the changes of single shifts."""
        event = master.event
        for name in _UNSUPPORTED:
            if name in event:
                raise InvalidEvent(name, "Is not supported; add a single event for each of these shifts.")
        recurrence = events.get_single(event, "RRULE")
        if recurrence is None or master.recurrence_id:
            refusal = InvalidEvent("RECURRENCE-ID", "The event does not recur.")
            return None, [change.problem(refusal) for change in changes]
        zone = shift.start.zone or str(shift.location.time_zone)
        text = recurrence.to_ical().decode()
        try:
            rule = rrule.parse_rule({"rrule": text}, zone=zone)
        except errors.InvalidRequest as error:
            raise InvalidEvent("RRULE", error.detail) from error
        series = _SeriesReader(self, replace(shift, start=replace(shift.start, zone=zone)), rule)
        exceptions = series.read_excluded(event)
        problems = series.read_changes(changes, exceptions)
        return {"rrule": text, "timeZone": zone, "exceptions": exceptions}, problems


class _SeriesReader:
    """Reads the exceptions of a series."""

    def __init__(self, reader: _CalendarReader, shift: _Shift, rule: RecurrenceRule) -> None:
        self.reader, self.shift, self.rule = reader, shift, rule
        self.zone = str(shift.start.zone)

    def read_excluded(self, event: Event) -> dict[str, Any]:
        """Shifts that do not take place; dates that are none of the series' are without effect."""
        starts = {self._start_of(moment) for moment in events.list_moments(event, "EXDATE")}
        return {start.isoformat(): {"excluded": True} for start in sorted(starts) if self._has_start(start)}

    def read_changes(self, changes: Iterable[ParsedEvent], exceptions: dict[str, Any]) -> list[Problem]:
        """Add changed shifts to the exceptions; returns what is wrong."""
        problems = []
        for change in changes:
            try:
                if change.recurrence_id is None:
                    continue
                start = self._start_of(change.recurrence_id)
                if not self._has_start(start):
                    raise InvalidEvent("RECURRENCE-ID", "No shift of the series starts then.")
                fields = {"excluded": True} if change.is_cancelled else self._read_change(change.event, start)
                if fields:
                    exceptions[start.isoformat()] = fields
            except InvalidEvent as error:
                problems.append(change.problem(error))
        return problems

    def _read_change(self, event: Event, start: datetime) -> dict[str, Any]:
        changed, regular = self.reader.read_shift(event), self.shift
        if changed.location.id != regular.location.id:
            raise InvalidEvent("LOCATION", "A single shift of a series cannot be at another location.")
        new_start = changed.start.in_zone(self.zone)
        new_end = replace(changed.start, wall_time=changed.end).in_zone(self.zone)
        fields: dict[str, Any] = {}
        if (new_start, new_end) != (start, start + (regular.end - regular.start.wall_time)):
            fields = {"startTime": new_start.isoformat(), "endTime": new_end.isoformat()}
        if [user.id for user in changed.staff] != [user.id for user in regular.staff]:
            if len(changed.staff) > 1 or len(regular.staff) > 1:
                raise InvalidEvent("ATTENDEE", "Of a series with several people, a single shift has the same people.")
            fields["staffId"] = changed.staff[0].id
        for name in ("position", "notes"):
            if getattr(changed, name) != getattr(regular, name):
                fields[name] = getattr(changed, name) or None
        return fields

    def _start_of(self, moment: Moment) -> datetime:
        if moment.is_date:
            return datetime.combine(moment.wall_time, self.shift.start.wall_time.time())
        return moment.in_zone(self.zone)

    @cached_property
    def _counted_starts(self) -> frozenset[datetime]:
        return frozenset(rules.list_counted_starts(self.rule, self.shift.start.wall_time))

    def _has_start(self, start: datetime) -> bool:
        first = self.shift.start.wall_time
        if self.rule.count:
            return start in self._counted_starts
        return rrule.EARLIEST_START <= start < rules.LATEST_START and rules.has_start(self.rule, first, start)


def _to_text(wall_time: datetime, zone: str | None) -> str:
    return (wall_time.replace(tzinfo=ZoneInfo(zone)) if zone else wall_time).isoformat()


def _parse_start(text: str) -> datetime | None:
    """The wall time in the UID of one shift of a series of our own."""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall time
    except ValueError:
        return None


def _get_wall_time(moment: Moment | None) -> datetime | None:
    return moment.wall_time if moment else None
