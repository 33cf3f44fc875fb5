"""Shifts as CSV."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from accounts import locations, users
from config.api.csv_tables import Table, local_time_cell, yes_no_cell
from staffing.schedules.queries import Shift

COLUMNS = (
    *("Person", "Location", "Start", "End", "Time zone", "Hours", "Series", "Changed", "Moved by a clock change"),
    *("Position", "Break (minutes)", "Notes"),
    *("User id", "Location id", "Schedule id", "Occurrence id"),
)


def shift_table(customer_id: str) -> Table[Shift]:
    """The table of a customer's shifts; times are on the clock of the location."""
    return Table("shifts", COLUMNS, partial(_build_rows, customer_id))


def _build_rows(customer_id: str, shifts: Sequence[Shift]) -> Iterator[Sequence[Any]]:
    users_by_id = users.load_users(list(dict.fromkeys(shift.staff_id for shift in shifts)), customer_id)
    location_ids = dict.fromkeys(str(shift.schedule.location_id) for shift in shifts)
    locations_by_id = locations.load_locations(list(location_ids), customer_id)
    for shift in shifts:
        schedule, occurrence, details = shift.schedule, shift.occurrence, shift.details
        user, location = users_by_id.get(shift.staff_id), locations_by_id.get(schedule.location_id)
        yield (
            *(user.name if user else None, location.name if location else None),
            *(local_time_cell(occurrence.start, schedule.zone), local_time_cell(occurrence.end, schedule.zone)),
            schedule.zone,
            round((occurrence.end - occurrence.start).total_seconds() / 3600, 2),
            yes_no_cell(schedule.is_series),
            yes_no_cell(occurrence.is_changed),
            yes_no_cell(occurrence.is_adjusted),
            *(details.get("position"), details.get("break_minutes"), details.get("notes")),
            *(shift.staff_id, schedule.location_id, schedule.id),
            occurrence.recurrence_id.isoformat() if schedule.is_series else None,
        )
