"""Changing the e-mail address of a person, here and at Auth0.

As in creating: the intent (the guard of the new address, what is wanted, and the errand that
finishes it) is stored first; then Auth0 is asked; then one transaction moves the address, gives the
old guard back and tells the person. Whoever finds the intent unfinished, another request or the
outbox, runs `finish` again.
"""

from datetime import datetime

from accounts import actors, auth0, changes, emails, follow_ups, headcounts, provisioning, users
from accounts.actors import Actor
from accounts.models import EmailGuard, User
from config import audit, decisions, dynamo, errands, errors, journal, sealing, writes


class Overtaken(errors.Conflict):
    """Since it was asked for, the person's rights or those of who asked have changed."""

    code = "overtaken"


def begin(
    user: User, asked: changes.Asked, *, actor: Actor, at: datetime, found: dynamo.Found
) -> User:
    """Change a person, their address included. The rights to do so were checked.

    Whether they are blocked changes at once, the rest with the address. Raises
    `provisioning.UserExists`, `auth0.EmailRefused`, `auth0.NoSignIn`, or `errors.Unavailable`,
    after which the outbox finishes what was begun.
    """
    after = changes.applied(user, asked, at)
    at_once = changes.applied(user, {n: asked[n] for n in asked if n == "status"}, at)
    if headcounts.is_full_owner(at_once) != headcounts.is_full_owner(after):
        raise errors.Invalid("Change this owner's address and rights one after the other.")
    later = {name: asked[name] for name in asked if name != "status"}
    awaited = {"asked": later, "seen": changes.snapshot(at_once)}
    waiting = at_once.changed(awaited=awaited, updated_at=at)
    action = changes.action(user, waiting)
    with journal.write(
        actor=actor,
        action="user.address_begun" if action == "user.changed" else action,
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        changes=[
            *changes.differences(user, waiting),
            audit.Change("awaited", user.email, after.email),
        ],
        found=found,
    ) as write:
        write.put(waiting, only_if=User.version == user.version, refusal=decisions.changed())
        if after.email_key != user.email_key:
            write.put(
                EmailGuard(key=after.email_key, user_id=user.id),
                only_if=EmailGuard.key.does_not_exist(),
                refusal=provisioning.exists(),
            )
        headcounts.adjust(write, user, waiting)
        follow_ups.add(write, user, waiting)
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
    errands.run_now(finisher(user_id), clock=lambda: at)


def resume(user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """What the outbox does about a change that is still unfinished: if it is still right."""
    user = dynamo.get(User, user_id)
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
    who = dynamo.get(User, author.id)
    if who is None or who.status != "active":
        raise errors.Forbidden("Who asked for it is not here any more.")
    actor, after = actors.of(who), changes.applied(user, user.awaited["asked"], at)
    actor.require("users:update")
    actors.check_reach(actor, user)
    actors.check_handover(actor, user)
    actors.check_grant(actor, actors.standing(after), actors.standing(user))


def finish(
    user: User, *, actor: audit.Author, at: datetime, found: dynamo.Found | None = None
) -> User:
    """The second half: ask Auth0, then move the address or take the intent back."""
    wanted = user.awaited
    try:
        if changes.still_wanted(user, wanted["asked"], wanted["seen"]) is None:
            raise _overtaken()
        auth0.change_email(user_id=user.id, email=wanted["asked"]["email"])
    except (auth0.EmailTaken, auth0.EmailRefused, auth0.NoSignIn, Overtaken) as refusal:
        _withdraw(user, refusal, actor=actor, at=at)
        raise provisioning.told(refusal) from refusal

    latest = [user]

    def decide() -> User:
        before = latest.pop() if latest else dynamo.get(User, user.id)
        if before is None or before.status == "deleting":
            raise users.nobody()
        if before.awaited != wanted:  # another hand was quicker, and ours has just spoken
            _put_right(user.id, actor=actor, at=at)
            return before
        asked = changes.still_wanted(before, wanted["asked"], wanted["seen"])
        if asked is None:
            _withdraw(before, _overtaken(), actor=actor, at=at)
            raise _overtaken()
        try:
            return _move(before, asked, actor=actor, at=at, found=found)
        except errors.NotFound:  # a location that was wanted is gone by now
            asked = {name: asked[name] for name in asked if name not in changes.RIGHTS}
            return _move(before, asked, actor=actor, at=at, found=found)

    return decisions.repeated(decide)


def _put_right(user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """Auth0 may have heard of us last what is not so: have it told the address of the record."""
    with journal.intend(actor=actor, at=at) as write:
        write.later("accounts.carry_address", id=_carrier(user_id), user_id=user_id)


def carry_to_auth0(user_id: str) -> None:
    """Let the sign-in have the address of the record, whichever that is in the end.

    Not while a change is under way: that one must have the last word.
    """
    user = dynamo.get(User, user_id)
    for _ in range(5):
        if user is None or user.status in ("pending", "deleting"):
            return
        if user.awaited:
            break
        told = user.email
        auth0.change_email(user_id=user_id, email=told)
        user = dynamo.get(User, user_id)
        if user and user.email == told and not user.awaited:
            return
    raise errors.Unavailable("The address changes faster than it can be told.")


def _overtaken() -> Overtaken:
    return Overtaken("The person's rights have changed since; ask again.")


def _move(
    before: User,
    asked: changes.Asked,
    *,
    actor: audit.Author,
    at: datetime,
    found: dynamo.Found | None,
) -> User:
    after = changes.applied(before, asked, at)
    after.awaited = None
    after.invitation_sent_at = after.invitation_sent_at if after.accepted_at else None
    with journal.write(
        actor=actor,
        action=changes.action(before, after),
        subject=before.party,
        at=at,
        customer_id=before.customer_id,
        changes=changes.differences(before, after),
        found=found,
    ) as write:
        write.put(after, only_if=User.version == before.version, refusal=decisions.changed())
        if after.email_key != before.email_key:
            write.remove(EmailGuard(before.email_key), only_if=EmailGuard.user_id == before.id)
        headcounts.adjust(write, before, after)
        follow_ups.add(write, before, after)
        _tell(write, before, after, found)
        write.settle(finisher(before.id))
    return after


def _tell(write: writes.Write, before: User, after: User, found: dynamo.Found | None) -> None:
    """Invite again at the right address, or warn whoever reads the old one.

    Who never came and is blocked is invited when they are unblocked.
    """
    if not before.accepted_at:
        if after.status == "invited":
            write.later("accounts.send_invitation", user_id=after.id)
        return
    key = found.get(sealing.PersonKey, before.id) if found else None
    key = key or dynamo.get(sealing.PersonKey, before.id)
    if key is not None:
        sealed = sealing.seal(key.open(), before.email, before.id).hex()
        write.later("accounts.warn_former_address", user_id=after.id, sealed=sealed)


def _withdraw(user: User, refusal: errors.Refusal, *, actor: audit.Author, at: datetime) -> None:
    """Auth0 will never take this address, or nobody may ask for it: forget that it was wanted."""
    wanted = user.awaited

    def decide() -> User:
        before = dynamo.get(User, user.id)
        if before is None or before.awaited != wanted:
            return user  # another hand has finished or withdrawn it
        key = emails.key(wanted["asked"]["email"])
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
                refusal=decisions.changed(),
            )
            if key != before.email_key:
                write.remove(EmailGuard(key), only_if=EmailGuard.user_id == before.id)
            if isinstance(refusal, Overtaken):  # Auth0 may have heard of it in an earlier try
                write.later("accounts.carry_address", id=_carrier(before.id), user_id=before.id)
            if before.status == "invited" and not before.invitation_sent_at:
                write.later("accounts.send_invitation", user_id=before.id)
            write.settle(finisher(before.id))
        return before

    decisions.repeated(decide)


def _carrier(user_id: str) -> str:
    return f"carry-address-{user_id}"


def finisher(user_id: str) -> str:
    """The id of the errand that finishes a change of address."""
    return f"address-{user_id}"
