"""Changing people: what they are called, what they may do and where, whether they may come in."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from accounts import denied_attempts, permissions, users
from accounts.clients import auth0
from accounts.models import User
from accounts.permissions import Actor
from accounts.users import change_email, counters, diff, side_effects
from config import dynamodb, errors, journal
from config.dynamodb import optimistic


def change(
    user_id: str,
    asked: diff.Asked,
    *,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> User:
    """Change somebody of one's own customer. Answers the person as they then are.

    Raises `errors.NotFound` (the person, or a location), `actors.BeyondReach`,
    `actors.GrantRefused`, `headcounts.LastOwner`, `errors.PreconditionFailed`, and for an e-mail
    address what `addresses.begin` raises.
    """
    actor.require("users:update")

    def decide() -> User:
        places = users.location_keys(asked.get("locations", ()))
        user, found = users.target(user_id, actor, *places)
        if user.status == "deleting":
            raise users.nobody()
        with denied_attempts.noted(actor, at, about=user.party, asked=_of_note(asked)):
            permissions.check_reach(actor, user)
            optimistic.check_version(user, versions)
            if "email" in asked and user.awaited:
                change_email.settle(user.id, at=at)
                raise optimistic.Changed("Its change of address is settled now.")
            after = diff.applied(user, asked, at)
            wanted = asked.get("locations", ())
            users.check_locations(wanted, found, actor.customer_id, known=user.locations)
            counters.check_places(user, after)
            permissions.check_grant(actor, permissions.standing(after), permissions.standing(user))
            if after.status != user.status:
                actor.require("users:deactivate")
            if after.email != user.email:
                permissions.check_handover(actor, user)
                return change_email.begin(user, asked, actor=actor, at=at, found=found)
            return _keep(user, after, actor=actor, at=at, found=found)

    return optimistic.repeated(decide)


def change_oneself(
    user: User,
    asked: diff.Asked,
    *,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> User:
    """Change one's own profile; rights can only shrink. ``user`` is one's record as just read.

    Raises `errors.NotFound` (a location), `actors.GrantRefused`, `headcounts.LastOwner` or
    `errors.PreconditionFailed`.
    """
    actor.require("self:update")
    latest = [user]

    def decide() -> User:
        before = latest.pop() if latest else users.get(actor.id)
        optimistic.check_version(before, versions)
        places = users.location_keys(asked.get("locations", ()))
        found = dynamodb.fetch([*journal.keys([actor.stream]), *places])
        with denied_attempts.noted(actor, at, about=before.party, asked=_of_note(asked)):
            after = diff.applied(before, asked, at)
            wanted = asked.get("locations", ())
            users.check_locations(wanted, found, actor.customer_id, known=before.locations)
            counters.check_places(before, after)
            permissions.check_narrowing(permissions.standing(before), permissions.standing(after))
            return _keep(before, after, actor=actor, at=at, found=found)

    return optimistic.repeated(decide)


def _keep(before: User, after: User, *, actor: Actor, at: datetime, found: dynamodb.Found) -> User:
    told = diff.differences(before, after)
    if not told:
        return before
    with journal.write(
        actor=actor,
        action=diff.action(before, after),
        subject=before.party,
        at=at,
        customer_id=before.customer_id,
        changes=told,
        found=found,
    ) as write:
        write.put(after, only_if=User.version == before.version, refusal=optimistic.changed())
        counters.adjust(write, before, after)
        side_effects.add(write, before, after)
    return after


def _of_note(asked: diff.Asked) -> dict[str, Any]:
    """What of an attempt the audit keeps."""
    return {name: asked[name] for name in ("email", *diff.RIGHTS) if name in asked}


def carry_to_auth0(user_id: str) -> None:
    """Let the sign-in say what the record says: the name, and whether it is blocked.

    The record is read again afterwards: of two that carry at once, the last one to speak may have
    read first. Raises `auth0.NoSignIn` or `errors.Unavailable`.
    """
    user = dynamodb.get(User, user_id)
    for _ in range(5):
        if user is None or user.status in ("pending", "deleting"):
            return
        told = (user.name, user.status == "blocked")
        try:
            auth0.update_user(user_id=user_id, name=told[0], blocked=told[1])
        except auth0.NoSignIn:
            if dynamodb.get(User, user_id) is None:
                return
            raise
        user = dynamodb.get(User, user_id)
        if user and told == (user.name, user.status == "blocked"):
            return
    raise errors.Unavailable("The person changes faster than they can be told.")
