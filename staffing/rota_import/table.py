"""A rota as a table: a row per shift."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from accounts.permissions import Actor
from config import dynamodb, spreadsheets
from config.spreadsheets import Column, InvalidImportFile, Problem, Row, Table, fold_header
from staffing.recurrence import wall_clock
from staffing.rota_import import entries, times, zones
from staffing.rota_import.entries import ImportOptions, RotaEntry
from staffing.rota_import.people import Places, Staff

if TYPE_CHECKING:
    from accounts.models import Location, User

_HEADERS = {
    "staff": (
        *("staff", "person", "employee", "name", "user", "worker", "mitarbeiter", "mitarbeiterin"),
        *("empleado", "empleada", "trabajador", "persona", "nombre"),
    ),
    "email": ("email", "email address", "mail", "e-mail-adresse", "correo", "correo electrónico"),
    "staffId": ("staff id", "user id"),
    "location": (
        *("location", "site", "branch", "standort", "filiale", "ort", "ubicación", "sede", "sucursal", "centro"),
    ),
    "locationId": ("location id",),
    "date": ("date", "day", "start date", "datum", "tag", "startdatum", "fecha", "día", "fecha de inicio"),
    "start": (
        *("start", "start time", "starts", "from", "begin", "beginn", "von", "startzeit", "inicio", "desde"),
        *("hora de inicio", "entrada"),
    ),
    "end": (
        *("end", "end time", "ends", "to", "until", "ende", "bis", "endzeit", "fin", "hasta", "hora de fin", "salida"),
    ),
    "endDate": ("end date", "enddatum", "fecha de fin"),
    "timeZone": ("time zone", "zeitzone", "zona horaria"),
    "position": (
        *("position", "role", "title", "job", "funktion", "rolle", "tätigkeit", "puesto", "función", "cargo", "rol"),
    ),
    "breakMinutes": ("break", "break minutes", "pause", "pause minuten", "descanso", "descanso minutos"),
    "notes": (
        *("notes", "note", "comment", "comments", "description", "notizen", "notiz", "bemerkung", "kommentar"),
        *("notas", "nota", "comentario"),
    ),
    "color": ("color", "colour", "farbe"),
    "uid": ("uid", "schedule id"),
    "occurrenceId": ("occurrence id",),
}
KEYS_BY_HEADER = {fold_header(header): key for key, headers in _HEADERS.items() for header in headers}
IGNORED_HEADERS = frozenset(map(fold_header, ("hours", "series", "changed", "moved by a clock change")))
"""Columns of the list of shifts as CSV that say nothing of their own."""
_DETAILS = ("position", "notes", "color")
_BREAK_TIME = re.compile(r"(?:1899-12-30[ T])?(\d{1,2}):([0-5]\d)(?::00)?(?: ?h)?", re.ASCII)


def read_rows(
    content: bytes, staff: Staff, places: Places, *, actor: Actor, options: ImportOptions
) -> Iterator[RotaEntry]:
    """The shifts of a table. Raises `InvalidImportFile`."""
    table = spreadsheets.read_table(content, KEYS_BY_HEADER, ignored=IGNORED_HEADERS, encoding=options.encoding)
    if not table.column_of("staff", "email", "staffId"):
        raise InvalidImportFile("The column staff is missing, or email.")
    for key in ("start", "end"):
        if key not in table.columns:
            raise InvalidImportFile(f"The column {key} is missing.")
    default_location = places.default(options.location)
    for row in table.rows:
        yield _RowReader(row, table, staff, places, options).read(actor, default_location)


class _RowReader:
    """Reads one row, collecting its problems."""

    def __init__(self, row: Row, table: Table, staff: Staff, places: Places, options: ImportOptions) -> None:
        self.row, self.table, self.staff, self.places, self.options = row, table, staff, places, options
        self.problems = list(row.problems)

    def read(self, actor: Actor, default_location: "Location | None") -> RotaEntry:
        """The entry of the row."""
        user, location = self._find_user(), self._find_location(default_location)
        start, end = self._read_times()
        values = self.row.values
        zone = self._read_zone()
        who = str(user.name) if user else values.get("staff") or values.get("email") or "?"
        times_text = entries.describe_times(_to_local(start, zone, location), _to_local(end, zone, location))
        title = f"{who[:80]}, {location.name if location else '?'}, {times_text}"
        entry = RotaEntry(self.row.line, title, problems=self.problems, columns=_columns_by_member(self.table))
        uid = values.get("uid", "")
        if dynamodb.is_id("sch", uid):
            entry.known_id, entry.known_start = uid, _parse_start(values.get("occurrenceId", ""))
        break_minutes = self._read_break()
        if not (user and location and start and end):
            return entry
        body: dict[str, Any] = {
            **{name: values[name] for name in _DETAILS if values.get(name)},
            "staffId": user.id,
            "locationId": location.id,
            "startTime": _to_text(start, zone),
            "endTime": _to_text(end, zone),
            "breakMinutes": break_minutes,
        }
        parts = [uid, values.get("occurrenceId", "")] if uid else [user.id, location.id, body["startTime"]]
        schedule_id = entries.derive_id(actor.customer_id, "row", *parts, *([] if uid else [body["endTime"]]))
        entries.complete(entry, body, schedule_id, actor, self.options)
        return entry

    def _add(self, detail: str, *keys: str) -> None:
        column = self.table.column_of(*keys)
        if column is None or all(problem.column != column for problem in self.problems):
            self.problems.append(Problem(self.row.line, detail, column))

    def _find_user(self) -> "User | None":
        for key in ("staffId", "email", "staff"):
            if text := self.row.values.get(key):
                try:
                    return self.staff.find(text)
                except ValueError as error:
                    self._add(str(error), key)
                    return None
        self._add("Names nobody.", "staff", "email", "staffId")
        return None

    def _find_location(self, default_location: "Location | None") -> "Location | None":
        for key in ("locationId", "location"):
            if text := self.row.values.get(key):
                try:
                    return self.places.find(text)
                except ValueError as error:
                    self._add(str(error), key)
                    return None
        if default_location is None:
            self._add("Names no location.", "location", "locationId")
        return default_location

    def _read_times(self) -> tuple[datetime | None, datetime | None]:
        moments = {key: self._read_moment(key) for key in ("date", "start", "endDate", "end")}
        start, end = moments["start"], moments["end"]
        day, end_day = ((moments[key] or times.Moment(None, None)).day for key in ("date", "endDate"))
        if start is None or end is None:
            return None, None
        start_day = start.day or day
        if start_day is None or start.time is None:
            self._add("Has no day." if start.time else "Has no time of day.", "start" if start.time is None else "date")
            return None, None
        if end.time is None:
            self._add("Has no time of day.", "end")
            return None, None
        if end.offset and not start.offset:
            self._add("Has an offset from UTC, but the start has none.", "end")
            return None, None
        starts_at = datetime.combine(start_day, time(), start.offset) + start.time
        end_day = end.day or end_day
        ends_at = datetime.combine(end_day or start_day, time(), end.offset or start.offset) + end.time
        if end_day is None and ends_at <= starts_at:
            ends_at += timedelta(days=1)
        return starts_at, ends_at

    def _read_moment(self, key: str) -> times.Moment | None:
        text = self.row.values.get(key, "")
        if not text:
            if key in ("start", "end"):
                self._add(f"Has no {key}.", key)
            return None
        try:
            return times.parse_moment(text, self.options.date_order)
        except (ValueError, OverflowError) as error:
            self._add(str(error), key)
            return None

    def _read_zone(self) -> str | None:
        text = self.row.values.get("timeZone")
        zone = zones.resolve_zone(text) if text else None
        if text and zone is None:
            self._add(f"There is no time zone {text[:60]!r}.", "timeZone")
        return zone

    def _read_break(self) -> int | None:
        text = self.row.values.get("breakMinutes", "")
        if match := _BREAK_TIME.fullmatch(text):
            return int(match[1]) * 60 + int(match[2])
        digits = text.casefold().removesuffix("min.").removesuffix("min").removesuffix(".0").strip()
        if text and not (digits.isascii() and digits.isdigit() and len(digits) < 6):
            self._add("Must be minutes, such as 30, or hours and minutes, such as 0:30.", "breakMinutes")
            return None
        return int(digits) if digits else None


def _columns_by_member(table: Table) -> Mapping[str, Column]:
    columns = {
        "staffId": table.column_of("staffId", "email", "staff"),
        "locationId": table.column_of("locationId", "location"),
        "startTime": table.column_of("start"),
        "endTime": table.column_of("end"),
        **{name: table.column_of(name) for name in (*_DETAILS, "breakMinutes")},
    }
    return {name: column for name, column in columns.items() if column}


def _to_text(at: datetime, zone: str | None) -> str:
    """A time as the API takes it: local at the location unless the row says otherwise."""
    return (at if at.tzinfo or zone is None else at.replace(tzinfo=ZoneInfo(zone))).isoformat()


def _to_local(at: datetime | None, zone: str | None, location: "Location | None") -> datetime | None:
    """A time on the clock of the location."""
    if at is None or location is None or (at.tzinfo is None and zone is None):
        return at
    instant = at if at.tzinfo else wall_clock.to_instant(at, str(zone))
    return wall_clock.to_wall_time(instant, str(location.time_zone))


def _parse_start(text: str) -> datetime | None:
    """The wall time that names one shift of a series."""
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        return None
    return start if start.tzinfo is None else None
