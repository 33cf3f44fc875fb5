"""The events of an .ics file by UID: of several versions of one, the latest counts (RFC 5545)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from icalendar import Event

from config.spreadsheets import Column, Problem
from staffing.recurrence import wall_clock
from staffing.rota_import import events
from staffing.rota_import.events import InvalidEvent, Moment


@dataclass(frozen=True)
class EventProperty(Column):
    """A property of an event, where a table has a column."""

    event_title: str = ""

    def __str__(self) -> str:
        return f"event “{self.event_title}”, {self.header}" if self.header else f"event “{self.event_title}”"


@dataclass(frozen=True)
class ParsedEvent:
    """An event of the file with its UID and the shift that it changes, if it changes one."""

    line: int
    event: Event
    uid: str
    recurrence_id: Moment | None
    sequence: int

    @property
    def title(self) -> str:
        """What it is called: its summary, or else its UID."""
        return (str(self.event.get("SUMMARY", "")) or self.uid)[:60].strip()

    @property
    def is_cancelled(self) -> bool:
        """Whether it does not take place."""
        return str(self.event.get("STATUS", "")).upper() == "CANCELLED"

    @property
    def recurrence_key(self) -> str:
        """Which shift of its series it is, whatever the zone of its RECURRENCE-ID; empty: all."""
        moment = self.recurrence_id
        if moment is None:
            return ""
        if moment.zone is None:
            return moment.wall_time.isoformat()
        return wall_clock.to_instant(moment.wall_time, moment.zone).isoformat()

    def problem(self, error: InvalidEvent) -> Problem:
        """What is wrong with it, by line and property."""
        return Problem(self.line, str(error), EventProperty("", error.name, self.title))


@dataclass
class EventVersions:
    """The latest version of each event of a file, and what is wrong with others."""

    latest: dict[tuple[str, str], ParsedEvent] = field(default_factory=dict)
    """By UID and changed shift."""
    problems: list[tuple[str, Problem]] = field(default_factory=list)
    """Each with the title of its event."""

    def add(self, parsed: ParsedEvent) -> None:
        """Add a version. Raises `InvalidEvent` if there is another one of the same number."""
        other = self.latest.setdefault((parsed.uid, parsed.recurrence_key), parsed)
        if other is not parsed and other.sequence == parsed.sequence:
            name = "RECURRENCE-ID" if parsed.recurrence_id else "UID"
            raise InvalidEvent(name, f"Is that of the event in line {other.line}.")
        if other.sequence < parsed.sequence:
            self.latest[parsed.uid, parsed.recurrence_key] = parsed

    def list_changes(self) -> dict[str, list[ParsedEvent]]:
        """Events that change a shift of a series, by UID: earlier versions of the series first."""
        changes: dict[str, list[ParsedEvent]] = {}
        for parsed in sorted(self.latest.values(), key=lambda parsed: parsed.sequence):
            if parsed.recurrence_id:
                changes.setdefault(parsed.uid, []).append(parsed)
        return changes


def read_versions(source_events: Iterable[events.SourceEvent], on_progress: Callable[[], None]) -> EventVersions:
    """Parse events; ``on_progress`` is called after each."""
    versions = EventVersions()
    for source in source_events:
        try:
            versions.add(_parse(source))
        except InvalidEvent as refusal:
            column = EventProperty("", refusal.name, source.title)
            versions.problems.append((source.title, Problem(source.line, str(refusal), column)))
        on_progress()
    return versions


def _parse(source: events.SourceEvent) -> ParsedEvent:
    event = source.parse()
    recurrence_id = events.get_moment(event, "RECURRENCE-ID")
    if recurrence_id and event["RECURRENCE-ID"].params.get("RANGE"):
        raise InvalidEvent("RECURRENCE-ID", "RANGE is not supported: change each shift, or begin a new series.")
    uid = events.get_text(event, "UID")[:500] or sha256("\n".join(source.lines).encode()).hexdigest()
    sequence = events.get_single(event, "SEQUENCE")
    return ParsedEvent(source.line, event, uid, recurrence_id, int(sequence or 0))
