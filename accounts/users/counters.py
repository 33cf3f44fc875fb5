"""Counts that must always be true, kept in the transaction of what they count.

How many full owners a customer has: it never falls to zero. How many people name a location as
theirs: it cannot be removed under them, nor be assigned once it is gone.
"""

from accounts import permissions
from accounts.models import ALL_LOCATIONS, Customer, Location, User
from config import errors
from config.journal import write_set

MAX_LOCATIONS = 80
"""Locations that one person may name, and that one change may add and remove together: each is an
action of the transaction, which takes 100."""


class LastOwner(errors.Conflict, permissions.DeniedAttempt):
    """The customer would be left without anybody who holds everything."""

    code = "last_owner"


def is_full_owner(user: User | None) -> bool:
    """Whether this person can give every right: active, everywhere, and denied nothing."""
    return (
        user is not None
        and user.role == "owner"
        and user.status == "active"
        and ALL_LOCATIONS in user.locations
        and permissions.effective_permissions(user.role, user.extra, user.denied) >= permissions.PERMISSIONS
    )


def check_location_changes(before: User | None, after: User) -> None:
    """Refuse a change of more locations than one transaction takes."""
    if len(_location_ids(before) ^ _location_ids(after)) > MAX_LOCATIONS:
        raise errors.InvalidRequest(
            f"At most {MAX_LOCATIONS} locations can be added and removed at once.", pointer="/locations"
        )


def update_counters(write: write_set.Write, before: User | None, after: User | None) -> None:
    """Count a person's change; None is where they are not. Raises `LastOwner` at the commit."""
    user = after or before
    if user is None:
        return
    _update_owner_count(
        write, user.customer_id, was_full_owner=is_full_owner(before), is_full_owner_now=is_full_owner(after)
    )
    previous_ids = _location_ids(before)
    current_ids = _location_ids(after)
    for id in sorted(current_ids - previous_ids):
        write.update(
            Location(id),
            [Location.people.add(1)],
            only_if=Location.id.exists(),
            error=errors.NotFound("Location not found.", pointer="/locations"),
        )
    for id in sorted(previous_ids - current_ids):
        write.update(Location(id), [Location.people.add(-1)], only_if=Location.id.exists())


def _update_owner_count(
    write: write_set.Write, customer_id: str, *, was_full_owner: bool, is_full_owner_now: bool
) -> None:
    if was_full_owner and not is_full_owner_now:
        write.update(
            Customer(customer_id),
            [Customer.owner_count.add(-1)],
            only_if=Customer.owner_count > 1,
            error=LastOwner("A customer needs an active owner with full access; make another person owner first."),
        )
    if is_full_owner_now and not was_full_owner:
        write.update(Customer(customer_id), [Customer.owner_count.add(1)], only_if=Customer.id.exists())


def _location_ids(user: User | None) -> set[str]:
    return set(user.locations) - {ALL_LOCATIONS} if user else set()
