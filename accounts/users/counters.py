"""Counts that must always be true, kept in the transaction of what they count.

How many full owners a customer has: it never falls to zero. How many people name a location as
theirs: it cannot be removed under them, nor be assigned once it is gone.
"""

from accounts import permissions
from accounts.models import EVERYWHERE, Customer, Location, User
from config import errors
from config.journal import write_set

MOST_LOCATIONS = 80
"""Locations that one person may name, and that one change may add and remove together: each is an
action of the transaction, which takes 100."""


class LastOwner(errors.Conflict, permissions.Overreach):
    """The customer would be left without anybody who holds everything."""

    code = "last_owner"


def is_full_owner(user: User | None) -> bool:
    """Whether this person can give every right: active, everywhere, and denied nothing."""
    return (
        user is not None
        and user.role == "owner"
        and user.status == "active"
        and EVERYWHERE in user.locations
        and permissions.effective(user.role, user.extra, user.denied) >= permissions.PERMISSIONS
    )


def check_places(before: User | None, after: User) -> None:
    """Refuse a change of more locations than one transaction takes."""
    if len(_places(before) ^ _places(after)) > MOST_LOCATIONS:
        raise errors.Invalid(
            f"At most {MOST_LOCATIONS} locations can be added and removed at once.",
            pointer="/locations",
        )


def adjust(write: write_set.Write, before: User | None, after: User | None) -> None:
    """Count a person's change; None is where they are not. Raises `LastOwner` at the commit."""
    someone = after or before
    if someone is None:
        return
    _count_owner(write, someone.customer_id, is_full_owner(before), is_full_owner(after))
    were = _places(before)
    are = _places(after)
    for id in sorted(are - were):
        write.update(
            Location(id),
            [Location.people.add(1)],
            only_if=Location.id.exists(),
            refusal=errors.NotFound("There is no such location.", pointer="/locations"),
        )
    for id in sorted(were - are):
        write.update(Location(id), [Location.people.add(-1)], only_if=Location.id.exists())


def _count_owner(write: write_set.Write, customer_id: str, was: bool, is_one: bool) -> None:  # noqa: FBT001
    if was and not is_one:
        write.update(
            Customer(customer_id),
            [Customer.owner_count.add(-1)],
            only_if=Customer.owner_count > 1,
            refusal=LastOwner("The last active owner stays as they are; name another one first."),
        )
    if is_one and not was:
        write.update(
            Customer(customer_id), [Customer.owner_count.add(1)], only_if=Customer.id.exists()
        )


def _places(user: User | None) -> set[str]:
    return set(user.locations) - {EVERYWHERE} if user else set()
