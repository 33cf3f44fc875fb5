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
from accounts.models import ALL_LOCATIONS, Customer, EmailOwner, User, make_name_key
from accounts.users import counters, diff, email_address
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import encryption, idempotency, ids
from config.journal import write_set
from config.outbox import worker

INVITATION_TTL = timedelta(days=7)
"""How long the link in an invitation works."""


class UserExists(errors.Conflict):
    """The e-mail address belongs to an account already, here or at another customer."""

    code = "user_exists"


@dataclass(frozen=True, kw_only=True)
class NewUserData:
    """Who is to be created. ``permissions`` is the effective list; None means the role's."""

    customer_id: str
    email: str
    name: str
    role: str = "staff"
    permissions: Sequence[str] | None = None
    locations: Sequence[str] | None = None
    skills: Sequence[str] = ()
    is_setup: bool = False


def create_user(
    new_user: NewUserData,
    *,
    actor: permissions.Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> User:
    """Create a person and see to it that they are invited.

    Raises `UserExists`, `actors.GrantRefused`, `errors.Forbidden`, `errors.NotFound` (a location)
    or `errors.Unavailable`, after which the outbox finishes what was begun.
    """
    actor.require("users:create")
    with denied_attempts.audit_denied_attempts(actor, at, values={"customerId": new_user.customer_id}):
        permissions.check_customer(actor, new_user.customer_id)
    user = _build_pending_user(new_user, at)
    request_keys = [dynamodb.RecordKey(idempotency.IdempotencyRecord, idempotency_key.key)] if idempotency_key else []
    location_keys = users.location_keys(new_user.locations or ())
    records = dynamodb.batch_get([*journal.stream_keys([actor.stream, user.id]), *location_keys, *request_keys])
    try:
        idempotency.ensure_key_unused(idempotency_key, records, at)
        users.check_locations(new_user.locations or (), records, actor.customer_id)
        _check_grant(actor, user, at)
        with journal.write_intent(actor, at, prefetched=records) as write:
            write.begin_request(idempotency_key, user.id)
            _write_intent(write, user, idempotency_key)
    except idempotency.DuplicateRequest as seen:
        return _replay_request(seen, actor=actor, at=at, idempotency_key=idempotency_key)
    return _finish_or_release_key(user, actor=actor, at=at, idempotency_key=idempotency_key, records=records)


def create_customer_with_owner(customer: Customer, owner: NewUserData, *, at: datetime) -> User:
    """Create a customer together with its first owner."""
    actor = permissions.system_actor(customer.id)
    user = _build_pending_user(owner, at)
    with journal.write(
        actor, "customer.created", customer, at, changes=[audit.FieldChange("name", None, customer.name)]
    ) as write:
        write.put(customer, only_if=Customer.id.does_not_exist())
        _write_intent(write, user, None)
    return finish_creation(user, actor=actor, at=at)


def resume_creation(
    user_id: str, *, actor: audit.Author, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> User | None:
    """Finish a creation that was left behind; None where it was withdrawn."""
    user = dynamodb.get_record(User, user_id)
    if user is None or user.status != "pending":
        return user
    return finish_creation(user, actor=actor, at=at, idempotency_key=idempotency_key)


@outbox.task("accounts.finish_creation")
def finish_creation_from_outbox(user_id: str, *, job: outbox.TaskContext, once: dict[str, str] | None = None) -> None:
    """Finish a creation that its request left; ``once`` is the request's idempotency key."""
    idempotency_key = idempotency.IdempotencyKey(**once) if once else None
    with suppress(errors.Conflict, errors.InvalidRequest):  # withdrawn and audited; the answer is stored
        resume_creation(user_id, actor=job.author, at=job.at, idempotency_key=idempotency_key)


def complete_pending_creation(user_id: str, *, at: datetime) -> None:
    """Have a creation that somebody began finished now, in their name.

    Raises `errors.Unavailable`.
    """
    worker.run_message_now(_finish_message_id(user_id), clock=lambda: at)


def finish_creation(
    user: User,
    *,
    actor: audit.Author,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
    records: dynamodb.BatchResult | None = None,
) -> User:
    """The second half of creating a person: ask Auth0, then make them invited or withdraw them.

    Another hand may do the same at the same moment: whoever comes second answers what the first
    one made. Raises `UserExists`, `auth0.EmailRefused` or `errors.Unavailable`.
    """
    idempotency_key = (
        idempotency_key if at - user.created_at < idempotency.RETENTION else None
    )  # the key may be another's
    try:
        auth0.create_user(user_id=user.id, email=user.email, name=user.name, customer_id=user.customer_id)
    except (auth0.EmailInUse, auth0.EmailRefused) as refusal:
        if _cancel_creation(user, refusal, actor=actor, at=at, idempotency_key=idempotency_key):
            raise to_client_error(refusal) from refusal
        return _result_of_concurrent_finish(user, refusal)
    invited = user.with_changes(
        status="invited", invited_at=at, invitation_expires_at=at + INVITATION_TTL, updated_at=at
    )
    try:
        with journal.write(
            actor, "user.invited", user, at, changes=diff.diff_users(None, invited), prefetched=records
        ) as write:
            write.put(invited, only_if=User.status == "pending")
            write.enqueue("accounts.send_invitation", user_id=user.id)
            write.complete(_finish_message_id(user.id))
            write.complete_request(idempotency_key, user.id, status=201)
    except errors.Conflict as conflict:
        return _result_of_concurrent_finish(user, conflict)
    return invited


def _result_of_concurrent_finish(user: User, cause: errors.DomainError) -> User:
    current_user = dynamodb.get_record(User, user.id)
    if current_user is None:
        auth0.delete_user(user.id)  # our own call may have come after theirs was forgotten
    if current_user is None or current_user.status == "pending":
        raise user_exists() from cause
    return current_user


def to_client_error(refusal: errors.DomainError) -> errors.DomainError:
    """What a client hears of Auth0's refusal: whose address it is, is not theirs to know."""
    return user_exists() if isinstance(refusal, auth0.EmailInUse) else refusal


def _build_pending_user(new_user: NewUserData, at: datetime) -> User:
    email = email_address.normalize_email(new_user.email)
    id = ids.new_id("usr", at)
    role = new_user.role
    requested_permissions = permissions.ROLES[role] if new_user.permissions is None else new_user.permissions
    extra, denied = permissions.split_permissions(role, requested_permissions)
    default_locations = [ALL_LOCATIONS] if role in ("owner", "admin") else []
    requested_locations = diff.normalize_locations(new_user.locations or ())
    locations = default_locations if new_user.locations is None else requested_locations
    return User(
        id=id,
        customer_id=new_user.customer_id,
        email=email,
        email_key=email_address.email_key(email),
        name=new_user.name,
        name_key=make_name_key(new_user.name, id),
        role=role,
        extra=extra,
        denied=denied,
        locations=locations,
        skills=list(new_user.skills),
        is_setup=new_user.is_setup,
        status="pending",
        created_at=at,
        updated_at=at,
    )


def _write_intent(write: write_set.Write, user: User, idempotency_key: idempotency.IdempotencyKey | None) -> None:
    write.put(
        EmailOwner(key=user.email_key, user_id=user.id), only_if=EmailOwner.key.does_not_exist(), error=user_exists()
    )
    write.put(user, only_if=User.id.does_not_exist())
    counters.update_counters(write, None, user)
    write.enqueue(
        "accounts.finish_creation",
        id=_finish_message_id(user.id),
        due=write.at + journal.FINISHER_DELAY,
        user_id=user.id,
        once=asdict(idempotency_key) if idempotency_key else None,
    )


def _finish_or_release_key(
    user: User,
    *,
    actor: permissions.Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
    records: dynamodb.BatchResult | None = None,
) -> User:
    """Finish; where that is not possible now, let the next request with the key try again."""
    try:
        return finish_creation(user, actor=actor, at=at, idempotency_key=idempotency_key, records=records)
    except errors.Unavailable:
        if idempotency_key:
            with suppress(errors.Unavailable):
                idempotency.release_request(idempotency_key)
        raise


def _replay_request(
    seen: idempotency.DuplicateRequest,
    *,
    actor: permissions.Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
) -> User:
    """What a repeated creation is told: the same person, or the same refusal."""
    user = dynamodb.get_record(User, seen.resource_id)
    if seen.status == 400:
        raise auth0.EmailRefused("The sign-in service refuses this address or name.")
    if seen.status == 409 or (user is None and seen.is_running):
        raise user_exists()
    if user is None:
        raise errors.NotFound("The user that this request created is gone.")
    if user.status == "pending" and idempotency_key:
        idempotency.resume_request(idempotency_key, seen, at)
        return _finish_or_release_key(user, actor=actor, at=at, idempotency_key=idempotency_key)
    return user


def _cancel_creation(
    user: User,
    refusal: errors.DomainError,
    *,
    actor: audit.Author,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
) -> bool:
    """Auth0 will never take this person: take back what the intent stored.

    False where another hand had finished or withdrawn it before.
    """
    anonymous_subject = audit.Party("user", user.id, "", user.customer_id, user.customer_id)
    try:
        with journal.write(
            actor, "user.refused", anonymous_subject, at, changes=[audit.FieldChange("reason", None, refusal.code)]
        ) as write:
            write.remove(user, only_if=User.status == "pending")
            write.remove(EmailOwner(user.email_key), only_if=EmailOwner.user_id == user.id)
            write.remove(encryption.PersonKey(user.id))
            counters.update_counters(write, user, None)
            write.complete(_finish_message_id(user.id))
            write.complete_request(idempotency_key, user.id, status=refusal.status, code=refusal.code)
    except errors.Conflict:
        return False
    return True


def _check_grant(actor: permissions.Actor, user: User, at: datetime) -> None:
    rights = permissions.access_rights_of(user)
    with denied_attempts.audit_denied_attempts(actor, at, values=asdict(rights)):
        permissions.check_grant(actor, rights)


def _finish_message_id(user_id: str) -> str:
    return f"create-{user_id}"


def user_exists() -> UserExists:
    """The refusal of an address that somebody has."""
    return UserExists("A user with this e-mail address exists already.", pointer="/email")
