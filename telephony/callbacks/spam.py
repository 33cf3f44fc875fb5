"""Closing the call-backs of a caller who is blocked."""

from accounts import locations, permissions
from config import dynamodb, journal, outbox
from telephony.callbacks import callback_record
from telephony.models import BlockedCaller, OpenCallback, caller_key

MAX_LOCATIONS = 1_000


@outbox.task("telephony.close_spam")
def close_of_blocked_caller(block_id: str, *, job: outbox.TaskContext) -> None:
    """Close the open call-backs of a caller where they are blocked. Raises `errors.Unavailable`."""
    block = dynamodb.get_record(BlockedCaller, block_id)
    if block is None:
        return
    location_ids = [block.location_id] if block.location_id else _list_location_ids(block.customer_id)
    keys = [caller_key(location_id, block.number) for location_id in location_ids]
    markers = dynamodb.batch_get(dynamodb.RecordKey(OpenCallback, key) for key in keys)
    for marker in filter(None, (markers.get(OpenCallback, key) for key in keys)):
        _close(str(marker.callback_id), str(block.blocked_by), job)


def _list_location_ids(customer_id: str) -> list[str]:
    actor = permissions.system_actor(customer_id)
    page = locations.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None)
    return [str(location.id) for location in page.records]


def _close(callback_id: str, blocked_by: str, job: outbox.TaskContext) -> None:
    def decide() -> None:
        before = callback_record.load(callback_id)
        if before is None or before.is_closed:
            return
        user_id = blocked_by if dynamodb.is_id("usr", blocked_by) else None
        after = callback_record.closed(before, "spam", job.at, taken_by=user_id)
        changes = callback_record.audit_changes(before, after)
        related = callback_record.concerned(before)
        with journal.write(
            job.author, "callback.closed", before, job.at, changes=changes, related_streams=related
        ) as write:
            callback_record.close_in(write, before, after)

    journal.retry_on_conflict(decide)
