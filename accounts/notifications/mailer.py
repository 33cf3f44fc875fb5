"""E-mail, in the recipient's language.

``templates/email/<kind>.<language>.txt``: the first line is the subject. Paragraphs follow,
separated by empty lines; one in square brackets is the button that opens the link. The HTML part is
rendered from the same text. What people wrote is never in the first line, nor at the beginning of
the subject, and nothing of it makes a link (`config.names`).
"""

import logging
import smtplib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format

from accounts import preferences
from accounts.notifications import delivery
from accounts.notifications.recipients import Recipient
from config import errors, failures, names, observation

logger = logging.getLogger("dutyline.mail")
NAMES = ("by", "inviter")
"""Values that are names of people."""


class MailRefused(errors.Conflict):
    """This address cannot receive mail."""

    code = "mail_refused"


def send_email(
    kind: str,
    recipient: Recipient,
    *,
    message_id: str,
    at: datetime,
    values: Mapping[str, Any],
    to: str | None = None,
    link: str = "",
) -> None:
    """Send an e-mail to a recipient, or to another address ``to`` about them.

    Times among ``values`` are formatted in the recipient's time zone. ``message_id`` is that of the
    outbox message, so that a repetition after a crash has the same Message-ID; by it reports of the
    mail service find the e-mail (`accounts.notifications.delivery`). Raises `errors.Unavailable` or
    `MailRefused`.
    """
    user, customer, language = recipient.user, recipient.customer, recipient.language
    zone = preferences.time_zone_of(user.settings, customer.settings)
    template_values = {name: _localize(value, language, zone) for name, value in values.items()}
    people = {"name": user.name, "customer": customer.name, **{name: values[name] for name in NAMES if name in values}}
    safe_names = {name: names.for_mail(value) for name, value in people.items()}
    context = {"email": user.email, **template_values, **safe_names}
    subject, *paragraphs = _render_paragraphs(f"email/{kind}.{language}.txt", context)
    body_paragraphs = [link if _is_button(paragraph) else paragraph for paragraph in paragraphs]
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ")
    mail = EmailMultiAlternatives(
        subject=subject,
        body="\n\n".join([*body_paragraphs, "Dutyline"]) + "\n",
        to=[to or user.email],
        headers={"Message-ID": f"<{message_id}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(_render_html(subject, paragraphs, language, link), "text/html")
    sent_email = delivery.begin(message_id, user, kind, to or user.email, at=at)
    try:
        with observation.observe("dependency", "mail server"):
            mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        delivery.record_outcome(sent_email, "refused", _refusal_of(error))
        raise MailRefused("The mail server rejects this address.") from error
    except (OSError, smtplib.SMTPException) as error:
        code = failure_code(error)
        logger.warning("the mail server failed", extra={"why": code})
        failures.note("mail server", code)
        raise errors.Unavailable("The mail server does not answer.", cause=f"mail server: {code}") from error
    delivery.record_outcome(sent_email, "accepted")


def _refusal_of(error: smtplib.SMTPRecipientsRefused) -> str:
    """What the server said about the only recipient."""
    status, text = next(iter(error.recipients.values()), (0, b""))
    return f"{status} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def failure_code(error: Exception) -> str:
    """What went wrong: the kind of error, and the server's status, if it sent any."""
    status = getattr(error, "smtp_code", "")
    return f"{type(error).__name__} {status}".strip()


def _render_paragraphs(template: str, context: Mapping[str, Any]) -> list[str]:
    text = render_to_string(template, dict(context))
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _is_button(paragraph: str) -> bool:
    return paragraph.startswith("[") and paragraph.endswith("]")


def _render_html(subject: str, paragraphs: list[str], language: str, link: str) -> str:
    parts = [
        {"text": paragraph.strip("[]"), "is_button": True} if _is_button(paragraph) else {"text": paragraph}
        for paragraph in paragraphs
    ]
    context = {"subject": subject, "parts": parts, "language": language, "link": link}
    return css_inline.inline(render_to_string("email/base.html", context))


def _localize(value: Any, language: str, zone: str) -> Any:
    if not isinstance(value, datetime):
        return value
    with translation.override(language):
        local = value.astimezone(ZoneInfo(zone))
        text = date_format(local, preferences.time_format("DATETIME_FORMAT", language))
        return text + preferences.time_suffix(local, language)
