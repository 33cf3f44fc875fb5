"""Who has an e-mail address: at most one person, over all customers.

The uniqueness record (`EmailOwner`) decides, by conditional writes. An invitation that nobody has
accepted in time frees its address, once somebody else wants it: `claim_freeing_expired` marks the
invited person, who can no longer sign in, takes the address from their Auth0 account and then
removes the uniqueness record. To invite them again is to claim the address again.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from accounts import permissions
from accounts.clients import auth0
from accounts.models import EmailOwner, User
from accounts.users import email_address, mail_limits
from config import audit, daily_limits, dynamodb, errors, journal, outbox
from config.journal import two_phase, write_set

FREEING = two_phase.Flow("accounts.finish_freeing", prefix="free-address")
FREED_DOMAIN = "address-freed.invalid"
"""Of the address that an Auth0 account has without one (RFC 6761: it exists nowhere)."""
T = TypeVar("T")


class UserExists(errors.Conflict):
    """The e-mail address belongs to an account already, here or at another customer."""

    code = "user_exists"
    title = "User exists"


def user_exists() -> UserExists:
    """The refusal of an address that somebody has."""
    return UserExists("A user with this e-mail address already exists.", pointer="/email")


def sign_in_address(user: User) -> str:
    """The address that a person's Auth0 account has."""
    return freed_address(user.id) if user.address_freed_at else str(user.email)


def freed_address(user_id: str) -> str:
    """The address of an Auth0 account whose own one others may have."""
    return f"{user_id}@{FREED_DOMAIN}".lower()


def claim_email(write: write_set.Write, email_key: str, user_id: str) -> None:
    """Give a person an address that nobody has. Raises `UserExists`, most often at the commit."""
    former_key = email_address.former_email_key(email_key)
    if former_key != email_key and _is_held_by_former_key(email_key, former_key, user_id):
        raise user_exists()
    owner = EmailOwner(key=email_key, user_id=user_id)
    write.put(owner, only_if=EmailOwner.key.does_not_exist(), error=user_exists())


def _is_held_by_former_key(email_key: str, former_key: str, user_id: str) -> bool:
    """Whether somebody else has the mailbox under a key that is yet to be renewed."""
    owner = dynamodb.get_record(EmailOwner, former_key)
    holder = dynamodb.get_record(User, owner.user_id) if owner and owner.user_id != user_id else None
    return holder is not None and email_address.email_key(holder.email) == email_key


class _KeyIsTaken(errors.Conflict):
    """Somebody else has the key."""

    code = "email_key_taken"

    def __init__(self) -> None:
        super().__init__("Somebody else has this address.")


def renew_email_key(user: User, at: datetime) -> bool:
    """Store the present key of a person's address, where it has another; whether it was stored.

    A person with a pending new address keeps the former key, and one whose present key belongs to
    somebody else. Raises `journal.StaleRecord`.
    """
    email_key = email_address.email_key(user.email)
    if user.email_key == email_key or user.awaited:
        return False
    actor = permissions.system_actor(user.customer_id)
    try:
        with journal.write(actor, "user.address_rekeyed", user, at) as write:
            write.save(user, user.with_changes(email_key=email_key))
            if not user.address_freed_at:
                write.put(
                    EmailOwner(key=email_key, user_id=user.id),
                    only_if=EmailOwner.key.does_not_exist(),
                    error=_KeyIsTaken(),
                )
                write.remove(EmailOwner(user.email_key), only_if=EmailOwner.user_id == user.id, error=_KeyIsTaken())
    except _KeyIsTaken:
        return False
    return True


def claim_freeing_expired(email: str, claim: Callable[[], T], *, author: audit.Author, at: datetime) -> T:
    """The result of ``claim``; it runs again if an expired invitation has freed the address.

    Raises what ``claim`` raises, in place of `UserExists` also `daily_limits.DailyLimitReached`,
    and `errors.Unavailable` if Auth0 cannot free the address now.
    """
    try:
        return claim()
    except UserExists:
        if not _free_if_expired(email_address.email_key(email_address.normalize_email(email)), at):
            _count_refusal(author, at)
            raise
    try:
        return claim()
    except UserExists:  # somebody was faster
        _count_refusal(author, at)
        raise


def _count_refusal(author: audit.Author, at: datetime) -> None:
    for limit in mail_limits.taken_address_limits(author):
        daily_limits.consume(limit, at)


def _free_if_expired(email_key: str, at: datetime) -> bool:
    """Whether the address is free now, because nobody accepted the invitation to it in time."""
    owner = dynamodb.get_record(EmailOwner, email_key)
    if owner is None:
        return False
    user = journal.retry_on_conflict(lambda: _mark_if_expired(owner.user_id, at))
    return user is not None and bool(user.address_freed_at) and _finish_freeing(user, email_key, at)


def _mark_if_expired(user_id: str, at: datetime) -> User | None:
    """The person, from now on without the address if their invitation has expired."""
    user = dynamodb.get_record(User, user_id)
    if user is None or user.address_freed_at or not has_expired(user, at):
        return user
    after = user.with_changes(address_freed_at=at, updated_at=at)
    actor = permissions.system_actor(user.customer_id)
    with journal.write(actor, "user.invitation_expired", user, at) as write:
        write.save(user, after)
        FREEING.enqueue_finisher(write, user.id, user_id=user.id)
    return after


def has_expired(user: User, at: datetime) -> bool:
    """Whether nobody has accepted the invitation of this person in time."""
    if user.status != "invited" or user.awaited or user.invitation_expires_at is None:
        return False
    return bool(user.invitation_expires_at < at)


@outbox.task(FREEING.task, lane="sign-in")
def resume_freeing(user_id: str, *, job: outbox.TaskContext) -> None:
    """Finish what a request left unfinished. Raises `errors.Unavailable`."""
    user = dynamodb.get_record(User, user_id)
    if user and user.address_freed_at:
        _finish_freeing(user, user.email_key, job.at)


def _finish_freeing(user: User, email_key: str, at: datetime) -> bool:
    """Free the address at Auth0 and then here; False if the person has been invited again."""
    with suppress(auth0.NoAuth0Account):  # which has no address either
        auth0.change_email(user_id=user.id, email=sign_in_address(user))
    is_still_freed = (User.address_freed_at == user.address_freed_at) & User.awaited.does_not_exist()
    is_theirs = EmailOwner.key.does_not_exist() | (EmailOwner.user_id == user.id)
    try:
        with journal.write_intent(permissions.system_actor(user.customer_id), at) as write:
            write.require(user.record_key, is_still_freed)
            write.remove(EmailOwner(email_key), only_if=is_theirs)
            # Of two processes the slower one may have overwritten the address of a new invitation.
            write.enqueue("accounts.carry_address", id=f"carry-address-{user.id}", user_id=user.id)
            write.complete(FREEING.message_id(user.id))
    except errors.Conflict:
        with journal.write_intent(permissions.system_actor(user.customer_id), at) as write:
            write.enqueue("accounts.carry_address", id=f"carry-address-{user.id}", user_id=user.id)
        return False
    return True
