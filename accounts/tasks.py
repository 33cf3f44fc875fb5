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
def finish_creation(
    *, job: worker.Job, user_id: str, once: dict[str, Any] | None = None, **_: Any
) -> None:
    """Finish the creation of a person that a request left behind."""
    request = idempotency.Once(**once) if once else None
    try:
        create.resume(user_id, actor=job.author, at=job.at, once=request)
    except (errors.Conflict, errors.Invalid):
        return  # withdrawn, audited, and the request's answer is stored


@worker.task("accounts.finish_address")
def finish_address(*, job: worker.Job, user_id: str, **_: Any) -> None:
    """Finish a change of address that a request left behind."""
    try:
        change_email.resume(user_id, actor=job.author, at=job.at)
    except (errors.Conflict, errors.Invalid, errors.NotFound):
        return  # withdrawn and audited, or the person is going


@worker.task("accounts.carry_address")
def carry_address(*, job: worker.Job, user_id: str, **_: Any) -> None:
    """Let Auth0 have the address of the record."""
    change_email.carry_to_auth0(user_id)


@worker.task("accounts.finish_deletion")
def finish_deletion(*, job: worker.Job, user_id: str, **_: Any) -> None:
    """Finish the deletion of a person that a request left behind."""
    delete.resume(user_id, actor=job.author, at=job.at)


@worker.task("accounts.carry_to_auth0")
def carry_to_auth0(*, job: worker.Job, user_id: str, **_: Any) -> None:
    """Let Auth0 know a person's name and whether they are blocked."""
    update.carry_to_auth0(user_id)


@worker.task("accounts.send_invitation")
def send_invitation(*, job: worker.Job, user_id: str, **_: Any) -> None:
    """Send one invitation."""
    invitations.send(user_id, job=job)


@worker.task("accounts.send_notice")
def send_notice(
    *, job: worker.Job, user_id: str, event: str, locations: list[str] | None = None, **_: Any
) -> None:
    """Tell a person what was changed about them."""
    dispatch.send(user_id, event, job=job, locations=locations or ())


@worker.task("accounts.send_push")
def send_push(
    *,
    job: worker.Job,
    user_id: str,
    event: str,
    only: list[str] | None = None,
    round: int = 0,
    **_: Any,
) -> None:
    """Notify a person's devices of an event."""
    push.send(user_id, event, job=job, only=only, round=round)


@worker.task("accounts.collect_receipts")
def collect_receipts(
    *,
    job: worker.Job,
    user_id: str,
    event: str,
    round: int,
    tickets: list[list[str]],
    sent_at: str,
    **_: Any,
) -> None:
    """Hear what became of a chunk of notifications."""
    again = push.Again(user_id, event, round)
    push.collect(tickets, datetime.fromisoformat(sent_at), again, job=job)


@worker.task("accounts.tell_of_terms")
def tell_of_terms(
    *,
    job: worker.Job,
    customer_id: str,
    version: str,
    start: str | None = None,
    **_: Any,
) -> None:
    """Tell some of a customer's people that terms were renewed."""
    announcements.tell(customer_id, version, job=job, start=start)


@worker.task("accounts.warn_former_address")
def warn_former_address(*, job: worker.Job, user_id: str, sealed: str, **_: Any) -> None:
    """Tell the address that a person had that it was changed."""
    dispatch.warn_former_address(user_id, sealed, job=job)
