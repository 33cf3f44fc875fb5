"""Invitations: the e-mail with the link at which a person sets a password."""

from dataclasses import replace
from datetime import datetime, timedelta

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import User
from accounts.notifications import mailer, recipients
from accounts.permissions import Actor
from accounts.users import address_claims, change_email, create, handover, mail_limits
from config import daily_limits, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency

SENT = "sent"
RESEND_INTERVAL = timedelta(minutes=1)
"""The shortest time between two requests for the same person."""


class NotInvited(errors.Conflict):
    """The person has accepted the invitation, or is blocked."""

    code = "not_invited"
    example_detail = "This person has already accepted the invitation."


def resend_invitation(
    user_id: str, *, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> User:
    """Send an invitation again, with a new link; at most one a minute to a person.

    What went before ends: earlier links, and passwords set with them (`accounts.users.handover`).

    Raises `errors.NotFound`, `permissions.TargetForbidden`, `users.UserNotReady`, `NotInvited`,
    `errors.TooManyRequests` or `daily_limits.DailyLimitReached`; if the invitation has expired and
    somebody else has the address since, `address_claims.UserExists`.
    """
    actor.require("invitations:send")

    def decide() -> User:
        counts = daily_limits.record_keys(mail_limits.shared_invitation_limits(actor), at)
        user, records = _load_target(user_id, actor, at, *counts, *idempotency.record_keys(idempotency_key))
        idempotency.ensure_key_unused(idempotency_key, records, at)
        _check_resendable(user, at)
        if user.address_freed_at:
            return _claim_address_again(user, records, idempotency_key, actor=actor, at=at)
        after = handover.begin(user.with_changes(resent_at=at, updated_at=at), at)
        limits = mail_limits.invitation_limits(actor, user.email_key)
        with (
            daily_limits.report_refusals(at),
            journal.write(actor, "user.invitation_resent", user, at, prefetched=records) as write,
        ):
            daily_limits.count(write, limits, records)
            write.save(user, after)
            handover.enqueue(write, user, after)
            write.record_response(idempotency_key, user.id, status=200)
        return after

    try:
        return journal.retry_on_conflict(decide)
    except idempotency.DuplicateRequest:  # what was read before may be older than the first request's write
        user, _ = _load_target(user_id, actor, at)
        return user


def _claim_address_again(
    user: User,
    records: dynamodb.BatchResult,
    idempotency_key: idempotency.IdempotencyKey | None,
    *,
    actor: Actor,
    at: datetime,
) -> User:
    """Invite somebody again whose address was freed because the invitation had expired."""

    def claim() -> User:
        with daily_limits.report_refusals(at):
            return change_email.begin_email_change(
                user, {"email": user.email}, actor=actor, at=at, records=records, idempotency_key=idempotency_key
            )

    return address_claims.claim_freeing_expired(user.email, claim, author=actor, at=at)


def _load_target(
    user_id: str, actor: Actor, at: datetime, *extra_keys: dynamodb.RecordKey
) -> tuple[User, dynamodb.BatchResult]:
    user, records = users.load_target(user_id, actor, *extra_keys)
    with permissions.audit_denied_attempts(actor, at, subject=user, values={}):
        permissions.check_target_user(actor, user)
    return user, records


def _check_resendable(user: User, at: datetime) -> None:
    if user.status == "blocked":
        raise NotInvited("This person is blocked.")
    if user.status != "invited":
        raise NotInvited("This person has already accepted the invitation.")
    wait = user.resent_at + RESEND_INTERVAL - at if user.resent_at else timedelta()
    if wait > timedelta():
        seconds = int(wait.total_seconds()) + 1
        raise errors.TooManyRequests("An invitation can be resent once a minute.", retry_after=seconds)


@outbox.task("accounts.send_invitation", lane="sign-in")
def send_invitation(user_id: str, *, job: outbox.TaskContext) -> None:
    """Send one invitation, unless the person has accepted one, is blocked or deleted.

    After the e-mail was sent, a retry only records it. Raises `errors.Unavailable`.
    """
    recipient = recipients.get_recipient(user_id)
    if recipient is None or not recipient.user.can_sign_in or recipient.customer.is_deleted:
        return
    if job.progress != SENT:
        if recipient.user.status == "active" or recipient.user.handover_id:
            return  # a handover since mails a link of its own
        if not send_password_link("invitation", recipient, job):
            return
        job.save_progress(SENT)
    record_sending(recipient.user, job)


def send_password_link(kind: str, recipient: recipients.Recipient, job: outbox.TaskContext) -> bool:
    """Mail a new link to set a password, in a text of this kind; earlier links stop working.

    False if nothing is mailed: the customer is deleted, or the person has been blocked or handed
    over since the recipient was read. A newer handover then mails another link, as this one has
    replaced its own.

    Raises `auth0.NoAuth0Account`, `mailer.MailRefused` or `errors.Unavailable`.
    """
    user = recipient.user
    if recipient.customer.is_deleted:
        return False
    link = auth0.create_password_ticket(user_id=user.id, seconds=int(create.INVITATION_TTL.total_seconds()))
    present = dynamodb.get_record(User, user.id)  # Auth0 may have taken long, and the address be another by now
    if present is None or present.handover_id != user.handover_id or not present.can_sign_in:
        if present is not None and present.handover_id != user.handover_id:
            with journal.write_intent(job.author, job.at) as write:
                handover.enqueue_link(write, present)
        return False
    inviter = job.author.name if job.author.type == "user" else ""
    phone_end = str(present.phone or "")[-2:]
    values = {"inviter": inviter, "until": job.at + create.INVITATION_TTL, "phone_end": phone_end}
    mailer.send_email(kind, replace(recipient, user=present), message_id=job.id, at=job.at, values=values, link=link)
    return True


def record_sending(user: User, job: outbox.TaskContext) -> None:
    """Audit that an invitation was sent, and complete its message. Raises `errors.Conflict`."""
    with journal.write(job.author, "user.invitation_sent", user, job.at) as write:
        write.update(
            user,
            [
                User.invited_at.set(job.at),
                User.invitation_expires_at.set(job.at + create.INVITATION_TTL),
                User.invitation_sent_at.set(job.at),
            ],
            only_if=User.status.is_in("invited", "active"),
        )
        write.complete(job.id)
