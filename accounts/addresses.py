"""Changing the e-mail address of a person, here and at Auth0.

As in creating: the intent (the guard of the new address, what is wanted, and the errand that
finishes it) is stored first; then Auth0 is asked; then one transaction moves the address, gives the
old guard back and tells the person. Whoever finds the intent unfinished, another request or the
outbox, runs `finish` again.
"""

from datetime import datetime

from accounts import auth0, changes, emails, follow_ups, headcounts, provisioning, users
from accounts.actors import Actor
from accounts.models import EmailGuard, User
from config import audit, decisions, dynamo, errors, journal, sealing, writes


def begin(
    user: User, asked: changes.Asked, *, actor: Actor, at: datetime, found: dynamo.Found
) -> User:
    """Change a person, their address included. The rights to do so were checked.

    Raises `provisioning.UserExists`, `auth0.EmailRefused`, `auth0.NoSignIn`, or
    `errors.Unavailable`, after which the outbox finishes what was begun.
    """
    after = changes.applied(user, asked, at)
    if headcounts.is_full_owner(user) != headcounts.is_full_owner(after):
        raise errors.Invalid("Change this owner's address and rights one after the other.")
    awaited = {"asked": {**asked}, "seen": changes.snapshot(user)}
    waiting = user.changed(awaited=awaited, updated_at=at)
    with journal.intend(actor=actor, at=at, found=found) as write:
        write.put(waiting, only_if=User.version == user.version, refusal=decisions.changed())
        if after.email_key != user.email_key:
            write.put(
                EmailGuard(key=after.email_key, user_id=user.id),
                only_if=EmailGuard.key.does_not_exist(),
                refusal=provisioning.exists(),
            )
        write.later(
            "accounts.finish_address",
            id=finisher(user.id),
            due=at + journal.FINISHER_DELAY,
            user_id=user.id,
        )
    return finish(waiting, actor=actor, at=at, found=found)


def settle(user: User, *, actor: audit.Author, at: datetime) -> None:
    """Finish a change of address that another request left behind, whatever becomes of it."""
    try:
        finish(user, actor=actor, at=at)
    except (errors.Conflict, errors.Invalid):
        return  # it was withdrawn, and audited


def resume(user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """What the outbox does about a change that is still unfinished."""
    user = dynamo.get(User, user_id)
    if user and user.awaited and user.status != "deleting":
        finish(user, actor=actor, at=at)


def finish(
    user: User, *, actor: audit.Author, at: datetime, found: dynamo.Found | None = None
) -> User:
    """The second half: ask Auth0, then move the address or take the intent back."""
    wanted = user.awaited
    try:
        auth0.change_email(user_id=user.id, email=wanted["asked"]["email"])
    except (auth0.EmailTaken, auth0.EmailRefused, auth0.NoSignIn) as refusal:
        _withdraw(user, refusal, actor=actor, at=at)
        raise provisioning.told(refusal) from refusal

    latest = [user]

    def decide() -> User:
        before = latest.pop() if latest else dynamo.get(User, user.id)
        if before is None or before.status == "deleting":
            raise users.nobody()
        if before.awaited != wanted:
            return before  # another hand has finished it
        asked = changes.still_wanted(before, wanted["asked"], wanted["seen"])
        try:
            return _move(before, asked, actor=actor, at=at, found=found)
        except errors.NotFound:  # a location that was wanted is gone by now
            asked = {name: asked[name] for name in asked if name not in changes.RIGHTS}
            return _move(before, asked, actor=actor, at=at, found=found)

    return decisions.repeated(decide)


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
    with journal.write(
        actor=actor,
        action="user.changed",
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
    """Invite again at the right address, or warn whoever reads the old one."""
    if before.status == "invited":
        write.later("accounts.send_invitation", user_id=after.id)
        return
    key = found.get(sealing.PersonKey, before.id) if found else None
    key = key or dynamo.get(sealing.PersonKey, before.id)
    if key is not None:
        sealed = sealing.seal(key.open(), before.email, before.id).hex()
        write.later("accounts.warn_former_address", user_id=after.id, sealed=sealed)


def _withdraw(user: User, refusal: errors.Refusal, *, actor: audit.Author, at: datetime) -> None:
    """Auth0 will never take this address: forget that it was wanted."""
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
            write.settle(finisher(before.id))
        return before

    decisions.repeated(decide)


def finisher(user_id: str) -> str:
    """The id of the errand that finishes a change of address."""
    return f"address-{user_id}"
