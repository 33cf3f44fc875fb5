"""Numbers at Twilio without a record: listed daily; operators assign, reserve or release them."""

import logging
from datetime import datetime

from config import audit, dynamodb, errors, journal
from config.dynamodb import unaudited
from telephony.models import Orphan
from telephony.numbers import adoption, inventory, webhooks
from telephony.twilio import client

logger = logging.getLogger("dutyline.orphans")


def update_list(at: datetime) -> list[Orphan]:
    """Compare Twilio's numbers with our records; unassigned ones are not changed at Twilio.

    Raises `errors.Unavailable`.
    """
    owned_numbers = client.list_owned_numbers()
    tagged_numbers = [number for number in owned_numbers if number.tag.startswith(client.NUMBER_TAG_PREFIX)]
    unexplained = inventory.filter_unexplained(tagged_numbers)
    for owned_number in unexplained:
        unaudited.update(
            Orphan(owned_number.number),
            [Orphan.sid.set(owned_number.sid), Orphan.tag.set(owned_number.tag), Orphan.found_at.set(at)],
            Orphan.number.does_not_exist() | (Orphan.sid != owned_number.sid) | (Orphan.tag != owned_number.tag),
        )
    listed_sids = {owned_number.sid for owned_number in unexplained}
    owned_sids = {owned_number.sid for owned_number in owned_numbers}
    for orphan in list_numbers():
        if orphan.sid not in (owned_sids if orphan.reserved_for else listed_sids):
            unaudited.remove(orphan, Orphan.sid == orphan.sid)
    if unexplained:
        logger.error("unassigned numbers at Twilio", extra={"count": len(unexplained)})
    webhooks.enqueue_updates([number for number in tagged_numbers if number not in unexplained], at)
    return list_numbers()


def list_numbers() -> list[Orphan]:
    """What the last comparison found; a Scan of few items, for operators only."""
    pages = dynamodb.iter_pages("Scan", TableName=Orphan.table_name(), ConsistentRead=True)
    unexplained = [Orphan.from_item(item) for items in pages for item in items]
    return sorted(unexplained, key=lambda orphan: str(orphan.number))


def release_number(number: str, *, actor: audit.Author, at: datetime) -> None:
    """Give the number back to Twilio.

    Raises `errors.NotFound`, `errors.Conflict` if it has a record by now, or `errors.Unavailable`.
    """
    orphan = adoption.get_orphan(dynamodb.get_record(Orphan, number))
    owned_number = client.OwnedNumber(orphan.number, orphan.sid, orphan.tag)
    if orphan.reserved_for:
        raise errors.Conflict("This number is reserved for a customer; withdraw the reservation first.")
    if not inventory.filter_unexplained([owned_number]):
        raise errors.Conflict("This number is no longer unassigned.")
    client.release_number(orphan.sid)
    subject = audit.Party("phone number", number, number, actor.stream, actor.customer_id)
    journal.write_audit_event(actor, "number.orphan_released", subject, at)
    unaudited.remove(orphan, Orphan.sid == orphan.sid)
