"""Notices: telling people what somebody else changed about them, where they want to hear of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag

from accounts import preferences
from accounts.models import Customer, Location, User
from accounts.notifications import mailer
from config import dynamodb, outbox
from config.dynamodb import encryption

SENT = "sent"


@outbox.task("accounts.send_notice")
def send_notification_email(
    user_id: str,
    event: str,
    *,
    job: outbox.TaskContext,
    locations: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> None:
    """Write to an active person about an event of `preferences.EVENTS`, if they want it.

    ``values`` are what its template tells beside who did it and where.
    """
    user, customer = _load_recipient(user_id, job)
    if user is None or customer is None or user.status != "active":
        return
    if not preferences.is_notification_enabled(user.settings, "email", event):
        return
    records = dynamodb.batch_get(dynamodb.RecordKey(Location, id) for id in locations)
    names = [location.name for id in locations if (location := records.get(Location, id))]
    if locations and not names:
        return  # the places are gone by now
    template_values = {"by": job.author.name, "places": ", ".join(sorted(names)), **(values or {})}
    mailer.send_email(event, user, customer, message_id=job.id, values=template_values)
    job.save_progress(SENT)


@outbox.task("accounts.warn_former_address")
def send_email_changed_warning(user_id: str, sealed: str, *, job: outbox.TaskContext) -> None:
    """Tell whoever reads the address that a person had that it was changed.

    Not a matter of choice: it is how a theft is noticed. ``sealed`` is the address under the
    person's key, which is gone once they are deleted.
    """
    user, customer = _load_recipient(user_id, job)
    person_key = dynamodb.get_record(encryption.PersonKey, user_id)
    if user is None or customer is None or person_key is None:
        return
    try:
        former_email = str(encryption.decrypt_json(person_key.unwrap(), bytes.fromhex(sealed), user_id))
    except InvalidTag:
        return  # it was sealed for somebody who is gone
    values = {"by": job.author.name}
    mailer.send_email("address_changed", user, customer, message_id=job.id, values=values, to=former_email)
    job.save_progress(SENT)


def _load_recipient(user_id: str, job: outbox.TaskContext) -> tuple[User | None, Customer | None]:
    user = dynamodb.get_record(User, user_id) if job.progress != SENT else None
    if user is None or user.status == "deleting":
        return None, None
    return user, dynamodb.get_record(Customer, user.customer_id)
