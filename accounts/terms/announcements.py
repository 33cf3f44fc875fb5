"""Notifies users who accepted earlier terms once new ones are in force."""

from collections.abc import Sequence
from datetime import datetime

from accounts import permissions
from accounts.models import Customer, TermsAcceptance, User
from accounts.terms import documents
from accounts.users import side_effects
from config import audit, dynamodb, journal, outbox
from config.dynamodb import encryption, pagination

BATCH_SIZE = 20
"""Users notified in one transaction."""
_PURPOSE = "terms errand"


def announce_version(customer: Customer, version: str, *, at: datetime) -> bool:
    """Announce a version to a customer's users, once; whether it was not announced before.

    They are notified when it comes into force.
    """

    def decide() -> bool:
        before = dynamodb.get_record(Customer, customer.id)
        if before is None or (before.terms_announced or "") >= version:
            return False
        with journal.write(
            permissions.system_actor(customer.id),
            "terms.announced",
            before,
            at,
            changes=[audit.FieldChange("version", before.terms_announced, version)],
        ) as write:
            write.save(before, before.with_changes(terms_announced=version))
            due = max(at, documents.effective_instant(version))
            write.enqueue("accounts.tell_of_terms", due=due, customer_id=before.id, version=version)
        return True

    return journal.retry_on_conflict(decide)


@outbox.task("accounts.tell_of_terms")
def notify_customer_users(customer_id: str, version: str, *, job: outbox.TaskContext, start: str | None = None) -> None:
    """Notify a customer's users who accepted earlier terms, `BATCH_SIZE` at a time.

    Each step is one transaction that replaces this message by the next, so a crash notifies nobody
    twice. ``start`` is the encrypted cursor of the list, as cursors contain names.
    """
    cursor = encryption.decrypt_application_json(_PURPOSE, bytes.fromhex(start), customer_id) if start else None
    values = {":of": {"S": customer_id}}
    page = pagination.query_page(User, "byCustomer", "#customer_id = :of", values, limit=BATCH_SIZE, cursor=cursor)
    active_users = [user for user in page.records if user.status == "active"]
    users_to_notify = _users_with_older_acceptance(active_users, version)
    if not users_to_notify and page.next_cursor is None:
        return
    with journal.write_intent(permissions.system_actor(customer_id), job.at) as write:
        for user in users_to_notify:
            side_effects.enqueue_notification(write, user.id, "terms_renewed")
        if page.next_cursor:
            next_cursor = encryption.encrypt_application_json(_PURPOSE, page.next_cursor, customer_id).hex()
            write.enqueue("accounts.tell_of_terms", customer_id=customer_id, version=version, start=next_cursor)
        write.replace(job.id, job.claim)


def _users_with_older_acceptance(users: Sequence[User], version: str) -> list[User]:
    earlier_versions = [other_version for other_version in documents.list_versions() if other_version < version]
    keys = [
        dynamodb.RecordKey(TermsAcceptance, user.id, earlier_version)
        for user in users
        for earlier_version in [*earlier_versions, version]
    ]
    records = dynamodb.batch_get(keys)
    return [
        user
        for user in users
        if any(records.get(TermsAcceptance, user.id, earlier_version) for earlier_version in earlier_versions)
        and not records.get(TermsAcceptance, user.id, version)
    ]
