"""Deleting a customer: closed at once, erased after a grace in which it can be restored.

`delete_customer` marks the customer, and from then on nobody of it has access and its numbers only
say that they are closed, as of a suspended one; everything stays. At ``erase_at``, or at once on
request, an outbox message erases it: it stores a mark, after which nothing undoes it, and then
erases what `config.privacy.customer_erasure` says, round by round until nothing is left. The
customer's own record and key go last. The file storage has a log outside the tables, so that a
restore of them does not bring the customer back.
"""

import time
from datetime import datetime, timedelta

from accounts import customers, permissions
from accounts.models import Customer
from accounts.permissions import Actor
from accounts.users import delete
from config import audit, dynamodb, errors, journal, outbox
from config.board import items
from config.dynamodb import encryption
from config.privacy import customer_erasure, erasure_log

TASK = "accounts.erase_customer"
PASS_SECONDS = 20.0
"""Of one attempt: less than the lease of its message, with room for a slow page."""
CLOSING_TIME = timedelta(seconds=60)
"""By then every request that began before the deletion has ended."""
LOGGED = "logged"


class CustomerNotDeleted(errors.Conflict):
    """The customer is not deleted, or restored by now."""

    code = "customer_not_deleted"
    example_detail = "This customer is not deleted."


class CustomerErasing(errors.Conflict):
    """The erasure of the customer has begun."""

    code = "customer_erasing"
    example_detail = "This customer is being erased, which cannot be undone any more."


def delete_customer(customer_id: str, *, actor: Actor, at: datetime, erase_at: datetime | None = None) -> Customer:
    """Close a customer, and have it erased at ``erase_at``, by default after the grace.

    One that is deleted already stays as it is. Raises `errors.NotFound`.
    """
    actor.require("customers:suspend")

    def decide() -> Customer:
        before = customers.get_customer(customer_id)
        if before.is_deleted:
            return before
        after = before.with_changes(
            status="deleted",
            status_before_deletion=before.status,
            deleted_at=at,
            erase_at=erase_at or at + max(delete.grace(), CLOSING_TIME),
            updated_at=at,
        )
        changes = [
            *audit.diff_records(before, after, ["status"]),
            audit.FieldChange("eraseAt", None, dynamodb.format_timestamp(after.erase_at)),
        ]
        with journal.write(actor, "customer.deleted", before, at, changes=changes) as write:
            write.save(before, after)
            _enqueue_erasure(write, after, after.erase_at)
            _enqueue_log(write, customer_id, at)
        return after

    return journal.retry_on_conflict(decide)


def restore_customer(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Undo the deletion: the customer is active or suspended again, as before.

    Raises `errors.NotFound`, `CustomerNotDeleted` and `CustomerErasing`.
    """
    actor.require("customers:suspend")

    def decide() -> Customer:
        before = _get_deleted(customer_id)
        after = before.with_changes(
            status=before.status_before_deletion or "suspended",
            status_before_deletion=None,
            deleted_at=None,
            erase_at=None,
            updated_at=at,
        )
        changes = audit.diff_records(before, after, ["status"])
        with journal.write(actor, "customer.restored", before, at, changes=changes) as write:
            write.save(before, after)
            write.complete(_message_id(customer_id))
            _enqueue_log(write, customer_id, before.deleted_at)
        return after

    return journal.retry_on_conflict(decide)


def erase_customer_now(customer_id: str, *, actor: Actor, at: datetime) -> Customer:
    """Have a deleted customer erased, once all requests from before its deletion have ended.

    Raises `errors.NotFound`, `CustomerNotDeleted` and `CustomerErasing`.
    """
    actor.require("customers:suspend")

    def decide() -> Customer:
        before = _get_deleted(customer_id)
        after = before.with_changes(erase_at=max(at, before.deleted_at + CLOSING_TIME), updated_at=at)
        with journal.write(actor, "customer.erasure_requested", before, at) as write:
            write.save(before, after)
            _enqueue_erasure(write, after, after.erase_at)
        return after

    return journal.retry_on_conflict(decide)


def _get_deleted(customer_id: str) -> Customer:
    customer = customers.get_customer(customer_id)
    if customer.status == "erasing":
        raise CustomerErasing(CustomerErasing.example_detail)
    if not customer.is_deleted:
        raise CustomerNotDeleted(CustomerNotDeleted.example_detail)
    return customer


def _message_id(customer_id: str) -> str:
    return f"erase-{customer_id}"


def _enqueue_erasure(write: journal.Write, customer: Customer, due: datetime) -> None:
    write.enqueue(TASK, id=_message_id(str(customer.id)), due=due, customer_id=customer.id)


def _enqueue_log(write: journal.Write, customer_id: str, deleted_at: datetime) -> None:
    write.enqueue(
        "accounts.log_customer_deletion", customer_id=customer_id, deleted_at=dynamodb.format_timestamp(deleted_at)
    )


@outbox.task("accounts.log_customer_deletion", lane="files")
def log_deletion(customer_id: str, deleted_at: str) -> None:
    """Log a deletion outside the tables, or take it from the log if it was undone; repeatable.

    Raises `errors.Unavailable`.
    """
    moment = datetime.fromisoformat(deleted_at)
    if customer := _find_deleted_at(customer_id, moment):
        erasure_log.log_deletion(customer_id, moment, customer.erase_at)
        items.forget_customer(customer_id)
    if dynamodb.get_record(Customer, customer_id) and not _find_deleted_at(customer_id, moment):
        erasure_log.forget_deletion(customer_id, moment)


def _find_deleted_at(customer_id: str, moment: datetime) -> Customer | None:
    customer = dynamodb.get_record(Customer, customer_id)
    return customer if customer and customer.is_deleted and customer.deleted_at == moment else None


@outbox.task(TASK, lane="sign-in")
def erase_customer(customer_id: str, *, job: outbox.TaskContext) -> None:
    """Erase a deleted customer whose time is over, as far as one attempt gets.

    Raises `outbox.MustWait` while something is left, and `errors.Unavailable`.
    """
    customer = journal.retry_on_conflict(lambda: _load_marked(customer_id, job))
    if customer is None:
        return
    if job.progress != LOGGED:
        erasure_log.log_erasure(customer_id, job.at)
        job.save_progress(LOGGED)
    deadline = time.monotonic() + PASS_SECONDS

    def check_time() -> None:
        if time.monotonic() > deadline:
            raise outbox.MustWait("The rest is erased next.", retry_after=1)

    actor = permissions.system_actor(customer_id)
    erasure = customer_erasure.Erasure(customer_id, actor, job.at, save_point=check_time)
    while customer_erasure.run_round(erasure):
        check_time()
    journal.retry_on_conflict(lambda: _remove_customer(customer_id, job))


def begin_erasure(customer_id: str, *, author: audit.Author, at: datetime) -> None:
    """Mark a deleted customer as being erased now, which nothing undoes; the outbox erases it."""

    def decide() -> None:
        before = dynamodb.get_record(Customer, customer_id)
        if before and before.status == "deleted":
            _mark(before, before.with_changes(erase_at=at), author, at)

    journal.retry_on_conflict(decide)


def _load_marked(customer_id: str, job: outbox.TaskContext) -> Customer | None:
    """The customer, marked; None if it is gone, was restored, or is to be erased later."""
    before = dynamodb.get_record(Customer, customer_id)
    if before is None or before.status == "erasing":
        return before
    if not before.is_deleted or before.erase_at > job.at:
        return None
    return _mark(before, before, job.author, job.at, enqueues=False)


def _mark(before: Customer, due: Customer, author: audit.Author, at: datetime, *, enqueues: bool = True) -> Customer:
    after = due.with_changes(status="erasing", updated_at=at)
    changes = audit.diff_records(before, after, ["status"])
    with journal.write(author, "customer.erasure_begun", before, at, changes=changes) as write:
        write.save(before, after)
        if enqueues:
            _enqueue_erasure(write, after, at)
    return after


def _remove_customer(customer_id: str, job: outbox.TaskContext) -> None:
    """Remove the record, what finds it, and the key of its values in the audit log."""
    customer = dynamodb.get_record(Customer, customer_id)
    if customer is None:
        return
    with journal.write(job.author, "customer.erased", customer, job.at) as write:
        write.remove_unchanged(customer)
        write.remove(encryption.PersonKey(customer_id))
