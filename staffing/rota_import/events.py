"""The events of an .ics file (RFC 5545), bounded before a library parses them.

Only the properties that a shift can have are parsed, event by event: attachments, alarms and time
zone definitions are left out, and a malformed event is one problem, not a malformed file.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, cast

from icalendar import Event

from config import spreadsheets
from config.spreadsheets import InvalidImportFile
from staffing.recurrence import wall_clock
from staffing.rota_import import zones

MAX_EVENTS = 5_000
MAX_DEPTH = 8
MAX_EVENT_LENGTH = 60_000
"""Characters of the properties of one event that are parsed."""
MAX_LINES = 500_000
PROPERTIES = frozenset(
    {
        *("UID", "DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE"),
        *("RECURRENCE-ID", "SUMMARY", "DESCRIPTION", "LOCATION", "ATTENDEE", "STATUS", "SEQUENCE"),
    }
)
_TYPE_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("DTSTART", "DTEND", "RECURRENCE-ID", "DURATION"), lambda value: hasattr(value, "dt")),
    "EXDATE": lambda value: hasattr(value, "dts"),
    "RRULE": lambda value: isinstance(value, Mapping),
    "SEQUENCE": lambda value: isinstance(value, int),
}
_LINE_END = re.compile(r"\r\n|\n|\r")
_NAME = re.compile(r"[A-Za-z0-9-]{1,60}", re.ASCII)
_FOLD = re.compile(r"\r\n[ \t]")
_DURATION = re.compile(r"^DURATION[^:\r\n]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_WRITTEN = "X-WRITTEN"
"""The parameter with a duration as the file has it: the library reads PT24H as a day."""
_NOMINAL_DAYS = re.compile(r"(\d{1,9})([WD])", re.ASCII)
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), 127])


class InvalidEvent(ValueError):
    """The event cannot be a shift; ``name`` is the property at fault."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


@dataclass
class SourceEvent:
    """An event as the file has it, by the number of its first line."""

    line: int
    lines: list[str] = field(default_factory=list)
    length: int = 0

    @property
    def title(self) -> str:
        """What it is called before it is parsed: its summary, or else its UID."""
        for name in ("SUMMARY", "UID"):
            for line in self.lines:
                if line.upper().startswith((f"{name}:", f"{name};")):
                    return line.partition(":")[2].translate(_CONTROLS).strip()[:60]
        return "?"

    def add(self, line: str) -> None:
        """Add a line, unless the event is too long."""
        self.length += len(line)
        if self.length <= MAX_EVENT_LENGTH:
            self.lines.append(line)

    def parse(self) -> Event:
        """The event. Raises `InvalidEvent`."""
        if self.length > MAX_EVENT_LENGTH:
            raise InvalidEvent("", f"Is longer than {MAX_EVENT_LENGTH:,} characters.")
        try:
            event = cast(Event, Event.from_ical("\r\n".join(["BEGIN:VEVENT", *self.lines, "END:VEVENT", ""])))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
            raise InvalidEvent("", f"Cannot be read: {str(error)[:200]}") from error
        if "DURATION" in event and not isinstance(event["DURATION"], list):
            written = _DURATION.search(_FOLD.sub("", "\r\n".join(self.lines)))
            event["DURATION"].params[_WRITTEN] = written[1] if written else ""
        if event.errors:
            name, detail = event.errors[0]
            raise InvalidEvent(str(name or ""), f"Cannot be read: {str(detail)[:200]}")
        _check_types(event)
        return event


def _check_types(event: Event) -> None:
    """Raise `InvalidEvent` for a value that its VALUE makes another type than its property has."""
    for name, is_of_type in _TYPE_CHECKS.items():
        values = event.get(name, [])
        if not all(is_of_type(value) for value in (values if isinstance(values, list) else [values])):
            raise InvalidEvent(name, "Has a value of another type than this property can have.")


@dataclass(frozen=True)
class Moment:
    """A wall time and its zone; None: local at the location."""

    wall_time: datetime
    zone: str | None
    is_date: bool = False

    def in_zone(self, zone: str) -> datetime:
        """The wall time in a zone."""
        if self.zone in (None, zone):
            return self.wall_time
        return wall_clock.to_wall_time(wall_clock.to_instant(self.wall_time, str(self.zone)), zone)


def read_events(content: bytes, *, encoding: str | None = None) -> list[SourceEvent]:
    """The events of a file. Raises `InvalidImportFile`."""
    text = spreadsheets.decode(content, encoding=encoding)
    lines = _LINE_END.split(text)
    if len(lines) > MAX_LINES:
        raise InvalidImportFile(f"The file has more than {MAX_LINES:,} lines.")
    events = list(_iter_events(lines))
    if not events and "BEGIN:VCALENDAR" not in text.upper():
        raise InvalidImportFile("The file is not an iCalendar file (.ics).")
    return events


def _iter_events(lines: Iterable[str]) -> Iterator[SourceEvent]:
    scanner = _Scanner()
    for number, line in enumerate(lines, start=1):
        if event := scanner.read(number, line):
            yield event
    if scanner.components:
        raise InvalidImportFile(f"The file ends within {scanner.components[-1][:40]}.")


class _Scanner:
    """Finds events by the lines BEGIN and END, without parsing others."""

    def __init__(self) -> None:
        self.components: list[str] = []
        self.event: SourceEvent | None = None
        self.count = 0
        self.is_retained = False
        """Whether the property of the last line is, which the next line may continue."""

    def read(self, number: int, line: str) -> SourceEvent | None:
        """Read a line; the event that ends with it."""
        if line[:1] not in (" ", "\t"):
            match = _NAME.match(line)
            name = match[0].upper() if match else ""
            if name == "BEGIN":
                self._begin(number, _component_name(line))
            elif name == "END":
                return self._end(number, _component_name(line))
            self.is_retained = self.components[-1:] == ["VEVENT"] and name in PROPERTIES
        if self.is_retained and self.event:
            self.event.add(line)
        return None

    def _begin(self, number: int, component: str) -> None:
        self.components.append(component)
        if len(self.components) > MAX_DEPTH:
            raise InvalidImportFile(f"Line {number}: the file is nested too deeply.")
        if component == "VEVENT" and self.event is None:
            self.event, self.count = SourceEvent(number), self.count + 1
            if self.count > MAX_EVENTS:
                raise InvalidImportFile(f"The file has more than {MAX_EVENTS:,} events; split it.")

    def _end(self, number: int, component: str) -> SourceEvent | None:
        self.is_retained = False
        if not self.components or self.components.pop() != component:
            raise InvalidImportFile(f"Line {number}: {component[:40]!r} ends, but has not begun.")
        if self.event is None or "VEVENT" in self.components:
            return None
        event, self.event = self.event, None
        return event


def _component_name(line: str) -> str:
    return line.partition(":")[2].strip().upper()


# --- values ---------------------------------------------------------------------------------------
def get_single(event: Event, name: str) -> Any:
    """A property that occurs once at most. Raises `InvalidEvent`."""
    value = event.get(name)
    if isinstance(value, list):
        raise InvalidEvent(name, "Must occur once.")
    return value


def get_text(event: Event, name: str) -> str:
    """The text of a property, without what cannot be displayed."""
    value = get_single(event, name)
    return "" if value is None else str(value).translate(_CONTROLS).strip()


def get_moment(event: Event, name: str) -> Moment | None:
    """A date or date-time. Raises `InvalidEvent`."""
    value = get_single(event, name)
    return None if value is None else to_moment(name, value.dt, value.params.get("TZID"))


def to_moment(name: str, at: Any, zone_name: Any) -> Moment:
    """A wall time from a value of the library. Raises `InvalidEvent`."""
    if isinstance(at, date) and not date.min.year < at.year < date.max.year:
        raise InvalidEvent(name, "There are no shifts in that year.")
    if isinstance(at, datetime):
        if zone_name is None:
            return Moment(at.replace(tzinfo=None), "UTC" if at.tzinfo else None)
        zone = zones.resolve_zone(str(zone_name))
        if zone is None:
            raise InvalidEvent(name, f"There is no time zone {str(zone_name)[:60]!r}.")
        return Moment(at.replace(tzinfo=None), zone)
    if isinstance(at, date):
        return Moment(datetime(at.year, at.month, at.day), None, is_date=True)  # noqa: DTZ001 - a wall time
    raise InvalidEvent(name, "Must be a date or a date-time.")


def list_moments(event: Event, name: str) -> list[Moment]:
    """All values of a property that may occur often. Raises `InvalidEvent`."""
    raw_values = event.get(name, [])
    moments = []
    for dates in raw_values if isinstance(raw_values, list) else [raw_values]:
        for value in dates.dts:
            zone_name = value.params.get("TZID") or getattr(dates, "params", {}).get("TZID")
            moments.append(to_moment(name, value.dt, zone_name))
    return moments


def get_end(event: Event, start: Moment, local_zone: str) -> datetime:
    """The end of the event as a wall time in the zone of its start. Raises `InvalidEvent`.

    ``local_zone`` is the zone of times without one.
    """
    end = get_moment(event, "DTEND")
    if end is not None:
        if end.is_date != start.is_date or (end.zone is None) != (start.zone is None):
            raise InvalidEvent("DTEND", "Must be of the same kind as DTSTART.")
        return end.in_zone(start.zone) if start.zone else end.wall_time
    duration = get_single(event, "DURATION")
    if duration is None:
        if start.is_date:
            return start.wall_time + timedelta(days=1)
        raise InvalidEvent("DTEND", "The event has no end.")
    if not isinstance(duration.dt, timedelta):
        raise InvalidEvent("DURATION", "Must be a duration.")
    try:
        end_time = _add_duration(event, start.wall_time, start.zone or local_zone)
    except OverflowError as error:
        raise InvalidEvent("DURATION", "Is too long.") from error
    if not date.min.year < end_time.year < date.max.year:
        raise InvalidEvent("DURATION", "Is too long.")
    return end_time


def _add_duration(event: Event, start: datetime, zone: str) -> datetime:
    """Days and weeks later at the same time of day, then hours, minutes and seconds that pass.

    Shifts of a series end at the same time on every day, also if the clock changes on the first.
    """
    value = get_single(event, "DURATION")
    duration: timedelta = value.dt
    if "RRULE" in event:
        return start + duration
    written = str(value.params.get(_WRITTEN, "")).upper().partition("T")[0]
    counts = {unit: int(count) for count, unit in _NOMINAL_DAYS.findall(written)}
    days = timedelta(days=counts.get("D", 0), weeks=counts.get("W", 0))
    days = -days if duration < timedelta() else days
    if duration == days:
        return start + days
    at = wall_clock.to_instant(start + days, zone) + (duration - days)
    return wall_clock.to_zoned_time(at, zone).replace(tzinfo=None)  # its ``fold`` tells which of two hours
