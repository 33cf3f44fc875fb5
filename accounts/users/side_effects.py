"""What a change of a user entails, stored in its transaction: counters, Auth0, notifications.

The counters are always exact. A customer's full owners never fall to zero. A location that users
are assigned to cannot be removed, and a removed location cannot be assigned.
"""

from collections.abc import Mapping, Sequence

from django.conf import settings

from accounts import permissions
from accounts.models import ALL_LOCATIONS, Customer, Location, User
from config import errors
from config.journal import write_set

MAX_LOCATIONS = 80
"""Locations that one user may have, and that one change may add and remove together: each is an
action of the transaction, which takes 100."""


class LastOwner(errors.Conflict, permissions.DeniedAttempt):
    """The customer would be left without an active owner who has full access."""

    code = "last_owner"
    title = "Last owner"
    example_detail = "A customer needs an active owner with full access; make another person owner first."


def is_full_owner(user: User | None) -> bool:
    """Whether this user is an active owner with all locations and all permissions.

    As stored: the counter did not count owners whose record denies a permission over oneself.
    """
    return (
        user is not None
        and user.role == "owner"
        and user.status == "active"
        and ALL_LOCATIONS in user.locations
        and not user.denied
    )


def check_location_changes(before: User | None, after: User) -> None:
    """Raise `errors.InvalidRequest` for more location changes than one transaction takes."""
    if len(_location_ids(before) ^ _location_ids(after)) > MAX_LOCATIONS:
        raise errors.InvalidRequest(
            f"At most {MAX_LOCATIONS} locations can be added and removed at once.", pointer="/locations"
        )


def update_counters(write: write_set.Write, before: User | None, after: User | None) -> None:
    """Count a change of a user; None: did not, or does not, exist.

    Raises `LastOwner` or `errors.NotFound` (a location) at the commit.
    """
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
            only_if=(Customer.owner_count > 1) | (Customer.status == "erasing"),  # then all of them go
            error=LastOwner("A customer needs an active owner with full access; make another person owner first."),
        )
    if is_full_owner_now and not was_full_owner:
        write.update(Customer(customer_id), [Customer.owner_count.add(1)], only_if=Customer.id.exists())


def _location_ids(user: User | None) -> set[str]:
    return set(user.locations) - {ALL_LOCATIONS} if user else set()


def add_side_effects(write: write_set.Write, before: User, after: User) -> None:
    """Update the counters, sync Auth0, and notify users of rights that somebody else changed.

    Raises what `update_counters` raises.
    """
    update_counters(write, before, after)
    block_changed = (before.status == "blocked") != (after.status == "blocked")
    if before.name != after.name or block_changed:
        _enqueue_profile_sync(write, after.id)
    rights_before, rights_after = (permissions.access_rights_of(before), permissions.access_rights_of(after))
    if before.status == "active" and (after.status != "active" or _has_lost_access(rights_before, rights_after)):
        enqueue_access_loss(write, after.id)
    if after.status != "active" or write.author.id == after.id:
        return
    if (rights_before.role, rights_before.permissions) != (rights_after.role, rights_after.permissions):
        enqueue_notification(write, after.id, "rights_changed")
    if added_locations := sorted(set(rights_after.locations) - set(rights_before.locations) - {ALL_LOCATIONS}):
        data = {"locationId": added_locations[0]} if len(added_locations) == 1 else {}
        enqueue_notification(write, after.id, "location_assigned", locations=added_locations, data=data)


def enqueue_auth0_sync(write: write_set.Write, user_id: str) -> None:
    """Have the sign-in say what the record says: name, block and e-mail address."""
    _enqueue_profile_sync(write, user_id)
    write.enqueue("accounts.carry_address", id=f"carry-address-{user_id}", user_id=user_id)


def _enqueue_profile_sync(write: write_set.Write, user_id: str) -> None:
    write.enqueue("accounts.carry_to_auth0", id=f"carry-{user_id}", user_id=user_id)


def _has_lost_access(before: permissions.AccessRights, after: permissions.AccessRights) -> bool:
    """Whether a user may do less than before, or no longer at all locations of before."""
    lost_locations = set() if ALL_LOCATIONS in after.locations else set(before.locations) - set(after.locations)
    return bool(lost_locations or before.permissions - after.permissions)


def enqueue_access_loss(write: write_set.Write, user_id: str) -> None:
    """Have other apps take from a user what they may not have any more.

    ``settings.ACCESS_LOSS_TASKS`` lists tasks that take the user's id.
    """
    for task in settings.ACCESS_LOSS_TASKS:
        write.enqueue(task, user_id=user_id)


def enqueue_notification(
    write: write_set.Write,
    user_id: str,
    event: str,
    *,
    locations: Sequence[str] = (),
    data: Mapping[str, str] | None = None,
) -> None:
    """Notify a user of an event of `preferences.EVENTS`, on each channel that they chose.

    ``data`` are ids by which an app opens what a push is about, as in `push.send_push`.
    """
    write.enqueue("accounts.send_notice", user_id=user_id, event=event, locations=list(locations))
    write.enqueue("accounts.send_push", user_id=user_id, event=event, data=dict(data or {}))
