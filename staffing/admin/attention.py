"""Panels about the rota."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.urls import reverse

from accounts import locations, permissions, users
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem
from staffing.schedules import first_shifts
from staffing.schedules.first_shifts import FirstShifts
from staffing.schedules.queries import ScheduleFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.models import User

MAX_ON_DUTY_LOCATIONS = 8
MAX_NAMES = 3
"""People on duty who are named for each location."""
SHIFTS_LOOKED_AT = 6
"""Shifts of a location whose people are read: some may be blocked, or have two shifts."""
UNDECIDED = "Many schedules: see the rota"
"""Of a location that has more schedules than are looked at, none of which decides it."""


def on_duty_panels(customer_id: str) -> list[Panel]:
    """Who is on duty now at the first locations of a customer."""
    actor, now = permissions.system_actor(customer_id), operators.now()
    page = locations.list_accessible_locations(actor, limit=MAX_ON_DUTY_LOCATIONS, cursor=None)
    until = now + timedelta(microseconds=1)
    filters = {
        str(location.id): ScheduleFilter(location_id=str(location.id), since=now, until=until)
        for location in page.records
    }
    shifts_by_location = first_shifts.find_first_shifts(filters, SHIFTS_LOOKED_AT)
    staff_ids = dict.fromkeys(shift.staff_id for first in shifts_by_location.values() for shift in first.shifts)
    staff = users.load_users(staff_ids, customer_id) if staff_ids else {}
    items = [
        PanelItem(
            str(location.name),
            reverse("admin:rota", args=(location.id,)),
            _describe_people(shifts_by_location[str(location.id)], staff),
        )
        for location in page.records
    ]
    return [Panel("On duty now", items, "No locations.", has_more=page.next_cursor is not None, is_informational=True)]


def _describe_people(first: FirstShifts, staff: "Mapping[str, User]") -> str:
    people = {shift.staff_id: staff[shift.staff_id] for shift in first.shifts if shift.staff_id in staff}
    names: Sequence[str] = [str(user.name) for user in people.values() if user.status in users.WORKING_STATUSES]
    if not names:
        return "Nobody" if first.is_complete else UNDECIDED
    are_all = first.is_complete and len(names) <= MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + ("" if are_all else " and others")
