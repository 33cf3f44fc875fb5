"""What a domain function may do inside one write; `config.journal.commit` opens and commits it."""

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


@dataclass
class Write:
    """What a domain function may do inside one write, in call order."""

    author: audit.Author
    at: datetime
    transaction: transactions.Transaction = field(default_factory=transactions.Transaction)
    events: list[audit.AuditEvent] = field(default_factory=list)
    condition_errors: dict[int, Exception] = field(default_factory=dict)
    messages: list[tuple[str, dict[str, Any], str | None, datetime]] = field(default_factory=list)
    idempotency_action: tuple[int, idempotency.IdempotencyKey] | None = None
    prefetched: dynamodb.BatchResult | None = None
    """Once it is written: what a next write to the same streams would have to read."""

    def put(
        self, record: dynamodb.Record, *, only_if: Condition | None = None, error: errors.DomainError | None = None
    ) -> None:
        """Write a record whole."""
        self._set_condition_error(self.transaction.put(record, only_if), error)

    def update(
        self,
        record: dynamodb.Record,
        changes: Sequence[Action],
        *,
        only_if: Condition | None = None,
        error: errors.DomainError | None = None,
    ) -> None:
        """Change single attributes, such as a counter."""
        self._set_condition_error(self.transaction.update(record, changes, only_if), error)

    def save(self, before: dynamodb.Record, after: dynamodb.Record) -> None:
        """Write what differs between two versions of a record; counters keep their stored values.

        Raises `StaleRecord` at the commit if the stored version is not ``before``'s any more.
        """
        old_item, new_item = before.serialize(), after.serialize()
        actions = [
            attribute.set(getattr(after, name)) if attribute.attr_name in new_item else attribute.remove()
            for name, attribute in type(after).get_attributes().items()
            if old_item.get(attribute.attr_name) != new_item.get(attribute.attr_name)
        ]
        self.update(before, actions, only_if=type(before).version == before.version, error=StaleRecord())

    def remove_unchanged(self, record: dynamodb.Record) -> None:
        """Remove a record that has versions.

        Raises `StaleRecord` at the commit if the stored version is another.
        """
        self.remove(record, only_if=type(record).version == record.version, error=StaleRecord())

    def remove(
        self, record: dynamodb.Record, *, only_if: Condition | None = None, error: errors.DomainError | None = None
    ) -> None:
        """Remove a record."""
        self._set_condition_error(self.transaction.remove(record, only_if), error)

    def enqueue(self, task: str, *, id: str | None = None, due: datetime | None = None, **arguments: Any) -> None:
        """Run a task after this write, at least once; ``arguments`` hold no personal data."""
        self.messages.append((task, arguments, id, due or self.at))

    def complete(self, message_id: str) -> None:
        """The entry of this id has done its work with this write."""
        self.transaction.remove(outbox.OutboxMessage(message_id))

    def replace(self, message_id: str, claim: str) -> None:
        """What is left of this entry's work is done by others that this write makes.

        Raises `outbox.Lost` at the commit if the entry is not ours any more.
        """
        is_still_claimed = outbox.OutboxMessage.claim == claim
        self.condition_errors[self.transaction.remove(outbox.OutboxMessage(message_id), is_still_claimed)] = (
            outbox.LeaseLost()
        )

    def begin_request(self, idempotency_key: idempotency.IdempotencyKey | None, resource_id: str) -> None:
        """Note that the request is being worked on. Raises `idempotency.Seen` at the commit."""
        if idempotency_key:
            record = idempotency.build_running_record(idempotency_key, resource_id, self.at)
            action_index = self.transaction.put(record, idempotency.unused_key_condition(self.at))
            self.idempotency_action = (action_index, idempotency_key)

    def record_response(
        self, idempotency_key: idempotency.IdempotencyKey | None, resource_id: str, *, status: int
    ) -> None:
        """Note the answer of a request that this write carries out whole.

        Raises `idempotency.Seen` at the commit.
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
    ) -> None:
        """Note the answer of a request that `begin` noted."""
        if idempotency_key:
            record = idempotency.build_completed_record(idempotency_key, resource_id, self.at, status=status, code=code)
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
        """One more audit entry of this write; ``author`` where it is told of as another's doing."""
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
        """The first entry of this write vouches for a record of this digest."""
        self.events[0] = replace(self.events[0], attests=digest)

    def require(self, record: dynamodb.Record, only_if: Condition, *, error: errors.DomainError | None = None) -> None:
        """Write only if this holds of a record that is not written."""
        self._set_condition_error(self.transaction.check_condition(record, only_if), error)

    def _set_condition_error(self, action_index: int, error: errors.DomainError | None) -> None:
        self.condition_errors[action_index] = error or errors.Conflict(
            "The record was changed by another request; read it again."
        )

    @property
    def streams(self) -> list[str]:
        """Every stream this write touches; the author's first."""
        event_streams = [stream for event in self.events for stream in event.streams]
        return list(dict.fromkeys([self.author.stream, *event_streams]))
