"""Views of an operator as a user sees the product: audited, and told to the user."""

from datetime import UTC, datetime

from accounts import permissions
from accounts.models import User
from config import daily_limits, errors, journal

ACTION = "user.seen_as"


def log_support_view(user: User, *, actor: permissions.Actor, at: datetime) -> None:
    """Audit the view, and e-mail it to an active user: once a day (UTC) for each operator."""
    actor.require("users:read")
    marker = daily_limits.first_of_day("support-view", f"{actor.id} {user.id}", str(user.customer_id), at)
    try:
        with journal.write(actor, ACTION, user, at) as write:
            write.put(marker, only_if=daily_limits.DailyCount.key.does_not_exist())
            if user.status == "active":
                write.enqueue("accounts.send_support_view", user_id=str(user.id), day=at.astimezone(UTC).isoformat())
    except errors.Conflict:  # the user knows of today's first view
        journal.write_audit_event(actor, ACTION, user, at)
