"""Changing the e-mail address of a person, here and at Auth0.

As in creating: the intent (the guard of the new address, what is wanted, and the errand that
finishes it) is stored first; then Auth0 is asked; then one transaction moves the address, gives the
old guard back and tells the person. Whoever finds the intent unfinished, another request or the
outbox, runs `finish` again.
"""

from datetime import datetime

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import EmailGuard, User
from accounts.permissions import Actor
from accounts.users import counters, create, diff, email_address, side_effects
from config import audit, dynamodb, errors, journal
from config.dynamodb import encryption, optimistic
from config.journal import write_set
from config.outbox import worker


class Overtaken(errors.Conflict):
    """Since it was asked for, the person's rights or those of who asked have changed."""

    code = "overtaken"


def begin(
    user: User, asked: diff.Asked, *, actor: Actor, at: datetime, found: dynamodb.Found
) -> User:
    """Change a person, their address included. The rights to do so were checked.

    Whether they are blocked changes at once, the rest with the address. Raises
    `provisioning.UserExists`, `auth0.EmailRefused`, `auth0.NoSignIn`, or `errors.Unavailable`,
    after which the outbox finishes what was begun.
    """
    after = diff.applied(user, asked, at)
    at_once = diff.applied(user, {n: asked[n] for n in asked if n == "status"}, at)
    if counters.is_full_owner(at_once) != counters.is_full_owner(after):
        raise errors.Invalid("Change this owner's address and rights one after the other.")
    later = {name: asked[name] for name in asked if name != "status"}
    awaited = {"asked": later, "seen": diff.snapshot(at_once)}
    waiting = at_once.changed(awaited=awaited, updated_at=at)
    action = diff.action(user, waiting)
    with journal.write(
        actor=actor,
        action="user.address_begun" if action == "user.changed" else action,
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        changes=[
            *diff.differences(user, waiting),
            audit.Change("awaited", user.email, after.email),
        ],
        found=found,
    ) as write:
        write.put(waiting, only_if=User.version == user.version, refusal=optimistic.changed())
        if after.email_key != user.email_key:
            write.put(
                EmailGuard(key=after.email_key, user_id=user.id),
                only_if=EmailGuard.key.does_not_exist(),
                refusal=create.exists(),
            )
        counters.adjust(write, user, waiting)
        side_effects.add(write, user, waiting)
        write.later(
            "accounts.finish_address",
            id=finisher(user.id),
            due=at + journal.FINISHER_DELAY,
            user_id=user.id,
        )
    return finish(waiting, actor=actor, at=at, found=write.found)


def settle(user_id: str, *, at: datetime) -> None:
    """Have a change of address that somebody began finished now, in their name.

    Raises `errors.Unavailable`.
    """
    worker.run_now(finisher(user_id), clock=lambda: at)


def resume(user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """What the outbox does about a change that is still unfinished: if it is still right."""
    user = dynamodb.get(User, user_id)
    if user is None or not user.awaited or user.status == "deleting":
        return
    try:
        _check_entitled(user, actor, at)
    except errors.Forbidden as refusal:
        overtaken = Overtaken("Who asked for it may not do so any more.")
        _withdraw(user, overtaken, actor=actor, at=at)
        raise overtaken from refusal
    finish(user, actor=actor, at=at)


def _check_entitled(user: User, author: audit.Author, at: datetime) -> None:
    """Whether who asked may still do it; they may have been blocked or demoted since."""
    if author.type != "user":
        return
    who = dynamodb.get(User, author.id)
    if who is None or who.status != "active":
        raise errors.Forbidden("Who asked for it is not here any more.")
    actor, after = permissions.of(who), diff.applied(user, user.awaited["asked"], at)
    actor.require("users:update")
    permissions.check_reach(actor, user)
    permissions.check_handover(actor, user)
    permissions.check_grant(actor, permissions.standing(after), permissions.standing(user))


def finish(
    user: User, *, actor: audit.Author, at: datetime, found: dynamodb.Found | None = None
) -> User:
    """The second half: ask Auth0, then move the address or take the intent back."""
    wanted = user.awaited
    try:
        if diff.still_wanted(user, wanted["asked"], wanted["seen"]) is None:
            raise _overtaken()
        auth0.change_email(user_id=user.id, email=wanted["asked"]["email"])
    except (auth0.EmailTaken, auth0.EmailRefused, auth0.NoSignIn, Overtaken) as refusal:
        _withdraw(user, refusal, actor=actor, at=at)
        raise create.told(refusal) from refusal

    latest = [user]

    def decide() -> User:
        before = latest.pop() if latest else dynamodb.get(User, user.id)
        if before is None or before.status == "deleting":
            raise users.nobody()
        if before.awaited != wanted:  # another hand was quicker, and ours has just spoken
            _put_right(user.id, actor=actor, at=at)
            return before
        asked = diff.still_wanted(before, wanted["asked"], wanted["seen"])
        if asked is None:
            _withdraw(before, _overtaken(), actor=actor, at=at)
            raise _overtaken()
        try:
            return _move(before, asked, actor=actor, at=at, found=found)
        except errors.NotFound:  # a location that was wanted is gone by now
            asked = {name: asked[name] for name in asked if name not in diff.RIGHTS}
            return _move(before, asked, actor=actor, at=at, found=found)

    return optimistic.repeated(decide)


def _put_right(user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """Auth0 may have heard of us last what is not so: have it told the address of the record."""
    with journal.intend(actor=actor, at=at) as write:
        write.later("accounts.carry_address", id=_carrier(user_id), user_id=user_id)


def carry_to_auth0(user_id: str) -> None:
    """Let the sign-in have the address of the record, whichever that is in the end.

    Not while a change is under way: that one must have the last word.
    """
    user = dynamodb.get(User, user_id)
    for _ in range(5):
        if user is None or user.status in ("pending", "deleting"):
            return
        if user.awaited:
            break
        told = user.email
        auth0.change_email(user_id=user_id, email=told)
        user = dynamodb.get(User, user_id)
        if user and user.email == told and not user.awaited:
            return
    raise errors.Unavailable("The address changes faster than it can be told.")


def _overtaken() -> Overtaken:
    return Overtaken("The person's rights have changed since; ask again.")


def _move(
    before: User,
    asked: diff.Asked,
    *,
    actor: audit.Author,
    at: datetime,
    found: dynamodb.Found | None,
) -> User:
    after = diff.applied(before, asked, at)
    after.awaited = None
    after.invitation_sent_at = after.invitation_sent_at if after.accepted_at else None
    with journal.write(
        actor=actor,
        action=diff.action(before, after),
        subject=before.party,
        at=at,
        customer_id=before.customer_id,
        changes=diff.differences(before, after),
        found=found,
    ) as write:
        write.put(after, only_if=User.version == before.version, refusal=optimistic.changed())
        if after.email_key != before.email_key:
            write.remove(EmailGuard(before.email_key), only_if=EmailGuard.user_id == before.id)
        counters.adjust(write, before, after)
        side_effects.add(write, before, after)
        _tell(write, before, after, found)
        write.settle(finisher(before.id))
    return after


def _tell(write: write_set.Write, before: User, after: User, found: dynamodb.Found | None) -> None:
    """Invite again at the right address, or warn whoever reads the old one.

    Who never came and is blocked is invited when they are unblocked.
    """
    if not before.accepted_at:
        if after.status == "invited":
            write.later("accounts.send_invitation", user_id=after.id)
        return
    key = found.get(encryption.PersonKey, before.id) if found else None
    key = key or dynamodb.get(encryption.PersonKey, before.id)
    if key is not None:
        sealed = encryption.seal(key.open(), before.email, before.id).hex()
        write.later("accounts.warn_former_address", user_id=after.id, sealed=sealed)


def _withdraw(user: User, refusal: errors.Refusal, *, actor: audit.Author, at: datetime) -> None:
    """Auth0 will never take this address, or nobody may ask for it: forget that it was wanted."""
    wanted = user.awaited

    def decide() -> User:
        before = dynamodb.get(User, user.id)
        if before is None or before.awaited != wanted:
            return user  # another hand has finished or withdrawn it
        key = email_address.key(wanted["asked"]["email"])
        with journal.write(
            actor=actor,
            action="user.change_refused",
            subject=before.party,
            at=at,
            customer_id=before.customer_id,
            changes=[audit.Change("reason", None, refusal.code)],
        ) as write:
            write.put(
                before.changed(awaited=None, updated_at=at),
                only_if=User.version == before.version,
                refusal=optimistic.changed(),
            )
            if key != before.email_key:
                write.remove(EmailGuard(key), only_if=EmailGuard.user_id == before.id)
            if isinstance(refusal, Overtaken):  # Auth0 may have heard of it in an earlier try
                write.later("accounts.carry_address", id=_carrier(before.id), user_id=before.id)
            if before.status == "invited" and not before.invitation_sent_at:
                write.later("accounts.send_invitation", user_id=before.id)
            write.settle(finisher(before.id))
        return before

    optimistic.repeated(decide)


def _carrier(user_id: str) -> str:
    return f"carry-address-{user_id}"


def finisher(user_id: str) -> str:
    """The id of the errand that finishes a change of address."""
    return f"address-{user_id}"
