"""Who is told how a line would be answered: who is in charge of its location."""

from typing import TYPE_CHECKING

from accounts import permissions, preferences, users
from accounts.notifications import recipients
from accounts.notifications.recipients import Recipient

if TYPE_CHECKING:
    from accounts.models import User

MAX_RECIPIENTS = 40
"""Each takes two actions of one transaction."""


def list_channels(event: str, location_id: str, customer_id: str) -> list[tuple[str, str]]:
    """The ids of those in charge, each with a channel on which they are told of an event."""
    managers = users.find_location_managers(location_id, customer_id)
    chosen = [user for user in managers if _is_in_charge(user, location_id)][:MAX_RECIPIENTS]
    return [
        (str(user.id), channel)
        for user in chosen
        for channel in preferences.CHANNELS
        if preferences.is_notification_enabled(user.settings, channel, event)
    ]


def load_recipient(user_id: str, location_id: str) -> Recipient | None:
    """Somebody who is still in charge of a location."""
    recipient = recipients.get_recipient(user_id)
    is_able = recipient and recipient.is_notifiable and _is_in_charge(recipient.user, location_id)
    return recipient if is_able else None


def _is_in_charge(user: "User", location_id: str) -> bool:
    actor = permissions.user_actor(user)
    return user.status == "active" and actor.can_access_locations([location_id]) and "calls:read" in actor.permissions
