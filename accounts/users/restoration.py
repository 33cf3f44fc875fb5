"""After a restore of the tables: erase people again, and compare the records with Auth0."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TypeVar

from accounts import permissions
from accounts.clients import auth0
from accounts.models import DeletedUser, User
from accounts.users import address_claims, delete, erase
from config import audit, dynamodb, errors, journal
from config.dynamodb import encryption
from config.privacy import erasure_log
from config.privacy.restoration import Finding, Restoration

MAX_WAIT = 120.0
"""Seconds for which Auth0 may limit the requests about one person."""
T = TypeVar("T")


def erase_again(restoration: Restoration) -> Iterator[Finding]:
    """Delete everybody who was deleted since the restored time. Raises `errors.Unavailable`."""
    for person_id in erasure_log.list_erased_ids(restoration.restored_to, restoration.at):
        if not restoration.erases:
            if _is_back(person_id):
                yield Finding(f"{person_id} was deleted and is back; --erase deletes them again")
            continue
        try:
            outcome = _wait_while_unavailable(partial(_erase, person_id, restoration.at))
        except errors.Unavailable:
            raise
        except errors.DomainError as refusal:
            yield Finding(f"{person_id} was deleted, is back, and cannot be deleted again: {refusal.detail}")
            continue
        if outcome:
            yield Finding(outcome, needs_attention=False)


def delete_again(restoration: Restoration) -> Iterator[Finding]:
    """Delete everybody who was deleted since the restored time, and can be restored still.

    Comes after `erase_again`. Raises `errors.Unavailable`.
    """
    for person_id, erase_at in erasure_log.list_deletions(restoration.restored_to, restoration.at):
        user = dynamodb.get_record(User, person_id)
        if user is None or user.status == "deleting":
            continue
        if not restoration.erases:
            yield Finding(f"{person_id} was deleted and is back; --erase deletes them again")
            continue
        actor = permissions.system_actor(user.customer_id)
        try:
            deletion = partial(delete.delete_user, person_id, actor=actor, at=restoration.at, erase_at=erase_at)
            _wait_while_unavailable(deletion)
        except errors.Unavailable:
            raise
        except errors.DomainError as refusal:
            yield Finding(f"{person_id} was deleted, is back, and cannot be deleted again: {refusal.detail}")
            continue
        yield Finding(f"{person_id} is deleted again", needs_attention=False)


def _is_back(person_id: str) -> bool:
    record_classes = (User, DeletedUser, encryption.PersonKey)
    keys = [dynamodb.RecordKey(record_class, person_id) for record_class in record_classes]
    batch = dynamodb.batch_get(keys)
    return any(batch.get(*key[:2]) for key in keys)


def _erase(person_id: str, at: datetime) -> str:
    """What was done; empty if nothing of the person is left."""
    user = dynamodb.get_record(User, person_id)
    if user:
        delete.delete_user(person_id, actor=permissions.system_actor(user.customer_id), at=at, erases_now=True)
        return f"{person_id} is deleted again"
    deleted = dynamodb.get_record(DeletedUser, person_id)
    if deleted:
        erase.erase_deleted_user(person_id, actor=permissions.system_actor(deleted.customer_id), at=at)
        return f"{person_id} is erased again"
    key = dynamodb.get_record(encryption.PersonKey, person_id)
    head = dynamodb.get_record(audit.AuditEntry, person_id, 0)
    if key is None or head is None:
        return ""
    subject = audit.Party("user", person_id, "", person_id, head.customer_id)
    with journal.write(permissions.system_actor(head.customer_id), "user.deleted", subject, at) as write:
        write.remove(key)
    return f"the key of {person_id} is destroyed again"


def compare_accounts(restoration: Restoration) -> Iterator[Finding]:
    """Where Auth0 differs from the restored records. Raises `errors.Unavailable`."""
    for items in dynamodb.iter_pages("Scan", TableName=User.table_name(), ConsistentRead=True):
        for user in map(User.from_item, items):
            if user.status in ("pending", "deleting") or user.awaited:
                continue  # the outbox finishes it
            account = _wait_while_unavailable(partial(auth0.find_account, str(user.id)))
            if problem := _difference(user, account):
                yield Finding(f"{user.id}: {problem}")
    created_ids = _wait_while_unavailable(lambda: auth0.list_user_ids_created_since(restoration.restored_to))
    keys = [dynamodb.RecordKey(record_class, id) for id in created_ids for record_class in (User, DeletedUser)]
    records = dynamodb.batch_get(keys)
    for user_id in created_ids:
        if records.get(User, user_id) is None and records.get(DeletedUser, user_id) is None:
            yield Finding(f"{user_id}: has an account at Auth0, but no record; delete it there and invite them anew")


def _difference(user: User, account: auth0.Account | None) -> str:
    if account is None:
        return "has no account at Auth0 any more; delete the person or create the account"
    if account.email.lower() != address_claims.sign_in_address(user).lower():
        return "has another e-mail address at Auth0 than in the record; set the right one"
    if account.is_blocked != (user.status == "blocked"):
        return f"is {'blocked' if account.is_blocked else 'not blocked'} at Auth0, but {user.status} in the record"
    return ""


def _wait_while_unavailable(task: Callable[[], T]) -> T:
    deadline = time.monotonic() + MAX_WAIT
    while True:
        try:
            return task()
        except errors.Unavailable as unavailable:
            if time.monotonic() + unavailable.retry_after > deadline:
                raise
            time.sleep(unavailable.retry_after)
