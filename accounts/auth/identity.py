"""The user that a verified token belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts import permissions
from accounts.models import Customer, User
from accounts.users import diff, side_effects
from config import dynamodb, errors, journal

MAX_CACHED_CUSTOMERS = 50_000
"""The number of users for which a process caches the customer."""

_customer_ids: dict[str, str] = {}
"""Customer id by user id. It never changes, and caching it saves a round trip."""


class AccessEnded(errors.Unauthenticated):
    """The account was unblocked, invited again or given another address since the token."""

    code = "access_ended"

    example_detail = (
        "Earlier sign-ins of this account have ended; set a new password with the newest link sent by e-mail."
    )


class CustomerSuspended(errors.Unauthenticated):
    """The customer of this user is suspended."""

    code = "customer_suspended"


@dataclass(frozen=True)
class AuthenticatedUser:
    """The user who makes a request, and their customer."""

    user: User
    customer: Customer
    records: dynamodb.BatchResult = dynamodb.NOTHING_READ
    """Read with them: records that the request names, which they may not be allowed to see."""


def authenticate_user(
    user_id: str | None,
    *,
    issued_at: datetime,
    origin: permissions.Origin,
    at: datetime,
    other_keys: Sequence[dynamodb.RecordKey] = (),
) -> AuthenticatedUser:
    """The user of a verified token; their first request makes them active.

    One round trip, for ``other_keys`` too, if this process knows the user's customer. Raises
    `errors.NoAccount` for unknown users, `errors.Unauthenticated` for machines and users who may
    not sign in, `AccessEnded` for tokens of an earlier holder of the account.
    """
    if user_id is None:
        raise errors.Unauthenticated("This token does not belong to a user.")
    user, customer, records = _load_user_and_customer(user_id, other_keys)
    if user is None or customer is None:
        raise errors.NoAccount("No user account belongs to this token.")
    if not user.can_sign_in:
        raise errors.Unauthenticated("This account cannot sign in.")
    if customer.status != "active":
        state = "was deleted from Dutyline" if customer.is_deleted else "is suspended"
        raise CustomerSuspended(f"Your organization {state}; contact Dutyline support.")
    if not user.is_of_present_holder(issued_at):
        raise AccessEnded(str(AccessEnded.example_detail))
    if user.status != "active":
        try:
            return AuthenticatedUser(accept_invitation(user, origin=origin, at=at), customer)  # not what was before
        except errors.Conflict:  # another request activated them, or they were blocked or invited again
            return authenticate_user(user_id, issued_at=issued_at, origin=origin, at=at, other_keys=other_keys)
    return AuthenticatedUser(user, customer, records)


def _load_user_and_customer(
    user_id: str, other_keys: Sequence[dynamodb.RecordKey]
) -> tuple[User | None, Customer | None, dynamodb.BatchResult]:
    user_key = dynamodb.RecordKey(User, user_id)
    customer_id = _customer_ids.get(user_id)
    if customer_id is None:
        records = dynamodb.batch_get([user_key, *other_keys])
        user = records.get(User, user_id)
        if user is None:
            return None, None, records
        if len(_customer_ids) >= MAX_CACHED_CUSTOMERS:
            _customer_ids.clear()
        _customer_ids[user_id] = user.customer_id
        return user, dynamodb.get_record(Customer, user.customer_id), records
    records = dynamodb.batch_get([user_key, dynamodb.RecordKey(Customer, customer_id), *other_keys])
    return records.get(User, user_id), records.get(Customer, customer_id), records


def accept_invitation(user: User, *, origin: permissions.Origin, at: datetime) -> User:
    """Activate an invited user; a full owner counts from now on. Raises `errors.Conflict`."""
    after = user.with_changes(status="active", accepted_at=at, updated_at=at)
    actor = permissions.user_actor(user, origin)
    with journal.write(actor, "user.accepted", user, at, changes=diff.diff_users(user, after)) as write:
        write.save(user, after)
        side_effects.update_counters(write, user, after)
    return after
