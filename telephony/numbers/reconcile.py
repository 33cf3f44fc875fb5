"""Numbers at Twilio that no record explains: reported, and adopted or released by operators."""

import logging
from datetime import datetime

from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import unaudited
from telephony.models import Orphan
from telephony.numbers import inventory, purchase, reservation
from telephony.twilio import client

log = logging.getLogger("dutyline.orphans")

HOUSE = "house"
"""The log of what concerns no customer."""


def report(at: datetime) -> list[Orphan]:
    """Compare what Twilio has with what we know; nothing is changed at Twilio.

    Raises `errors.Unavailable`.
    """
    there = inventory.unexplained(client.tagged())
    for one in there:
        unaudited.update(
            Orphan(one.number),
            [Orphan.sid.set(one.sid), Orphan.tag.set(one.tag), Orphan.found_at.set(at)],
            Orphan.number.does_not_exist() | (Orphan.sid != one.sid) | (Orphan.tag != one.tag),
        )
    known = {one.number for one in there}
    for orphan in every():
        if orphan.number not in known:
            unaudited.remove(orphan, Orphan.sid == orphan.sid)
    if there:
        log.error("numbers at Twilio that no record explains", extra={"many": len(there)})
    return every()


def every() -> list[Orphan]:
    """What was found by the last comparison; a Scan: of few, and for operators only."""
    table = Orphan.table_name()
    pages = dynamodb.pages("Scan", TableName=table, ConsistentRead=True)
    found = [Orphan.read(item) for items in pages for item in items]
    return sorted(found, key=lambda one: str(one.number))


def adopt(number: str, location_id: str, *, actor: Actor, at: datetime) -> reservation.Held:
    """Make it the number of a location of the customer that one acts for.

    Raises `errors.NotFound`, or what a purchase raises.
    """
    orphan = _get(number)
    owned = client.Owned(orphan.number, orphan.sid, orphan.tag)
    held = purchase.adopt(owned, location_id, actor=actor, at=at)
    unaudited.remove(orphan, Orphan.sid == orphan.sid)
    return held


def release(number: str, *, actor: audit.Author, at: datetime) -> None:
    """Give it back to Twilio. Raises `errors.NotFound` or `errors.Unavailable`."""
    orphan = _get(number)
    owned = client.Owned(orphan.number, orphan.sid, orphan.tag)
    if not inventory.unexplained([owned]):
        raise errors.Conflict("A record explains this number by now.")
    client.release(orphan.sid)
    journal.note(
        actor=actor,
        action="number.orphan_released",
        subject=audit.Party("phone number", number, number, actor.stream),
        at=at,
        customer_id=actor.customer_id,
    )
    unaudited.remove(orphan, Orphan.sid == orphan.sid)


def _get(number: str) -> Orphan:
    orphan = dynamodb.get(Orphan, number)
    if orphan is None:
        raise errors.NotFound("There is no such number in the report.")
    return orphan
