"""Customers: the businesses."""

from datetime import datetime

from accounts import provisioning
from accounts.models import Customer, User
from config import ids


def create(*, name: str, owner_name: str, owner_email: str, at: datetime) -> tuple[Customer, User]:
    """A new customer with its first owner, who is invited.

    Raises what `provisioning.create` raises.
    """
    customer = Customer(id=ids.new("cus", at), name=name, created_at=at)
    owner = provisioning.Wanted(
        customer_id=customer.id, email=owner_email, name=owner_name, role="owner"
    )
    return customer, provisioning.found_customer(customer, owner, at=at)
