"""Shifts as CSV."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from accounts import locations
from accounts.permissions import Actor
from config.api.csv_tables import Table, local_time_cell, yes_no_cell
from staffing.schedules.expansion import Shift
from staffing.schedules.staff_names import load_staff_names

if TYPE_CHECKING:
    from accounts.models import User

COLUMNS = (
    *("Person", "Location", "Start", "End", "Time zone", "Hours", "Series", "Changed", "Moved by a clock change"),
    *("Position", "Break (minutes)", "Notes"),
    *("User id", "Location id", "Schedule id", "Occurrence id"),
)


def shift_table(actor: Actor, caller: "User") -> Table[Shift]:
    """The table of shifts; times are on the clock of the location. The actor is the caller.

    People have the names that the JSON shows. Locations that the actor cannot access have none.
    """
    return Table("shifts", COLUMNS, partial(_build_rows, actor, caller))


def _build_rows(actor: Actor, caller: "User", shifts: Sequence[Shift]) -> Iterator[Sequence[Any]]:
    staff_names = load_staff_names(shifts, caller=caller)
    location_names = locations.load_accessible_names((str(shift.schedule.location_id) for shift in shifts), actor)
    for shift in shifts:
        schedule, occurrence, details = shift.schedule, shift.occurrence, shift.details
        yield (
            *(staff_names.get(shift.staff_id), location_names.get(schedule.location_id)),
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
