"""Panels about the rota."""

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.urls import reverse

from accounts import locations, permissions
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem
from staffing.schedules import listing, on_duty, queries
from staffing.schedules.queries import ScheduleFilter, Shift

if TYPE_CHECKING:
    from accounts.models import Location

MAX_LOCATIONS, MAX_SHIFTS = 200, 2_000
MAX_ON_DUTY_LOCATIONS = 8


def rota_panels(customer_id: str | None) -> list[Panel]:
    """Locations of a customer with nobody on duty today, in their time zones."""
    if customer_id is None:
        return []
    actor, now = permissions.system_actor(customer_id), operators.now()
    customer_locations = locations.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None).records
    days = {str(location.id): _today_bounds(location, now) for location in customer_locations}
    title = "Nobody on duty today"
    if not customer_locations:
        return [Panel(title, [], "No locations.")]
    shift_query = ScheduleFilter(
        customer_id=customer_id, since=min(day[0] for day in days.values()), until=max(day[1] for day in days.values())
    )
    try:
        shift_page = listing.list_shifts(shift_query, actor=actor, at=now, limit=MAX_SHIFTS, cursor=None)
    except queries.QueryTooWide:
        return [Panel(title, [PanelItem("Too many schedules to check; open the rota of each location.")], "")]
    staffed_ids = {str(shift.schedule.location_id) for shift in shift_page.records if _is_on_day(shift, days)}
    items = [
        PanelItem(location.name, reverse("admin:rota", args=(location.id,)), location.time_zone)
        for location in customer_locations
        if location.id not in staffed_ids
    ]
    return [Panel(title, items, "Every location has somebody on duty today.")]


def _today_bounds(location: "Location", now: datetime) -> tuple[datetime, datetime]:
    tz = ZoneInfo(str(location.time_zone))
    today = now.astimezone(tz).date()
    start = datetime.combine(today, time(), tz).astimezone(UTC)
    return start, datetime.combine(today + timedelta(days=1), time(), tz).astimezone(UTC)


def _is_on_day(shift: Shift, days: dict[str, tuple[datetime, datetime]]) -> bool:
    day = days.get(str(shift.schedule.location_id))
    return day is not None and shift.occurrence.start < day[1] and shift.occurrence.end > day[0]


def on_duty_panels(customer_id: str) -> list[Panel]:
    """Who is on duty now at the first locations of a customer."""
    actor, now = permissions.system_actor(customer_id), operators.now()
    location_page = locations.list_accessible_locations(actor, limit=MAX_ON_DUTY_LOCATIONS, cursor=None)
    items = []
    for location in location_page.records:
        people_on_duty = on_duty.list_on_duty(str(location.id), now, customer_id=customer_id)
        names = ", ".join(str(person.user.name) for person in people_on_duty) or "Nobody"
        items.append(PanelItem(str(location.name), reverse("admin:rota", args=(location.id,)), names))
    has_more = location_page.next_cursor is not None
    return [Panel("On duty now", items, "No locations.", has_more=has_more, is_informational=True)]
