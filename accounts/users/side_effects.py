"""What must happen after a person was changed, stored with the change."""

from typing import Any

from accounts import permissions
from accounts.models import EVERYWHERE, User
from config.journal import write_set


def add(write: write_set.Write, before: User, after: User) -> None:
    """Tell Auth0 what concerns it, and the person what somebody else changed about their rights."""
    blocked = (before.status == "blocked") != (after.status == "blocked")
    if before.name != after.name or blocked:
        write.later("accounts.carry_to_auth0", id=f"carry-{after.id}", user_id=after.id)
    unblocked = before.status == "blocked" and after.status == "invited"
    if unblocked and not after.invitation_sent_at and not after.awaited:
        write.later("accounts.send_invitation", user_id=after.id)  # what was due was not sent
    if after.status != "active" or write.author.id == after.id:
        return
    was, is_now = permissions.standing(before), permissions.standing(after)
    if (was.role, was.permissions) != (is_now.role, is_now.permissions):
        tell(write, after.id, "rights_changed")
    if added := sorted(set(is_now.locations) - set(was.locations) - {EVERYWHERE}):
        tell(write, after.id, "location_assigned", locations=added)


def tell(write: write_set.Write, user_id: str, event: str, **about: Any) -> None:
    """Let a person hear of an event of `preferences.EVENTS`, on each channel they want it on."""
    write.later("accounts.send_notice", user_id=user_id, event=event, **about)
    write.later("accounts.send_push", user_id=user_id, event=event)
