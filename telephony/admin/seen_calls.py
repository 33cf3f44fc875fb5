"""Calls as a person sees them: all, or those that rang them, could have, or they were told of."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from accounts.admin.seen_by import SeenSection
from accounts.permissions import Actor
from config import phone_numbers
from telephony.admin import readable
from telephony.calls.history import listing
from telephony.calls.history.call_filter import CallCriteria

if TYPE_CHECKING:
    from accounts.models import User

DAYS, MAX_CALLS = 7, 50


def calls_section(user: "User", *, actor: Actor, at: datetime) -> SeenSection:
    """The calls of the last week."""
    customer_id = str(user.customer_id)
    criteria = CallCriteria(customer_id=customer_id, since=at - timedelta(days=DAYS), direction=("in", "out"))
    page = listing.list_calls(criteria, actor=actor, at=at, limit=MAX_CALLS, cursor=None)
    answerers = [str(call.answered_by or "") for call in page.records]
    context = readable.load_context(customer_id, answerers, [str(call.location_id) for call in page.records])
    rows = [
        (
            context.time(call.started_at, str(call.location_id)),
            context.location_names.get(str(call.location_id), "a removed location"),
            "erased on request" if call.erased_at else phone_numbers.to_readable(str(call.caller)) or "withheld",
            str(call.outcome),
            context.name(str(call.answered_by)) if call.answered_by else "—",
        )
        for call in page.records
    ]
    sees_all = actor.has_permission("calls:read")
    note = "All calls at their locations" if sees_all else "Calls that rang them, could have, or they were told of"
    more = f"; the newest {MAX_CALLS}" if page.next_cursor else ""
    columns = ("Began", "Location", "Caller", "Outcome", "Answered by")
    return SeenSection("Calls", columns, rows, "They see no calls.", f"{note}, of the last {DAYS} days{more}.")
