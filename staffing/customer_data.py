"""What an export of everything has of a customer's rota."""

from typing import Any

from accounts import locations, permissions
from config import dynamodb
from config.dynamodb import pagination
from config.privacy.customer_data import ExportSource, read_by_index, row_of
from staffing.models import DayNote, Schedule, Template

LOCATIONS_PER_PAGE = 20


def _read_day_notes(customer_id: str, cursor: pagination.Cursor | None) -> pagination.CursorPage[Any]:
    actor = permissions.system_actor(customer_id)
    page = locations.list_accessible_locations(actor, limit=LOCATIONS_PER_PAGE, cursor=cursor)
    notes = [
        note
        for location in page.records
        for note in dynamodb.iter_records(DayNote, "#location_id = :at", {":at": {"S": location.id}})
    ]
    return pagination.CursorPage(notes, page.next_cursor)


SOURCES = (
    ExportSource(
        "schedules",
        read_by_index(Schedule),
        row_of(
            *("id", "location_id", "staff_id", "start", "end", "zone", "pattern", "position", "break_minutes"),
            *("notes", "color", "template_id", "split_from", "created_at", "updated_at"),
        ),
    ),
    ExportSource(
        "shift-templates",
        read_by_index(Template),
        row_of(
            *("id", "name", "location_id", "start", "end", "pattern", "position", "break_minutes", "notes", "color"),
            *("created_at", "updated_at"),
        ),
    ),
    ExportSource("day-notes", _read_day_notes, row_of("location_id", "date", "note", "created_at", "updated_at")),
)
