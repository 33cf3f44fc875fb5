"""What must happen after a person was changed, stored with the change."""

from accounts import actors
from accounts.models import EVERYWHERE, User
from config import writes


def add(write: writes.Write, before: User, after: User) -> None:
    """Tell Auth0 what concerns it, and the person what somebody else changed about their rights."""
    blocked = (before.status == "blocked") != (after.status == "blocked")
    if before.name != after.name or blocked:
        write.later("accounts.carry_to_auth0", id=f"carry-{after.id}", user_id=after.id)
    unblocked = before.status == "blocked" and after.status == "invited"
    if unblocked and not after.invitation_sent_at and not after.awaited:
        write.later("accounts.send_invitation", user_id=after.id)  # what was due was not sent
    if after.status != "active" or write.author.id == after.id:
        return
    was, is_now = actors.standing(before), actors.standing(after)
    if (was.role, was.permissions) != (is_now.role, is_now.permissions):
        write.later("accounts.send_notice", user_id=after.id, event="rights_changed")
    if added := sorted(set(is_now.locations) - set(was.locations) - {EVERYWHERE}):
        write.later(
            "accounts.send_notice", user_id=after.id, event="location_assigned", locations=added
        )
