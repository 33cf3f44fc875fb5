"""Recipients of notifications: a user and their customer, with the settings of both."""

from dataclasses import dataclass

from accounts import preferences
from accounts.models import Customer, User
from config import dynamodb


@dataclass(frozen=True)
class Recipient:
    """A user and their customer."""

    user: User
    customer: Customer

    @property
    def is_notifiable(self) -> bool:
        """Whether both are active: nobody else receives notifications."""
        return bool(self.user.status == "active" and self.customer.status == "active")

    @property
    def language(self) -> str:
        """The language of notifications."""
        return preferences.language_of(self.user.settings, self.customer.settings)

    def has_enabled(self, channel: str, event: str) -> bool:
        """Whether the user receives an event of `preferences.EVENTS` on this channel."""
        return preferences.is_notification_enabled(self.user.settings, channel, event)


def get_recipient(user_id: str) -> Recipient | None:
    """A user and their customer; None if the user does not exist or is being deleted."""
    user = dynamodb.get_record(User, user_id)
    if user is None or user.status == "deleting":
        return None
    customer = dynamodb.get_record(Customer, user.customer_id)
    return Recipient(user, customer) if customer else None
