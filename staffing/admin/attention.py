"""What of the rota needs attention: places where nobody is on duty today."""

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.urls import reverse

from accounts import locations, permissions
from config.backoffice import operator_actor
from config.backoffice.attention import Item, Panel
from staffing.schedules import listing, on_duty, queries
from staffing.schedules.queries import Shift, Wish

if TYPE_CHECKING:
    from accounts.models import Location

MOST_PLACES, MOST_SHIFTS = 200, 2_000
FEW_PLACES = 8


def panels(customer_id: str | None) -> list[Panel]:
    """Locations of a customer with nobody on duty today, by their own clocks."""
    if customer_id is None:
        return []
    house, now = permissions.system(customer_id), operator_actor.now()
    places = locations.within_reach(house, limit=MOST_PLACES, start=None).records
    days = {str(place.id): _today(place, now) for place in places}
    title, url = "Nobody on duty today", ""
    if not places:
        return [Panel(title, [], "There are no locations.")]
    wish = Wish(
        customer_id=customer_id,
        since=min(day[0] for day in days.values()),
        until=max(day[1] for day in days.values()),
    )
    try:
        found = listing.shifts(wish, actor=house, at=now, limit=MOST_SHIFTS, start=None)
    except queries.TooWide:
        return [Panel(title, [Item("There are too many series to say.")], "")]
    manned = {str(one.schedule.location_id) for one in found.records if _is_in(one, days)}
    items = [
        Item(place.name, reverse("admin:rota", args=(place.id,)), place.time_zone)
        for place in places
        if place.id not in manned
    ]
    return [Panel(title, items, "Somebody is on duty everywhere today.", url)]


def _today(place: "Location", now: datetime) -> tuple[datetime, datetime]:
    clock = ZoneInfo(str(place.time_zone))
    day = now.astimezone(clock).date()
    first = datetime.combine(day, time(), clock).astimezone(UTC)
    return first, datetime.combine(day + timedelta(days=1), time(), clock).astimezone(UTC)


def _is_in(shift: Shift, days: dict[str, tuple[datetime, datetime]]) -> bool:
    day = days.get(str(shift.schedule.location_id))
    return day is not None and shift.occurrence.start < day[1] and shift.occurrence.end > day[0]


def on_duty_panel(customer_id: str) -> list[Panel]:
    """Who is on duty now, at a customer's first locations."""
    house, now = permissions.system(customer_id), operator_actor.now()
    places = locations.within_reach(house, limit=FEW_PLACES, start=None)
    items = []
    for place in places.records:
        found = on_duty.on_duty(str(place.id), now, customer_id=customer_id)
        names = ", ".join(str(one.user.name) for one in found) or "nobody"
        items.append(Item(str(place.name), reverse("admin:rota", args=(place.id,)), names))
    more = places.next is not None
    return [Panel("On duty now", items, "It has no locations.", more=more, is_news=True)]
