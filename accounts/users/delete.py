"""Deleting people, here and at Auth0: what the data map says is erased, is.

First the person is cut off, in the same transaction as the errand that finishes the work; then
Auth0 forgets them; then one transaction removes every record of theirs and the key that seals
their values in the audit, which stays, whole and unreadable.
"""

from dataclasses import dataclass
from datetime import datetime

from accounts import denied_attempts, permissions, users
from accounts.clients import auth0
from accounts.models import User
from accounts.permissions import Actor
from accounts.users import change_email, counters, create
from config import audit, dynamodb, journal
from config.dynamodb import optimistic
from config.privacy import data_map


@dataclass(frozen=True)
class Departed:
    """Who was deleted."""

    id: str
    status: str = "deleted"


def delete(user_id: str, *, actor: Actor, at: datetime) -> Departed:
    """Delete somebody of one's own customer, or oneself.

    Repeating it finishes what was begun. Raises `errors.NotFound`, `actors.BeyondReach`,
    `headcounts.LastOwner`, or `errors.Unavailable`, after which the outbox finishes it.
    """
    if user_id != actor.id:
        actor.require("users:delete")

    def decide() -> User:
        try:
            user, found = users.target(user_id, actor)
        except users.NotReady as unfinished:
            create.settle(user_id, at=at)
            raise optimistic.Changed("Its creation is settled now.") from unfinished
        with denied_attempts.noted(actor, at, about=user.party, asked={"status": "deleted"}):
            if user.id != actor.id:
                permissions.check_reach(actor, user)
            if user.status == "deleting":
                return user
            leaving, after = _cut_off(user, actor=actor, at=at, found=found)
        latest.append(after)
        return leaving

    latest: list[dynamodb.Found | None] = []
    leaving = optimistic.repeated(decide)
    return finish(leaving, actor=actor, at=at, found=latest[-1] if latest else None)


def _cut_off(
    user: User, *, actor: Actor, at: datetime, found: dynamodb.Found
) -> tuple[User, dynamodb.Found | None]:
    leaving = user.changed(status="deleting", updated_at=at)
    with journal.write(
        actor=actor,
        action="user.deletion_begun",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        changes=[audit.Change("status", user.status, "deleting")],
        found=found,
    ) as write:
        write.put(leaving, only_if=User.version == user.version, refusal=optimistic.changed())
        counters.adjust(write, user, leaving)
        write.later(
            "accounts.finish_deletion",
            id=_finisher(user.id),
            due=at + journal.FINISHER_DELAY,
            user_id=user.id,
        )
    return leaving, write.found


def resume(user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """What the outbox does about a deletion that is still unfinished."""
    user = dynamodb.get(User, user_id)
    if user and user.status == "deleting":
        finish(user, actor=actor, at=at)


def finish(
    user: User, *, actor: audit.Author, at: datetime, found: dynamodb.Found | None = None
) -> Departed:
    """The second half: Auth0 forgets the person, then we do.

    Another hand may do the same at the same moment; whoever comes second finds nothing left.
    """
    auth0.delete_user(user.id)
    data_map.erase_in_steps(user, actor=actor, at=at)
    try:
        with journal.write(
            actor=actor,
            action="user.deleted",
            subject=user.party,
            at=at,
            customer_id=user.customer_id,
            changes=[audit.Change("status", "deleting", "deleted")],
            found=found,
        ) as write:
            write.remove(user, only_if=User.version == user.version, refusal=optimistic.changed())
            for record in data_map.records_of(user):
                if not isinstance(record, User):
                    write.remove(record)
            counters.adjust(write, user, None)
            write.settle(_finisher(user.id))
            write.settle(change_email.finisher(user.id))
    except optimistic.Changed:
        left = dynamodb.get(User, user.id)
        if left is not None:
            return finish(left, actor=actor, at=at)
    return Departed(user.id)


def _finisher(user_id: str) -> str:
    return f"delete-{user_id}"
