"""Work that the outbox does for people."""

from datetime import datetime
from typing import Any

from accounts import (
    addresses,
    departures,
    invitations,
    notices,
    profiles,
    provisioning,
    pushes,
    renewals,
)
from config import errands, errors, idempotency


@errands.task("accounts.finish_creation")
def finish_creation(
    *, job: errands.Job, user_id: str, once: dict[str, Any] | None = None, **_: Any
) -> None:
    """Finish the creation of a person that a request left behind."""
    request = idempotency.Once(**once) if once else None
    try:
        provisioning.resume(user_id, actor=job.author, at=job.at, once=request)
    except (errors.Conflict, errors.Invalid):
        return  # withdrawn, audited, and the request's answer is stored


@errands.task("accounts.finish_address")
def finish_address(*, job: errands.Job, user_id: str, **_: Any) -> None:
    """Finish a change of address that a request left behind."""
    try:
        addresses.resume(user_id, actor=job.author, at=job.at)
    except (errors.Conflict, errors.Invalid, errors.NotFound):
        return  # withdrawn and audited, or the person is going


@errands.task("accounts.carry_address")
def carry_address(*, job: errands.Job, user_id: str, **_: Any) -> None:
    """Let Auth0 have the address of the record."""
    addresses.carry_to_auth0(user_id)


@errands.task("accounts.finish_deletion")
def finish_deletion(*, job: errands.Job, user_id: str, **_: Any) -> None:
    """Finish the deletion of a person that a request left behind."""
    departures.resume(user_id, actor=job.author, at=job.at)


@errands.task("accounts.carry_to_auth0")
def carry_to_auth0(*, job: errands.Job, user_id: str, **_: Any) -> None:
    """Let Auth0 know a person's name and whether they are blocked."""
    profiles.carry_to_auth0(user_id)


@errands.task("accounts.send_invitation")
def send_invitation(*, job: errands.Job, user_id: str, **_: Any) -> None:
    """Send one invitation."""
    invitations.send(user_id, job=job)


@errands.task("accounts.send_notice")
def send_notice(
    *, job: errands.Job, user_id: str, event: str, locations: list[str] | None = None, **_: Any
) -> None:
    """Tell a person what was changed about them."""
    notices.send(user_id, event, job=job, locations=locations or ())


@errands.task("accounts.send_push")
def send_push(
    *,
    job: errands.Job,
    user_id: str,
    event: str,
    only: list[str] | None = None,
    round: int = 0,
    **_: Any,
) -> None:
    """Notify a person's devices of an event."""
    pushes.send(user_id, event, job=job, only=only, round=round)


@errands.task("accounts.collect_receipts")
def collect_receipts(
    *,
    job: errands.Job,
    user_id: str,
    event: str,
    round: int,
    tickets: list[list[str]],
    sent_at: str,
    **_: Any,
) -> None:
    """Hear what became of a chunk of notifications."""
    again = pushes.Again(user_id, event, round)
    pushes.collect(tickets, datetime.fromisoformat(sent_at), again, job=job)


@errands.task("accounts.tell_of_terms")
def tell_of_terms(
    *,
    job: errands.Job,
    customer_id: str,
    version: str,
    start: str | None = None,
    **_: Any,
) -> None:
    """Tell some of a customer's people that terms were renewed."""
    renewals.tell(customer_id, version, job=job, start=start)


@errands.task("accounts.warn_former_address")
def warn_former_address(*, job: errands.Job, user_id: str, sealed: str, **_: Any) -> None:
    """Tell the address that a person had that it was changed."""
    notices.warn_former_address(user_id, sealed, job=job)
