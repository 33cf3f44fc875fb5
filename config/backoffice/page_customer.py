"""The customer of a page: that of its record or of its URL, never one that a session remembers.

A view calls `set_page_customer` before it builds its context. The bar and the title then name the
customer, the menu leads to the customer's lists, and times are shown by the customer's clock.
"""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from config import audit
from config.backoffice import clock
from config.backoffice.record_header import Badge


@dataclass(frozen=True)
class PageCustomer:
    """What each page shows of its customer."""

    id: str
    name: str
    url: str
    time_zone: str
    badge: Badge
    closed_note: str = ""
    """Why nothing of it can be changed; empty if it can."""


def set_page_customer(request: HttpRequest, owner_id: str | None) -> None:
    """Make a page one of a customer: by its id, or that of a person or location of the customer.

    Without an id, or with one of none, the page is one across customers.
    """
    load = import_string(settings.PAGE_CUSTOMER)
    customer = get_page_customer(request)
    if customer is None or customer.id != owner_id:
        customer = load(owner_id) if owner_id else None
        request.page_customer = customer  # type: ignore[attr-defined]
    clock.set_zone(customer.time_zone if customer else None)


def get_page_customer(request: HttpRequest) -> PageCustomer | None:
    """The customer of a page; None across customers."""
    return getattr(request, "page_customer", None)


def is_closed(request: HttpRequest) -> bool:
    """Whether the customer of a page is deleted: nothing of it can be changed."""
    customer = get_page_customer(request)
    return customer is not None and bool(customer.closed_note)


def party_of(request: HttpRequest, customer_id: str | None) -> audit.Party:
    """Whose audit log has what an operator did on a page: a customer, or Dutyline itself."""
    if not customer_id:
        return audit.Party("installation", "installation", "", audit.PLATFORM_STREAM, audit.PLATFORM_STREAM)
    customer = get_page_customer(request)
    return audit.Party("customer", customer_id, customer.name if customer else "", customer_id, customer_id)
