"""A rota as an .ics file: an event per shift or series, and events that change a shift of one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from icalendar import Event

from accounts.permissions import Actor
from config import dynamodb, errors
from config.spreadsheets import Column, Problem
from staffing.recurrence import rrule, rules
from staffing.recurrence.rules import RecurrenceRule
from staffing.rota_import import entries, events
from staffing.rota_import.entries import ImportOptions, RotaEntry
from staffing.rota_import.event_staff import find_event_staff
from staffing.rota_import.events import InvalidEvent, Moment
from staffing.rota_import.people import Places, Staff
from staffing.rota_import.table import describe_times

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
_OWN_UID = re.compile(r"(sch_[0-9A-Z]{26})(?:-\d{8}T\d{6})?@dutyline", re.ASCII)


@dataclass(frozen=True)
class EventProperty(Column):
    """A property of an event, where a table has a column."""

    event_title: str = ""

    def __str__(self) -> str:
        return f"event “{self.event_title}”, {self.header}" if self.header else f"event “{self.event_title}”"


@dataclass(frozen=True)
class _ParsedEvent:
    """An event of the file with its UID and the shift that it changes, if it changes one."""

    line: int
    event: Event
    uid: str
    recurrence_id: Moment | None

    @property
    def title(self) -> str:
        return (str(self.event.get("SUMMARY", "")) or self.uid)[:60].strip()

    @property
    def is_cancelled(self) -> bool:
        return str(self.event.get("STATUS", "")).upper() == "CANCELLED"

    def problem(self, error: InvalidEvent) -> Problem:
        return Problem(self.line, str(error), EventProperty("", error.name, self.title))


@dataclass(frozen=True)
class _Shift:
    """What an event says of a shift."""

    staff: Sequence["User"]
    location: "Location"
    start: Moment
    end: datetime
    position: str
    notes: str


def read_calendar(
    content: bytes, staff: Staff, places: Places, *, actor: Actor, options: ImportOptions
) -> Iterator[RotaEntry]:
    """The shifts and series of an .ics file. Raises `InvalidImportFile`."""
    reader = _CalendarReader(staff, places, actor, options)
    masters: dict[str, _ParsedEvent] = {}
    changes: dict[str, list[_ParsedEvent]] = {}
    for source in events.read_events(content, encoding=options.encoding):
        try:
            parsed = _parse(source)
            if parsed.recurrence_id:
                changes.setdefault(parsed.uid, []).append(parsed)
            elif (first := masters.setdefault(parsed.uid, parsed)) is not parsed:
                raise InvalidEvent("UID", f"Is that of the event in line {first.line}.")
        except InvalidEvent as refusal:
            column = EventProperty("", refusal.name, source.title)
            yield RotaEntry(source.line, source.title, problems=[Problem(source.line, str(refusal), column)])
    lone_changes = [change for uid, others in changes.items() if uid not in masters for change in others]
    for event in sorted([*masters.values(), *lone_changes], key=lambda parsed: parsed.line):
        if not event.is_cancelled:
            yield from reader.read(event, changes.get(event.uid, ()) if event.uid in masters else ())


def _parse(source: events.SourceEvent) -> _ParsedEvent:
    event = source.parse()
    recurrence_id = events.get_moment(event, "RECURRENCE-ID")
    if recurrence_id and event["RECURRENCE-ID"].params.get("RANGE"):
        raise InvalidEvent("RECURRENCE-ID", "RANGE is not supported: change each shift, or begin a new series.")
    uid = events.get_text(event, "UID")[:500] or sha256("\n".join(source.lines).encode()).hexdigest()
    return _ParsedEvent(source.line, event, uid, recurrence_id)


class _CalendarReader:
    """Turns events into entries."""

    def __init__(self, staff: Staff, places: Places, actor: Actor, options: ImportOptions) -> None:
        self.staff, self.places, self.actor, self.options = staff, places, actor, options
        self.default_location = places.default(options.location)

    def read(self, master: _ParsedEvent, changes: Iterable[_ParsedEvent]) -> Iterator[RotaEntry]:
        """An entry for each person of an event; a single one if anything is wrong."""
        try:
            shift = self.read_shift(master.event)
            pattern, problems = self._read_pattern(master, shift, changes)
        except InvalidEvent as error:
            yield RotaEntry(master.line, master.title, problems=[master.problem(error)])
            return
        for user in shift.staff[:1] if problems else shift.staff:
            entry = self._start_entry(master, shift, user, problems)
            zone = shift.start.zone or (str(shift.location.time_zone) if pattern else None)
            body = {
                "staffId": user.id,
                "locationId": shift.location.id,
                "startTime": _to_text(shift.start.wall_time, zone),
                "endTime": _to_text(shift.end, zone),
                "recurrencePattern": pattern,
                "position": shift.position or None,
                "notes": shift.notes or None,
            }
            parts = [master.uid, master.recurrence_id.wall_time.isoformat() if master.recurrence_id else ""]
            parts += [user.id] if len(shift.staff) > 1 else []
            schedule_id = entries.derive_id(self.actor.customer_id, "event", *parts)
            entries.complete(entry, body, schedule_id, self.actor, self.options)
            yield entry

    def _start_entry(self, master: _ParsedEvent, shift: _Shift, user: "User", problems: Sequence[Problem]) -> RotaEntry:
        title = f"{user.name}, {shift.location.name}, {describe_times(shift.start.wall_time, shift.end)}"
        if rule := master.event.get("RRULE"):
            title += f", recurs: {rule.to_ical().decode()[:100]}"
        columns = {
            member: EventProperty("", name, master.title)
            for member, name in _MEMBERS.items()
            if name in master.event or name == "DTEND"
        }
        own_uid = _OWN_UID.fullmatch(master.uid)
        known_id = own_uid[1] if own_uid and dynamodb.is_id("sch", own_uid[1]) else ""
        return RotaEntry(master.line, title, problems=list(problems), columns=columns, known_id=known_id)

    def read_shift(self, event: Event) -> _Shift:
        """What an event says, without its recurrence. Raises `InvalidEvent`."""
        start = events.get_moment(event, "DTSTART")
        if start is None:
            raise InvalidEvent("DTSTART", "The event has no start.")
        staff, position = find_event_staff(event, self.staff)
        return _Shift(
            staff,
            self._find_location(events.get_text(event, "LOCATION")),
            start,
            events.get_end(event, start),
            position,
            events.get_text(event, "DESCRIPTION"),
        )

    def _find_location(self, text: str) -> "Location":
        try:
            location = self.places.find(text) if text else self.default_location
        except ValueError as error:
            if self.default_location is None:
                raise InvalidEvent("LOCATION", str(error)) from error
            location = self.default_location
        if location is None:
            raise InvalidEvent("LOCATION", "Names no location.")
        return location

    def _read_pattern(
        self, master: _ParsedEvent, shift: _Shift, changes: Iterable[_ParsedEvent]
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

    def read_changes(self, changes: Iterable[_ParsedEvent], exceptions: dict[str, Any]) -> list[Problem]:
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

    def _has_start(self, start: datetime) -> bool:
        first = self.shift.start.wall_time
        return rrule.EARLIEST_START <= start < rules.LATEST_START and rules.has_start(self.rule, first, start)


def _to_text(wall_time: datetime, zone: str | None) -> str:
    return (wall_time.replace(tzinfo=ZoneInfo(zone)) if zone else wall_time).isoformat()
