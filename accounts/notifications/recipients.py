"""Whom to write to: a person and their customer, with what both chose."""

from dataclasses import dataclass

from accounts.models import Customer, User
from config import dynamodb


@dataclass(frozen=True)
class Recipient:
    """Somebody who is told things."""

    user: User
    customer: Customer

    @property
    def is_notifiable(self) -> bool:
        """Whether they are told now: who has not come yet, or may not, is not."""
        return bool(self.user.status == "active" and self.customer.status == "active")


def get_recipient(user_id: str) -> Recipient | None:
    """A person who is here to stay; None for others."""
    user = dynamodb.get_record(User, user_id)
    if user is None or user.status == "deleting":
        return None
    customer = dynamodb.get_record(Customer, user.customer_id)
    return Recipient(user, customer) if customer else None
