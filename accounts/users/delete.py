"""Deleting people, here and at Auth0, as far as the data map says.

`delete_user` blocks the person and stores the outbox message that finishes the deletion.
`finish_deletion` then deletes the Auth0 account and logs the erasure outside the tables, so that it
survives a restore (`config.privacy.erasure_log`), and one transaction removes every record of the
person and the key that encrypts their values in the audit log, which stays complete but unreadable.
See `config.journal.two_phase`.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import DirectoryEntry, EmailOwner, User
from accounts.permissions import Actor
from accounts.users import change_email, create, side_effects
from config import audit, dynamodb, journal, outbox
from config.journal import two_phase
from config.privacy import data_map, erasure_log

DELETION = two_phase.Flow("accounts.finish_deletion", prefix="delete")


@dataclass(frozen=True)
class DeletionResult:
    """Who was deleted."""

    id: str
    status: str = "deleted"


def delete_user(
    user_id: str, *, actor: Actor, at: datetime, precondition: journal.Precondition = journal.NO_PRECONDITION
) -> DeletionResult:
    """Delete a person of the actor's customer, or the actor.

    Repeating it finishes an unfinished deletion. Raises `errors.NotFound`,
    `permissions.TargetForbidden`, `side_effects.LastOwner`, or `errors.Unavailable`, after which
    the outbox finishes it.
    """
    if user_id != actor.id:
        actor.require("users:delete")

    def decide() -> tuple[User, dynamodb.BatchResult | None]:
        try:
            user, records = users.load_target(user_id, actor)
        except users.UserNotReady as not_ready:
            create.CREATION.finish_now(user_id, at=at)
            raise journal.StaleRecord("The creation of this person is already finished.") from not_ready
        with permissions.audit_denied_attempts(actor, at, subject=user, values={"status": "deleted"}):
            if user.id != actor.id:
                permissions.check_target_user(actor, user)
            if user.status == "deleting":
                return user, None
            precondition.check(user)
            return _begin_deletion(user, actor=actor, at=at, records=records)

    user, records = journal.retry_on_conflict(decide)
    return finish_deletion(user, two_phase.Attempt(actor, at, records=records))


def _begin_deletion(
    user: User, *, actor: Actor, at: datetime, records: dynamodb.BatchResult
) -> tuple[User, dynamodb.BatchResult | None]:
    deleting_user = user.with_changes(status="deleting", updated_at=at)
    changes = [audit.FieldChange("status", user.status, "deleting")]
    with journal.write(actor, "user.deletion_begun", user, at, changes=changes, prefetched=records) as write:
        write.save(user, deleting_user)
        side_effects.update_counters(write, user, deleting_user)
        side_effects.enqueue_access_loss(write, user.id)
        DELETION.enqueue_finisher(write, user.id, user_id=user.id)
    return deleting_user, write.prefetched


@outbox.task(DELETION.task, lane="sign-in")
def resume_deletion(user_id: str, *, job: outbox.TaskContext) -> None:
    """Finish a deletion that its request left unfinished, and remove what may be much.

    Raises `errors.Unavailable`.
    """
    user = dynamodb.get_record(User, user_id)
    if user and user.status == "deleting":
        finish_deletion(user, two_phase.Attempt.of_message(job))
    data_map.erase_afterwards(user_id)


def finish_deletion(user: User, attempt: two_phase.Attempt) -> DeletionResult:
    """Delete the Auth0 account, log the erasure, then delete every record.

    Another process may do the same. Raises `errors.Unavailable`.
    """
    auth0.delete_user(user.id)
    data_map.erase_in_batches(user, actor=attempt.actor, at=attempt.at)
    erasure_log.log_erasure(user.id, attempt.at)
    changes = [audit.FieldChange("status", "deleting", "deleted")]
    try:
        # not DELETION.finish: its message stays, for what is erased afterwards
        with journal.write(
            attempt.actor, "user.deleted", user, attempt.at, changes=changes, prefetched=attempt.records
        ) as write:
            write.remove_unchanged(user)
            for record in data_map.records_to_erase(user):
                if isinstance(record, EmailOwner):
                    is_theirs = EmailOwner.key.does_not_exist() | (EmailOwner.user_id == user.id)
                    write.remove(record, only_if=is_theirs, error=journal.StaleRecord())
                elif not isinstance(record, User | DirectoryEntry):  # the entry went when the deletion began
                    write.remove(record)
            side_effects.update_counters(write, user, None)
            if user.awaited:
                write.complete(change_email.EMAIL_CHANGE.message_id(user.id))
    except journal.StaleRecord:
        remaining_user = dynamodb.get_record(User, user.id)
        if remaining_user is not None:
            return finish_deletion(remaining_user, replace(attempt, records=None))
    return DeletionResult(user.id)
