"""Numbers at Twilio without a record: listed daily; operators assign or release them."""

import logging
from datetime import datetime

from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import unaudited
from telephony.models import Orphan
from telephony.numbers import inventory, purchase, reservation, webhooks
from telephony.twilio import client

logger = logging.getLogger("dutyline.orphans")


def update_list(at: datetime) -> list[Orphan]:
    """Compare Twilio's numbers with our records; unassigned ones are not changed at Twilio.

    Raises `errors.Unavailable`.
    """
    owned_numbers = client.list_tagged_numbers()
    unexplained = inventory.filter_unexplained(owned_numbers)
    for owned_number in unexplained:
        unaudited.update(
            Orphan(owned_number.number),
            [Orphan.sid.set(owned_number.sid), Orphan.tag.set(owned_number.tag), Orphan.found_at.set(at)],
            Orphan.number.does_not_exist() | (Orphan.sid != owned_number.sid) | (Orphan.tag != owned_number.tag),
        )
    unexplained_numbers = {owned_number.number for owned_number in unexplained}
    for orphan in list_numbers():
        if orphan.number not in unexplained_numbers:
            unaudited.remove(orphan, Orphan.sid == orphan.sid)
    if unexplained:
        logger.error("unassigned numbers at Twilio", extra={"count": len(unexplained)})
    webhooks.enqueue_updates([number for number in owned_numbers if number not in unexplained], at)
    return list_numbers()


def list_numbers() -> list[Orphan]:
    """What the last comparison found; a Scan of few items, for operators only."""
    pages = dynamodb.iter_pages("Scan", TableName=Orphan.table_name(), ConsistentRead=True)
    unexplained = [Orphan.from_item(item) for items in pages for item in items]
    return sorted(unexplained, key=lambda orphan: str(orphan.number))


def adopt_number(number: str, location_id: str, *, actor: Actor, at: datetime) -> reservation.NumberWithLine:
    """Assign the number to a location of the customer that the actor acts for.

    Raises `errors.NotFound`, or what a purchase raises.
    """
    orphan, owned_number = _load_number(number)
    result = purchase.adopt_number(owned_number, location_id, actor=actor, at=at)
    unaudited.remove(orphan, Orphan.sid == orphan.sid)
    return result


def release_number(number: str, *, actor: audit.Author, at: datetime) -> None:
    """Give the number back to Twilio.

    Raises `errors.NotFound`, `errors.Conflict` if it has a record by now, or `errors.Unavailable`.
    """
    orphan, owned_number = _load_number(number)
    if not inventory.filter_unexplained([owned_number]):
        raise errors.Conflict("This number is no longer unassigned.")
    client.release_number(orphan.sid)
    subject = audit.Party("phone number", number, number, actor.stream, actor.customer_id)
    journal.write_audit_event(actor, "number.orphan_released", subject, at)
    unaudited.remove(orphan, Orphan.sid == orphan.sid)


def _load_number(number: str) -> tuple[Orphan, client.OwnedNumber]:
    orphan = dynamodb.get_record(Orphan, number)
    if orphan is None:
        raise errors.NotFound("This number is not in the list of unassigned numbers.")
    return orphan, client.OwnedNumber(orphan.number, orphan.sid, orphan.tag)
