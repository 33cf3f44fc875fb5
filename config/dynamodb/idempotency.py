"""What a request with an Idempotency-Key led to, stored for 24 hours.

Only a digest of the request, a status and the id of the resource are stored; a repeated request
renders its answer anew, so that there are no copies of personal data.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pynamodb.expressions.condition import Condition

from config import dynamodb, errors
from config.dynamodb import unaudited
from config.dynamodb.attributes import Erasure, Number, PersonalData, Text

IDEMPOTENCY = PersonalData(
    "technical",
    "give a repeated request the same answer",
    "24 hours",
    Erasure.EXPIRES,
    withheld_because="temporary digests and ids",
)
RETENTION = timedelta(hours=24)
R = TypeVar("R", bound=dynamodb.Record)
LEASE = timedelta(seconds=20)
"""How long a request counts as in progress."""


class IdempotencyRecord(dynamodb.Record):
    """A request with an `Idempotency-Key`, and its result."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("idempotency")
        ttl = "expires_at"

    key = Text(IDEMPOTENCY, hash_key=True)
    request_hash = Text(IDEMPOTENCY)
    state = Text(IDEMPOTENCY)
    """running or done"""
    status = Number(IDEMPOTENCY, null=True)
    code = Text(IDEMPOTENCY, null=True)
    detail = Text(IDEMPOTENCY, null=True)
    """The sentence of a refusal that its code does not tell; without personal data."""
    resource_id = Text(IDEMPOTENCY)
    running_until = Number(IDEMPOTENCY, default=0)
    expires_at = Number(IDEMPOTENCY)


@dataclass
class IdempotencyKey:
    """The identity of a request: digest of actor, method, path and key; digest of the body."""

    key: str
    request_hash: str
    is_replayed: bool = field(default=False, init=False, compare=False)
    """Whether an earlier request with the key was answered: its answer is repeated."""


class DuplicateRequest(Exception):
    """This request was made before; the attributes say how far it got."""

    def __init__(self, record: IdempotencyRecord) -> None:
        super().__init__("seen before")
        self.key = str(record.key)
        self.resource_id = str(record.resource_id)
        self.is_running = record.state == "running"
        self.running_until = int(record.running_until)
        self.status = int(record.status or 0)
        self.code = record.code
        self.detail = record.detail


def build_running_record(idempotency_key: IdempotencyKey, resource_id: str, at: datetime) -> IdempotencyRecord:
    """The record of a request that has begun."""
    running_until = int((at + LEASE).timestamp())
    return _build_record(idempotency_key, resource_id, at, state="running", running_until=running_until)


def build_completed_record(
    idempotency_key: IdempotencyKey,
    resource_id: str,
    at: datetime,
    *,
    status: int,
    code: str | None = None,
    detail: str | None = None,
) -> IdempotencyRecord:
    """The record of a request that is answered."""
    return _build_record(idempotency_key, resource_id, at, state="done", status=status, code=code, detail=detail)


def _build_record(idempotency_key: IdempotencyKey, resource_id: str, at: datetime, **values: Any) -> IdempotencyRecord:
    return IdempotencyRecord(
        key=idempotency_key.key,
        request_hash=idempotency_key.request_hash,
        resource_id=resource_id,
        expires_at=int((at + RETENTION).timestamp()),
        **values,
    )


def record_keys(idempotency_key: IdempotencyKey | None) -> list[dynamodb.RecordKey]:
    """What `ensure_key_unused` reads."""
    return [dynamodb.RecordKey(IdempotencyRecord, idempotency_key.key)] if idempotency_key else []


def unused_key_condition(at: datetime) -> Condition:
    """Holds if the key is not in use; DynamoDB may not have deleted an expired record yet."""
    expired: Condition = IdempotencyRecord.expires_at < int(at.timestamp())
    unused: Condition = IdempotencyRecord.key.does_not_exist() | expired
    return unused


def resolve_duplicate(idempotency_key: IdempotencyKey, record: IdempotencyRecord, at: datetime) -> DuplicateRequest:
    """The error that resumes or repeats an earlier request.

    Raises `errors.IdempotencyKeyReused` for another body, `errors.RequestInProgress` while in
    progress.
    """
    if record.request_hash != idempotency_key.request_hash:
        raise errors.IdempotencyKeyReused("This Idempotency-Key was used for a request with another body.")
    if record.state == "running" and record.running_until > at.timestamp():
        raise errors.RequestInProgress("The first request with this Idempotency-Key is still in progress; retry.")
    idempotency_key.is_replayed = record.state == "done"
    return DuplicateRequest(record)


def ensure_key_unused(idempotency_key: IdempotencyKey | None, batch: dynamodb.BatchResult, at: datetime) -> None:
    """Raise `DuplicateRequest`, or what `resolve_duplicate` raises, if the key is in use."""
    record = batch.get(IdempotencyRecord, idempotency_key.key) if idempotency_key else None
    if idempotency_key and record and record.expires_at >= at.timestamp():
        raise resolve_duplicate(idempotency_key, record, at)


def get_created_record(record_class: type[R], duplicate: DuplicateRequest, check_access: Callable[[R], object]) -> R:
    """The record that the first request created, as it is now.

    ``check_access`` raises what reading the record raises: the actor may have lost access since.
    Raises `errors.NotFound` if it was removed.
    """
    record = dynamodb.get_record(record_class, duplicate.resource_id)
    if record is None:
        raise errors.NotFound("The resource that this request created no longer exists.") from duplicate
    check_access(record)
    return record


def save_completed(idempotency_key: IdempotencyKey | None, resource_id: str, at: datetime, *, status: int) -> None:
    """Store the answer of a request without changes; raises what `ensure_key_unused` raises."""
    if idempotency_key is None:
        return
    completed = build_completed_record(idempotency_key, resource_id, at, status=status)
    values = [
        IdempotencyRecord.request_hash.set(completed.request_hash),
        IdempotencyRecord.state.set(completed.state),
        IdempotencyRecord.status.set(completed.status),
        IdempotencyRecord.resource_id.set(completed.resource_id),
        IdempotencyRecord.running_until.set(0),
        IdempotencyRecord.expires_at.set(completed.expires_at),
    ]
    if unaudited.update(IdempotencyRecord(idempotency_key.key), values, unused_key_condition(at)) is None:
        record = dynamodb.get_record(IdempotencyRecord, idempotency_key.key)
        if record:
            raise resolve_duplicate(idempotency_key, record, at)


def replace_answer(idempotency_key: IdempotencyKey | None, *, status: int, code: str) -> None:
    """Replace the answer of a request that was stored before its outcome was known."""
    if idempotency_key:
        unaudited.update(
            IdempotencyRecord(idempotency_key.key),
            [IdempotencyRecord.status.set(status), IdempotencyRecord.code.set(code)],
            (IdempotencyRecord.state == "done") & (IdempotencyRecord.request_hash == idempotency_key.request_hash),
        )


def resume_request(duplicate: DuplicateRequest, at: datetime) -> None:
    """Take over a request that was left unfinished.

    Raises `errors.RequestInProgress` if another process has taken it over.
    """
    updated = unaudited.update(
        IdempotencyRecord(duplicate.key),
        [IdempotencyRecord.running_until.set(int((at + LEASE).timestamp()))],
        (IdempotencyRecord.state == "running") & (IdempotencyRecord.running_until == duplicate.running_until),
    )
    if updated is None:
        raise errors.RequestInProgress("The first request with this Idempotency-Key is still in progress; retry.")


def release_request(idempotency_key: IdempotencyKey) -> None:
    """Let the next request with the key resume at once, because this one has given up."""
    unaudited.update(
        IdempotencyRecord(idempotency_key.key),
        [IdempotencyRecord.running_until.set(0)],
        (IdempotencyRecord.state == "running") & (IdempotencyRecord.request_hash == idempotency_key.request_hash),
    )
