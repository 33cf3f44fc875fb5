"""What of people and businesses needs attention."""

from typing import Any

from accounts.admin.projected import Customer, User
from config.backoffice.attention import Item, Panel
from config.backoffice.record_admin import list_of, page_of
from config.backoffice.records.range_reader import Page

SHOWN = 10


def panels(customer_id: str | None) -> list[Panel]:
    """Invitations that nobody accepted yet; without a customer, who is suspended."""
    if customer_id is None:
        found = Customer.objects.filter(listed="all", status="suspended").page(SHOWN)
        items = [Item(one.name, page_of("accounts", "customer", one.id)) for one in _of(found)]
        fine = "No customer is suspended."
        return [Panel("Suspended", items, fine, of_customer=False, more=found.next is not None)]
    found = User.objects.filter(customer_id=customer_id, status="invited").page(SHOWN)
    items = [Item(one.name, page_of("accounts", "user", one.id), _since(one)) for one in _of(found)]
    url = list_of("accounts", "user", customer_id__exact=customer_id, status__exact="invited")
    fine = "Everybody who was invited has come."
    return [Panel("Invitations not accepted", items, fine, url, more=found.next is not None)]


def _of(page: Page) -> Any:
    return page.records


def _since(user: Any) -> str:
    if user.invitation_sent_at is None:
        return "not sent yet"
    return f"sent {user.invitation_sent_at:%-d %B %Y}"


def owners(customer_id: str) -> list[Panel]:
    """Who speaks for a business: its owners, as far as they are among its first people."""
    found = User.objects.filter(customer_id=customer_id, role="owner").page(SHOWN)
    items = [Item(one.name, page_of("accounts", "user", one.id), one.email) for one in _of(found)]
    url = list_of("accounts", "user", customer_id__exact=customer_id, role__exact="owner")
    return [Panel("Owners", items, "It has none.", url, is_news=True)]
