"""Numbers at Twilio without a record: listed daily; operators assign, reserve or release them."""

import logging
from contextlib import suppress
from datetime import datetime

from accounts import permissions
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import unaudited
from config.journal import two_phase
from telephony.models import Orphan, PhoneNumber
from telephony.numbers import adoption, inventory, webhooks
from telephony.twilio import client

logger = logging.getLogger("dutyline.orphans")

RELEASE = two_phase.Flow("telephony.release_unassigned", prefix="release-unassigned")


def update_list(at: datetime) -> list[Orphan]:
    """Compare Twilio's numbers with our records; unassigned ones are not changed at Twilio.

    Returns the reserved numbers too. Raises `errors.Unavailable`.
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
        if orphan.reserved_for and orphan.sid not in owned_sids:
            _end_lost_reservation(orphan, at)
        elif not orphan.reserved_for and orphan.sid not in listed_sids:
            unaudited.remove(orphan, (Orphan.sid == orphan.sid) & Orphan.reserved_for.does_not_exist())
    webhooks.enqueue_updates([number for number in tagged_numbers if number not in unexplained], at)
    orphans = list_numbers()
    if count := sum(not orphan.reserved_for for orphan in orphans):
        logger.error("unassigned numbers at Twilio", extra={"count": count})
    return orphans


def _end_lost_reservation(orphan: Orphan, at: datetime) -> None:
    """End the reservation of a number that left the account.

    Twilio's list may lack a number that is there, such as one that came after the list was read.
    """
    if client.has_number(orphan.sid):
        return
    actor = permissions.system_actor(str(orphan.reserved_for))
    party = audit.Party("phone number", orphan.number, orphan.number, actor.customer_id, actor.customer_id)
    changes = [audit.FieldChange("number", orphan.number, None)]
    is_unchanged = (Orphan.sid == orphan.sid) & (Orphan.reserved_for == orphan.reserved_for)
    with (
        suppress(errors.Conflict),  # used, withdrawn or renewed meanwhile
        journal.write(actor, "number.reservation_lost", party, at, changes=changes) as write,
    ):
        write.remove(orphan, only_if=is_unchanged)


def list_numbers() -> list[Orphan]:
    """What the last comparison found; a Scan of few items, for operators only."""
    pages = dynamodb.iter_pages("Scan", TableName=Orphan.table_name(), ConsistentRead=True)
    unexplained = [Orphan.from_item(item) for items in pages for item in items]
    return sorted(unexplained, key=lambda orphan: str(orphan.number))


def release_number(number: str, *, actor: audit.Author, at: datetime) -> None:
    """Give the number back to Twilio. From the claim on, nobody can reserve or adopt it.

    Raises `errors.NotFound`, `errors.Conflict` if it has a record or is reserved by now, or
    `errors.Unavailable`, after which the outbox releases it.
    """
    orphan = adoption.get_orphan(dynamodb.get_record(Orphan, number))
    if orphan.reserved_for:
        raise errors.Conflict("This number is reserved for a customer; withdraw the reservation first.")
    if orphan.releasing_sid != orphan.sid:
        _claim_for_release(orphan, actor, at)
    _finish_release(orphan, two_phase.Attempt(actor, at))


def _claim_for_release(orphan: Orphan, actor: audit.Author, at: datetime) -> None:
    """Make certain that the number is nobody's, whatever the list of the last comparison says."""
    owned = errors.Conflict("This number is no longer unassigned.")
    is_unchanged = (Orphan.sid == orphan.sid) & Orphan.reserved_for.does_not_exist()
    with journal.write_intent(actor, at) as write:
        write.require(dynamodb.RecordKey(PhoneNumber, orphan.number), PhoneNumber.number.does_not_exist(), error=owned)
        write.update(orphan, [Orphan.releasing_sid.set(orphan.sid)], only_if=is_unchanged, error=owned)
        RELEASE.enqueue_finisher(write, orphan.sid, number=orphan.number, sid=orphan.sid)


@outbox.task(RELEASE.task, lane="telephone")
def resume_release(number: str, sid: str, *, job: outbox.TaskContext) -> None:
    """Finish a release that its request left. Raises `errors.Unavailable`."""
    orphan = dynamodb.get_record(Orphan, number)
    if orphan and orphan.sid == orphan.releasing_sid == sid:
        _finish_release(orphan, two_phase.Attempt.of_message(job))


def _finish_release(orphan: Orphan, attempt: two_phase.Attempt) -> None:
    client.release_number(orphan.sid)
    author, is_unchanged = attempt.actor, Orphan.releasing_sid == orphan.sid
    subject = audit.Party("phone number", orphan.number, orphan.number, author.stream, author.customer_id)
    with (
        suppress(errors.Conflict),  # another process finished it
        RELEASE.finish(orphan.sid, "number.orphan_released", subject, attempt, changes=()) as write,
    ):
        write.remove(orphan, only_if=is_unchanged)
