"""Customers: the businesses that use Dutyline."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from accounts import permissions, preferences
from accounts.models import DIRECTORY_VERSION, Customer, User, make_name_key
from accounts.permissions import Actor
from accounts.users import create
from config import dynamodb, errors, journal, names
from config.dynamodb import pagination

AUDITED_FIELDS = ("name", "settings")


class CustomerDeleted(errors.Conflict):
    """The customer is deleted, or being erased."""

    code = "customer_deleted"
    example_detail = "This customer is deleted: undo the deletion first."


def create_customer(
    *,
    name: str,
    owner_name: str,
    owner_email: str,
    at: datetime,
    settings: Mapping[str, Any] | None = None,
    make_actor: Callable[[str], Actor] = permissions.system_actor,
) -> tuple[Customer, User]:
    """Create a customer with its first owner, who is invited.

    ``settings`` are the defaults for its people (`preferences`); ``make_actor`` returns who does
    this, from the id of the customer. Raises what `create.create_customer_with_owner` raises.
    """
    id = dynamodb.new_id("cus", at)
    customer = Customer(
        id=id,
        name=name,
        name_key=make_name_key(name, id),
        created_at=at,
        directory_version=DIRECTORY_VERSION,
        settings=preferences.merge_settings({}, settings or {}),
    )
    owner = create.NewUserData(customer_id=customer.id, email=owner_email, name=owner_name, role="owner")
    return customer, create.create_customer_with_owner(customer, owner, actor=make_actor(id), at=at)


def get_customer(customer_id: str) -> Customer:
    """Return a customer. Raises `errors.NotFound`."""
    customer = dynamodb.get_record(Customer, customer_id) if dynamodb.is_id("cus", customer_id) else None
    if customer is None:
        raise errors.NotFound("Customer not found.")
    return customer


def require_not_deleted(customer_id: str) -> None:
    """Raise `CustomerDeleted` for a deleted customer."""
    customer = dynamodb.get_record(Customer, customer_id)
    if customer and customer.is_deleted:
        raise CustomerDeleted(CustomerDeleted.example_detail)


def select(customer_id: str | None) -> Iterator[Customer]:
    """This customer, or all of them by name: for commands. Raises `errors.NotFound`."""
    if customer_id:
        yield get_customer(customer_id)
        return
    yield from dynamodb.iter_records(Customer, "#listed = :all", {":all": {"S": "all"}}, IndexName="byName")


def load_names(customer_ids: Collection[str]) -> dict[str, str]:
    """The names by id of those of these customers that exist; for operators."""
    records = dynamodb.batch_get(map(customer_key, customer_ids))
    loaded = (records.get(Customer, id) for id in customer_ids)
    return {str(customer.id): str(customer.name) for customer in loaded if customer}


def list_page(*, limit: int, cursor: pagination.Cursor | None) -> pagination.CursorPage[Customer]:
    """A page of all customers by name: for work in the background."""
    values = {":all": {"S": "all"}}
    return pagination.query_page(Customer, "byName", "#listed = :all", values, limit=limit, cursor=cursor)


def list_checked_page(*, limit: int, cursor: pagination.Cursor | None) -> pagination.CursorPage[Customer]:
    """As `list_page`, without deleted customers: a page may be shorter than others."""
    page = list_page(limit=limit, cursor=cursor)
    return pagination.CursorPage([customer for customer in page.records if not customer.is_deleted], page.next_cursor)


def customer_key(customer_id: str) -> dynamodb.RecordKey:
    """The key of a customer's record, for a batch read."""
    return dynamodb.RecordKey(Customer, customer_id)


def find_customer_in(records: dynamodb.BatchResult, customer_id: str) -> Customer | None:
    """The customer, if it is among these records."""
    return records.get(Customer, customer_id)


def is_active_in(records: dynamodb.BatchResult, customer_id: str) -> bool:
    """Whether the customer is among these records and not suspended."""
    customer = records.get(Customer, customer_id)
    return customer is not None and customer.status == "active"


def is_active(customer_id: str) -> bool:
    """Whether the customer exists and is not suspended."""
    customer = dynamodb.get_record(Customer, customer_id)
    return customer is not None and customer.status == "active"


def update_customer(
    customer: Customer,
    patch: Mapping[str, Any],
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> Customer:
    """Change the name or settings of the actor's customer; ``customer`` is the record just read.

    Raises `errors.Forbidden`, `errors.InvalidRequest` or `errors.PreconditionFailed`.
    """
    actor.require("customer:update")
    if actor.is_location_restricted:
        raise errors.Forbidden("Only people with access to all locations can change the customer.")

    def decide(known: Customer | None = None) -> Customer:
        before = known or get_customer(customer.id)
        precondition.check(before)
        values = {name: patch[name] for name in AUDITED_FIELDS if name in patch}
        if "settings" in values:
            change = values["settings"]
            if precondition.is_echo:
                change = preferences.drop_shown(change, preferences.defaults_of(before.settings))
            values["settings"] = preferences.merge_settings(before.settings, change)
        if "name" in values:
            names.check_change("/name", before.name, values["name"])
            values["name_key"] = make_name_key(values["name"], before.id)
        after = before.with_changes(**values, updated_at=at)
        return journal.update_record(actor, "customer.changed", before, after, at, audited=AUDITED_FIELDS)

    return journal.retry_on_conflict(decide, customer)


def suspend(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Reject all tokens of the customer's people from the next request on."""
    return _set_status(customer_id, "suspended", "customer.suspended", actor, at)


def resume(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Accept tokens of the customer's people again."""
    return _set_status(customer_id, "active", "customer.resumed", actor, at)


def _set_status(customer_id: str, status: str, action: str, actor: Actor, at: datetime) -> Customer:
    actor.require("customers:suspend")

    def decide() -> Customer:
        before = get_customer(customer_id)
        if before.is_deleted:
            raise CustomerDeleted(CustomerDeleted.example_detail)
        after = before.with_changes(status=status, updated_at=at)
        return journal.update_record(actor, action, before, after, at, audited=["status"])

    return journal.retry_on_conflict(decide)
