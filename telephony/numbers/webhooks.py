"""The webhooks of numbers that an older release bought: they get those of numbers bought today."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from accounts import permissions
from config import audit, journal, outbox
from telephony.twilio import client

MAX_UPDATES = 80
"""Numbers of one day: all of it is one transaction."""


def enqueue_updates(owned_numbers: Sequence[client.OwnedNumber], at: datetime) -> None:
    """Update, in the background, numbers of ours whose webhooks are those of an older release."""
    outdated = list(islice((number for number in owned_numbers if number.has_old_webhooks), MAX_UPDATES))
    if outdated:
        with journal.write_intent(permissions.system_actor(audit.PLATFORM_STREAM), at) as write:
            for number in outdated:
                write.enqueue("telephony.update_webhooks", sid=number.sid, tag=number.tag)


@outbox.task("telephony.update_webhooks")
def update_webhooks(sid: str, tag: str) -> None:
    """Set the webhooks of a number, unless it was released. Raises `errors.Unavailable`."""
    try:
        client.retag_number(sid, tag=tag)
    except client.TwilioRejected as refusal:
        if refusal.status != 404:
            raise
