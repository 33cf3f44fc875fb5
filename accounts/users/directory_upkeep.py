"""Completing the directory of customers who are older than it, or than its present version.

Every write of a person writes their entry (`User.derived_records`). What is done here may be
interrupted and repeated at any time, also while people change.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TypeVar

from accounts import permissions
from accounts.models import DIRECTORY_STATUSES, DIRECTORY_VERSION, Customer, DirectoryEntry, User
from accounts.users import address_claims
from config import audit, dynamodb, journal

T = TypeVar("T")
BATCH_SIZE = 40
"""People per transaction, which takes 100 actions."""


def complete_directory(customer: Customer, *, at: datetime) -> int:
    """Write the entries that are missing, remove those of nobody; returns how many.

    Also renews keys of e-mail addresses that follow a former rule.

    From then on searches of the customer use the directory. A customer who was erased meanwhile
    keeps nothing. Raises `errors.Unavailable`.
    """
    condition, values = "#customer_id = :of", {":of": {"S": customer.id}}
    users = dynamodb.iter_records(User, condition, values, IndexName="byCustomer")
    repaired = _repair_in_batches(partial(_write_missing_entries, at=at), dict.fromkeys(user.id for user in users))
    entries = dynamodb.iter_records(DirectoryEntry, condition, values, ConsistentRead=True)
    repaired += _repair_in_batches(_remove_obsolete_entries, entries)
    if customer.directory_version != DIRECTORY_VERSION:
        journal.retry_on_conflict(partial(_record_version, customer.id, at=at))
    return repaired


def _record_version(customer_id: str, *, at: datetime) -> None:
    """Write at the customer that their directory is complete."""
    customer = dynamodb.get_record(Customer, customer_id)
    if customer is None or customer.directory_version == DIRECTORY_VERSION:
        return
    changes = [audit.FieldChange("version", customer.directory_version, DIRECTORY_VERSION)]
    actor = permissions.system_actor(customer.id)
    with journal.write(actor, "directory.completed", customer, at, changes=changes) as write:
        version = Customer.directory_version.set(DIRECTORY_VERSION)
        write.update(customer, [version], only_if=Customer.id.exists(), error=journal.StaleRecord())


def _repair_in_batches(repair: Callable[[list[T]], int], items: Iterable[T]) -> int:
    remaining, repaired = iter(items), 0
    while batch := list(islice(remaining, BATCH_SIZE)):
        repaired += journal.retry_on_conflict(partial(repair, batch))
    return repaired


def _write_missing_entries(user_ids: list[str], *, at: datetime) -> int:
    """Write the entries of these people that are missing or outdated, and renew their keys."""
    records = dynamodb.batch_get(dynamodb.RecordKey(User, id) for id in user_ids)
    users = [user for id in user_ids if (user := records.get(User, id))]
    if renewed := sum([address_claims.renew_email_key(user, at) for user in users]):
        return renewed + _write_missing_entries(user_ids, at=at)
    pairs = [(user, user.directory_entry()) for user in users if user.status in DIRECTORY_STATUSES]
    stored = dynamodb.batch_get(entry.record_key for _, entry in pairs)
    outdated_users, missing = [], []
    for user, entry in pairs:
        stored_entry = stored.get(*entry.record_key)
        if stored_entry is None or stored_entry.serialize() != entry.serialize():
            outdated_users.append(user)
            missing.append(entry)
    if missing:
        sources = [(user, User.version == user.version) for user in outdated_users]
        journal.repair_derived_records(sources, missing=missing)
    return len(missing)


def _remove_obsolete_entries(entries: list[DirectoryEntry]) -> int:
    """Remove the entries, among these, that belong to nobody, or to a former name."""
    records = dynamodb.batch_get(dynamodb.RecordKey(User, entry.id) for entry in entries)
    sources, obsolete = {}, []  # a person may have several of former names; a transaction names each record once
    for entry in entries:
        user = records.get(User, entry.id)
        if user is None or entry.record_key not in [derived.record_key for derived in user.derived_records()]:
            unchanged = User.version == user.version if user else User.id.does_not_exist()
            sources[entry.id] = (user or User(entry.id), unchanged)
            obsolete.append(entry)
    if obsolete:
        journal.repair_derived_records(list(sources.values()), obsolete=obsolete)
    return len(obsolete)
