"""What must happen after a person was changed, stored with the change."""

from typing import Any

from accounts import permissions
from accounts.models import ALL_LOCATIONS, User
from config.journal import write_set


def enqueue_side_effects(write: write_set.Write, before: User, after: User) -> None:
    """Tell Auth0 what concerns it, and the person what somebody else changed about their rights."""
    block_changed = (before.status == "blocked") != (after.status == "blocked")
    if before.name != after.name or block_changed:
        write.enqueue("accounts.carry_to_auth0", id=f"carry-{after.id}", user_id=after.id)
    was_unblocked = before.status == "blocked" and after.status == "invited"
    if was_unblocked and not after.invitation_sent_at and not after.awaited:
        write.enqueue("accounts.send_invitation", user_id=after.id)  # what was due was not sent
    if after.status != "active" or write.author.id == after.id:
        return
    rights_before, rights_after = (permissions.access_rights_of(before), permissions.access_rights_of(after))
    if (rights_before.role, rights_before.permissions) != (rights_after.role, rights_after.permissions):
        enqueue_notification(write, after.id, "rights_changed")
    if added_locations := sorted(set(rights_after.locations) - set(rights_before.locations) - {ALL_LOCATIONS}):
        enqueue_notification(write, after.id, "location_assigned", locations=added_locations)


def enqueue_notification(write: write_set.Write, user_id: str, event: str, **arguments: Any) -> None:
    """Let a person hear of an event of `preferences.EVENTS`, on each channel they want it on."""
    write.enqueue("accounts.send_notice", user_id=user_id, event=event, **arguments)
    write.enqueue("accounts.send_push", user_id=user_id, event=event)
