"""The panel of customers who send unusually much mail, or place many calls with codes."""

from config import daily_limits
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem, admin_change_url

PANEL_SIZE = 10


def volume_panels(customer_id: str | None) -> list[Panel]:
    """Customers who used half of a daily limit, and limits that were reached, since yesterday."""
    counts = daily_limits.list_flagged(operators.now())
    counts = [count for count in counts if customer_id in (None, count.customer_id)]
    items = [_to_item(count) for count in counts[:PANEL_SIZE]]
    empty_text = "No customer used half of a daily limit."
    return [Panel("Unusual volumes", items, empty_text, has_more=len(counts) > PANEL_SIZE)]


def _to_item(count: daily_limits.DailyCount) -> PanelItem:
    name, *_, day = str(count.key).split(" ")
    detail = f"{day}: {int(count.used):,} {name.replace('-', ' ')}"
    detail += f", {int(count.refused):,} refused" if count.refused else ""
    customer_id = str(count.customer_id)
    return PanelItem(customer_id, admin_change_url("accounts", "customer", customer_id), detail)
