"""Invitations: the mail with which a person sets the password and comes in."""

from datetime import datetime, timedelta

from accounts import denied_attempts, permissions, users
from accounts.clients import auth0
from accounts.models import Customer, User
from accounts.notifications import mailer
from accounts.permissions import Actor
from accounts.users import create
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency, optimistic

SENT = "sent"
RESEND_INTERVAL = timedelta(minutes=1)
"""Between two that somebody asks for, to the same person."""


class NotInvited(errors.Conflict):
    """There is no invitation to send again: they came already, or are blocked."""

    code = "not_invited"


def resend_invitation(
    user_id: str, *, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> User:
    """Have an invitation sent again, with a new link; at most one a minute to a person.

    Raises `errors.NotFound`, `actors.BeyondReach`, `NotInvited` or `errors.TooMany`.
    """
    actor.require("invitations:send")

    def decide() -> User:
        user, records = users.load_target(user_id, actor, *idempotency.record_keys(idempotency_key))
        try:
            idempotency.ensure_key_unused(idempotency_key, records, at)
            with denied_attempts.audit_denied_attempts(actor, at, subject=user, values={}):
                permissions.check_target_user(actor, user)
            return _enqueue_invitation(user, actor=actor, at=at, idempotency_key=idempotency_key, records=records)
        except idempotency.DuplicateRequest:
            return user

    return optimistic.retry_on_conflict(decide)


def _enqueue_invitation(
    user: User,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
    records: dynamodb.BatchResult,
) -> User:
    if user.status != "invited":
        raise NotInvited("Only who was invited and has not come yet is invited again.")
    wait = user.resent_at + RESEND_INTERVAL - at if user.resent_at else timedelta()
    if wait > timedelta():
        seconds = int(wait.total_seconds()) + 1
        raise errors.TooManyRequests("At most one invitation a minute to a person.", retry_after=seconds)
    after = user.with_changes(resent_at=at, updated_at=at)
    with journal.write(actor, "user.invitation_resent", user, at, prefetched=records) as write:
        write.put(after, only_if=User.version == user.version, error=optimistic.stale_record_error())
        write.enqueue("accounts.send_invitation", user_id=user.id)
        write.record_response(idempotency_key, user.id, status=200)
    return after


@outbox.task("accounts.send_invitation")
def send_invitation(user_id: str, *, job: outbox.TaskContext) -> None:
    """Send one invitation. Whoever has come already, is blocked or gone, gets none.

    Once it is sent, only the noting is repeated. Raises `errors.Unavailable`.
    """
    user = dynamodb.get_record(User, user_id)
    if user is None or user.status not in ("invited", "active"):
        return
    if job.progress != SENT:
        if user.status == "active":
            return
        _send_invitation_email(user, job)
        job.save_progress(SENT)
    _record_sending(user, job)


def _send_invitation_email(user: User, job: outbox.TaskContext) -> None:
    customer = dynamodb.get_record(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("The customer of this user is gone.")
    seconds = int(create.INVITATION_TTL.total_seconds())
    link = auth0.create_password_ticket(user_id=user.id, seconds=seconds)
    expires_at = job.at + create.INVITATION_TTL
    values = {"inviter": _inviter_name(job.author), "until": expires_at}
    mailer.send_email("invitation", user, customer, message_id=job.id, values=values, link=link)


def _record_sending(user: User, job: outbox.TaskContext) -> None:
    with journal.write(job.author, "user.invitation_sent", user, job.at) as write:
        write.update(
            user,
            [
                User.invited_at.set(job.at),
                User.invitation_expires_at.set(job.at + create.INVITATION_TTL),
                User.invitation_sent_at.set(job.at),
                User.version.add(1),
            ],
            only_if=User.status.is_in("invited", "active"),
        )
        write.complete(job.id)


def _inviter_name(author: audit.Author) -> str:
    """Who invites, where it is a person."""
    return author.name if author.type == "user" else ""
