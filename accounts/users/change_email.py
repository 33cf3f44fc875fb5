"""Changing the e-mail address of a person, here and at Auth0.

`begin_email_change` stores the requested change on the person, the uniqueness record of the new
address and the outbox message that finishes the change. `finish_email_change` then changes the
address at Auth0, and one transaction applies the change, releases the old address, notifies it and
begins a handover (`accounts.users.handover`). Where Auth0 refuses or the change is stale, one
transaction discards it; if Auth0 may have had the new address, that begins a handover as well. See
`config.journal.two_phase`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from accounts import grants, permissions, users
from accounts.clients import auth0
from accounts.models import EmailOwner, User
from accounts.permissions import Actor
from accounts.users import address_claims, create, diff, email_address, handover, mail_limits, side_effects
from config import audit, daily_limits, dynamodb, errors, journal, outbox
from config.dynamodb import encryption, idempotency
from config.journal import two_phase, write_set

EMAIL_CHANGE = two_phase.Flow("accounts.finish_address", prefix="address", withdrawal_action="user.change_refused")


class StaleEmailChange(errors.Conflict):
    """The rights of the person or of the requester have changed since the request."""

    code = "email_change_outdated"
    example_detail = "This person's permissions have changed since the request; repeat it."


def begin_email_change(
    user: User,
    patch: diff.UserPatch,
    *,
    actor: Actor,
    at: datetime,
    records: dynamodb.BatchResult,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> User:
    """Change a person, the e-mail address included; the caller has checked the rights to do so.

    If their invitation has expired and the address was freed, the patch may have the same address,
    which they then claim again.

    Blocking and unblocking apply at once, the rest together with the address. Where an address has
    had its mails of the day, an owner's or operator's change is made without mail to it. Raises
    `address_claims.UserExists`, `daily_limits.DailyLimitReached`, `errors.InvalidRequest`, and what
    `finish_email_change` raises; after `errors.Unavailable` the outbox finishes the change.
    """
    if user.address_freed_at:
        address_claims.FREEING.finish_now(user.id, at=at)
    after = diff.apply_patch(user, patch, at)
    immediate_user = diff.apply_patch(user, {n: patch[n] for n in patch if n == "status"}, at)
    if side_effects.is_full_owner(immediate_user) != side_effects.is_full_owner(after):
        raise errors.InvalidRequest("Change the e-mail address of an owner and their access in separate requests.")
    deferred_patch = {name: patch[name] for name in patch if name != "status"}
    pending_change = {"asked": deferred_patch, "seen": diff.snapshot(immediate_user)}
    pending_user = immediate_user.with_changes(awaited=pending_change, updated_at=at)
    pending_user = handover.begin_if_unblocked(user, pending_user, at)
    if user.address_freed_at:
        pending_user.resent_at = at
    limits = mail_limits.email_change_limits(actor, user, after.email_key)
    action = diff.audit_action(user, pending_user)
    changes = [*diff.diff_users(user, pending_user), audit.FieldChange("awaited", user.email, after.email)]

    def save(unmailed: Sequence[str]) -> two_phase.Attempt:
        pending_user.awaited = {**pending_change, "unmailed": unmailed} if unmailed else pending_change
        with journal.write(
            actor,
            "user.address_begun" if action == "user.changed" else action,
            user,
            at,
            changes=changes,
            prefetched=records,
        ) as write:
            daily_limits.check(mail_limits.taken_address_limits(actor), records, at)
            daily_limits.count(write, [limit for limit in limits if limit.owner not in unmailed], records)
            write.save(user, pending_user)
            if after.email_key != user.email_key or user.address_freed_at:
                address_claims.claim_email(write, after.email_key, user.id)
            side_effects.add_side_effects(write, user, pending_user)
            handover.enqueue(write, user, pending_user)
            write.record_response(idempotency_key, user.id, status=200)
            EMAIL_CHANGE.enqueue_finisher(write, user.id, user_id=user.id)
        return two_phase.Attempt(actor, at, records=write.prefetched)

    is_correction = mail_limits.may_correct(actor) and after.email_key != user.email_key
    attempt = _save_without_refused_mails(save, at) if is_correction else save([])
    return finish_email_change(pending_user, attempt)


def _save_without_refused_mails(save: Callable[[Sequence[str]], two_phase.Attempt], at: datetime) -> two_phase.Attempt:
    """The result of ``save``, given the addresses (as limits have them) that no mail may go to."""
    unmailed: list[str] = []
    while True:
        try:
            return save(unmailed)
        except daily_limits.DailyLimitReached as refusal:
            if refusal.limit is None or not mail_limits.is_of_address(refusal.limit):
                raise
            daily_limits.report(refusal, at)
            unmailed = [*unmailed, refusal.limit.owner]


@outbox.task(EMAIL_CHANGE.task, lane="sign-in")
def resume_email_change(user_id: str, *, job: outbox.TaskContext) -> None:
    """Finish a change that its request left unfinished, if its requester may still make it."""
    user, attempt = dynamodb.get_record(User, user_id), two_phase.Attempt.of_message(job)
    if user is None or not user.awaited or user.status == "deleting":
        return
    with suppress(errors.Conflict, errors.InvalidRequest, errors.NotFound):  # withdrawn and audited, or deleted
        try:
            _check_requester(user, attempt)
        except errors.Forbidden:
            stale_change = StaleEmailChange("The person who requested this change no longer has the permission.")
            _withdraw_email_change(user, stale_change, attempt)
        else:
            finish_email_change(user, attempt)


def _check_requester(user: User, attempt: two_phase.Attempt) -> None:
    """Raise `errors.Forbidden` if the author has been blocked, demoted or deleted since."""
    if attempt.actor.type != "user":
        return
    requester = dynamodb.get_record(User, attempt.actor.id)
    if requester is None or requester.status != "active":
        raise errors.Forbidden("The requester is blocked or deleted.")
    actor, after = permissions.user_actor(requester), diff.apply_patch(user, user.awaited["asked"], attempt.at)
    actor.require("users:update")
    permissions.check_target_user(actor, user)
    permissions.check_email_change(actor, user)
    grants.check_grant(actor, permissions.access_rights_of(after), permissions.access_rights_of(user))


def finish_email_change(user: User, attempt: two_phase.Attempt) -> User:
    """Change the address at Auth0, then apply or withdraw the change that ``user`` awaits.

    Raises `address_claims.UserExists`, `auth0.EmailRefused`, `auth0.NoAuth0Account`,
    `StaleEmailChange`, `errors.NotFound` (the person) or `errors.Unavailable`.
    """

    def decide(known: User | None = None) -> User:
        before = known or dynamodb.get_record(User, user.id)
        if before is None or before.status == "deleting":
            raise users.user_not_found()
        if before.awaited != user.awaited:  # finished elsewhere, and this attempt may have overwritten Auth0 since
            after = _begin_handover_if_other(before, user.awaited["asked"]["email"], attempt.at)
            with journal.write_intent(attempt.actor, attempt.at) as write:
                _enqueue_email_sync(write, user.id)
                if after is not before:
                    write.save(before, after)
                    handover.enqueue(write, before, after)
            return after
        patch = _rebase_pending_patch(before)
        try:
            return _apply_email_change(before, patch, attempt)
        except errors.NotFound:  # a location of the patch was removed
            patch = {name: patch[name] for name in patch if name not in diff.RIGHTS_FIELDS}
            return _apply_email_change(before, patch, attempt)

    try:
        patch = _rebase_pending_patch(user)
        auth0.change_email(user_id=user.id, email=patch["email"])
        return journal.retry_on_conflict(decide, user)
    except (auth0.EmailInUse, auth0.EmailRefused, auth0.NoAuth0Account, StaleEmailChange) as refusal:
        _withdraw_email_change(user, refusal, attempt)
        raise create.to_client_error(refusal) from refusal


def _rebase_pending_patch(user: User) -> dict[str, Any]:
    patch = diff.rebase_patch(user, user.awaited["asked"], user.awaited["seen"])
    if patch is None:
        raise StaleEmailChange("This person's permissions have changed since the request; repeat it.")
    return patch


def _apply_email_change(before: User, patch: diff.UserPatch, attempt: two_phase.Attempt) -> User:
    after = diff.apply_patch(before, patch, attempt.at).with_changes(awaited=None)
    if after.email_key != before.email_key or before.address_freed_at:
        after.address_freed_at = None
        after = handover.begin(after, attempt.at)
        after.invitation_sent_at = after.invitation_sent_at if after.accepted_at else None
    action, changes = diff.audit_action(before, after), diff.diff_users(before, after)
    unmailed = before.awaited.get("unmailed", ())
    sends_link = daily_limits.pseudonym(after.email_key) not in unmailed
    with EMAIL_CHANGE.finish(before.id, action, before, attempt, changes=changes) as write:
        write.save(before, after)
        if before.address_freed_at:  # whoever freed it may have overwritten the address at Auth0 since
            _enqueue_email_sync(write, before.id, due=attempt.at + two_phase.FINISHER_DELAY)
        elif after.email_key != before.email_key:
            write.remove(EmailOwner(before.email_key), only_if=EmailOwner.user_id == before.id)
        side_effects.add_side_effects(write, before, after)
        handover.enqueue(write, before, after, sends_link=sends_link)
        if after.email_key != before.email_key and attempt.actor.id != before.id:
            handover.unverify_recent_phone(write, before)
        if not sends_link:
            write.add_audit_event("user.link_not_sent", before)
        was_used = before.accepted_at or before.invitation_sent_at
        is_told = was_used and not before.address_freed_at and daily_limits.pseudonym(before.email_key) not in unmailed
        if after.email_key != before.email_key and is_told:
            _warn_former_address(write, before, attempt.records)
    return after


def _warn_former_address(write: write_set.Write, before: User, records: dynamodb.BatchResult | None) -> None:
    """Tell the former address of somebody who has signed in, or was invited there."""
    person_key = records.get(encryption.PersonKey, before.id) if records else None
    person_key = person_key or dynamodb.get_record(encryption.PersonKey, before.id)
    if person_key is not None:
        encrypted_email = encryption.encrypt_json(person_key.unwrap(), before.email, before.id).hex()
        write.enqueue("accounts.warn_former_address", user_id=before.id, sealed=encrypted_email)


def _withdraw_email_change(user: User, refusal: errors.DomainError, attempt: two_phase.Attempt) -> None:
    """Discard the change that ``user`` awaits, unless another process finished or withdrew it."""

    def decide() -> None:
        before = dynamodb.get_record(User, user.id)
        if before is None or before.awaited != user.awaited:
            return
        email_key = email_address.email_key(user.awaited["asked"]["email"])
        after = before.with_changes(awaited=None, updated_at=attempt.at)
        if isinstance(refusal, StaleEmailChange):
            after = _begin_handover_if_other(after, email_key, attempt.at)
        with EMAIL_CHANGE.withdraw(before.id, before, refusal, attempt) as write:
            write.save(before, after)
            handover.enqueue(write, before, after)
            if email_key != before.email_key or before.address_freed_at:
                write.remove(EmailOwner(email_key), only_if=EmailOwner.user_id == before.id)
            if isinstance(refusal, StaleEmailChange):  # an earlier attempt may have changed it at Auth0
                _enqueue_email_sync(write, before.id)

    journal.retry_on_conflict(decide)


def _begin_handover_if_other(user: User, email: str, at: datetime) -> User:
    """The user, with a handover begun if Auth0 may have had this address, which is not theirs.

    Whoever reads mail there could set a password meanwhile. A freed address has its own handover.
    """
    is_other = email_address.email_key(email) != user.email_key
    return handover.begin(user, at) if is_other and not user.address_freed_at else user


def _enqueue_email_sync(write: write_set.Write, user_id: str, due: datetime | None = None) -> None:
    write.enqueue("accounts.carry_address", id=_sync_message_id(user_id), due=due, user_id=user_id)


def _sync_message_id(user_id: str) -> str:
    return f"carry-address-{user_id}"


def is_sync_pending(user_id: str) -> bool:
    """Whether Auth0 may have another address than the record."""
    return dynamodb.get_record(outbox.OutboxMessage, _sync_message_id(user_id)) is not None


@outbox.task("accounts.carry_address", lane="sign-in")
def sync_email_to_auth0(user_id: str) -> None:
    """Set the address at Auth0 to that of the record, whatever Auth0 was asked for before.

    Raises `errors.Unavailable` while a change is unfinished, which must have the last word.
    """
    user = dynamodb.get_record(User, user_id)
    for _ in range(5):
        if user is None or user.status in ("pending", "deleting"):
            return
        if user.awaited:
            break
        email = address_claims.sign_in_address(user)
        auth0.change_email(user_id=user_id, email=email)
        user = dynamodb.get_record(User, user_id)
        if user and address_claims.sign_in_address(user) == email and not user.awaited:
            return
    raise errors.Unavailable("Too many concurrent changes to this person; retry.")
