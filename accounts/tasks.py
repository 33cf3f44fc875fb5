"""Work that the outbox does for people."""

from datetime import datetime
from typing import Any

from accounts.notifications import dispatch, invitations, push
from accounts.terms import announcements
from accounts.users import change_email, create, delete, update
from config import errors
from config.dynamodb import idempotency
from config.outbox import worker


@worker.task("accounts.finish_creation")
def finish_creation(*, job: worker.TaskContext, user_id: str, once: dict[str, Any] | None = None, **_: Any) -> None:
    """Finish the creation of a person that a request left behind."""
    idempotency_key = idempotency.IdempotencyKey(**once) if once else None
    try:
        create.resume_creation(user_id, actor=job.author, at=job.at, idempotency_key=idempotency_key)
    except (errors.Conflict, errors.InvalidRequest):
        return  # withdrawn, audited, and the request's answer is stored


@worker.task("accounts.finish_address")
def finish_email_change(*, job: worker.TaskContext, user_id: str, **_: Any) -> None:
    """Finish a change of address that a request left behind."""
    try:
        change_email.resume_email_change(user_id, actor=job.author, at=job.at)
    except (errors.Conflict, errors.InvalidRequest, errors.NotFound):
        return  # withdrawn and audited, or the person is going


@worker.task("accounts.carry_address")
def sync_email_to_auth0(*, job: worker.TaskContext, user_id: str, **_: Any) -> None:
    """Let Auth0 have the address of the record."""
    change_email.sync_email_to_auth0(user_id)


@worker.task("accounts.finish_deletion")
def finish_deletion(*, job: worker.TaskContext, user_id: str, **_: Any) -> None:
    """Finish the deletion of a person that a request left behind."""
    delete.resume_deletion(user_id, actor=job.author, at=job.at)


@worker.task("accounts.carry_to_auth0")
def sync_profile_to_auth0(*, job: worker.TaskContext, user_id: str, **_: Any) -> None:
    """Let Auth0 know a person's name and whether they are blocked."""
    update.sync_profile_to_auth0(user_id)


@worker.task("accounts.send_invitation")
def send_invitation(*, job: worker.TaskContext, user_id: str, **_: Any) -> None:
    """Send one invitation."""
    invitations.send_invitation(user_id, job=job)


@worker.task("accounts.send_notice")
def send_notification_email(
    *, job: worker.TaskContext, user_id: str, event: str, locations: list[str] | None = None, **_: Any
) -> None:
    """Tell a person what was changed about them."""
    dispatch.send_notification_email(user_id, event, job=job, locations=locations or ())


@worker.task("accounts.send_push")
def send_push(
    *, job: worker.TaskContext, user_id: str, event: str, only: list[str] | None = None, round: int = 0, **_: Any
) -> None:
    """Notify a person's devices of an event."""
    push.send_push(user_id, event, job=job, device_keys=only, round=round)


@worker.task("accounts.collect_receipts")
def collect_receipts(
    *, job: worker.TaskContext, user_id: str, event: str, round: int, tickets: list[list[str]], sent_at: str, **_: Any
) -> None:
    """Hear what became of a chunk of notifications."""
    retry = push.PushRetry(user_id, event, round)
    push.collect_receipts(tickets, datetime.fromisoformat(sent_at), retry, job=job)


@worker.task("accounts.tell_of_terms")
def notify_of_terms(
    *, job: worker.TaskContext, customer_id: str, version: str, start: str | None = None, **_: Any
) -> None:
    """Tell some of a customer's people that terms were renewed."""
    announcements.notify_customer_users(customer_id, version, job=job, encrypted_cursor=start)


@worker.task("accounts.warn_former_address")
def send_email_changed_warning(*, job: worker.TaskContext, user_id: str, sealed: str, **_: Any) -> None:
    """Tell the address that a person had that it was changed."""
    dispatch.send_email_changed_warning(user_id, sealed, job=job)
