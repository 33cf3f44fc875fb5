"""Creating people, here and at Auth0.

`create_user` stores a pending record, the uniqueness record of the e-mail address and the outbox
message that finishes the creation. `finish_creation` then creates the Auth0 account under our id,
and one transaction makes the person `invited` and enqueues the invitation. Where Auth0 refuses,
one transaction removes everything again. See `config.journal.two_phase`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from accounts import grants, permissions, users
from accounts.clients import auth0
from accounts.models import ALL_LOCATIONS, Customer, DeletedUser, EmailOwner, User, make_name_key
from accounts.users import address_claims, diff, email_address, mail_limits, phones, side_effects
from config import audit, daily_limits, dynamodb, errors, journal, outbox
from config.dynamodb import encryption, idempotency
from config.journal import two_phase, write_set

CREATION = two_phase.Flow("accounts.finish_creation", prefix="create", withdrawal_action="user.refused")
INVITATION_TTL = timedelta(days=7)
"""How long the link in an invitation works."""


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
    phone: str | None = None
    """E.164; it is not verified."""


def create_user(
    new_user: NewUserData,
    *,
    actor: permissions.Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> User:
    """Create a person and invite them.

    Raises `address_claims.UserExists`, `permissions.GrantRefused`, `errors.Forbidden`,
    `errors.NotFound` (a location), `phones.OwnNumber`, `auth0.EmailRefused`,
    `daily_limits.DailyLimitReached`, or `errors.Unavailable`, after which the outbox finishes it.
    """

    def create() -> User:
        return _create_user(new_user, actor=actor, at=at, idempotency_key=idempotency_key)

    return address_claims.claim_freeing_expired(new_user.email, create, author=actor, at=at)


def _create_user(
    new_user: NewUserData, *, actor: permissions.Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None
) -> User:
    actor.require("users:create")
    with permissions.audit_denied_attempts(actor, at, values={"customerId": new_user.customer_id}):
        permissions.check_customer(actor, new_user.customer_id)
    if new_user.phone:
        phones.check_phone(new_user.phone)
    user = _build_pending_user(new_user, at)
    location_ids = new_user.locations or ()
    limits = mail_limits.invitation_limits(actor, user.email_key)
    record_keys = [*users.location_keys(location_ids), *idempotency.record_keys(idempotency_key)]
    taken_limits = mail_limits.taken_address_limits(actor)
    record_keys += [*daily_limits.record_keys(limits, at), *daily_limits.checked_keys(taken_limits, at)]
    records = dynamodb.batch_get([*journal.stream_keys([actor.stream, user.id]), *record_keys])
    attempt = two_phase.Attempt(actor, at, idempotency_key, records)
    try:
        idempotency.ensure_key_unused(idempotency_key, records, at)
        users.check_locations(location_ids, records, actor.customer_id)
        rights = permissions.access_rights_of(user)
        with permissions.audit_denied_attempts(actor, at, values=asdict(rights)):
            grants.check_grant(actor, rights)
        with daily_limits.report_refusals(at), journal.write_intent(actor, at, prefetched=records) as write:
            daily_limits.check(taken_limits, records, at)
            write.begin_request(idempotency_key, user.id)
            daily_limits.count(write, limits, records)
            _put_pending_user(write, user, idempotency_key)
    except idempotency.DuplicateRequest as duplicate:
        user = _get_created_user(duplicate, actor)
        if user.status != "pending":
            return user
        idempotency.resume_request(duplicate, at)
        attempt = two_phase.Attempt(actor, at, idempotency_key)
    with two_phase.release_key_if_unavailable(idempotency_key):
        return finish_creation(user, attempt)


def create_customer_with_owner(
    customer: Customer, owner: NewUserData, *, actor: permissions.Actor, at: datetime
) -> User:
    """Create a customer together with its first owner. Raises what `create_user` raises."""
    changes = [audit.FieldChange("name", None, customer.name)]

    def create() -> User:
        user = _build_pending_user(owner, at)
        limits = mail_limits.invitation_limits(actor, user.email_key)
        with (
            daily_limits.report_refusals(at),
            journal.write(actor, "customer.created", customer, at, changes=changes) as write,
        ):
            daily_limits.count(write, limits)
            write.put(customer, only_if=Customer.id.does_not_exist())
            _put_pending_user(write, user)
        return user

    user = address_claims.claim_freeing_expired(owner.email, create, author=actor, at=at)
    return finish_creation(user, two_phase.Attempt(actor, at))


def resume_creation(user_id: str, attempt: two_phase.Attempt) -> User | None:
    """Finish a creation if it is unfinished; None if it was withdrawn.

    Raises what `finish_creation` raises.
    """
    user = dynamodb.get_record(User, user_id)
    if user is None or user.status != "pending":
        return user
    return finish_creation(user, attempt.without_expired_key(user.created_at))


@outbox.task(CREATION.task, lane="sign-in")
def finish_creation_from_outbox(user_id: str, *, job: outbox.TaskContext, once: dict[str, str] | None = None) -> None:
    """Finish a creation that its request left; ``once`` is the request's idempotency key."""
    with suppress(errors.Conflict, errors.InvalidRequest):  # withdrawn and audited; the answer is stored
        resume_creation(user_id, two_phase.Attempt.of_message(job, once))


def finish_creation(user: User, attempt: two_phase.Attempt) -> User:
    """Create the Auth0 account, then make the person invited or withdraw the creation.

    Where another process finished or withdrew it first, its result is the answer. Raises
    `address_claims.UserExists`, `auth0.EmailRefused` or `errors.Unavailable`.
    """
    try:
        auth0.create_user(user_id=user.id, email=user.email, name=user.name, customer_id=user.customer_id)
    except (auth0.EmailInUse, auth0.EmailRefused) as refusal:
        try:
            _withdraw_creation(user, refusal, attempt)
        except errors.Conflict:
            return _result_of_concurrent_attempt(user, refusal)
        raise to_client_error(refusal) from refusal
    invited = user.with_changes(
        status="invited",
        invited_at=attempt.at,
        invitation_expires_at=attempt.at + INVITATION_TTL,
        updated_at=attempt.at,
    )
    changes = diff.diff_users(None, invited)
    try:
        with CREATION.finish(user.id, "user.invited", user, attempt, changes=changes, status=201) as write:
            write.put(invited, only_if=User.status == "pending")
            write.enqueue("accounts.send_invitation", user_id=user.id)
    except errors.Conflict as conflict:
        return _result_of_concurrent_attempt(user, conflict)
    return invited


def _withdraw_creation(user: User, refusal: errors.DomainError, attempt: two_phase.Attempt) -> None:
    """Remove what the intent stored. Raises `errors.Conflict` if it is not pending any more."""
    anonymous_subject = audit.Party("user", user.id, "", user.customer_id, user.customer_id)
    with CREATION.withdraw(user.id, anonymous_subject, refusal, attempt) as write:
        write.remove(user, only_if=User.status == "pending")
        write.remove(EmailOwner(user.email_key), only_if=EmailOwner.user_id == user.id)
        write.remove(encryption.PersonKey(user.id))
        side_effects.update_counters(write, user, None)


def _result_of_concurrent_attempt(user: User, cause: errors.DomainError) -> User:
    current_user = dynamodb.get_record(User, user.id)
    if current_user is None and dynamodb.get_record(DeletedUser, user.id) is None:
        auth0.delete_user(user.id)  # this attempt may have created the account after a deletion
    if current_user is None or current_user.status == "pending":
        raise address_claims.user_exists() from cause
    return current_user


def _get_created_user(duplicate: idempotency.DuplicateRequest, actor: permissions.Actor) -> User:
    """The person that an earlier request with the key created; raises the refusal it met.

    Raises `errors.NotFound` if the actor cannot see the person any more.
    """
    user = dynamodb.get_record(User, duplicate.resource_id)
    if duplicate.status == 400:
        raise auth0.EmailRefused("The sign-in service rejects this e-mail address or name.")
    if duplicate.status == 409 or (user is None and duplicate.is_running):
        raise address_claims.user_exists()
    if user is None:
        raise errors.NotFound("The user that this request created was deleted.")
    users.check_visible(user, actor)
    return user


def _build_pending_user(new_user: NewUserData, at: datetime) -> User:
    email = email_address.normalize_email(new_user.email)
    id = dynamodb.new_id("usr", at)
    role = new_user.role
    requested_permissions = permissions.ROLES[role] if new_user.permissions is None else new_user.permissions
    extra, denied = permissions.split_permissions(role, requested_permissions)
    default_locations = [ALL_LOCATIONS] if role in ("owner", "admin") else []
    requested_locations = diff.normalize_locations(new_user.locations or ())
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
        phone=new_user.phone,
        locations=default_locations if new_user.locations is None else requested_locations,
        skills=list(new_user.skills),
        is_setup=new_user.is_setup,
        status="pending",
        created_at=at,
        updated_at=at,
    )


def _put_pending_user(write: write_set.Write, user: User, key: idempotency.IdempotencyKey | None = None) -> None:
    address_claims.claim_email(write, user.email_key, user.id)
    write.put(user, only_if=User.id.does_not_exist())
    side_effects.update_counters(write, None, user)
    CREATION.enqueue_finisher(write, user.id, key, user_id=user.id)


def to_client_error(refusal: errors.DomainError) -> errors.DomainError:
    """The client error for a refusal of Auth0, without revealing who owns the address."""
    return address_claims.user_exists() if isinstance(refusal, auth0.EmailInUse) else refusal
