"""What a person's page and the board say about e-mail to the person: whether it arrived."""

from django.utils.html import format_html

from accounts.models import SentEmail, User
from accounts.notifications import delivery
from config.backoffice import clock
from config.backoffice.record_header import Fact

EMAIL_NAMES = {"invitation": "Invitation", "access_renewed": "Link to set a new password"}
"""What operators read, by the name of the template."""


def email_facts(user: User) -> list[Fact]:
    """What became of the last e-mail to the address of a person; one read."""
    if user.status == "pending" or user.address_freed_at:
        return []
    sent_email = delivery.find_last_email(user)
    if sent_email is None:
        return [] if is_being_resent(user) else [Fact("Last e-mail", "none in the last 30 days")]
    name = EMAIL_NAMES.get(str(sent_email.kind), "Notification")
    at = clock.time_html(sent_email.state_at or sent_email.sent_at)
    text = format_html("{} {} <small>{}</small>", name, describe_state(sent_email), at)
    if sent_email.reason:
        text = format_html("{} <small>{}</small>", text, sent_email.reason)
    return [Fact("Last e-mail", text, is_problem=delivery.has_failed(sent_email))]


def is_being_resent(user: User) -> bool:
    """Whether the invitation was asked for again, and has not been sent since."""
    sent_at = user.invitation_sent_at
    return bool(user.resent_at and (not sent_at or user.resent_at > sent_at))


def describe_state(sent_email: SentEmail) -> str:
    """What became of an e-mail, in words."""
    meaning = delivery.explain(str(sent_email.reason or ""))
    reason = f": {meaning}" if meaning else ""
    return {
        "sending": "not taken by our mail server yet; it is tried again",
        "accepted": "taken by our mail server; not known whether it arrived",
        "refused": f"refused by our mail server{reason}",
        "delivered": "delivered",
        "bounced": f"bounced{reason}",
        "complained": f"reported as spam by the recipient{reason}",
    }[str(sent_email.state)]
