"""Customers: the businesses."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from accounts import preferences
from accounts.models import Customer, User, name_key
from accounts.permissions import Actor
from accounts.users import create
from config import audit, dynamodb, errors, journal
from config.dynamodb import ids, optimistic

SHOWN = ("name", "settings")


def create_customer(
    *, name: str, owner_name: str, owner_email: str, at: datetime
) -> tuple[Customer, User]:
    """A new customer with its first owner, who is invited.

    Raises what `provisioning.create` raises.
    """
    id = ids.new("cus", at)
    customer = Customer(id=id, name=name, name_key=name_key(name, id), created_at=at)
    owner = create.Wanted(customer_id=customer.id, email=owner_email, name=owner_name, role="owner")
    return customer, create.found_customer(customer, owner, at=at)


def get(customer_id: str) -> Customer:
    """A customer's record. Raises `errors.NotFound`."""
    customer = dynamodb.get(Customer, customer_id) if ids.is_id("cus", customer_id) else None
    if customer is None:
        raise errors.NotFound("There is no such customer.")
    return customer


def key(customer_id: str) -> dynamodb.Key:
    """Where a customer's record is, to be read with others."""
    return dynamodb.Key(Customer, customer_id)


def is_active_in(found: dynamodb.Found, customer_id: str) -> bool:
    """Whether a customer is there and not suspended, of what was read."""
    customer = found.get(Customer, customer_id)
    return customer is not None and customer.status == "active"


def is_active(customer_id: str) -> bool:
    """Whether a customer is there and not suspended."""
    customer = dynamodb.get(Customer, customer_id)
    return customer is not None and customer.status == "active"


def change(
    customer: Customer,
    asked: Mapping[str, Any],
    *,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> Customer:
    """Change the name or settings of one's own customer, whose record was just read.

    Raises `errors.Forbidden` or `errors.PreconditionFailed`.
    """
    actor.require("customer:update")
    if actor.is_confined:
        raise errors.Forbidden("Only who works in every location may change the customer.")
    latest = [customer]

    def decide() -> Customer:
        before = latest.pop() if latest else get(customer.id)
        optimistic.check_version(before, versions)
        return _keep(before, asked, actor=actor, at=at)

    return optimistic.repeated(decide)


def _keep(before: Customer, asked: Mapping[str, Any], *, actor: Actor, at: datetime) -> Customer:
    values = {name: asked[name] for name in SHOWN if name in asked}
    if "settings" in values:
        values["settings"] = preferences.merged(before.settings, values["settings"])
    told = [
        audit.Change(name, getattr(before, name), value)
        for name, value in values.items()
        if value != getattr(before, name)
    ]
    if not told:
        return before
    if "name" in values:
        values["name_key"] = name_key(values["name"], before.id)
    with journal.write(
        actor=actor,
        action="customer.changed",
        subject=before.party,
        at=at,
        customer_id=before.id,
        changes=told,
    ) as write:
        sets = [getattr(Customer, name).set(value) for name, value in values.items()]
        write.update(
            before,
            [*sets, Customer.updated_at.set(at), Customer.version.add(1)],
            only_if=Customer.version == before.version,
            refusal=optimistic.changed(),
        )
    return before.changed(**values, updated_at=at)


def suspend(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Refuse every token of a customer's people from the next request on."""
    return _turn(customer_id, "suspended", actor, at)


def resume(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Let a suspended customer's people in again."""
    return _turn(customer_id, "active", actor, at)


def _turn(customer_id: str, status: str, actor: Actor, at: datetime) -> Customer:
    actor.require("customers:suspend")
    customer = get(customer_id)
    if customer.status == status:
        return customer
    with journal.write(
        actor=actor,
        action="customer.suspended" if status == "suspended" else "customer.resumed",
        subject=customer.party,
        at=at,
        customer_id=customer.id,
        changes=[audit.Change("status", customer.status, status)],
    ) as write:
        write.update(
            customer,
            [Customer.status.set(status), Customer.updated_at.set(at), Customer.version.add(1)],
            only_if=Customer.status == customer.status,
            refusal=optimistic.changed(),
        )
    return customer.changed(status=status, updated_at=at)
