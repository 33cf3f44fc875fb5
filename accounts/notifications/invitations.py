"""Invitations: the mail with which a person sets the password and comes in."""

from datetime import datetime, timedelta

from accounts import denied_attempts, permissions, users
from accounts.clients import auth0
from accounts.models import Customer, User
from accounts.notifications import mailer
from accounts.permissions import Actor
from accounts.users import create
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency, optimistic
from config.outbox import worker

SENT = "sent"
PAUSE = timedelta(minutes=1)
"""Between two that somebody asks for, to the same person."""


class NotInvited(errors.Conflict):
    """There is no invitation to send again: they came already, or are blocked."""

    code = "not_invited"


def resend(
    user_id: str, *, actor: Actor, at: datetime, once: idempotency.Once | None = None
) -> User:
    """Have an invitation sent again, with a new link; at most one a minute to a person.

    Raises `errors.NotFound`, `actors.BeyondReach`, `NotInvited` or `errors.TooMany`.
    """
    actor.require("invitations:send")
    seen_before = [dynamodb.Key(idempotency.Request, once.key)] if once else []

    def decide() -> User:
        user, found = users.target(user_id, actor, *seen_before)
        try:
            idempotency.check_unseen(once, found, at)
            with denied_attempts.noted(actor, at, about=user.party, asked={}):
                permissions.check_reach(actor, user)
            return _ask(user, actor=actor, at=at, once=once, found=found)
        except idempotency.Seen:
            return user

    return optimistic.repeated(decide)


def _ask(
    user: User,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None,
    found: dynamodb.Found,
) -> User:
    if user.status != "invited":
        raise NotInvited("Only who was invited and has not come yet is invited again.")
    wait = user.resent_at + PAUSE - at if user.resent_at else timedelta()
    if wait > timedelta():
        seconds = int(wait.total_seconds()) + 1
        raise errors.TooMany("At most one invitation a minute to a person.", retry_after=seconds)
    after = user.changed(resent_at=at, updated_at=at)
    with journal.write(
        actor=actor,
        action="user.invitation_resent",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        found=found,
    ) as write:
        write.put(after, only_if=User.version == user.version, refusal=optimistic.changed())
        write.later("accounts.send_invitation", user_id=user.id)
        write.answer(once, user.id, status=200)
    return after


def send(user_id: str, *, job: worker.Job) -> None:
    """Send one invitation. Whoever has come already, is blocked or gone, gets none.

    Once it is sent, only the noting is repeated. Raises `errors.Unavailable`.
    """
    user = dynamodb.get(User, user_id)
    if user is None or user.status not in ("invited", "active"):
        return
    if job.progress != SENT:
        if user.status == "active":
            return
        _send(user, job)
        job.note(SENT)
    _note_sending(user, job)


def _send(user: User, job: worker.Job) -> None:
    customer = dynamodb.get(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("The customer of this user is gone.")
    seconds = int(create.INVITATION.total_seconds())
    link = auth0.password_ticket(user_id=user.id, seconds=seconds)
    until = job.at + create.INVITATION
    values = {"inviter": _inviter(job.author), "until": until}
    mailer.send("invitation", user, customer, errand_id=job.id, values=values, link=link)


def _note_sending(user: User, job: worker.Job) -> None:
    with journal.write(
        actor=job.author,
        action="user.invitation_sent",
        subject=user.party,
        at=job.at,
        customer_id=user.customer_id,
    ) as write:
        write.update(
            user,
            [
                User.invited_at.set(job.at),
                User.invitation_expires_at.set(job.at + create.INVITATION),
                User.invitation_sent_at.set(job.at),
                User.version.add(1),
            ],
            only_if=User.status.is_in("invited", "active"),
        )
        write.settle(job.id)


def _inviter(author: audit.Author) -> str:
    """Who invites, where it is a person."""
    return author.name if author.type == "user" else ""
