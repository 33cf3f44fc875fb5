"""Names of customers that no other test has: operators find them in long lists."""

from typing import Any

from accounts import customers
from accounts.models import Customer
from accounts.permissions import Actor
from config import dynamodb
from tests.support.users import now


def rename(customer: Customer, beginning: str, actor: Actor) -> str:
    """Give a customer, and this record of it, a name of its own, which begins so; the name."""
    record: Any = dynamodb.get_record(Customer, customer.id)
    name = f"{beginning} {customer.id[-8:].lower()}"
    customers.update_customer(record, {"name": name}, actor=actor, at=now())
    customer.name = name
    return name
