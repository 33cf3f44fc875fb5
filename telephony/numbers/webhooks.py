"""The webhooks of numbers that an older release bought: they get those of numbers bought today."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from accounts import permissions
from config import audit, dynamodb, errors, journal, outbox
from telephony.models import PhoneNumber
from telephony.twilio import client

MAX_UPDATES = 80
"""Numbers of one day, so that Twilio is not flooded."""


def enqueue_updates(owned_numbers: Sequence[client.OwnedNumber], at: datetime) -> None:
    """Update, in the background, numbers of ours whose webhooks are those of an older release.

    A number gets the same settings once: one that refuses them, or whose settings Twilio spells
    another way, does not come again every day and keep others from their turn.
    """
    digest = client.webhook_digest()
    outdated = [number for number in owned_numbers if number.has_old_webhooks]
    records = dynamodb.batch_get(dynamodb.RecordKey(PhoneNumber, number.number) for number in outdated)
    outdated_records = [record for number in outdated if (record := records.get(PhoneNumber, number.number))]
    updatable = [record for record in outdated_records if record.status != "buying" and record.webhook_digest != digest]
    for record in updatable[:MAX_UPDATES]:
        with suppress(errors.Conflict):  # released meanwhile
            _enqueue_update(record, digest, at)


def _enqueue_update(record: PhoneNumber, digest: str, at: datetime) -> None:
    """Enqueue the update with the tag of the record: Twilio's list may have an older one."""
    with journal.write_intent(permissions.system_actor(audit.PLATFORM_STREAM), at) as write:
        is_unchanged = PhoneNumber.sid == record.sid
        write.update(record, [PhoneNumber.webhook_digest.set(digest)], only_if=is_unchanged)
        write.enqueue("telephony.update_webhooks", sid=record.sid, tag=client.number_tag(record.purchase_id))


@outbox.task("telephony.update_webhooks", lane="telephone")
def update_webhooks(sid: str, tag: str) -> None:
    """Set the webhooks of a number, unless it was released. Raises `errors.Unavailable`."""
    try:
        client.retag_number(sid, tag=tag)
    except client.TwilioRejected as refusal:
        if refusal.status != 404:
            raise
