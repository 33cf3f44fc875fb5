"""What of people and businesses needs attention."""

from typing import Any

from accounts.admin.projected import Customer, User
from config.backoffice.attention import Panel, PanelItem
from config.backoffice.record_admin import admin_change_url, admin_list_url
from config.backoffice.records.range_reader import RecordPage

PANEL_SIZE = 10


def account_panels(customer_id: str | None) -> list[Panel]:
    """Invitations that nobody accepted yet; without a customer, who is suspended."""
    if customer_id is None:
        page = Customer.objects.filter(listed="all", status="suspended").page(PANEL_SIZE)
        items = [
            PanelItem(record.name, admin_change_url("accounts", "customer", record.id))
            for record in _page_records(page)
        ]
        empty_text = "No customer is suspended."
        return [Panel("Suspended", items, empty_text, on_customer_page=False, has_more=page.next is not None)]
    page = User.objects.filter(customer_id=customer_id, status="invited").page(PANEL_SIZE)
    items = [
        PanelItem(record.name, admin_change_url("accounts", "user", record.id), _invitation_note(record))
        for record in _page_records(page)
    ]
    url = admin_list_url("accounts", "user", customer_id__exact=customer_id, status__exact="invited")
    empty_text = "Everybody who was invited has come."
    return [Panel("Invitations not accepted", items, empty_text, url, has_more=page.next is not None)]


def _page_records(page: RecordPage) -> Any:
    return page.records


def _invitation_note(user: Any) -> str:
    if user.invitation_sent_at is None:
        return "not sent yet"
    return f"sent {user.invitation_sent_at:%-d %B %Y}"


def owner_panels(customer_id: str) -> list[Panel]:
    """Who speaks for a business: its owners, as far as they are among its first people."""
    page = User.objects.filter(customer_id=customer_id, role="owner").page(PANEL_SIZE)
    items = [
        PanelItem(owner.name, admin_change_url("accounts", "user", owner.id), owner.email)
        for owner in _page_records(page)
    ]
    url = admin_list_url("accounts", "user", customer_id__exact=customer_id, role__exact="owner")
    return [Panel("Owners", items, "It has none.", url, is_informational=True)]
