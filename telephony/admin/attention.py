"""What of numbers needs attention: those without a rota, unfinished purchases, unexplained ones."""

from typing import Any

from django.urls import reverse

from config.backoffice import audit_context
from config.backoffice.attention import Panel, PanelItem
from config.backoffice.record_admin import admin_change_url, admin_list_url
from staffing.schedules import queries
from telephony.admin.projected import PhoneNumber
from telephony.numbers import reconcile
from telephony.numbers.purchase import TWILIO_LIST_LAG

MAX_NUMBERS, PANEL_SIZE = 50, 10


def telephony_panels(customer_id: str | None) -> list[Panel]:
    """Of a customer: numbers that nobody will ever answer; else what Twilio has too much."""
    if customer_id is None:
        items = [
            PanelItem(
                phone_number.number, admin_change_url("telephony", "orphan", phone_number.number), phone_number.tag
            )
            for phone_number in reconcile.list_orphans()
        ]
        url, empty_text = (admin_list_url("telephony", "orphan"), "Every number at Twilio is explained.")
        return [Panel("Unexplained numbers", items, empty_text, url, on_customer_page=False)]
    now = audit_context.current_time()
    phone_numbers: list[Any] = PhoneNumber.objects.filter(customer_id=customer_id).page(MAX_NUMBERS).records
    without_shifts = [
        PanelItem(phone_number.number, reverse("admin:rota", args=(phone_number.location_id,)), "no shifts to come")
        for phone_number in phone_numbers
        if phone_number.status == "active" and not queries.has_future_schedules(phone_number.location_id, now)
    ]
    stuck_purchases = [
        PanelItem(
            phone_number.number, admin_change_url("telephony", "phonenumber", phone_number.number), "still being bought"
        )
        for phone_number in phone_numbers
        if phone_number.status == "buying" and now - phone_number.created_at > TWILIO_LIST_LAG
    ]
    return [
        Panel("Numbers without rota", without_shifts, "Every number has a rota to ring."),
        Panel("Purchases under way", stuck_purchases, "No purchase hangs."),
    ]


def number_panels(customer_id: str) -> list[Panel]:
    """The numbers of a customer."""
    phone_numbers: list[Any] = PhoneNumber.objects.filter(customer_id=customer_id).page(MAX_NUMBERS).records
    items = [
        PanelItem(
            phone_number.number, admin_change_url("telephony", "phonenumber", phone_number.number), phone_number.status
        )
        for phone_number in phone_numbers[:PANEL_SIZE]
    ]
    url = admin_list_url("telephony", "phonenumber", customer_id__exact=customer_id)
    has_more = len(phone_numbers) > PANEL_SIZE
    return [Panel("Numbers", items, "It has no numbers.", url, has_more=has_more, is_informational=True)]
