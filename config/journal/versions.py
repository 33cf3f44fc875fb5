"""Versioned records: created once per request, and changed only in the version that was read."""

import time
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pynamodb.expressions.condition import Condition

from config import audit, dynamodb, errors
from config.dynamodb import idempotency, transactions
from config.journal.commit import write
from config.journal.write_set import StaleRecord

BUDGET_SECONDS = 4.5
"""Seconds that `retry_on_conflict` may take in all."""
MAX_ATTEMPTS = 12
R = TypeVar("R", bound=dynamodb.Record)
T = TypeVar("T")


@dataclass(frozen=True)
class Precondition:
    """What a request expects of the stored record that it changes."""

    versions: Collection[int] | None = None
    """The versions that it may have; None: any."""
    check_content: Callable[[Any], None] = lambda record: None
    """Raises `errors.InvalidRequest` if the record is not as the request says."""
    is_echo: bool = False
    """Whether the request sends back the whole record: its values may be defaults, not choices."""

    def check(self, record: dynamodb.Record) -> None:
        """Raise `errors.PreconditionFailed` or `errors.InvalidRequest` unless the record fits."""
        if self.versions is not None and int(record.version) not in self.versions:
            raise errors.PreconditionFailed("The record has changed since you read it; read it again.")
        self.check_content(record)


NO_PRECONDITION = Precondition()


def retry_on_conflict(decide: Callable[..., T], *first_reads: Any) -> T:
    """Run ``decide``, which reads and writes, again while it raises `StaleRecord`.

    The first attempt gets ``first_reads``, records that the caller has just read; later attempts
    get no arguments and read for themselves. Raises `errors.Unavailable` when the budget is spent.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    for attempt in range(MAX_ATTEMPTS):
        try:
            return decide(*first_reads)
        except StaleRecord:
            first_reads = ()
            if not dynamodb.back_off(attempt, deadline=deadline):
                break
    raise errors.Unavailable("Too many concurrent changes; retry.", retry_after=1)


def create_record(
    actor: audit.Author,
    action: str,
    record: R,
    at: datetime,
    *,
    audited: Iterable[str],
    idempotency_key: idempotency.IdempotencyKey | None,
    check_replay: Callable[[R], object],
    prefetched: dynamodb.BatchResult | None = None,
) -> R:
    """Create a record; a repeated request gets the record that the first one created.

    ``audited`` names the attributes that the audit entry shows. For a repeated request,
    ``check_replay`` raises what reading the record raises, and `errors.NotFound` says that it was
    removed since.
    """
    changes = audit.diff_records(None, record, audited)
    try:
        with write(actor, action, record, at, changes=changes, prefetched=prefetched) as pending_write:
            pending_write.put(record, only_if=type(record).id.does_not_exist())
            pending_write.record_response(idempotency_key, record.id, status=201)
    except idempotency.DuplicateRequest as duplicate:
        return idempotency.get_created_record(type(record), duplicate, check_replay)
    return record


def update_record(
    actor: audit.Author,
    action: str,
    before: R,
    after: R,
    at: datetime,
    *,
    audited: Iterable[str],
    prefetched: dynamodb.BatchResult | None = None,
) -> R:
    """Write a changed record and return it; ``before`` if no ``audited`` attribute differs.

    Raises `StaleRecord` if the stored version is not ``before``'s any more.
    """
    changes = audit.diff_records(before, after, audited)
    if not changes:
        return before
    with write(actor, action, before, at, changes=changes, prefetched=prefetched) as pending_write:
        pending_write.save(before, after)
    return after


def repair_derived_records(
    sources: Iterable[tuple[dynamodb.Record, Condition]],
    *,
    missing: Iterable[dynamodb.Record] = (),
    obsolete: Iterable[dynamodb.Record] = (),
) -> None:
    """Write and remove derived records; not audited, as they only repeat ``sources``.

    Each source has the condition under which the repair is right. Raises `StaleRecord` if one does
    not hold any more.
    """
    transaction = transactions.Transaction()
    for source, condition in sources:
        transaction.check_condition(source.record_key, condition)
    for record in missing:
        transaction.put(record)
    for record in obsolete:
        transaction.remove(record)
    try:
        transaction.commit(uuid.uuid4().hex)
    except transactions.TransactionCancelled as cancelled:
        raise StaleRecord from cancelled
