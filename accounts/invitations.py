"""Invitations: the mail with which a person sets the password and comes in."""

from datetime import datetime, timedelta

from accounts import actors, auth0, escalations, letters, provisioning, users
from accounts.actors import Actor
from accounts.models import Customer, User
from config import audit, decisions, dynamo, errands, errors, idempotency, journal

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
    seen_before = [dynamo.Key(idempotency.Request, once.key)] if once else []

    def decide() -> User:
        user, found = users.target(user_id, actor, *seen_before)
        try:
            idempotency.check_unseen(once, found, at)
            with escalations.noted(actor, at, about=user.party, asked={}):
                actors.check_reach(actor, user)
            return _ask(user, actor=actor, at=at, once=once, found=found)
        except idempotency.Seen:
            return user

    return decisions.repeated(decide)


def _ask(
    user: User,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None,
    found: dynamo.Found,
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
        write.put(after, only_if=User.version == user.version, refusal=decisions.changed())
        write.later("accounts.send_invitation", user_id=user.id)
        write.answer(once, user.id, status=200)
    return after


def send(user_id: str, *, job: errands.Job) -> None:
    """Send one invitation. Whoever has come already, is blocked or gone, gets none.

    Once it is sent, only the noting is repeated. Raises `errors.Unavailable`.
    """
    user = dynamo.get(User, user_id)
    if user is None or user.status not in ("invited", "active"):
        return
    if job.progress != SENT:
        if user.status == "active":
            return
        _send(user, job)
        job.note(SENT)
    _note_sending(user, job)


def _send(user: User, job: errands.Job) -> None:
    customer = dynamo.get(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("The customer of this user is gone.")
    seconds = int(provisioning.INVITATION.total_seconds())
    link = auth0.password_ticket(user_id=user.id, seconds=seconds)
    until = job.at + provisioning.INVITATION
    values = {"inviter": _inviter(job.author), "until": until}
    letters.send("invitation", user, customer, errand_id=job.id, values=values, link=link)


def _note_sending(user: User, job: errands.Job) -> None:
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
                User.invitation_expires_at.set(job.at + provisioning.INVITATION),
                User.invitation_sent_at.set(job.at),
                User.version.add(1),
            ],
            only_if=User.status.is_in("invited", "active"),
        )
        write.settle(job.id)


def _inviter(author: audit.Author) -> str:
    """Who invites, where it is a person."""
    return author.name if author.type == "user" else ""
