"""What of numbers needs attention: those without a rota, unfinished purchases, unexplained ones."""

from typing import Any

from django.urls import reverse

from config.backoffice import operator_actor
from config.backoffice.attention import Item, Panel
from config.backoffice.record_admin import list_of, page_of
from staffing.schedules import queries
from telephony.admin.projected import PhoneNumber
from telephony.numbers import reconcile
from telephony.numbers.purchase import CERTAIN

MOST, FEW = 50, 10


def panels(customer_id: str | None) -> list[Panel]:
    """Of a customer: numbers that nobody will ever answer; else what Twilio has too much."""
    if customer_id is None:
        items = [
            Item(one.number, page_of("telephony", "orphan", one.number), one.tag)
            for one in reconcile.every()
        ]
        url, fine = list_of("telephony", "orphan"), "Every number at Twilio is explained."
        return [Panel("Unexplained numbers", items, fine, url, of_customer=False)]
    now = operator_actor.now()
    found: list[Any] = PhoneNumber.objects.filter(customer_id=customer_id).page(MOST).records
    bare = [
        Item(one.number, reverse("admin:rota", args=(one.location_id,)), "no shifts to come")
        for one in found
        if one.status == "active" and not queries.has_future(one.location_id, now)
    ]
    stuck = [
        Item(one.number, page_of("telephony", "phonenumber", one.number), "still being bought")
        for one in found
        if one.status == "buying" and now - one.created_at > CERTAIN
    ]
    return [
        Panel("Numbers without rota", bare, "Every number has a rota to ring."),
        Panel("Purchases under way", stuck, "No purchase hangs."),
    ]


def numbers(customer_id: str) -> list[Panel]:
    """The numbers of a customer."""
    found: list[Any] = PhoneNumber.objects.filter(customer_id=customer_id).page(MOST).records
    items = [
        Item(one.number, page_of("telephony", "phonenumber", one.number), one.status)
        for one in found[:FEW]
    ]
    url = list_of("telephony", "phonenumber", customer_id__exact=customer_id)
    more = len(found) > FEW
    return [Panel("Numbers", items, "It has no numbers.", url, more=more, is_news=True)]
