"""Callers whose calls are rejected, at a location or at all of a customer's.

A call costs no further read: `line_lookup.resolve_line` reads what blocks its caller with the rest.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from accounts import locations, permissions
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency, pagination
from telephony import callers, dialing_rules
from telephony.models import BlockedCaller, Quota, blocked_caller_id

if TYPE_CHECKING:
    from accounts.models import Location

MAX_BLOCKED = 500
"""Per customer."""
NOT_BLOCKED = "This caller is not blocked there."


class TooManyBlockedCallers(errors.Conflict):
    """The customer blocks as many callers as it may; unblock some."""

    code = "too_many_blocked_callers"
    title = "Too many blocked callers"
    example_detail = f"{MAX_BLOCKED} callers are blocked, which is the limit; unblock some of them."


class BlockResult(NamedTuple):
    """What blocks a caller, and the status of the answer: 201, or 200 if it was there."""

    record: BlockedCaller
    status: int


def list_blocked(
    actor: Actor,
    *,
    at: datetime,
    customer_id: str | None = None,
    location_id: str | None = None,
    limit: int,
    cursor: pagination.Cursor | None,
) -> pagination.CursorPage[BlockedCaller]:
    """The callers blocked at the actor's locations, or at all of them, by number.

    A page may hold fewer than ``limit`` before the list ends. Raises `permissions.ForeignCustomer`,
    `errors.NotFound` and `errors.Forbidden`.
    """
    actor.require("calls:read")
    if customer_id is not None:
        with permissions.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id, pointer="?customerId")
    if location_id is not None:
        _load_location(location_id, actor, pointer="?locationId")
    condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
    page = pagination.query_page(BlockedCaller, "byCustomer", condition, values, limit=limit, cursor=cursor)
    visible = [record for record in page.records if _is_visible(record, actor, location_id)]
    return pagination.CursorPage(visible, page.next_cursor)


def _is_visible(record: BlockedCaller, actor: Actor, location_id: str | None) -> bool:
    return record.location_id is None or (
        actor.can_access_locations([record.location_id]) and location_id in (None, record.location_id)
    )


def block_caller(
    caller: str,
    *,
    location_id: str | None = None,
    reason: str | None = None,
    customer_zone: str | None = None,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> BlockResult:
    """Reject the calls of a caller at a location, or at all: ``caller`` in any form.

    Numbers without country code are of the country of the location, or of ``customer_zone``. Raises
    `errors.InvalidRequest`, `errors.NotFound` and `errors.Forbidden` (the location), and
    `TooManyBlockedCallers`.
    """
    actor.require("callers:block")
    country = _check_place(location_id, actor, customer_zone)
    try:
        number = callers.parse_blockable(caller, country)
    except ValueError as error:
        raise errors.InvalidRequest(str(error), pointer="/number") from error
    record = BlockedCaller(
        id=blocked_caller_id(actor.customer_id, location_id, number),
        customer_id=actor.customer_id,
        location_id=location_id,
        number=number,
        reason=reason or None,
        blocked_by=actor.id,
        created_at=at,
    )

    def decide() -> BlockResult:
        records = _read(record.id, actor, *idempotency.record_keys(idempotency_key))
        idempotency.ensure_key_unused(idempotency_key, records, at)
        if existing := records.get(BlockedCaller, record.id):
            idempotency.save_completed(idempotency_key, record.id, at, status=200)
            return BlockResult(existing, 200)
        _save(record, actor, at, idempotency_key, records)
        return BlockResult(record, 201)

    try:
        return journal.retry_on_conflict(decide)
    except idempotency.DuplicateRequest as duplicate:
        stored = idempotency.get_created_record(BlockedCaller, duplicate, lambda record: record)
        return BlockResult(stored, duplicate.status)


def _save(
    record: BlockedCaller,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
    records: dynamodb.BatchResult,
) -> None:
    """Store what blocks a caller, counted. Raises `journal.StaleRecord` if it is there by now."""
    too_many = TooManyBlockedCallers(
        f"{MAX_BLOCKED} callers are blocked, which is the limit; unblock some of them.", pointer="/number"
    )
    changes = _describe(record)
    with journal.write(actor, "caller.blocked", record, at, changes=changes, prefetched=records) as write:
        write.put(record, only_if=BlockedCaller.id.does_not_exist(), error=journal.StaleRecord())
        if record.location_id:
            locations.require_exists(write, record.location_id, pointer="/locationId")
        write.update(
            Quota(actor.customer_id),
            [Quota.blocked.add(1)],
            only_if=Quota.blocked.does_not_exist() | (Quota.blocked < MAX_BLOCKED),
            error=too_many,
        )
        write.enqueue("telephony.close_spam", block_id=record.id)
        write.record_response(idempotency_key, record.id, status=201)


def unblock_caller(
    caller: str, *, location_id: str | None = None, customer_zone: str | None = None, actor: Actor, at: datetime
) -> BlockedCaller:
    """Take the calls of a caller again at a location, or where they were blocked at all.

    Raises `errors.NotFound` and `errors.Forbidden`.
    """
    actor.require("callers:block")
    country = _check_place(location_id, actor, customer_zone, pointer="?locationId")
    try:
        number = callers.parse_blockable(caller, country)
    except ValueError as error:
        raise errors.NotFound(NOT_BLOCKED) from error
    return remove(blocked_caller_id(actor.customer_id, location_id, number), actor=actor, at=at)


def remove(id: str, *, actor: Actor, at: datetime) -> BlockedCaller:
    """Remove what blocks a caller, and count it no more. Raises `errors.NotFound`."""

    def decide() -> BlockedCaller:
        records = _read(id, actor)
        record = records.get(BlockedCaller, id)
        if record is None or record.customer_id != actor.customer_id:
            raise errors.NotFound(NOT_BLOCKED)
        changes = [audit.FieldChange(item.field, item.after, None) for item in _describe(record)]
        with journal.write(actor, "caller.unblocked", record, at, changes=changes, prefetched=records) as write:
            write.remove(record, only_if=BlockedCaller.id.exists(), error=journal.StaleRecord())
            write.update(Quota(actor.customer_id), [Quota.blocked.add(-1)], only_if=Quota.blocked > 0)
        return record

    return journal.retry_on_conflict(decide)


def _check_place(
    location_id: str | None, actor: Actor, customer_zone: str | None, *, pointer: str = "/locationId"
) -> str | None:
    """The country of numbers without country code, if the actor may block callers there."""
    if location_id is not None:
        return dialing_rules.country_of_location(str(_load_location(location_id, actor, pointer=pointer).time_zone))
    if actor.is_location_restricted:
        detail = "Specify one of your locations; without `locationId`, a caller is blocked at all of them."
        raise errors.Forbidden(detail, pointer=pointer)
    return dialing_rules.country_of_location(customer_zone) if customer_zone else None


def _load_location(location_id: str, actor: Actor, *, pointer: str) -> "Location":
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.", pointer=pointer)
    records = dynamodb.batch_get([locations.location_key(location_id)])
    location = locations.get_location_from(records, location_id, actor, pointer=pointer)
    locations.check_access(actor, location_id)
    return location


def _read(id: str, actor: Actor, *keys: dynamodb.RecordKey) -> dynamodb.BatchResult:
    streams = journal.stream_keys([actor.stream, actor.customer_id])
    return dynamodb.batch_get([dynamodb.RecordKey(BlockedCaller, id), *keys, *streams])


def _describe(record: BlockedCaller) -> Sequence[audit.FieldChange]:
    """For the audit log, which stays: of the number its last four digits only."""
    return [
        audit.FieldChange("number", None, record.party.id),
        audit.FieldChange("locationId", None, record.location_id or "all locations"),
    ]


@outbox.task("telephony.clear_blocked_callers")
def clear_location(location_id: str, *, job: outbox.TaskContext) -> None:
    """Remove what blocked callers at a removed location."""
    customer_id = job.author.customer_id
    if locations.load_locations([location_id], customer_id):
        return
    condition, values = "#customer_id = :of", {":of": {"S": customer_id}}
    for record in list(dynamodb.iter_records(BlockedCaller, condition, values, IndexName="byCustomer")):
        if record.location_id == location_id:
            remove(record.id, actor=permissions.system_actor(customer_id), at=job.at)


LOCATION_GUARD = locations.LocationGuard(
    find_blocker=lambda location_id, at: None, cleanup_task="telephony.clear_blocked_callers"
)
