"""Erasing deleted people, here and at Auth0, as far as the data map says.

`erase_user` deletes the Auth0 account and logs the erasure outside the tables, so that it survives
a restore (`config.privacy.erasure_log`). One transaction then removes every record of the person
and the key that encrypts their values in the audit log, which stays complete but unreadable. An
erasure that has begun cannot be undone: the mark comes before everything else.
"""

from datetime import datetime

from accounts.clients import auth0
from accounts.models import DeletedUser, DirectoryEntry, EmailOwner, User
from accounts.permissions import Actor, check_target_user
from accounts.users import change_email, queries, side_effects
from config import audit, dynamodb, journal, outbox
from config.dynamodb import encryption
from config.journal import two_phase, write_set
from config.privacy import data_map, erasure_log
from config.search_index import SearchEntry

ERASURE = two_phase.Flow("accounts.erase_user", prefix="erase")


def enqueue_erasure(write: write_set.Write, user_id: str, *, due: datetime) -> None:
    """Have the outbox erase a deleted person then, unless they are restored by then."""
    write.enqueue(ERASURE.task, id=ERASURE.message_id(user_id), due=due, user_id=user_id)


def erase_deleted_user(user_id: str, *, actor: Actor, at: datetime) -> None:
    """Erase a deleted person of the actor's customer now: they asked for it.

    Raises `errors.NotFound`, `permissions.TargetForbidden`, or `errors.Unavailable`, after which
    the outbox finishes it.
    """
    actor.require("users:delete")

    def decide() -> DeletedUser:
        deleted = load_deleted(user_id, actor)
        check_target_user(actor, deleted.user())
        return deleted if deleted.is_erasing else _begin(deleted, actor, at)

    _finish(journal.retry_on_conflict(decide), two_phase.Attempt(actor, at))


def load_deleted(user_id: str, actor: Actor) -> DeletedUser:
    """A deleted person of the actor's customer. Raises `errors.NotFound`."""
    deleted = dynamodb.get_record(DeletedUser, user_id) if dynamodb.is_id("usr", user_id) else None
    if deleted is None or deleted.customer_id != actor.customer_id:
        raise queries.user_not_found()
    return deleted


@outbox.task(ERASURE.task, lane="sign-in")
def resume_erasure(user_id: str, *, job: outbox.TaskContext) -> None:
    """Erase a deleted person whose time is over, or finish what was begun.

    Raises `errors.Unavailable`.
    """

    def decide() -> DeletedUser | None:
        deleted = dynamodb.get_record(DeletedUser, user_id)
        if deleted is None or deleted.is_erasing:
            return deleted
        if deleted.erase_at > job.at:  # restored and deleted again: another message is about that
            return None
        return _begin(deleted, job.author, job.at)

    deleted = journal.retry_on_conflict(decide)
    if deleted:
        _finish(deleted, two_phase.Attempt.of_message(job))
    erase_afterwards(user_id)


def _begin(deleted: DeletedUser, actor: audit.Author, at: datetime) -> DeletedUser:
    erasing = deleted.with_changes(is_erasing=True)
    with journal.write(actor, "user.erasure_begun", deleted, at) as write:
        write.save(deleted, erasing)
        enqueue_erasure(write, deleted.id, due=at + two_phase.FINISHER_DELAY)
    return erasing


def _finish(deleted: DeletedUser, attempt: two_phase.Attempt) -> None:
    user = deleted.user()
    _erase_outside(user, attempt)
    try:
        with journal.write(attempt.actor, "user.erased", deleted, attempt.at) as write:
            write.remove_unchanged(deleted)
            _remove_records(write, user)
    except journal.StaleRecord:  # only another attempt to erase them changes it now
        return


def erase_user(user: User, attempt: two_phase.Attempt) -> None:
    """Erase a person whose deletion has begun, without a time to restore them.

    Another process may do the same. The message that finishes the deletion stays, for
    `erase_afterwards`. Raises `journal.StaleRecord` and `errors.Unavailable`.
    """
    _erase_outside(user, attempt)
    changes = [audit.FieldChange("status", "deleting", "deleted")]
    with journal.write(
        attempt.actor, "user.deleted", user, attempt.at, changes=changes, prefetched=attempt.records
    ) as write:
        write.remove_unchanged(user)
        _remove_records(write, user)
        for owner in data_map.records_of(user, EmailOwner):
            is_theirs = EmailOwner.key.does_not_exist() | (EmailOwner.user_id == user.id)
            write.remove(owner, only_if=is_theirs, error=journal.StaleRecord())
        side_effects.update_counters(write, user, None)
        if user.awaited:
            write.complete(change_email.EMAIL_CHANGE.message_id(user.id))


def _erase_outside(user: User, attempt: two_phase.Attempt) -> None:
    """Everything that comes before the transaction, in repeatable steps."""
    auth0.delete_user(user.id)
    data_map.erase_in_batches(user, actor=attempt.actor, at=attempt.at)
    erasure_log.log_erasure(user.id, attempt.at)


def _remove_records(write: write_set.Write, user: User) -> None:
    """Remove what the data map says, but for the account and what went with it."""
    for record in data_map.records_to_erase(user, but=(User, DeletedUser, DirectoryEntry, SearchEntry, EmailOwner)):
        write.remove(record)


def erase_afterwards(user_id: str) -> None:
    """Remove what remains after the transaction, if the person is erased; repeatable."""
    keys = [dynamodb.RecordKey(record, user_id) for record in (User, DeletedUser, encryption.PersonKey)]
    records = dynamodb.batch_get(keys)
    if all(records.get(*key[:2]) is None for key in keys):
        data_map.erase_afterwards(user_id)
