"""Work that the outbox does for people."""

from typing import Any

from accounts import invitations, provisioning
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


@errands.task("accounts.send_invitation")
def send_invitation(*, job: errands.Job, user_id: str, **_: Any) -> None:
    """Send one invitation."""
    invitations.send(user_id, job=job)
