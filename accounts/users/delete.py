"""Deleting people, here and at Auth0: what the data map says is erased, is.

First the person is cut off, in the same transaction as the errand that finishes the work; then
Auth0 forgets them; then one transaction removes every record of theirs and the key that seals
their values in the audit, which stays, whole and unreadable.
"""

from dataclasses import dataclass
from datetime import datetime

from accounts import denied_attempts, permissions, users
from accounts.clients import auth0
from accounts.models import User
from accounts.permissions import Actor
from accounts.users import change_email, counters, create
from config import audit, dynamodb, journal, outbox
from config.dynamodb import optimistic
from config.privacy import data_map


@dataclass(frozen=True)
class DeletionResult:
    """Who was deleted."""

    id: str
    status: str = "deleted"


def delete_user(user_id: str, *, actor: Actor, at: datetime) -> DeletionResult:
    """Delete somebody of one's own customer, or oneself.

    Repeating it finishes what was begun. Raises `errors.NotFound`, `actors.BeyondReach`,
    `headcounts.LastOwner`, or `errors.Unavailable`, after which the outbox finishes it.
    """
    if user_id != actor.id:
        actor.require("users:delete")

    def decide() -> User:
        try:
            user, records = users.load_target(user_id, actor)
        except users.UserNotReady as not_ready:
            create.complete_pending_creation(user_id, at=at)
            raise optimistic.StaleRecord("Its creation is settled now.") from not_ready
        with denied_attempts.audit_denied_attempts(actor, at, subject=user, values={"status": "deleted"}):
            if user.id != actor.id:
                permissions.check_target_user(actor, user)
            if user.status == "deleting":
                return user
            deleting_user, records_after = _begin_deletion(user, actor=actor, at=at, records=records)
        written_records.append(records_after)
        return deleting_user

    written_records: list[dynamodb.BatchResult | None] = []
    deleting_user = optimistic.retry_on_conflict(decide)
    return finish_deletion(deleting_user, actor=actor, at=at, records=written_records[-1] if written_records else None)


def _begin_deletion(
    user: User, *, actor: Actor, at: datetime, records: dynamodb.BatchResult
) -> tuple[User, dynamodb.BatchResult | None]:
    deleting_user = user.with_changes(status="deleting", updated_at=at)
    with journal.write(
        actor,
        "user.deletion_begun",
        user,
        at,
        changes=[audit.FieldChange("status", user.status, "deleting")],
        prefetched=records,
    ) as write:
        write.put(deleting_user, only_if=User.version == user.version, error=optimistic.stale_record_error())
        counters.update_counters(write, user, deleting_user)
        write.enqueue(
            "accounts.finish_deletion", id=_finish_message_id(user.id), due=at + journal.FINISHER_DELAY, user_id=user.id
        )
    return deleting_user, write.prefetched


@outbox.task("accounts.finish_deletion")
def resume_deletion(user_id: str, *, job: outbox.TaskContext) -> None:
    """Finish a deletion that its request left unfinished."""
    user = dynamodb.get_record(User, user_id)
    if user and user.status == "deleting":
        finish_deletion(user, actor=job.author, at=job.at)


def finish_deletion(
    user: User, *, actor: audit.Author, at: datetime, records: dynamodb.BatchResult | None = None
) -> DeletionResult:
    """The second half: Auth0 forgets the person, then we do.

    Another hand may do the same at the same moment; whoever comes second finds nothing left.
    """
    auth0.delete_user(user.id)
    data_map.erase_in_batches(user, actor=actor, at=at)
    try:
        with journal.write(
            actor,
            "user.deleted",
            user,
            at,
            changes=[audit.FieldChange("status", "deleting", "deleted")],
            prefetched=records,
        ) as write:
            write.remove(user, only_if=User.version == user.version, error=optimistic.stale_record_error())
            for record in data_map.records_to_erase(user):
                if not isinstance(record, User):
                    write.remove(record)
            counters.update_counters(write, user, None)
            write.complete(_finish_message_id(user.id))
            write.complete(change_email.finish_message_id(user.id))
    except optimistic.StaleRecord:
        remaining_user = dynamodb.get_record(User, user.id)
        if remaining_user is not None:
            return finish_deletion(remaining_user, actor=actor, at=at)
    return DeletionResult(user.id)


def _finish_message_id(user_id: str) -> str:
    return f"delete-{user_id}"
