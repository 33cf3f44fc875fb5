"""Days at a location: public holidays, and notes for everybody who works there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from staffing.models import DayNote
from staffing.schedules import holidays

if TYPE_CHECKING:
    from accounts.models import Location

MAX_DAYS = 366
"""The most days of one request."""
MAX_NOTE_LENGTH = 500


@dataclass(frozen=True)
class LocationDay:
    """A day at a location, with the names of its holidays and its note."""

    date: date
    holidays: Sequence[str] = ()
    stored_note: DayNote | None = None

    @property
    def note(self) -> str | None:
        """The text of the note; None: there is none."""
        return self.stored_note.note if self.stored_note else None

    @property
    def updated_at(self) -> datetime | None:
        """When the note was set or changed."""
        return self.stored_note.updated_at if self.stored_note else None

    @property
    def version(self) -> int | None:
        """The version of the note."""
        return int(self.stored_note.version) if self.stored_note else None


def list_days(location_id: str, since: date, until: date, *, actor: Actor) -> list[LocationDay]:
    """The days with a holiday or a note, from a day until before another. Two round trips.

    Raises `errors.NotFound`, `errors.Forbidden`, and `errors.InvalidRequest` for more than
    `MAX_DAYS`.
    """
    actor.require("schedules:read")
    if not since < until <= since + timedelta(days=MAX_DAYS):
        detail = f"`to` must not be before `from`, and the range must have at most {MAX_DAYS} days."
        raise errors.InvalidRequest(detail, pointer="?to")
    location, _ = _load_location(location_id, actor)
    return load_days(location, since, until)


def get_day(location_id: str, day: date, *, actor: Actor) -> LocationDay:
    """A day at a location. Raises `errors.NotFound` and `errors.Forbidden`."""
    next_day = day + timedelta(days=1)
    return next(iter(list_days(location_id, day, next_day, actor=actor)), LocationDay(day))


def load_days(location: "Location", since: date, until: date) -> list[LocationDay]:
    """The days of a location with a holiday or a note, from a day until before another."""
    names, notes = dynamodb.gather(
        lambda: holidays.list_holidays(location, since, until), lambda: _load_notes(str(location.id), since, until)
    )
    return [LocationDay(day, _split(names.get(day)), notes.get(day)) for day in sorted({*names, *notes})]


def _split(names: str | None) -> list[str]:
    """The names of the holidays of a day."""
    return names.split("; ") if names else []


def _load_notes(location_id: str, since: date, until: date) -> dict[date, DayNote]:
    condition = "#location_id = :of AND #date BETWEEN :first AND :last"
    last_day = until - timedelta(days=1)
    values = {":of": location_id, ":first": since.isoformat(), ":last": last_day.isoformat()}
    key_values = {name: {"S": value} for name, value in values.items()}
    return {date.fromisoformat(note.date): note for note in dynamodb.iter_records(DayNote, condition, key_values)}


def put_note(
    location_id: str,
    day: date,
    text: str,
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> LocationDay:
    """Set or change the note of a day.

    Raises `errors.NotFound`, `errors.Forbidden` or `errors.PreconditionFailed`.
    """
    actor.require("schedules:write")

    def decide() -> LocationDay:
        location, before, records = _load_target(location_id, day, actor)
        if before:
            precondition.check(before)
            after = before.with_changes(note=text, updated_at=at)
            after = journal.update_record(
                actor, "daynote.changed", before, after, at, audited=["note"], prefetched=records
            )
        else:
            _check_absent_note(precondition)
            after = _create_note(location, day, text, actor=actor, at=at, records=records)
        names = holidays.list_holidays(location, day, day + timedelta(days=1))
        return LocationDay(day, _split(names.get(day)), after)

    return journal.retry_on_conflict(decide)


def _check_absent_note(precondition: journal.Precondition) -> None:
    if precondition.versions is not None:
        raise errors.PreconditionFailed("This day has no note; send the request without If-Match.")
    precondition.check_content(None)


def _create_note(
    location: "Location", day: date, text: str, *, actor: Actor, at: datetime, records: dynamodb.BatchResult
) -> DayNote:
    note = DayNote(
        location_id=location.id,
        date=day.isoformat(),
        customer_id=location.customer_id,
        note=text,
        created_at=at,
        updated_at=at,
        version=1,
    )
    changes = audit.diff_records(None, note, ["note"])
    with journal.write(actor, "daynote.changed", note, at, changes=changes, prefetched=records) as write:
        write.put(note, only_if=DayNote.date.does_not_exist(), error=journal.StaleRecord())
        locations.require_exists(write, str(location.id))
    return note


def delete_note(
    location_id: str,
    day: date,
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> None:
    """Remove the note of a day.

    Raises `errors.NotFound`, `errors.Forbidden` or `errors.PreconditionFailed`.
    """
    actor.require("schedules:write")

    def decide() -> None:
        _, before, records = _load_target(location_id, day, actor)
        if before is None:
            raise errors.NotFound("This day has no note.")
        precondition.check(before)
        _remove_note(before, actor, at, records)

    journal.retry_on_conflict(decide)


def remove_notes(location_id: str, *, actor: audit.Author, at: datetime) -> None:
    """Remove the notes of a location that was removed; may be repeated."""
    for note in dynamodb.iter_records(DayNote, "#location_id = :of", {":of": {"S": location_id}}):
        _remove_note(note, actor, at)


def _remove_note(note: DayNote, actor: audit.Author, at: datetime, records: dynamodb.BatchResult | None = None) -> None:
    changes = [audit.FieldChange("note", note.note, None)]
    with journal.write(actor, "daynote.removed", note, at, changes=changes, prefetched=records) as write:
        write.remove_unchanged(note)


def _load_target(location_id: str, day: date, actor: Actor) -> tuple["Location", DayNote | None, dynamodb.BatchResult]:
    streams = journal.stream_keys([actor.stream, actor.customer_id])
    note_key = dynamodb.RecordKey(DayNote, location_id, day.isoformat())
    location, records = _load_location(location_id, actor, note_key, *streams)
    return location, records.get(DayNote, location_id, day.isoformat()), records


def _load_location(
    location_id: str, actor: Actor, *other_keys: dynamodb.RecordKey
) -> tuple["Location", dynamodb.BatchResult]:
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    records = dynamodb.batch_get([locations.location_key(location_id), *other_keys])
    location = locations.get_location_from(records, location_id, actor)
    locations.check_access(actor, location_id)
    return location, records
