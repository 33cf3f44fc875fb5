"""Places of a customer among the documents that wait for the printer, which prints one at a time.

Without them the people of one business could have those of all others wait for hours. A place is a
row under the customer's id. One that a crash has left is free again after `PRINTING_TIME`, when its
export counts as failed.
"""

from datetime import timedelta

from accounts.models import PreparedExport
from accounts.models.exports import PRINTING_TIME
from config import dynamodb, errors, journal
from config.dynamodb import unaudited

PLACES = tuple(f"place-{number}" for number in range(5))
"""Of the documents of a customer that may wait at once; printing one takes 40 seconds at most."""
RETRY_AFTER = 60


def record_keys(customer_id: str) -> list[dynamodb.RecordKey]:
    """The places of a customer."""
    return [dynamodb.RecordKey(PreparedExport, customer_id, place) for place in PLACES]


def take(write: journal.Write, records: dynamodb.BatchResult, customer_id: str, export_id: str) -> str:
    """Take a free place for an export in a write; ``records`` have those of `record_keys`.

    Raises `errors.TooManyRequests`, and at the commit `journal.StaleRecord` if another request took
    the place.
    """
    oldest = write.at - PRINTING_TIME
    for place in PLACES:
        taken = records.get(PreparedExport, customer_id, place)
        if taken is None or taken.requested_at <= oldest:
            is_free = PreparedExport.id == taken.id if taken else PreparedExport.id.does_not_exist()
            row = PreparedExport(
                user_id=customer_id,
                requester_id=place,
                id=export_id,
                requested_at=write.at,
                expires_at=int((write.at + PRINTING_TIME + timedelta(hours=1)).timestamp()),
            )
            write.put(row, only_if=is_free, error=journal.StaleRecord())
            return place
    detail = f"{len(PLACES)} documents of your business wait to be printed; ask again in a minute."
    raise errors.TooManyRequests(detail, retry_after=RETRY_AFTER)


def leave(customer_id: str, place: str, export_id: str) -> None:
    """Leave a place, if the export still has it; repeatable."""
    unaudited.remove(PreparedExport(user_id=customer_id, requester_id=place), PreparedExport.id == export_id)
