"""Creating people, here and at Auth0.

The intent (a pending record, the e-mail guard and the errand that finishes it) is stored first;
then Auth0 is asked, with our id, so that repeating is harmless; then one transaction makes the
person `invited`, with audit entries and the invitation. Whoever finds the intent unfinished, a
repeated request or the outbox, runs `finish` again.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from accounts import denied_attempts, permissions, users
from accounts.clients import auth0
from accounts.models import EVERYWHERE, Customer, EmailGuard, User, name_key
from accounts.users import counters, diff, email_address
from config import audit, dynamodb, errors, journal
from config.dynamodb import encryption, idempotency, ids
from config.journal import write_set
from config.outbox import worker

INVITATION = timedelta(days=7)
"""How long the link in an invitation works."""


class UserExists(errors.Conflict):
    """The e-mail address belongs to an account already, here or at another customer."""

    code = "user_exists"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Who is to be created. ``permissions`` is the effective list; None means the role's."""

    customer_id: str
    email: str
    name: str
    role: str = "staff"
    permissions: Sequence[str] | None = None
    locations: Sequence[str] | None = None
    skills: Sequence[str] = ()
    is_setup: bool = False


def create(
    wanted: Wanted, *, actor: permissions.Actor, at: datetime, once: idempotency.Once | None = None
) -> User:
    """Create a person and see to it that they are invited.

    Raises `UserExists`, `actors.GrantRefused`, `errors.Forbidden`, `errors.NotFound` (a location)
    or `errors.Unavailable`, after which the outbox finishes what was begun.
    """
    actor.require("users:create")
    with denied_attempts.noted(actor, at, asked={"customerId": wanted.customer_id}):
        permissions.check_customer(actor, wanted.customer_id)
    user = _pending(wanted, at)
    seen_before = [dynamodb.Key(idempotency.Request, once.key)] if once else []
    places = users.location_keys(wanted.locations or ())
    found = dynamodb.fetch([*journal.keys([actor.stream, user.id]), *places, *seen_before])
    try:
        idempotency.check_unseen(once, found, at)
        users.check_locations(wanted.locations or (), found, actor.customer_id)
        _check_grant(actor, user, at)
        with journal.intend(actor=actor, at=at, found=found) as write:
            write.begin(once, user.id)
            _begin(write, user, once)
    except idempotency.Seen as seen:
        return _again(seen, actor=actor, at=at, once=once)
    return _finish_or_let_go(user, actor=actor, at=at, once=once, found=found)


def found_customer(customer: Customer, owner: Wanted, *, at: datetime) -> User:
    """Create a customer together with its first owner."""
    actor = permissions.system(customer.id)
    user = _pending(owner, at)
    with journal.write(
        actor=actor,
        action="customer.created",
        subject=customer.party,
        at=at,
        customer_id=customer.id,
        changes=[audit.Change("name", None, customer.name)],
    ) as write:
        write.put(customer, only_if=Customer.id.does_not_exist())
        _begin(write, user, None)
    return finish(user, actor=actor, at=at)


def resume(
    user_id: str, *, actor: audit.Author, at: datetime, once: idempotency.Once | None = None
) -> User | None:
    """Finish a creation that was left behind; None where it was withdrawn."""
    user = dynamodb.get(User, user_id)
    if user is None or user.status != "pending":
        return user
    return finish(user, actor=actor, at=at, once=once)


def settle(user_id: str, *, at: datetime) -> None:
    """Have a creation that somebody began finished now, in their name.

    Raises `errors.Unavailable`.
    """
    worker.run_now(_finisher(user_id), clock=lambda: at)


def finish(
    user: User,
    *,
    actor: audit.Author,
    at: datetime,
    once: idempotency.Once | None = None,
    found: dynamodb.Found | None = None,
) -> User:
    """The second half of creating a person: ask Auth0, then make them invited or withdraw them.

    Another hand may do the same at the same moment: whoever comes second answers what the first
    one made. Raises `UserExists`, `auth0.EmailRefused` or `errors.Unavailable`.
    """
    once = once if at - user.created_at < idempotency.KEPT else None  # the key may be another's
    try:
        auth0.create_user(
            user_id=user.id, email=user.email, name=user.name, customer_id=user.customer_id
        )
    except (auth0.EmailTaken, auth0.EmailRefused) as refusal:
        if _withdraw(user, refusal, actor=actor, at=at, once=once):
            raise told(refusal) from refusal
        return _as_another_hand_left_it(user, refusal)
    invited = user.changed(
        status="invited", invited_at=at, invitation_expires_at=at + INVITATION, updated_at=at
    )
    try:
        with journal.write(
            actor=actor,
            action="user.invited",
            subject=user.party,
            at=at,
            customer_id=user.customer_id,
            changes=diff.differences(None, invited),
            found=found,
        ) as write:
            write.put(invited, only_if=User.status == "pending")
            write.later("accounts.send_invitation", user_id=user.id)
            write.settle(_finisher(user.id))
            write.conclude(once, user.id, status=201)
    except errors.Conflict as conflict:
        return _as_another_hand_left_it(user, conflict)
    return invited


def _as_another_hand_left_it(user: User, cause: errors.Refusal) -> User:
    left = dynamodb.get(User, user.id)
    if left is None:
        auth0.delete_user(user.id)  # our own call may have come after theirs was forgotten
    if left is None or left.status == "pending":
        raise exists() from cause
    return left


def told(refusal: errors.Refusal) -> errors.Refusal:
    """What a client hears of Auth0's refusal: whose address it is, is not theirs to know."""
    return exists() if isinstance(refusal, auth0.EmailTaken) else refusal


def _pending(wanted: Wanted, at: datetime) -> User:
    email = email_address.checked(wanted.email)
    id = ids.new("usr", at)
    role = wanted.role
    effective_permissions = (
        permissions.ROLES[role] if wanted.permissions is None else wanted.permissions
    )
    extra, denied = permissions.split(role, effective_permissions)
    everywhere = [EVERYWHERE] if role in ("owner", "admin") else []
    places = diff.places(wanted.locations or ())
    locations = everywhere if wanted.locations is None else places
    return User(
        id=id,
        customer_id=wanted.customer_id,
        email=email,
        email_key=email_address.key(email),
        name=wanted.name,
        name_key=name_key(wanted.name, id),
        role=role,
        extra=extra,
        denied=denied,
        locations=locations,
        skills=list(wanted.skills),
        is_setup=wanted.is_setup,
        status="pending",
        created_at=at,
        updated_at=at,
    )


def _begin(write: write_set.Write, user: User, once: idempotency.Once | None) -> None:
    write.put(
        EmailGuard(key=user.email_key, user_id=user.id),
        only_if=EmailGuard.key.does_not_exist(),
        refusal=exists(),
    )
    write.put(user, only_if=User.id.does_not_exist())
    counters.adjust(write, None, user)
    write.later(
        "accounts.finish_creation",
        id=_finisher(user.id),
        due=write.at + journal.FINISHER_DELAY,
        user_id=user.id,
        once=asdict(once) if once else None,
    )


def _finish_or_let_go(
    user: User,
    *,
    actor: permissions.Actor,
    at: datetime,
    once: idempotency.Once | None,
    found: dynamodb.Found | None = None,
) -> User:
    """Finish; where that is not possible now, let the next request with the key try again."""
    try:
        return finish(user, actor=actor, at=at, once=once, found=found)
    except errors.Unavailable:
        if once:
            with suppress(errors.Unavailable):
                idempotency.release(once)
        raise


def _again(
    seen: idempotency.Seen,
    *,
    actor: permissions.Actor,
    at: datetime,
    once: idempotency.Once | None,
) -> User:
    """What a repeated creation is told: the same person, or the same refusal."""
    user = dynamodb.get(User, seen.resource_id)
    if seen.status == 400:
        raise auth0.EmailRefused("The sign-in service refuses this address or name.")
    if seen.status == 409 or (user is None and seen.running):
        raise exists()
    if user is None:
        raise errors.NotFound("The user that this request created is gone.")
    if user.status == "pending" and once:
        idempotency.take_over(once, seen, at)
        return _finish_or_let_go(user, actor=actor, at=at, once=once)
    return user


def _withdraw(
    user: User,
    refusal: errors.Refusal,
    *,
    actor: audit.Author,
    at: datetime,
    once: idempotency.Once | None,
) -> bool:
    """Auth0 will never take this person: take back what the intent stored.

    False where another hand had finished or withdrawn it before.
    """
    nobody = audit.Party("user", user.id, "", user.customer_id)
    try:
        with journal.write(
            actor=actor,
            action="user.refused",
            subject=nobody,
            at=at,
            customer_id=user.customer_id,
            changes=[audit.Change("reason", None, refusal.code)],
        ) as write:
            write.remove(user, only_if=User.status == "pending")
            write.remove(EmailGuard(user.email_key), only_if=EmailGuard.user_id == user.id)
            write.remove(encryption.PersonKey(user.id))
            counters.adjust(write, user, None)
            write.settle(_finisher(user.id))
            write.conclude(once, user.id, status=refusal.status, code=refusal.code)
    except errors.Conflict:
        return False
    return True


def _check_grant(actor: permissions.Actor, user: User, at: datetime) -> None:
    given = permissions.standing(user)
    with denied_attempts.noted(actor, at, asked=asdict(given)):
        permissions.check_grant(actor, given)


def _finisher(user_id: str) -> str:
    return f"create-{user_id}"


def exists() -> UserExists:
    """The refusal of an address that somebody has."""
    return UserExists("A user with this e-mail address exists already.", pointer="/email")
