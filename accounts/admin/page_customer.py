"""The customer that a page of the back office shows in its bar."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from accounts import locations, preferences
from accounts.models import Customer, Location, User
from config import dynamodb
from config.backoffice.clock import format_day
from config.backoffice.links import admin_change_url
from config.backoffice.page_customer import PageCustomer
from config.backoffice.record_header import Badge

STATUS_BADGES = {
    "active": Badge("active", "good"),
    "suspended": Badge("suspended", "danger"),
    "deleted": Badge("deleted", "danger"),
    "erasing": Badge("being erased", "danger"),
}
_OWNED: Mapping[str, type[Location | User]] = {"loc": Location, "usr": User}


def load_page_customer(owner_id: str) -> PageCustomer | None:
    """The customer of this id, or that of the person or location of this id."""
    for prefix, record_class in _OWNED.items():
        if dynamodb.is_id(prefix, owner_id):
            owner = dynamodb.get_record(record_class, owner_id)
            owner_id = str(owner.customer_id) if owner else ""
    if not dynamodb.is_id("cus", owner_id):
        return None
    customer, usual_zone = dynamodb.gather(
        lambda: dynamodb.get_record(Customer, owner_id), lambda: locations.find_usual_zone(owner_id)
    )
    if customer is None:
        return None
    zone = _choose_zone(customer, usual_zone)
    return PageCustomer(
        str(customer.id),
        str(customer.name),
        admin_change_url("accounts", "customer", str(customer.id)),
        zone,
        STATUS_BADGES[str(customer.status)],
        _closed_note(customer, zone),
    )


def _closed_note(customer: Customer, zone: str) -> str:
    """What all pages of a deleted customer say."""
    if not customer.is_deleted:
        return ""
    if customer.status == "erasing" or customer.erase_at is None:
        return "This customer is deleted and being erased: nothing of it can be changed."
    day = format_day(customer.erase_at.astimezone(ZoneInfo(zone)))
    return f"This customer is deleted, and erased on {day}: nothing of it can be changed until the deletion is undone."


def _choose_zone(customer: Customer, usual_zone: str | None) -> str:
    """The zone in which pages of a customer show times: as it chose, or that of its locations."""
    chosen = preferences.chosen_time_zone(customer.settings)
    return chosen or usual_zone or preferences.time_zone_of({}, customer.settings)
