"""Signing in: whom a verified token belongs to."""

from dataclasses import dataclass
from datetime import datetime

from accounts import permissions
from accounts.models import Customer, User
from accounts.users import counters, diff
from config import dynamodb, errors, journal

KNOWN = 50_000
"""People whose customer a process remembers."""

_customers: dict[str, str] = {}
"""The customer of a person never changes: remembering it saves a round trip."""


class Suspended(errors.Unauthenticated):
    """The whole customer is suspended."""

    code = "customer_suspended"


@dataclass(frozen=True)
class SignedIn:
    """Who makes a request: their record and their customer's."""

    user: User
    customer: Customer


def signed_in(user_id: str | None, *, origin: permissions.Origin, at: datetime) -> SignedIn:
    """The person whose token was verified; the first one makes them active.

    One round trip where this process has met the person before. Raises `errors.NoAccount` for
    unknown people, and `errors.Unauthenticated` for machines and who may not sign in.
    """
    if user_id is None:
        raise errors.Unauthenticated("This token is not a person's.")
    user, customer = _with_customer(user_id)
    if user is None or customer is None:
        raise errors.NoAccount("No account here belongs to this token.")
    if not user.may_sign_in:
        raise errors.Unauthenticated("This account cannot be used here.")
    if customer.status != "active":
        raise Suspended("This customer is suspended; ask Dutyline's support.")
    if user.status != "active":
        user = accept(user, origin=origin, at=at)
    return SignedIn(user, customer)


def _with_customer(user_id: str) -> tuple[User | None, Customer | None]:
    home = _customers.get(user_id)
    if home is None:
        user = dynamodb.get(User, user_id)
        if user is None:
            return None, None
        if len(_customers) >= KNOWN:
            _customers.clear()
        _customers[user_id] = user.customer_id
        return user, dynamodb.get(Customer, user.customer_id)
    found = dynamodb.fetch([dynamodb.Key(User, user_id), dynamodb.Key(Customer, home)])
    return found.get(User, user_id), found.get(Customer, home)


def accept(user: User, *, origin: permissions.Origin, at: datetime) -> User:
    """An invited person has come: the account is active, a full owner counts from now on."""
    after = user.changed(status="active", accepted_at=at, updated_at=at)
    try:
        with journal.write(
            actor=permissions.of(user, origin),
            action="user.accepted",
            subject=user.party,
            at=at,
            customer_id=user.customer_id,
            changes=diff.differences(user, after),
        ) as write:
            write.put(after, only_if=User.version == user.version)
            counters.adjust(write, user, after)
    except errors.Conflict:
        # Another request was first, or they were blocked.
        return signed_in(user.id, origin=origin, at=at).user
    return after
