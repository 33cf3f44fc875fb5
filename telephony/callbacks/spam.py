"""Closing the call-backs of a caller who is blocked."""

from collections.abc import Iterator

from accounts import locations, permissions
from config import dynamodb, journal, outbox
from telephony import callers, dialing_rules, lines
from telephony.callbacks import callback_record
from telephony.models import BlockedCaller, Callback, OpenCallback, caller_key

MAX_LOCATIONS = 1_000


@outbox.task("telephony.close_spam")
def close_of_blocked_caller(block_id: str, *, job: outbox.TaskContext) -> None:
    """Close the open call-backs of a caller where they are blocked, in whatever form they called.

    Raises `errors.Unavailable`.
    """
    block = dynamodb.get_record(BlockedCaller, block_id)
    if block is None:
        return
    waiting = [callback for callback in _iter_waiting(block) if callback.caller]
    found_lines = lines.load_lines({str(callback.location_id) for callback in waiting}, str(block.customer_id))
    countries = {line.location_id: dialing_rules.country_of_number(line.number) for line in found_lines}
    for callback in waiting:
        identities = callers.list_identities(str(callback.caller), countries.get(str(callback.location_id)))
        if block.number in identities:
            _close(str(callback.id), str(block.blocked_by), job)


def _iter_waiting(block: BlockedCaller) -> Iterator[Callback]:
    """The call-backs that are not closed, at the location of a block or at all."""
    name, value = ("location_id", block.location_id) if block.location_id else ("customer_id", block.customer_id)
    index = "byLocation" if block.location_id else "byCustomer"
    condition, values = f"#{name} = :of AND #queue < :closed", {":of": {"S": value}, ":closed": {"S": "3"}}
    ids = [str(row.id) for row in dynamodb.iter_records(Callback, condition, values, IndexName=index)]
    ids += [id for id in _find_just_opened(block) if id not in ids]
    records = dynamodb.batch_get(dynamodb.RecordKey(Callback, id) for id in ids)
    yield from filter(None, (records.get(Callback, id) for id in ids))


def _find_just_opened(block: BlockedCaller) -> list[str]:
    """The call-backs of the blocked number itself: the index may lag behind its last call."""
    location_ids = [str(block.location_id)] if block.location_id else _list_location_ids(str(block.customer_id))
    keys = [caller_key(location_id, str(block.number)) for location_id in location_ids]
    markers = dynamodb.batch_get(dynamodb.RecordKey(OpenCallback, key) for key in keys)
    return [str(marker.callback_id) for key in keys if (marker := markers.get(OpenCallback, key))]


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
