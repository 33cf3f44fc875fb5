"""Invitations: the mail with which a person sets the password and comes in."""

import smtplib

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts import auth0, provisioning
from accounts.models import Customer, User
from config import audit, dynamo, errands, errors, journal

SENT = "sent"


def send(user_id: str, *, job: errands.Job) -> None:
    """Send one invitation. Whoever has come already, or is gone, gets none.

    The mail's Message-ID comes from the job, so that a repetition after a crash is recognisable
    as the same mail; once it is sent, only the noting is repeated. Raises `errors.Unavailable`.
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
    _deliver(_mail(user, customer, link=link, inviter=_inviter(job.author), errand_id=job.id))


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
                User.version.add(1),
            ],
            only_if=User.status.is_in("invited", "active"),
        )
        write.settle(job.id)


def _inviter(author: audit.Author) -> str:
    """Who invites, where it is a person."""
    return author.name if author.type == "user" else ""


def _mail(
    user: User, customer: Customer, *, link: str, inviter: str, errand_id: str
) -> EmailMultiAlternatives:
    context = {
        "name": user.name,
        "customer": customer.name,
        "inviter": inviter,
        "link": link,
        "days": provisioning.INVITATION.days,
        "email": user.email,
    }
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ")
    mail = EmailMultiAlternatives(
        subject=_one_line(f"{customer.name} invites you to Dutyline"),
        body=render_to_string("email/invitation.txt", context),
        to=[user.email],
        headers={"Message-ID": f"<{errand_id}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    html = css_inline.inline(render_to_string("email/invitation.html", context))
    mail.attach_alternative(html, "text/html")
    return mail


def _deliver(mail: EmailMultiAlternatives) -> None:
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        raise MailRefused("The mail server refuses this address.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise errors.Unavailable("The mail server does not answer.") from error


class MailRefused(errors.Conflict):
    """This address cannot receive mail."""

    code = "mail_refused"


def _one_line(text: str) -> str:
    return " ".join(text.split())
