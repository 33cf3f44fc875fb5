"""Panels about phone numbers."""

from typing import Any

from django.urls import reverse

from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem, admin_change_url, admin_list_url
from staffing.schedules import queries
from telephony.admin.projected import PhoneNumber
from telephony.numbers import unassigned
from telephony.numbers.acquisition import TWILIO_LIST_LAG

MAX_NUMBERS, PANEL_SIZE = 50, 10


def telephony_panels(customer_id: str | None) -> list[Panel]:
    """Problems with a customer's numbers; across customers, unassigned numbers at Twilio."""
    if customer_id is None:
        items = [_number_item(orphan, orphan.tag, "orphan") for orphan in unassigned.list_numbers()]
        url = admin_list_url("telephony", "orphan")
        return [Panel("Unassigned numbers", items, "Every number at Twilio is assigned.", url, on_customer_page=False)]
    now = operators.now()
    numbers = _list_numbers(customer_id)
    without_shifts = [
        PanelItem(number.number, reverse("admin:rota", args=(number.location_id,)), "no future shifts")
        for number in numbers
        if number.status == "active" and not queries.list_future_schedules(number.location_id, now)
    ]
    stuck_purchases = [
        _number_item(number, "not bought yet")
        for number in numbers
        if number.status == "buying" and now - number.created_at > TWILIO_LIST_LAG
    ]
    return [
        Panel("Numbers without shifts", without_shifts, "Every number has future shifts."),
        Panel("Stuck purchases", stuck_purchases, "No purchase is stuck."),
    ]


def number_panels(customer_id: str) -> list[Panel]:
    """The numbers of a customer."""
    numbers = _list_numbers(customer_id)
    items = [_number_item(number, number.status) for number in numbers[:PANEL_SIZE]]
    url = admin_list_url("telephony", "phonenumber", customer_id__exact=customer_id)
    return [Panel("Numbers", items, "No numbers.", url, has_more=len(numbers) > PANEL_SIZE, is_informational=True)]


def _list_numbers(customer_id: str) -> list[Any]:
    return list(PhoneNumber.objects.filter(customer_id=customer_id).page(MAX_NUMBERS).records)


def _number_item(record: Any, detail: str, model: str = "phonenumber") -> PanelItem:
    return PanelItem(record.number, admin_change_url("telephony", model, record.number), detail)
