"""Numbers at Twilio without a record: listed daily; operators assign or release them."""

import logging
from datetime import datetime

from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import unaudited
from telephony.models import Orphan
from telephony.numbers import inventory, purchase, reservation
from telephony.twilio import client

logger = logging.getLogger("dutyline.orphans")

PLATFORM_STREAM = "house"
"""The audit stream of what concerns no customer."""


def reconcile_numbers(at: datetime) -> list[Orphan]:
    """Store the numbers at Twilio that have no record; nothing is changed at Twilio.

    Raises `errors.Unavailable`.
    """
    unexplained = inventory.filter_unexplained(client.list_tagged_numbers())
    for owned_number in unexplained:
        unaudited.update(
            Orphan(owned_number.number),
            [Orphan.sid.set(owned_number.sid), Orphan.tag.set(owned_number.tag), Orphan.found_at.set(at)],
            Orphan.number.does_not_exist() | (Orphan.sid != owned_number.sid) | (Orphan.tag != owned_number.tag),
        )
    unexplained_numbers = {owned_number.number for owned_number in unexplained}
    for orphan in list_orphans():
        if orphan.number not in unexplained_numbers:
            unaudited.remove(orphan, Orphan.sid == orphan.sid)
    if unexplained:
        logger.error("unassigned numbers at Twilio", extra={"count": len(unexplained)})
    return list_orphans()


def list_orphans() -> list[Orphan]:
    """The orphans of the last comparison; scans a small table."""
    table = Orphan.table_name()
    pages = dynamodb.iter_pages("Scan", TableName=table, ConsistentRead=True)
    unexplained = [Orphan.from_item(item) for items in pages for item in items]
    return sorted(unexplained, key=lambda orphan: str(orphan.number))


def adopt_orphan(number: str, location_id: str, *, actor: Actor, at: datetime) -> reservation.NumberWithLine:
    """Assign an orphan to a location of the actor's customer.

    Raises `errors.NotFound`, or what a purchase raises.
    """
    orphan = _load_orphan(number)
    owned_number = client.OwnedNumber(orphan.number, orphan.sid, orphan.tag)
    result = purchase.adopt_number(owned_number, location_id, actor=actor, at=at)
    unaudited.remove(orphan, Orphan.sid == orphan.sid)
    return result


def release_orphan(number: str, *, actor: audit.Author, at: datetime) -> None:
    """Release an orphan at Twilio.

    Raises `errors.NotFound`, `errors.Conflict` or `errors.Unavailable`.
    """
    orphan = _load_orphan(number)
    owned_number = client.OwnedNumber(orphan.number, orphan.sid, orphan.tag)
    if not inventory.filter_unexplained([owned_number]):
        raise errors.Conflict("This number is no longer unassigned.")
    client.release_number(orphan.sid)
    journal.write_audit_event(
        actor,
        "number.orphan_released",
        audit.Party("phone number", number, number, actor.stream, actor.customer_id),
        at,
    )
    unaudited.remove(orphan, Orphan.sid == orphan.sid)


def _load_orphan(number: str) -> Orphan:
    orphan = dynamodb.get_record(Orphan, number)
    if orphan is None:
        raise errors.NotFound("This number is not in the list of unassigned numbers.")
    return orphan
