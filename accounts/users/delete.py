"""Deleting people: their access ends at once, and they are erased when they cannot be restored.

`delete_user` blocks the person and stores the outbox message that finishes the deletion.
`finish_deletion` then blocks the Auth0 account and takes the address from it, ends what the data
map says, and logs the deletion outside the tables, so that it survives a restore of them. One
transaction replaces the person by a `DeletedUser`: nobody but operators sees them from then on, and
others may use the address. `accounts.users.erase` erases them at ``erase_at``, or at once where
that is asked for; until then `accounts.users.undo_deletion` restores them. See
`config.journal.two_phase`.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import DeletedUser, EmailOwner, User
from accounts.permissions import Actor
from accounts.users import address_claims, change_email, create, erase, side_effects
from config import audit, dynamodb, journal, outbox
from config.journal import two_phase
from config.privacy import data_map, erasure_log

DELETION = two_phase.Flow("accounts.finish_deletion", prefix="delete")


@dataclass(frozen=True)
class DeletionResult:
    """Who was deleted, and when they are erased."""

    id: str
    erase_at: datetime
    status: str = "deleted"


def grace() -> timedelta:
    """For how long whoever is deleted can be restored."""
    return timedelta(days=settings.DELETION_GRACE_DAYS)


def delete_user(
    user_id: str,
    *,
    actor: Actor,
    at: datetime,
    erases_now: bool = False,
    erase_at: datetime | None = None,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> DeletionResult:
    """Delete a person of the actor's customer, or the actor.

    ``erases_now``: they cannot be restored; else they can be until ``erase_at``, by default for
    `grace`. Repeating it finishes an unfinished deletion. Raises `errors.NotFound`,
    `permissions.TargetForbidden`, `side_effects.LastOwner`, or `errors.Unavailable`, after which
    the outbox finishes it.
    """
    if user_id != actor.id:
        actor.require("users:delete")
    erase_at = at if erases_now else erase_at or at + grace()

    def decide() -> tuple[User, dynamodb.BatchResult | None]:
        try:
            user, records = users.load_target(user_id, actor)
        except users.UserNotReady as not_ready:
            create.CREATION.finish_now(user_id, at=at)
            raise journal.StaleRecord("The creation of this person is already finished.") from not_ready
        with permissions.audit_denied_attempts(actor, at, subject=user, values={"status": "deleted"}):
            if user.id != actor.id:
                permissions.check_target_user(actor, user)
            if user.status == "deleting" and not (erases_now and user.erase_at and user.erase_at > at):
                return user, None
            precondition.check(user)
            return _begin_deletion(user, actor=actor, at=at, erase_at=erase_at, records=records)

    user, records = journal.retry_on_conflict(decide)
    return finish_deletion(user, two_phase.Attempt(actor, at, records=records))


def _begin_deletion(
    user: User, *, actor: Actor, at: datetime, erase_at: datetime, records: dynamodb.BatchResult
) -> tuple[User, dynamodb.BatchResult | None]:
    if user.status == "deleting":  # by somebody who did not ask for the erasure
        deleting_user = user.with_changes(erase_at=erase_at, updated_at=at)
    else:
        deleting_user = user.with_changes(
            status="deleting", status_before_deletion=user.status, deleted_at=at, erase_at=erase_at, updated_at=at
        )
    changes = [audit.FieldChange("status", user.status, "deleting")]
    with journal.write(actor, "user.deletion_begun", user, at, changes=changes, prefetched=records) as write:
        write.save(user, deleting_user)
        side_effects.update_counters(write, user, deleting_user)
        side_effects.enqueue_access_loss(write, user.id)
        DELETION.enqueue_finisher(write, user.id, user_id=user.id)
    return deleting_user, write.prefetched


@outbox.task(DELETION.task, lane="sign-in")
def resume_deletion(user_id: str, *, job: outbox.TaskContext) -> None:
    """Finish a deletion that its request left unfinished; of an erasure, also what may be much.

    Raises `errors.Unavailable`.
    """
    user = dynamodb.get_record(User, user_id)
    if user and user.status == "deleting":
        finish_deletion(user, two_phase.Attempt.of_message(job))
    erase.erase_afterwards(user_id)


def finish_deletion(user: User, attempt: two_phase.Attempt) -> DeletionResult:
    """Delete a person whose deletion has begun, or erase them if they are not to be restored.

    Another process may do the same. Raises `errors.Unavailable`.
    """
    try:
        if user.erase_at is None or user.erase_at <= attempt.at:
            erase.erase_user(user, attempt)
            return DeletionResult(user.id, attempt.at)
        _end_account(user, attempt)
        _replace_by_deleted_user(user, attempt)
    except journal.StaleRecord:
        remaining_user = dynamodb.get_record(User, user.id)
        if remaining_user is not None and remaining_user.status == "deleting":
            return finish_deletion(remaining_user, replace(attempt, records=None))
        if remaining_user is not None:  # restored meanwhile: this attempt may have blocked them since
            with journal.write_intent(permissions.system_actor(user.customer_id), attempt.at) as write:
                side_effects.enqueue_auth0_sync(write, user.id)
    return DeletionResult(user.id, user.erase_at or attempt.at)


def _end_account(user: User, attempt: two_phase.Attempt) -> None:
    """End every access at Auth0, free the address there, and end what the data map says."""
    with suppress(auth0.NoAuth0Account):
        auth0.update_user(user_id=user.id, name=user.name, blocked=True)
        auth0.change_email(user_id=user.id, email=address_claims.freed_address(user.id))
    data_map.end_at_deletion(user, actor=attempt.actor, at=attempt.at)
    erasure_log.log_deletion(user.id, user.deleted_at, user.erase_at)


def _replace_by_deleted_user(user: User, attempt: two_phase.Attempt) -> None:
    changes = [
        audit.FieldChange("status", "deleting", "deleted"),
        audit.FieldChange("eraseAt", None, dynamodb.format_timestamp(user.erase_at)),
    ]
    with DELETION.finish(user.id, "user.deleted", user, attempt, changes=changes) as write:
        write.remove_unchanged(user)
        write.put(DeletedUser.of_user(user))
        for owner in data_map.records_of(user, EmailOwner):
            is_theirs = EmailOwner.key.does_not_exist() | (EmailOwner.user_id == user.id)
            write.remove(owner, only_if=is_theirs, error=journal.StaleRecord())
        side_effects.update_counters(write, user, None)
        if user.awaited:
            write.complete(change_email.EMAIL_CHANGE.message_id(user.id))
        erase.enqueue_erasure(write, user.id, due=user.erase_at)
