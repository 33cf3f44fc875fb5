"""Customers: the businesses."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from accounts import preferences
from accounts.models import Customer, User, make_name_key
from accounts.permissions import Actor
from accounts.users import create
from config import audit, dynamodb, errors, journal
from config.dynamodb import ids, optimistic

AUDITED_FIELDS = ("name", "settings")


def create_customer(*, name: str, owner_name: str, owner_email: str, at: datetime) -> tuple[Customer, User]:
    """A new customer with its first owner, who is invited.

    Raises what `provisioning.create` raises.
    """
    id = ids.new_id("cus", at)
    customer = Customer(id=id, name=name, name_key=make_name_key(name, id), created_at=at)
    owner = create.NewUserData(customer_id=customer.id, email=owner_email, name=owner_name, role="owner")
    return customer, create.create_customer_with_owner(customer, owner, at=at)


def get_customer(customer_id: str) -> Customer:
    """A customer's record. Raises `errors.NotFound`."""
    customer = dynamodb.get_record(Customer, customer_id) if ids.is_id("cus", customer_id) else None
    if customer is None:
        raise errors.NotFound("There is no such customer.")
    return customer


def customer_key(customer_id: str) -> dynamodb.RecordKey:
    """Where a customer's record is, to be read with others."""
    return dynamodb.RecordKey(Customer, customer_id)


def is_active_in(records: dynamodb.BatchResult, customer_id: str) -> bool:
    """Whether a customer is there and not suspended, of what was read."""
    customer = records.get(Customer, customer_id)
    return customer is not None and customer.status == "active"


def is_active(customer_id: str) -> bool:
    """Whether a customer is there and not suspended."""
    customer = dynamodb.get_record(Customer, customer_id)
    return customer is not None and customer.status == "active"


def update_customer(
    customer: Customer, patch: Mapping[str, Any], *, actor: Actor, at: datetime, versions: Collection[int] | None = None
) -> Customer:
    """Change the name or settings of one's own customer, whose record was just read.

    Raises `errors.Forbidden` or `errors.PreconditionFailed`.
    """
    actor.require("customer:update")
    if actor.is_location_restricted:
        raise errors.Forbidden("Only who works in every location may change the customer.")
    first_reads = [customer]

    def decide() -> Customer:
        before = first_reads.pop() if first_reads else get_customer(customer.id)
        optimistic.check_version(before, versions)
        return _save_changes(before, patch, actor=actor, at=at)

    return optimistic.retry_on_conflict(decide)


def _save_changes(before: Customer, patch: Mapping[str, Any], *, actor: Actor, at: datetime) -> Customer:
    values = {name: patch[name] for name in AUDITED_FIELDS if name in patch}
    if "settings" in values:
        values["settings"] = preferences.merge_settings(before.settings, values["settings"])
    audit_changes = [
        audit.FieldChange(name, getattr(before, name), value)
        for name, value in values.items()
        if value != getattr(before, name)
    ]
    if not audit_changes:
        return before
    if "name" in values:
        values["name_key"] = make_name_key(values["name"], before.id)
    with journal.write(actor, "customer.changed", before, at, changes=audit_changes) as write:
        actions = [getattr(Customer, name).set(value) for name, value in values.items()]
        write.update(
            before,
            [*actions, Customer.updated_at.set(at), Customer.version.add(1)],
            only_if=Customer.version == before.version,
            error=optimistic.stale_record_error(),
        )
    return before.with_changes(**values, updated_at=at)


def suspend(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Refuse every token of a customer's people from the next request on."""
    return _set_status(customer_id, "suspended", actor, at)


def resume(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Let a suspended customer's people in again."""
    return _set_status(customer_id, "active", actor, at)


def _set_status(customer_id: str, status: str, actor: Actor, at: datetime) -> Customer:
    actor.require("customers:suspend")
    customer = get_customer(customer_id)
    if customer.status == status:
        return customer
    with journal.write(
        actor,
        "customer.suspended" if status == "suspended" else "customer.resumed",
        customer,
        at,
        changes=[audit.FieldChange("status", customer.status, status)],
    ) as write:
        write.update(
            customer,
            [Customer.status.set(status), Customer.updated_at.set(at), Customer.version.add(1)],
            only_if=Customer.status == customer.status,
            error=optimistic.stale_record_error(),
        )
    return customer.with_changes(status=status, updated_at=at)
