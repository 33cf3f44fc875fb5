"""The rota as a person sees it: their own shifts, and those at their locations."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils.html import format_html

from accounts import locations, users
from accounts.admin.seen_by import SeenSection
from accounts.permissions import Actor
from config import dynamodb
from config.backoffice import clock
from staffing.schedules import listing, queries
from staffing.schedules.queries import ScheduleFilter

if TYPE_CHECKING:
    from accounts.models import User

DAYS, MAX_SHIFTS = 14, 200


def rota_section(user: "User", *, actor: Actor, at: datetime) -> SeenSection:
    """The shifts of the next two weeks, each by the clock of its location."""
    customer_id = str(user.customer_id)
    window = ScheduleFilter(customer_id=customer_id, since=at, until=at + timedelta(days=DAYS))
    note = "Shifts of the next 14 days, by the clock of each location."
    try:
        page = listing.list_shifts(window, actor=actor, at=at, limit=MAX_SHIFTS, cursor=None)
    except queries.QueryTooWide:
        return SeenSection("Rota", (), (), "They see more shifts than can be shown here at once.")
    location_ids = {str(shift.schedule.location_id) for shift in page.records}
    staff_ids = {shift.staff_id for shift in page.records}
    locations_by_id, staff = dynamodb.gather(
        lambda: locations.load_locations(location_ids, customer_id) if location_ids else {},
        lambda: users.load_users(sorted(staff_ids), customer_id) if staff_ids else {},
    )
    rows = []
    for shift in page.records:
        if shift.occurrence.end <= at:
            continue
        location = locations_by_id.get(str(shift.schedule.location_id))
        tz = ZoneInfo(str(location.time_zone) if location else "UTC")
        start, end = (instant.astimezone(tz) for instant in (shift.occurrence.start, shift.occurrence.end))
        last = f"{end:%H:%M}" if start.date() == end.date() else clock.format_day_time(end)
        person = staff.get(shift.staff_id)
        rows.append(
            (
                f"{clock.format_day_time(start)} – {last}",
                str(location.name) if location else "a removed location",
                _name(person, is_own=shift.staff_id == user.id),
            )
        )
    if page.next_cursor:
        note = f"The first {MAX_SHIFTS} shifts of the next 14 days, by the clock of each location."
    return SeenSection("Rota", ("Shift", "Location", "Person"), rows, "They see no shifts.", note)


def _name(person: "User | None", *, is_own: bool) -> Any:
    """The name as the table shows it: that of the person whose page it is stands out."""
    if person is None:
        return "somebody whose account is deleted"
    return format_html("<b>{} (own shift)</b>", person.name) if is_own else str(person.name)
