"""Changing people: what they are called, what they may do and where, whether they may come in."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from accounts import actors, addresses, auth0, changes, escalations, follow_ups, headcounts, users
from accounts.actors import Actor
from accounts.models import User
from config import decisions, dynamo, errors, journal


def change(
    user_id: str,
    asked: changes.Asked,
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
        with escalations.noted(actor, at, about=user.party, asked=_of_note(asked)):
            actors.check_reach(actor, user)
            decisions.check_version(user, versions)
            if "email" in asked and user.awaited:
                addresses.settle(user.id, at=at)
                raise decisions.Changed("Its change of address is settled now.")
            after = changes.applied(user, asked, at)
            wanted = asked.get("locations", ())
            users.check_locations(wanted, found, actor.customer_id, known=user.locations)
            headcounts.check_places(user, after)
            actors.check_grant(actor, actors.standing(after), actors.standing(user))
            if after.status != user.status:
                actor.require("users:deactivate")
            if after.email != user.email:
                actors.check_handover(actor, user)
                return addresses.begin(user, asked, actor=actor, at=at, found=found)
            return _keep(user, after, actor=actor, at=at, found=found)

    return decisions.repeated(decide)


def change_oneself(
    user: User,
    asked: changes.Asked,
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
        decisions.check_version(before, versions)
        places = users.location_keys(asked.get("locations", ()))
        found = dynamo.fetch([*journal.keys([actor.stream]), *places])
        with escalations.noted(actor, at, about=before.party, asked=_of_note(asked)):
            after = changes.applied(before, asked, at)
            wanted = asked.get("locations", ())
            users.check_locations(wanted, found, actor.customer_id, known=before.locations)
            headcounts.check_places(before, after)
            actors.check_narrowing(actors.standing(before), actors.standing(after))
            return _keep(before, after, actor=actor, at=at, found=found)

    return decisions.repeated(decide)


def _keep(before: User, after: User, *, actor: Actor, at: datetime, found: dynamo.Found) -> User:
    told = changes.differences(before, after)
    if not told:
        return before
    with journal.write(
        actor=actor,
        action=changes.action(before, after),
        subject=before.party,
        at=at,
        customer_id=before.customer_id,
        changes=told,
        found=found,
    ) as write:
        write.put(after, only_if=User.version == before.version, refusal=decisions.changed())
        headcounts.adjust(write, before, after)
        follow_ups.add(write, before, after)
    return after


def _of_note(asked: changes.Asked) -> dict[str, Any]:
    """What of an attempt the audit keeps."""
    return {name: asked[name] for name in ("email", *changes.RIGHTS) if name in asked}


def carry_to_auth0(user_id: str) -> None:
    """Let the sign-in say what the record says: the name, and whether it is blocked.

    The record is read again afterwards: of two that carry at once, the last one to speak may have
    read first. Raises `auth0.NoSignIn` or `errors.Unavailable`.
    """
    user = dynamo.get(User, user_id)
    for _ in range(5):
        if user is None or user.status in ("pending", "deleting"):
            return
        told = (user.name, user.status == "blocked")
        try:
            auth0.update_user(user_id=user_id, name=told[0], blocked=told[1])
        except auth0.NoSignIn:
            if dynamo.get(User, user_id) is None:
                return
            raise
        user = dynamo.get(User, user_id)
        if user and told == (user.name, user.status == "blocked"):
            return
    raise errors.Unavailable("The person changes faster than they can be told.")
