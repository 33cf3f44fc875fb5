"""Invitations: the mail with which a person sets the password and comes in."""

import smtplib
from datetime import datetime

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts import auth0, provisioning
from accounts.models import Customer, User
from config import audit, dynamo, errors, journal


def send(user_id: str, *, errand_id: str, actor: audit.Author, at: datetime) -> None:
    """Send one invitation. Whoever has come already, or is gone, gets none.

    The mail's Message-ID comes from the errand, so that a repetition after a crash is
    recognisable as the same mail. Raises `errors.Unavailable`.
    """
    found = dynamo.fetch([dynamo.Key(User, user_id)])
    user = found.get(User, user_id)
    if user is None or user.status != "invited":
        return
    customer = dynamo.get(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("The customer of this user is gone.")
    seconds = int(provisioning.INVITATION.total_seconds())
    link = auth0.password_ticket(user_id=user.id, seconds=seconds)
    _deliver(_mail(user, customer, link=link, inviter=actor.name, errand_id=errand_id))
    with journal.write(
        actor=actor,
        action="user.invitation_sent",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
    ) as write:
        write.update(
            user,
            [User.invited_at.set(at), User.invitation_expires_at.set(at + provisioning.INVITATION)],
            only_if=User.status.is_in("invited", "active"),
        )
        write.settle(errand_id)


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
