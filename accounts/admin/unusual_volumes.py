"""The panel of a customer who sends unusually much mail, or places many calls with codes."""

from datetime import date

from django.conf import settings

from accounts.models import Customer
from config import daily_limits, dynamodb
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem, admin_change_url

PANEL_SIZE = 10
LABELS = {
    "invitations-of-user": "invitations by one person",
    "invitations-of-customer": "invitations",
    "email-changes-of-user": "changed e-mail addresses by one person",
    "email-changes-of-customer": "changed e-mail addresses",
    "email-changes-to-user": "changes of one person's e-mail address",
    "taken-addresses-of-user": "e-mail addresses of others tried by one person",
    "taken-addresses-of-customer": "e-mail addresses of others tried",
    "emails-to-address": "e-mails to one address",
    "notifications-to-address": "notifications to one address",
    "codes-to-user": "calls with codes to one person",
    "codes-of-customer": "calls with codes",
    "codes-to-number": "calls with codes to one number",
    "codes-of-user-to-number": "calls with codes by one person to one number",
}
"""What operators read, by the names of ``settings.DAILY_LIMITS``."""


def volume_panels(customer_id: str) -> list[Panel]:
    """Of which daily limits a customer used half, or reached them, since yesterday."""
    counts = [count for count in daily_limits.list_flagged(operators.now()) if count.customer_id == customer_id]
    shown = counts[:PANEL_SIZE]
    customers = dynamodb.batch_get({dynamodb.RecordKey(Customer, str(count.customer_id)) for count in shown})
    items = [_to_item(count, customers.get(Customer, str(count.customer_id))) for count in shown]
    empty_text = "No daily limit is half used."
    return [Panel("Unusual volumes", items, empty_text, has_more=len(counts) > PANEL_SIZE)]


def _to_item(count: daily_limits.DailyCount, customer: Customer | None) -> PanelItem:
    limit, *_, day = str(count.key).split(" ")
    used = f"{int(count.used):,} of {settings.DAILY_LIMITS[limit]:,} {LABELS[limit]}"
    detail = f"{date.fromisoformat(day):%a %-d %b %Y}: {used}"
    detail += f", {int(count.refused):,} more refused" if count.refused else ""
    if customer is None:
        return PanelItem("A deleted customer", detail=detail)
    return PanelItem(str(customer.name), admin_change_url("accounts", "customer", str(customer.id)), detail)
