"""Flows that cross systems: store an intent, call the vendor, then store the result or withdraw.

The intent is an unfinished record and, in the same transaction, an outbox message that finishes the
flow where this process does not. Several processes may finish a flow at once, so vendor calls must
be safe to repeat, and the last write holds only while the record is unfinished.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from config import audit, dynamodb, errors, outbox
from config.dynamodb import idempotency
from config.journal import commit, write_set

FINISHER_DELAY = timedelta(seconds=30)
"""How long the process that began a flow has before the outbox finishes it."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to finish a flow: by the request that began it, by another one, by the outbox."""

    actor: audit.Author
    at: datetime
    idempotency_key: idempotency.IdempotencyKey | None = None
    records: dynamodb.BatchResult | None = None
    """What the request that began the flow read, audit streams included; None in later attempts."""

    @classmethod
    def of_message(cls, job: outbox.TaskContext, once: Mapping[str, str] | None = None) -> "Attempt":
        """The outbox's attempt; ``once`` is the idempotency key as the message stores it."""
        return cls(job.author, job.at, idempotency.IdempotencyKey(**once) if once else None)

    def without_expired_key(self, begun_at: datetime) -> "Attempt":
        """Drop the key once its record has expired: another request may use it by now."""
        return self if self.at - begun_at < idempotency.RETENTION else replace(self, idempotency_key=None)


@dataclass(frozen=True)
class Flow:
    """One kind of flow: the outbox task that finishes it, and the prefix of its message ids."""

    task: str
    prefix: str
    withdrawal_action: str = ""
    """What the audit calls a withdrawal."""

    def message_id(self, flow_id: str) -> str:
        return f"{self.prefix}-{flow_id}"

    def enqueue_finisher(
        self, write: write_set.Write, flow_id: str, key: idempotency.IdempotencyKey | None = None, **arguments: Any
    ) -> None:
        """Have the outbox finish the flow that this write begins, unless it is finished by then."""
        due = write.at + FINISHER_DELAY
        once = {"once": {"key": key.key, "request_hash": key.request_hash}} if key else {}
        write.enqueue(self.task, id=self.message_id(flow_id), due=due, **arguments, **once)

    @contextmanager
    def finish(
        self,
        flow_id: str,
        action: str,
        subject: audit.Subject,
        attempt: Attempt,
        *,
        changes: Iterable[audit.FieldChange],
        status: int = 200,
        code: str | None = None,
        detail: str | None = None,
    ) -> Iterator[write_set.Write]:
        """The write that ends the flow; ``status`` to ``detail`` answer its first request."""
        with commit.write(
            attempt.actor, action, subject, attempt.at, changes=changes, prefetched=attempt.records
        ) as write:
            yield write
            write.complete(self.message_id(flow_id))
            write.complete_request(attempt.idempotency_key, subject.party.id, status=status, code=code, detail=detail)

    def withdraw(
        self,
        flow_id: str,
        subject: audit.Subject,
        refusal: errors.DomainError,
        attempt: Attempt,
        *,
        detail: str | None = None,
    ) -> AbstractContextManager[write_set.Write]:
        """The write that removes the intent, because of a refusal which the audit names.

        ``detail`` is its sentence, if a repeated request is to get it; without personal data.
        """
        changes = [audit.FieldChange("reason", None, refusal.code)]
        attempt = replace(attempt, records=None)
        action, status = self.withdrawal_action, refusal.status
        return self.finish(
            flow_id, action, subject, attempt, changes=changes, status=status, code=refusal.code, detail=detail
        )

    def finish_now(self, flow_id: str, *, at: datetime) -> None:
        """Have the outbox finish the flow at once, in the name of whoever began it.

        Raises `errors.Unavailable`.
        """
        outbox.run_message_now(self.message_id(flow_id), clock=lambda: at)


@contextmanager
def release_key_if_unavailable(key: idempotency.IdempotencyKey | None) -> Iterator[None]:
    """Let a repeated request resume at once where this one cannot finish now."""
    try:
        yield
    except errors.Unavailable:
        if key:
            with suppress(errors.Unavailable):
                idempotency.release_request(key)
        raise
