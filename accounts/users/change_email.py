"""Changing the e-mail address of a person, here and at Auth0.

As in creating: the intent (the guard of the new address, what is wanted, and the errand that
finishes it) is stored first; then Auth0 is asked; then one transaction moves the address, gives the
old guard back and tells the person. Whoever finds the intent unfinished, another request or the
outbox, runs `finish` again.
"""

from contextlib import suppress
from datetime import datetime

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import EmailOwner, User
from accounts.permissions import Actor
from accounts.users import counters, create, diff, email_address, side_effects
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import encryption, optimistic
from config.journal import write_set
from config.outbox import worker


class StaleEmailChange(errors.Conflict):
    """Since it was asked for, the person's rights or those of who asked have changed."""

    code = "overtaken"


def begin_email_change(
    user: User, patch: diff.UserPatch, *, actor: Actor, at: datetime, records: dynamodb.BatchResult
) -> User:
    """Change a person, their address included. The rights to do so were checked.

    Whether they are blocked changes at once, the rest with the address. Raises
    `provisioning.UserExists`, `auth0.EmailRefused`, `auth0.NoSignIn`, or `errors.Unavailable`,
    after which the outbox finishes what was begun.
    """
    after = diff.apply_patch(user, patch, at)
    immediate_user = diff.apply_patch(user, {n: patch[n] for n in patch if n == "status"}, at)
    if counters.is_full_owner(immediate_user) != counters.is_full_owner(after):
        raise errors.InvalidRequest("Change this owner's address and rights one after the other.")
    deferred_patch = {name: patch[name] for name in patch if name != "status"}
    pending_change = {"asked": deferred_patch, "seen": diff.snapshot(immediate_user)}
    pending_user = immediate_user.with_changes(awaited=pending_change, updated_at=at)
    action = diff.audit_action(user, pending_user)
    with journal.write(
        actor,
        "user.address_begun" if action == "user.changed" else action,
        user,
        at,
        changes=[*diff.diff_users(user, pending_user), audit.FieldChange("awaited", user.email, after.email)],
        prefetched=records,
    ) as write:
        write.put(pending_user, only_if=User.version == user.version, error=optimistic.stale_record_error())
        if after.email_key != user.email_key:
            write.put(
                EmailOwner(key=after.email_key, user_id=user.id),
                only_if=EmailOwner.key.does_not_exist(),
                error=create.user_exists(),
            )
        counters.update_counters(write, user, pending_user)
        side_effects.enqueue_side_effects(write, user, pending_user)
        write.enqueue(
            "accounts.finish_address", id=finish_message_id(user.id), due=at + journal.FINISHER_DELAY, user_id=user.id
        )
    return finish_email_change(pending_user, actor=actor, at=at, records=write.prefetched)


def complete_pending_change(user_id: str, *, at: datetime) -> None:
    """Have a change of address that somebody began finished now, in their name.

    Raises `errors.Unavailable`.
    """
    worker.run_message_now(finish_message_id(user_id), clock=lambda: at)


@outbox.task("accounts.finish_address")
def resume_email_change(user_id: str, *, job: outbox.TaskContext) -> None:
    """Finish a change that its request left unfinished, if its requester may still make it."""
    user = dynamodb.get_record(User, user_id)
    if user is None or not user.awaited or user.status == "deleting":
        return
    with suppress(errors.Conflict, errors.InvalidRequest, errors.NotFound):  # withdrawn and audited, or deleted
        try:
            _check_requester(user, job.author, job.at)
        except errors.Forbidden:
            stale_change = StaleEmailChange("The person who requested this change may no longer make it.")
            _cancel_email_change(user, stale_change, actor=job.author, at=job.at)
        else:
            finish_email_change(user, actor=job.author, at=job.at)


def _check_requester(user: User, author: audit.Author, at: datetime) -> None:
    """Whether who asked may still do it; they may have been blocked or demoted since."""
    if author.type != "user":
        return
    requester = dynamodb.get_record(User, author.id)
    if requester is None or requester.status != "active":
        raise errors.Forbidden("Who asked for it is not here any more.")
    actor, after = (permissions.user_actor(requester), diff.apply_patch(user, user.awaited["asked"], at))
    actor.require("users:update")
    permissions.check_target_user(actor, user)
    permissions.check_email_change(actor, user)
    permissions.check_grant(actor, permissions.access_rights_of(after), permissions.access_rights_of(user))


def finish_email_change(
    user: User, *, actor: audit.Author, at: datetime, records: dynamodb.BatchResult | None = None
) -> User:
    """The second half: ask Auth0, then move the address or take the intent back."""
    pending_change = user.awaited
    try:
        if diff.rebase_patch(user, pending_change["asked"], pending_change["seen"]) is None:
            raise _stale_change()
        auth0.change_email(user_id=user.id, email=pending_change["asked"]["email"])
    except (auth0.EmailInUse, auth0.EmailRefused, auth0.NoAuth0Account, StaleEmailChange) as refusal:
        _cancel_email_change(user, refusal, actor=actor, at=at)
        raise create.to_client_error(refusal) from refusal

    first_reads = [user]

    def decide() -> User:
        before = first_reads.pop() if first_reads else dynamodb.get_record(User, user.id)
        if before is None or before.status == "deleting":
            raise users.user_not_found()
        if before.awaited != pending_change:  # another hand was quicker, and ours has just spoken
            _enqueue_email_sync(user.id, actor=actor, at=at)
            return before
        patch = diff.rebase_patch(before, pending_change["asked"], pending_change["seen"])
        if patch is None:
            _cancel_email_change(before, _stale_change(), actor=actor, at=at)
            raise _stale_change()
        try:
            return _apply_email_change(before, patch, actor=actor, at=at, records=records)
        except errors.NotFound:  # a location that was wanted is gone by now
            patch = {name: patch[name] for name in patch if name not in diff.RIGHTS_FIELDS}
            return _apply_email_change(before, patch, actor=actor, at=at, records=records)

    return optimistic.retry_on_conflict(decide)


def _enqueue_email_sync(user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """Auth0 may have heard of us last what is not so: have it told the address of the record."""
    with journal.write_intent(actor, at) as write:
        write.enqueue("accounts.carry_address", id=_sync_message_id(user_id), user_id=user_id)


@outbox.task("accounts.carry_address")
def sync_email_to_auth0(user_id: str) -> None:
    """Let the sign-in have the address of the record, whichever that is in the end.

    Not while a change is under way: that one must have the last word.
    """
    user = dynamodb.get_record(User, user_id)
    for _ in range(5):
        if user is None or user.status in ("pending", "deleting"):
            return
        if user.awaited:
            break
        email = user.email
        auth0.change_email(user_id=user_id, email=email)
        user = dynamodb.get_record(User, user_id)
        if user and user.email == email and not user.awaited:
            return
    raise errors.Unavailable("The address changes faster than it can be told.")


def _stale_change() -> StaleEmailChange:
    return StaleEmailChange("The person's rights have changed since; ask again.")


def _apply_email_change(
    before: User, patch: diff.UserPatch, *, actor: audit.Author, at: datetime, records: dynamodb.BatchResult | None
) -> User:
    after = diff.apply_patch(before, patch, at)
    after.awaited = None
    after.invitation_sent_at = after.invitation_sent_at if after.accepted_at else None
    with journal.write(
        actor, diff.audit_action(before, after), before, at, changes=diff.diff_users(before, after), prefetched=records
    ) as write:
        write.put(after, only_if=User.version == before.version, error=optimistic.stale_record_error())
        if after.email_key != before.email_key:
            write.remove(EmailOwner(before.email_key), only_if=EmailOwner.user_id == before.id)
        counters.update_counters(write, before, after)
        side_effects.enqueue_side_effects(write, before, after)
        _enqueue_notification(write, before, after, records)
        write.complete(finish_message_id(before.id))
    return after


def _enqueue_notification(
    write: write_set.Write, before: User, after: User, records: dynamodb.BatchResult | None
) -> None:
    """Invite again at the right address, or warn whoever reads the old one.

    Who never came and is blocked is invited when they are unblocked.
    """
    if not before.accepted_at:
        if after.status == "invited":
            write.enqueue("accounts.send_invitation", user_id=after.id)
        return
    person_key = records.get(encryption.PersonKey, before.id) if records else None
    person_key = person_key or dynamodb.get_record(encryption.PersonKey, before.id)
    if person_key is not None:
        encrypted_email = encryption.encrypt_json(person_key.unwrap(), before.email, before.id).hex()
        write.enqueue("accounts.warn_former_address", user_id=after.id, sealed=encrypted_email)


def _cancel_email_change(user: User, refusal: errors.DomainError, *, actor: audit.Author, at: datetime) -> None:
    """Auth0 will never take this address, or nobody may ask for it: forget that it was wanted."""
    pending_change = user.awaited

    def decide() -> User:
        before = dynamodb.get_record(User, user.id)
        if before is None or before.awaited != pending_change:
            return user  # another hand has finished or withdrawn it
        email_key = email_address.email_key(pending_change["asked"]["email"])
        with journal.write(
            actor, "user.change_refused", before, at, changes=[audit.FieldChange("reason", None, refusal.code)]
        ) as write:
            write.put(
                before.with_changes(awaited=None, updated_at=at),
                only_if=User.version == before.version,
                error=optimistic.stale_record_error(),
            )
            if email_key != before.email_key:
                write.remove(EmailOwner(email_key), only_if=EmailOwner.user_id == before.id)
            if isinstance(refusal, StaleEmailChange):  # Auth0 may have heard of it in an earlier try
                write.enqueue("accounts.carry_address", id=_sync_message_id(before.id), user_id=before.id)
            if before.status == "invited" and not before.invitation_sent_at:
                write.enqueue("accounts.send_invitation", user_id=before.id)
            write.complete(finish_message_id(before.id))
        return before

    optimistic.retry_on_conflict(decide)


def _sync_message_id(user_id: str) -> str:
    return f"carry-address-{user_id}"


def finish_message_id(user_id: str) -> str:
    """The id of the errand that finishes a change of address."""
    return f"address-{user_id}"
