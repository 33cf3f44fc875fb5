"""Changing people: what they are called, what they may do and where, whether they may come in."""

from datetime import datetime
from typing import Any

from accounts import grants, permissions, users
from accounts.clients import auth0
from accounts.models import User
from accounts.permissions import Actor
from accounts.users import address_claims, change_email, diff, handover, mail_limits, phones, side_effects
from config import daily_limits, dynamodb, errors, journal, names, outbox


def update_user(
    user_id: str,
    patch: diff.UserPatch,
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> User:
    """Change another user of the actor's customer. Returns the user after the change.

    Unblocking mails a link to set a password, unless a daily limit of mails is reached: then the
    audit says so. Raises `errors.NotFound` (the user or a location), `permissions.TargetForbidden`,
    `permissions.GrantRefused`, `side_effects.LastOwner`, `errors.PreconditionFailed`,
    `phones.OwnNumber`,
    and for a new e-mail address what `change_email.begin_email_change` raises.
    """
    actor.require("users:update")

    def decide() -> User:
        extra_keys = users.location_keys(patch.get("locations", ()))
        extra_keys += _count_keys(user_id, patch, actor, at)
        user, records = users.load_target(user_id, actor, *extra_keys)
        if user.status == "deleting":
            raise users.user_not_found()
        with permissions.audit_denied_attempts(actor, at, subject=user, values=_audited_values(patch)):
            permissions.check_target_user(actor, user)
            precondition.check(user)
            if "email" in patch and user.awaited:
                change_email.EMAIL_CHANGE.finish_now(user.id, at=at)
                raise journal.StaleRecord("The pending change of the e-mail address is already finished.")
            changes = diff.drop_shown_settings(user, patch) if precondition.is_echo else patch
            after = _apply_patch(user, changes, records, at)
            grants.check_grant(actor, permissions.access_rights_of(after), permissions.access_rights_of(user))
            if after.status != user.status:
                actor.require("users:deactivate")
            if after.email != user.email:
                permissions.check_email_change(actor, user)
                return change_email.begin_email_change(user, changes, actor=actor, at=at, records=records)
            return _save_user(user, after, actor=actor, at=at, records=records)

    def update() -> User:
        with daily_limits.report_refusals(at):
            return journal.retry_on_conflict(decide)

    if "email" not in patch:
        return update()
    return address_claims.claim_freeing_expired(patch["email"], update, author=actor, at=at)


def _count_keys(user_id: str, patch: diff.UserPatch, actor: Actor, at: datetime) -> list[dynamodb.RecordKey]:
    """The counts that may concern a patch, as far as they are known before the user is read."""
    keys = []
    if "email" in patch:
        keys += daily_limits.record_keys(mail_limits.shared_email_change_limits(actor, user_id), at)
        keys += daily_limits.checked_keys(mail_limits.taken_address_limits(actor), at)
    if "status" in patch:
        keys += daily_limits.record_keys(mail_limits.shared_invitation_limits(actor), at)
    return keys


def update_own_profile(
    user: User,
    patch: diff.UserPatch,
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> User:
    """Change the actor's own profile; rights can only shrink. ``user`` is the record just read.

    Raises `errors.NotFound` (a location), `permissions.GrantRefused`, `side_effects.LastOwner`,
    `phones.OwnNumber` or `errors.PreconditionFailed`.
    """
    actor.require("self:update")

    def decide(known: User | None = None) -> User:
        before = known or users.get_user(actor.id)
        precondition.check(before)
        location_keys = users.location_keys(patch.get("locations", ()))
        records = dynamodb.batch_get([*journal.stream_keys([actor.stream]), *location_keys])
        with permissions.audit_denied_attempts(actor, at, subject=before, values=_audited_values(patch)):
            changes = diff.drop_shown_settings(before, patch) if precondition.is_echo else patch
            after = _apply_patch(before, changes, records, at)
            grants.check_no_self_escalation(permissions.access_rights_of(before), permissions.access_rights_of(after))
            return _save_user(before, after, actor=actor, at=at, records=records)

    return journal.retry_on_conflict(decide, user)


def _apply_patch(before: User, patch: diff.UserPatch, records: dynamodb.BatchResult, at: datetime) -> User:
    after = diff.apply_patch(before, patch, at)
    users.check_locations(patch.get("locations", ()), records, before.customer_id, existing=before.locations)
    side_effects.check_location_changes(before, after)
    names.check_change("/name", before.name, after.name)
    names.check_change("/profileName", before.profile_name, after.profile_name)
    if after.phone and after.phone != before.phone:
        phones.check_phone(str(after.phone))
    return after


def _save_user(before: User, after: User, *, actor: Actor, at: datetime, records: dynamodb.BatchResult) -> User:
    audit_changes = diff.diff_users(before, after)
    if not audit_changes:
        return before
    after = handover.begin_if_unblocked(before, after, at)

    def save(limits: list[daily_limits.DailyLimit], *, sends_link: bool = True) -> User:
        action = diff.audit_action(before, after)
        with journal.write(actor, action, before, at, changes=audit_changes, prefetched=records) as write:
            daily_limits.count(write, limits, records)
            write.save(before, after)
            side_effects.add_side_effects(write, before, after)
            handover.enqueue(write, before, after, sends_link=sends_link)
            if not sends_link:
                write.add_audit_event("user.link_not_sent", before)
        return after

    if before.status != "blocked" or not after.can_sign_in:
        return save([])
    try:  # unblocking mails a link
        with daily_limits.report_refusals(at):
            return save(mail_limits.invitation_limits(actor, after.email_key))
    except daily_limits.DailyLimitReached:  # a limit of mails must not keep anybody out
        return save([], sends_link=False)


def _audited_values(patch: diff.UserPatch) -> dict[str, Any]:
    """What of an attempt the audit keeps."""
    return {name: patch[name] for name in ("email", *diff.RIGHTS_FIELDS) if name in patch}


@outbox.task("accounts.carry_to_auth0", lane="sign-in")
def sync_profile_to_auth0(user_id: str) -> None:
    """Let the sign-in say what the record says: the name, and whether it is blocked.

    The record is read again afterwards: of two that carry at once, the last one to speak may have
    read first. Raises `auth0.NoAuth0Account` or `errors.Unavailable`.
    """
    user = dynamodb.get_record(User, user_id)
    for _ in range(5):
        if user is None or user.status in ("pending", "deleting"):
            return
        profile = (user.name, user.status == "blocked")
        try:
            auth0.update_user(user_id=user_id, name=profile[0], blocked=profile[1])
        except auth0.NoAuth0Account:
            if dynamodb.get_record(User, user_id) is None:
                return
            raise
        user = dynamodb.get_record(User, user_id)
        if user and profile == (user.name, user.status == "blocked"):
            return
    raise errors.Unavailable("Too many concurrent changes to this person; retry.")
