"""Panels about the people of a customer."""

from accounts import models as records
from accounts import problems
from accounts.admin.projected import User
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem, admin_change_url, admin_list_url

PANEL_SIZE = 10


def account_panels(customer_id: str) -> list[Panel]:
    """Open invitations of a customer."""
    page = User.objects.filter(customer_id=customer_id, status="invited").page(PANEL_SIZE)
    items = [
        PanelItem(user.name, admin_change_url("accounts", "user", user.id), _invitation_state(user))
        for user in page.records
    ]
    url = admin_list_url("accounts", "user", customer_id__exact=customer_id, status__exact="invited")
    has_more = page.next_cursor is not None
    return [Panel("Open invitations", items, "All invitations accepted.", url, has_more=has_more)]


def _invitation_state(user: records.User) -> str:
    if user.address_freed_at:
        return "expired, and somebody else was invited at the address"
    sent_at = user.invitation_sent_at
    sent = f"sent {sent_at:%-d %B %Y}" if sent_at else "not sent yet"
    return f"{sent}, expired" if problems.invitation_problem(user, operators.now()) == "expired" else sent


def owner_panels(customer_id: str) -> list[Panel]:
    """The owners of a customer, on the first page of its people."""
    page = User.objects.filter(customer_id=customer_id, role="owner").page(PANEL_SIZE)
    items = [
        PanelItem(owner.name, admin_change_url("accounts", "user", owner.id), owner.email) for owner in page.records
    ]
    url = admin_list_url("accounts", "user", customer_id__exact=customer_id, role__exact="owner")
    return [Panel("Owners", items, "No owners.", url, is_informational=True)]
