"""People: finding them, and whom a token belongs to."""

from datetime import datetime

from accounts import actors
from accounts.models import Customer, User
from config import audit, dynamo, errors, journal


def get(user_id: str) -> User:
    """A person's record. Raises `errors.NotFound`."""
    user = dynamo.get(User, user_id)
    if user is None:
        raise errors.NotFound("There is no such user.")
    return user


def signed_in(user_id: str | None, *, origin: actors.Origin, at: datetime) -> User:
    """The person whose token was verified; the first one makes them active.

    Raises `errors.Unauthenticated` for machines and for who may not sign in.
    """
    user = dynamo.get(User, user_id) if user_id else None
    if user is None or not user.may_sign_in:
        raise errors.Unauthenticated("This account cannot be used here.")
    return user if user.status == "active" else accept(user, origin=origin, at=at)


def accept(user: User, *, origin: actors.Origin, at: datetime) -> User:
    """An invited person has come: the account is active, an owner counts from now on."""
    after = user.changed(status="active", accepted_at=at, updated_at=at)
    changes = [audit.Change("status", user.status, "active")]
    try:
        with journal.write(
            actor=actors.of(user, origin),
            action="user.accepted",
            subject=user.party,
            at=at,
            customer_id=user.customer_id,
            changes=changes,
        ) as write:
            write.put(after, only_if=User.version == user.version)
            if user.role == "owner":
                write.update(Customer(user.customer_id), [Customer.owner_count.add(1)])
    except errors.Conflict:
        return signed_in(
            user.id, origin=origin, at=at
        )  # another request was first, or they were blocked
    return after
