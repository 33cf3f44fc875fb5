"""The content of one write, collected by a domain function; `config.journal.commit` commits it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import audit, dynamodb, errors, outbox
from config.dynamodb import idempotency, transactions


class StaleRecord(errors.Conflict):
    """The stored record is not the one that the decision was based on."""

    def __init__(self, detail: str = "The record was changed by another request; read it again.") -> None:
        super().__init__(detail)


@dataclass(frozen=True)
class RecordChange:
    """What a write does to a record."""

    before: dynamodb.Record | None
    """None: it is new, or stored whole without being known."""
    after: dynamodb.Record | None
    """None: it is removed."""
    updated: frozenset[str] = frozenset()
    """Of `Write.update`: the attributes that change, which ``before`` and ``after`` may lack."""


@dataclass
class Write:
    """Changes of records, audit events and outbox messages of one transaction, in call order.

    ``only_if`` is a condition on the stored item; ``error`` is raised at the commit if it fails,
    `errors.Conflict` by default.
    """

    author: audit.Author
    at: datetime
    transaction: transactions.Transaction = field(default_factory=transactions.Transaction)
    events: list[audit.AuditEvent] = field(default_factory=list)
    condition_errors: dict[int, Exception | None] = field(default_factory=dict)
    """By the index of the action; None: `errors.Conflict`."""
    record_changes: list[RecordChange] = field(default_factory=list)
    """For ``settings.WRITE_FOLLOW_UPS``."""
    messages: list[tuple[str, dict[str, Any], str | None, datetime]] = field(default_factory=list)
    idempotency_action: tuple[int, idempotency.IdempotencyKey] | None = None
    prefetched: dynamodb.BatchResult | None = None
    """After the commit: the records of `stream_keys` for a next write to the same streams."""

    def put(
        self, record: dynamodb.Record, *, only_if: Condition | None = None, error: errors.DomainError | None = None
    ) -> None:
        """Store a whole record."""
        self._set_condition_error(self.transaction.put(record, only_if), only_if, error)
        self._write_derived(None, record)
        self.record_changes.append(RecordChange(None, record))

    def update(
        self,
        record: dynamodb.Record,
        changes: Sequence[Action],
        *,
        only_if: Condition | None = None,
        error: errors.DomainError | None = None,
    ) -> None:
        """Change some attributes, such as a counter."""
        self._set_condition_error(self.transaction.update(record, changes, only_if), only_if, error)
        paths: list[Any] = [change.values[0] for change in changes]
        self.record_changes.append(RecordChange(record, record, frozenset(str(path.path[0]) for path in paths)))

    def save(self, before: dynamodb.Record, after: dynamodb.Record) -> None:
        """Store the attributes that differ between two versions; others keep their stored values.

        Raises `StaleRecord` at the commit if the stored version is no longer that of ``before``.
        """
        is_unchanged = type(before).version == before.version
        self._set_condition_error(self.transaction.save(before, after, is_unchanged), is_unchanged, StaleRecord())
        self._write_derived(before, after)
        self.record_changes.append(RecordChange(before, after))

    def remove_unchanged(self, record: dynamodb.Record) -> None:
        """Remove a record. Raises `StaleRecord` at the commit if the stored version is another."""
        self.remove(record, only_if=type(record).version == record.version, error=StaleRecord())

    def remove(
        self, record: dynamodb.Record, *, only_if: Condition | None = None, error: errors.DomainError | None = None
    ) -> None:
        """Remove a record."""
        self._set_condition_error(self.transaction.remove(record, only_if), only_if, error)
        self._write_derived(record, None)
        self.record_changes.append(RecordChange(record, None))

    def enqueue(self, task: str, *, id: str | None = None, due: datetime | None = None, **arguments: Any) -> None:
        """Run a task at least once after this write; ``arguments`` contain no personal data."""
        self.messages.append((task, arguments, id, due or self.at))

    def complete(self, message_id: str) -> None:
        """Remove a message from the outbox: this write does its work."""
        self.transaction.remove(outbox.OutboxMessage(message_id))

    def replace(self, message_id: str, claim: str) -> None:
        """Remove a message from the outbox: messages of this write do the rest of its work.

        Raises `outbox.LeaseLost` at the commit if another worker has claimed it.
        """
        is_still_claimed = outbox.OutboxMessage.claim == claim
        self.condition_errors[self.transaction.remove(outbox.OutboxMessage(message_id), is_still_claimed)] = (
            outbox.LeaseLost()
        )

    def begin_request(self, idempotency_key: idempotency.IdempotencyKey | None, resource_id: str) -> None:
        """Store that the request is in progress.

        Raises `idempotency.DuplicateRequest` at the commit.
        """
        if idempotency_key:
            record = idempotency.build_running_record(idempotency_key, resource_id, self.at)
            action_index = self.transaction.put(record, idempotency.unused_key_condition(self.at))
            self.idempotency_action = (action_index, idempotency_key)

    def record_response(
        self, idempotency_key: idempotency.IdempotencyKey | None, resource_id: str, *, status: int
    ) -> None:
        """Store the response of a request that this write completes.

        Raises `idempotency.DuplicateRequest` at the commit.
        """
        if idempotency_key:
            record = idempotency.build_completed_record(idempotency_key, resource_id, self.at, status=status)
            self.idempotency_action = (
                self.transaction.put(record, idempotency.unused_key_condition(self.at)),
                idempotency_key,
            )

    def complete_request(
        self,
        idempotency_key: idempotency.IdempotencyKey | None,
        resource_id: str,
        *,
        status: int,
        code: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Store the response of a request that `begin_request` stored."""
        if idempotency_key:
            record = idempotency.build_completed_record(
                idempotency_key, resource_id, self.at, status=status, code=code, detail=detail
            )
            self.transaction.put(record)

    def add_audit_event(
        self,
        action: str,
        subject: audit.Subject,
        *,
        changes: Iterable[audit.FieldChange] = (),
        author: audit.Author | None = None,
        related_streams: Iterable[str] = (),
    ) -> audit.AuditEvent:
        """Add an audit entry; ``author`` if somebody else than the author of the write."""
        audit.require_known(action)
        event = audit.AuditEvent(
            id=dynamodb.new_id("aud", self.at),
            at=self.at,
            action=action,
            author=author or self.author,
            subject=subject.party,
            changes=tuple(changes),
            related_streams=tuple(related_streams),
        )
        self.events.append(event)
        return event

    def attest(self, digest: str) -> None:
        """Store the digest of a record in the first audit entry, as its proof."""
        self.events[0] = replace(self.events[0], attests=digest)

    def require(self, key: dynamodb.RecordKey, only_if: Condition, *, error: errors.DomainError | None = None) -> None:
        """Write only if a condition holds of a record that this write does not change."""
        self._set_condition_error(self.transaction.check_condition(key, only_if), only_if, error)

    def _write_derived(self, before: dynamodb.Record | None, after: dynamodb.Record | None) -> None:
        """Write what is derived from a record, where it differs; every write of a record does."""
        old_records = {old.record_key: old for old in before.derived_records()} if before else {}
        new_records = {new.record_key: new for new in after.derived_records()} if after else {}
        for key, old in old_records.items():
            if key not in new_records:
                self.transaction.remove(old)
        for key, new in new_records.items():
            if key not in old_records or old_records[key].serialize() != new.serialize():
                self.transaction.put(new)

    def _set_condition_error(
        self, action_index: int, condition: Condition | None, error: errors.DomainError | None
    ) -> None:
        if condition is not None:
            self.condition_errors[action_index] = error

    @property
    def streams(self) -> list[str]:
        """All audit streams of this write, the author's first."""
        event_streams = [stream for event in self.events for stream in event.streams]
        return list(dict.fromkeys([self.author.stream, *event_streams]))
