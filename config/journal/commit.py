"""The only writer of records: one transaction with the audit entries and the outbox messages.

`write` commits an audited change. `write_intent` begins a flow that crosses systems: it stores an
unfinished record with the outbox message that finishes it; the end of the flow is audited. Both
raise the error that belongs to the condition that failed. Before the commit,
``settings.WRITE_FOLLOW_UPS`` add messages for what must follow from the changed records: so what
follows from a record is not forgotten by those who write it.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string
from pynamodb.exceptions import CancellationReason

from config import audit, computing, dynamodb, errors, outbox
from config.dynamodb import encryption, idempotency, transactions
from config.journal.write_set import Write

MAX_ATTEMPTS = 12
BUDGET_SECONDS = 4.5
"""Seconds that one write may take, retries included."""

_author_locks = [threading.Lock() for _ in range(64)]


def stream_keys(streams: Iterable[str]) -> list[dynamodb.RecordKey]:
    """What a write to these streams reads; read it with other records to save a round trip."""
    record_keys: list[dynamodb.RecordKey] = []
    for stream in streams:
        record_keys += [audit.stream_head_key(stream), dynamodb.RecordKey(encryption.PersonKey, stream)]
    return record_keys


def write(
    actor: audit.Author,
    action: str,
    subject: audit.Subject,
    at: datetime,
    *,
    changes: Iterable[audit.FieldChange] = (),
    related_streams: Iterable[str] = (),
    prefetched: dynamodb.BatchResult | None = None,
) -> "_CommittedBlock":
    """Collect a change in a block and commit it when the block ends; nothing if the block raises.

    ``subject`` is what the audit entry is about, ``changes`` its fields. The entry is also added to
    ``related_streams``. ``prefetched`` may hold the records of `stream_keys`. Raises the error of a
    failed condition, `idempotency.DuplicateRequest`, `errors.Unavailable` or
    `dynamodb.CallRejected`.
    """
    pending_write = Write(actor, at)
    pending_write.add_audit_event(action, subject, changes=changes, related_streams=related_streams)
    return _CommittedBlock(pending_write, prefetched, is_intent=False)


def write_intent(
    actor: audit.Author, at: datetime, *, prefetched: dynamodb.BatchResult | None = None
) -> "_CommittedBlock":
    """Begin a flow; the block must enqueue the message that finishes it, else TypeError."""
    return _CommittedBlock(Write(actor, at), prefetched, is_intent=True)


class _CommittedBlock:
    """A block that collects a write; a generator would take three times as long."""

    def __init__(self, pending_write: Write, prefetched: dynamodb.BatchResult | None, *, is_intent: bool) -> None:
        self._write, self._prefetched, self._is_intent = pending_write, prefetched, is_intent

    def __enter__(self) -> Write:
        return self._write

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        if self._is_intent and not self._write.messages:
            raise TypeError("An intent needs a finisher: write.enqueue(…, due=…).")
        if self._write.record_changes:
            for follow_up in _load_follow_ups():
                follow_up(self._write)
        _commit(self._write, self._prefetched)


@cache
def _load_follow_ups() -> tuple[Callable[[Write], None], ...]:
    return tuple(import_string(path) for path in settings.WRITE_FOLLOW_UPS)


def write_audit_event(
    actor: audit.Author, action: str, subject: audit.Subject, at: datetime, *, changes: Iterable[audit.FieldChange] = ()
) -> None:
    """Audit an event without a change of records, such as a view or a denied attempt."""
    with write(actor, action, subject, at, changes=changes):
        pass


def _commit(pending_write: Write, prefetched: dynamodb.BatchResult | None) -> None:
    deadline = time.monotonic() + BUDGET_SECONDS
    with _AuthorLock(pending_write.author.stream) if pending_write.events else nullcontext():
        for attempt in range(MAX_ATTEMPTS):
            batch = prefetched or dynamodb.batch_get(stream_keys(pending_write.streams))
            prefetched = None
            transaction, next_batch = _build_transaction(pending_write, batch)
            try:
                transaction.commit(secrets.token_hex(16))
                pending_write.prefetched = next_batch
                break
            except transactions.TransactionCancelled as cancelled:
                _raise_condition_error(pending_write, cancelled.reasons)
                if not dynamodb.back_off(attempt, deadline=deadline):
                    raise _contention_error() from cancelled
        else:
            raise _contention_error()
    outbox.notify_worker(_due_shards(transaction, pending_write.at))


class _AuthorLock:
    """Serializes the writes of one author in this process; in parallel they would conflict."""

    def __init__(self, stream: str) -> None:
        self._lock, self._is_held = _author_locks[hash(stream) % len(_author_locks)], False

    def __enter__(self) -> None:
        self._is_held = self._lock.acquire(blocking=False)
        if not self._is_held:
            with computing.waiting():
                self._is_held = self._lock.acquire(timeout=BUDGET_SECONDS)

    def __exit__(self, *_: object) -> None:
        if self._is_held:
            self._lock.release()


def _build_transaction(
    pending_write: Write, batch: dynamodb.BatchResult
) -> tuple[transactions.Transaction, dynamodb.BatchResult]:
    """The whole transaction, and the records of `stream_keys` after it."""
    transaction = transactions.Transaction(list(pending_write.transaction.actions))
    streams = pending_write.streams
    start_positions = {stream: audit.stream_position(batch, stream) for stream in streams}
    data_keys: dict[str, bytes] = {}
    next_records: dict[dynamodb.RecordKey, dynamodb.Record] = {}
    for stream in streams:
        person_key = batch.get(encryption.PersonKey, stream)
        if person_key is None and start_positions[stream].last:
            # A batch read may see the head of the stream's first write but not yet its key, so
            # read the key again after the head.
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
    heads = {stream: audit.build_stream_head(stream, end) for stream, end in end_positions.items() if end.last}
    _put_stream_heads(transaction, heads, start_positions)
    next_records |= {audit.stream_head_key(stream): head for stream, head in heads.items()}
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
    heads: Mapping[str, audit.AuditEntry],
    start_positions: Mapping[str, audit.StreamPosition],
) -> None:
    """Write the heads that differ, unless another write has changed them since they were read."""
    for stream, head in heads.items():
        start = start_positions[stream]
        if head.last == start.last:
            continue
        head_unchanged = (audit.AuditEntry.last == start.last) & (audit.AuditEntry.hash == start.hash)
        transaction.put(head, head_unchanged if start.last else audit.AuditEntry.seq.does_not_exist())


def _raise_condition_error(pending_write: Write, reasons: Sequence[CancellationReason | None]) -> None:
    """Raise the caller's error; return if only the position in a stream was taken.

    A duplicate request goes first: its first run is why the other conditions fail.
    """
    failed = {index: r for index, r in enumerate(reasons) if r and r.code == "ConditionalCheckFailed"}
    if pending_write.idempotency_action and pending_write.idempotency_action[0] in failed:
        action_index, idempotency_key = pending_write.idempotency_action
        record = idempotency.IdempotencyRecord.from_item(failed[action_index].raw_item or {})
        raise idempotency.resolve_duplicate(idempotency_key, record, pending_write.at)
    for action_index, error in pending_write.condition_errors.items():
        if action_index in failed:
            raise error or errors.Conflict("The record was changed by another request; read it again.")
    for reason in reasons:
        if reason and reason.code not in ("ConditionalCheckFailed", "TransactionConflict"):
            raise errors.Unavailable("The database is overloaded; retry.", retry_after=2)


def _contention_error() -> errors.Unavailable:
    return errors.Unavailable("Too many concurrent changes; retry.", retry_after=1)


def _due_shards(transaction: transactions.Transaction, at: datetime) -> set[str]:
    now = dynamodb.format_timestamp(at)
    table_name = outbox.OutboxMessage.table_name()
    puts = [action["Put"] for action in transaction.actions if "Put" in action]
    items = [put["Item"] for put in puts if put["TableName"] == table_name]
    return {item["shard"]["S"] for item in items if item["due_at"]["S"] <= now}
