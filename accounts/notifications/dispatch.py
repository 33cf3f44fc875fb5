"""Notification e-mails about what others changed about a user."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag

from accounts.models import Location
from accounts.notifications import mailer, recipients
from config import daily_limits, dynamodb, names, outbox
from config.dynamodb import encryption

COUNTED, SENT = "counted", "sent"
"""How far a message got."""
logger = logging.getLogger("dutyline.notifications")


@outbox.task("accounts.send_notice", lane="mail", notifies=True)
def send_notification_email(
    user_id: str,
    event: str,
    *,
    job: outbox.TaskContext,
    locations: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> None:
    """E-mail an active user about an event of `preferences.EVENTS`, if they enabled it.

    Beyond `notifications-to-address` of ``settings.DAILY_LIMITS`` it is not sent, which is logged.
    Each message counts once, however often the mail server does not answer.

    ``values`` are further variables of its template, besides the author and the locations.
    """
    recipient = recipients.get_recipient(user_id) if job.progress != SENT else None
    if recipient is None or recipient.customer.is_deleted:
        return
    if recipient.user.status != "active" or not recipient.has_enabled("email", event):
        return
    if job.progress != COUNTED and not _count(recipient, event, job):
        return
    records = dynamodb.batch_get(dynamodb.RecordKey(Location, id) for id in locations)
    location_names = [names.for_mail(location.name) for id in locations if (location := records.get(Location, id))]
    if locations and not location_names:
        return  # they were deleted since
    template_values = {
        "by": job.author.name,
        "locations": ", ".join(sorted(location_names)),
        "location_count": len(location_names),
    }
    mailer.send_email(event, recipient, message_id=job.id, at=job.at, values=template_values | dict(values or {}))
    job.save_progress(SENT)


def _count(recipient: recipients.Recipient, event: str, job: outbox.TaskContext) -> bool:
    """Count an e-mail about this event to this address; False if it has had too many today."""
    owner = f"{daily_limits.pseudonym(str(recipient.user.email_key))} {event}"
    detail = "An e-mail address gets at most {quota} notifications of one kind per day."
    limit = daily_limits.DailyLimit("notifications-to-address", owner, str(recipient.user.customer_id), detail)
    try:
        daily_limits.consume(limit, job.at)
    except daily_limits.DailyLimitReached:
        fields = {"message_id": job.id, "user": recipient.user.id, "event": event}
        logger.warning("notification not sent: daily limit reached", extra=fields)
        return False
    job.save_progress(COUNTED)
    return True


@outbox.task("accounts.warn_former_address", lane="mail")
def send_email_changed_warning(user_id: str, sealed: str, *, job: outbox.TaskContext) -> None:
    """Warn the former address of a user that it was replaced.

    Users cannot turn it off: it is how they notice that an account was taken over. ``sealed`` is
    the address, encrypted under the user's key, which does not exist once they are deleted.
    """
    recipient = recipients.get_recipient(user_id) if job.progress != SENT else None
    person_key = dynamodb.get_record(encryption.PersonKey, user_id)
    if recipient is None or person_key is None:
        return
    try:
        former_email = str(encryption.decrypt_json(person_key.unwrap(), bytes.fromhex(sealed), user_id))
    except InvalidTag:
        return  # encrypted under a key that was replaced
    values = {"by": job.author.name}
    mailer.send_email("address_changed", recipient, message_id=job.id, at=job.at, values=values, to=former_email)
    job.save_progress(SENT)


@outbox.task("accounts.send_support_view", lane="mail")
def send_support_view_email(user_id: str, day: str, *, job: outbox.TaskContext) -> None:
    """Tell a user that an operator looked at the product as they see it.

    Users cannot turn it off: nobody looks at it without their knowledge. ``day``: when, as an
    instant.
    """
    recipient = recipients.get_recipient(user_id) if job.progress != SENT else None
    if recipient is None or recipient.user.status != "active":
        return
    values = {"at": datetime.fromisoformat(day)}
    mailer.send_email("support_viewed", recipient, message_id=job.id, at=job.at, values=values)
    job.save_progress(SENT)
