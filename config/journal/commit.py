"""The one door for writes: records, who changed them, and what must happen next, all or nothing.

`write` adds the audit entries and sends one transaction. `intend` begins a flow that crosses
systems: it keeps an unfinished record together with the entry that will finish it, and is audited
when it ends. Both raise the refusal given with the condition that failed.
"""

import random
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from pynamodb.exceptions import CancellationReason

from config import audit, dynamodb, errors, outbox
from config.dynamodb import encryption, idempotency, transactions
from config.journal.write_set import Write

MAX_ATTEMPTS = 12
BUDGET_SECONDS = 4.5
"""Seconds that one write may spend on finding its place among others."""

_author_locks = [threading.Lock() for _ in range(64)]


def stream_keys(streams: Iterable[str]) -> list[dynamodb.RecordKey]:
    """What a write that touches these streams reads; a rule may fetch it with its own reads."""
    record_keys: list[dynamodb.RecordKey] = []
    for stream in streams:
        record_keys += [audit.stream_head_key(stream), dynamodb.RecordKey(encryption.PersonKey, stream)]
    return record_keys


@contextmanager
def write(
    actor: audit.Author,
    action: str,
    subject: audit.Subject,
    at: datetime,
    *,
    changes: Iterable[audit.FieldChange] = (),
    related_streams: Iterable[str] = (),
    prefetched: dynamodb.BatchResult | None = None,
) -> Iterator[Write]:
    """Open the door; everything is written when the block ends, nothing if it raises.

    ``found`` may hold what `keys` asked for, read before, to save a round trip. ``concerns`` are
    streams of people in whose logs the entry stands too.
    """
    pending_write = Write(actor, at)
    pending_write.add_audit_event(action, subject, changes=changes, related_streams=related_streams)
    yield pending_write
    _commit(pending_write, prefetched)


@contextmanager
def write_intent(
    actor: audit.Author, at: datetime, *, prefetched: dynamodb.BatchResult | None = None
) -> Iterator[Write]:
    """Begin a flow: what it leaves unfinished must come with an errand that finishes it."""
    pending_write = Write(actor, at)
    yield pending_write
    if not pending_write.messages:
        raise TypeError("An intent needs a finisher: write.later(…, due=…).")
    _commit(pending_write, prefetched)


def write_audit_event(
    actor: audit.Author, action: str, subject: audit.Subject, at: datetime, *, changes: Iterable[audit.FieldChange] = ()
) -> None:
    """Audit what changed no record: a refusal, or that somebody looked."""
    with write(actor, action, subject, at, changes=changes):
        pass


def _commit(pending_write: Write, prefetched: dynamodb.BatchResult | None) -> None:
    deadline = time.monotonic() + BUDGET_SECONDS
    with _author_lock(pending_write.author.stream):
        for attempt in range(MAX_ATTEMPTS):
            batch = prefetched or dynamodb.batch_get(stream_keys(pending_write.streams))
            prefetched = None
            transaction, next_batch = _build_transaction(pending_write, batch)
            try:
                transaction.commit(uuid.uuid4().hex)
                pending_write.prefetched = next_batch
                break
            except transactions.TransactionCancelled as cancelled:
                _raise_condition_error(pending_write, cancelled.reasons)
            if time.monotonic() > deadline:
                raise _contention_error()
            _back_off(attempt)
        else:
            raise _contention_error()
    outbox.notify_worker(_due_shards(transaction, pending_write.at))


def _back_off(attempt: int) -> None:
    time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter


@contextmanager
def _author_lock(stream: str) -> Iterator[None]:
    """Writers of one author in this process go one after another: they would only collide."""
    lock = _author_locks[hash(stream) % len(_author_locks)]
    is_locked = lock.acquire(timeout=BUDGET_SECONDS)
    try:
        yield
    finally:
        if is_locked:
            lock.release()


def _build_transaction(
    pending_write: Write, batch: dynamodb.BatchResult
) -> tuple[transactions.Transaction, dynamodb.BatchResult]:
    """The whole transaction, and what `keys` would find after it."""
    transaction = transactions.Transaction(list(pending_write.transaction.actions))
    start_positions = {stream: audit.stream_position(batch, stream) for stream in pending_write.streams}
    data_keys: dict[str, bytes] = {}
    next_records: dict[dynamodb.RecordKey, dynamodb.Record] = {}
    for stream in pending_write.streams:
        person_key = batch.get(encryption.PersonKey, stream)
        if person_key is None and start_positions[stream].last:
            # A batch may see the head of a first write and not yet its key: believe only a
            # read that came after the head.
            person_key = dynamodb.get_record(encryption.PersonKey, stream)
        if person_key is None and start_positions[stream].last == 0 and pending_write.events:
            person_key = encryption.create_person_key(stream, pending_write.at)
            transaction.put(person_key, encryption.PersonKey.person.does_not_exist())
        if person_key is not None:
            data_keys[stream] = person_key.unwrap()
            next_records[dynamodb.RecordKey(encryption.PersonKey, stream)] = person_key
    entries, end_positions = audit.build_entries(pending_write.events, start_positions, data_keys)
    for entry in entries:
        transaction.put(entry, audit.AuditEntry.seq.does_not_exist())
    _put_stream_heads(transaction, pending_write, start_positions, end_positions)
    next_records |= {
        audit.stream_head_key(s): audit.build_stream_head(s, position)
        for s, position in end_positions.items()
        if position.last
    }
    for task, arguments, message_id, due_at in pending_write.messages:
        message = outbox.build_message(
            task,
            arguments,
            message_id=message_id,
            author=pending_write.author,
            key=data_keys.get(pending_write.author.stream),
            due_at=due_at,
        )
        transaction.put(message)
    return transaction, dynamodb.BatchResult(next_records)


def _put_stream_heads(
    transaction: transactions.Transaction,
    pending_write: Write,
    start_positions: dict[str, audit.StreamPosition],
    end_positions: dict[str, audit.StreamPosition],
) -> None:
    for stream, position in end_positions.items():
        if position == start_positions[stream]:
            continue
        head_unchanged = (
            (audit.AuditEntry.last == start_positions[stream].last)
            & (audit.AuditEntry.hash == start_positions[stream].hash)
            if start_positions[stream].last
            else audit.AuditEntry.seq.does_not_exist()
        )
        transaction.put(audit.build_stream_head(stream, position), head_unchanged)


def _raise_condition_error(pending_write: Write, reasons: Sequence[CancellationReason | None]) -> None:
    """Raise what the caller must hear; return where only the place in a stream was taken.

    A repeated request comes first: its own first run made its conditions fail.
    """
    failed = {index: r for index, r in enumerate(reasons) if r and r.code == "ConditionalCheckFailed"}
    if pending_write.idempotency_action and pending_write.idempotency_action[0] in failed:
        action_index, idempotency_key = pending_write.idempotency_action
        record = idempotency.IdempotencyRecord.from_item(failed[action_index].raw_item or {})
        raise idempotency.resolve_duplicate(idempotency_key, record, pending_write.at)
    for action_index, error in pending_write.condition_errors.items():
        if action_index in failed:
            raise error
    for reason in reasons:
        if reason and reason.code not in ("ConditionalCheckFailed", "TransactionConflict"):
            raise errors.Unavailable("The database is overloaded; retry.", retry_after=2)


def _contention_error() -> errors.Unavailable:
    return errors.Unavailable("Too many concurrent changes; retry.", retry_after=1)


def _due_shards(transaction: transactions.Transaction, at: datetime) -> set[str]:
    now = dynamodb.format_timestamp(at)
    puts = [action["Put"] for action in transaction.actions if "Put" in action]
    items = [put["Item"] for put in puts if put["TableName"] == outbox.OutboxMessage.table_name()]
    return {item["shard"]["S"] for item in items if item["due_at"]["S"] <= now}
