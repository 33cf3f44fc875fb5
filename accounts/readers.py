"""Whom to write to: an active person and their customer."""

from dataclasses import dataclass

from accounts.models import Customer, User
from config import dynamo


@dataclass(frozen=True)
class Reader:
    """Somebody who may be told things, with what they and their customer chose."""

    user: User
    customer: Customer


def get(user_id: str) -> Reader | None:
    """An active person of an active customer; None for others."""
    user = dynamo.get(User, user_id)
    if user is None or user.status != "active":
        return None
    customer = dynamo.get(Customer, user.customer_id)
    if customer is None or customer.status != "active":
        return None
    return Reader(user, customer)
