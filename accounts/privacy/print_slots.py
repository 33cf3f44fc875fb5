"""Slots of a customer among the documents that wait for the printer, which prints one at a time.

Without them the people of one business could have those of all others wait for hours. A slot is a
row under the customer's id. One that a crash has left is free again after `PRINTING_TIME`, when its
export counts as failed.
"""

from datetime import timedelta

from accounts.models import PreparedExport
from accounts.models.exports import PRINTING_TIME
from config import dynamodb, errors, journal
from config.dynamodb import unaudited

SLOTS = tuple(f"slot-{number}" for number in range(5))
"""Of the documents of a customer that may wait at once; printing one takes 40 seconds at most."""
RETRY_AFTER = 60


def record_keys(customer_id: str) -> list[dynamodb.RecordKey]:
    """The slots of a customer."""
    return [dynamodb.RecordKey(PreparedExport, customer_id, slot) for slot in SLOTS]


def take(write: journal.Write, records: dynamodb.BatchResult, customer_id: str, export_id: str) -> str:
    """Take a free slot for an export in a write; ``records`` have those of `record_keys`.

    Raises `errors.TooManyRequests`, and at the commit `journal.StaleRecord` if another request took
    the slot.
    """
    oldest = write.at - PRINTING_TIME
    for slot in SLOTS:
        taken = records.get(PreparedExport, customer_id, slot)
        if taken is None or taken.requested_at <= oldest:
            is_free = PreparedExport.id == taken.id if taken else PreparedExport.id.does_not_exist()
            row = PreparedExport(
                user_id=customer_id,
                requester_id=slot,
                id=export_id,
                requested_at=write.at,
                expires_at=int((write.at + PRINTING_TIME + timedelta(hours=1)).timestamp()),
            )
            write.put(row, only_if=is_free, error=journal.StaleRecord())
            return slot
    detail = f"{len(SLOTS)} documents of your business wait to be printed; ask again in a minute."
    raise errors.TooManyRequests(detail, retry_after=RETRY_AFTER)


def leave(customer_id: str, slot: str, export_id: str) -> None:
    """Leave a slot, if the export still has it; repeatable."""
    unaudited.remove(PreparedExport(user_id=customer_id, requester_id=slot), PreparedExport.id == export_id)
