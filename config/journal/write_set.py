"""What a domain function may do inside one write; `config.journal.commit` opens and commits it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import audit, dynamodb, errors, outbox
from config.dynamodb import idempotency, ids, transactions


@dataclass
class Write:
    """What a domain function may do inside one write, in call order."""

    author: audit.Author
    at: datetime
    transaction: transactions.Transaction = field(default_factory=transactions.Transaction)
    happenings: list[audit.Happening] = field(default_factory=list)
    refusals: dict[int, Exception] = field(default_factory=dict)
    errands: list[tuple[str, dict[str, Any], str | None, datetime]] = field(default_factory=list)
    once: tuple[int, idempotency.Once] | None = None
    found: dynamodb.Found | None = None
    """Once it is written: what a next write to the same streams would have to read."""

    def put(
        self,
        record: dynamodb.Record,
        *,
        only_if: Condition | None = None,
        refusal: errors.Refusal | None = None,
    ) -> None:
        """Write a record whole."""
        self._expect(self.transaction.put(record, only_if), refusal)

    def update(
        self,
        record: dynamodb.Record,
        changes: Sequence[Action],
        *,
        only_if: Condition | None = None,
        refusal: errors.Refusal | None = None,
    ) -> None:
        """Change single attributes, such as a counter."""
        self._expect(self.transaction.update(record, changes, only_if), refusal)

    def remove(
        self,
        record: dynamodb.Record,
        *,
        only_if: Condition | None = None,
        refusal: errors.Refusal | None = None,
    ) -> None:
        """Remove a record."""
        self._expect(self.transaction.remove(record, only_if), refusal)

    def later(
        self, task: str, *, id: str | None = None, due: datetime | None = None, **arguments: Any
    ) -> None:
        """Run a task after this write, at least once; ``arguments`` hold no personal data."""
        self.errands.append((task, arguments, id, due or self.at))

    def settle(self, errand_id: str) -> None:
        """The entry of this id has done its work with this write."""
        self.transaction.remove(outbox.OutboxEntry(errand_id))

    def hand_over(self, errand_id: str, claim: str) -> None:
        """What is left of this entry's work is done by others that this write makes.

        Raises `outbox.Lost` at the commit if the entry is not ours any more.
        """
        ours = outbox.OutboxEntry.claim == claim
        self.refusals[self.transaction.remove(outbox.OutboxEntry(errand_id), ours)] = outbox.Lost()

    def begin(self, once: idempotency.Once | None, resource_id: str) -> None:
        """Note that the request is being worked on. Raises `idempotency.Seen` at the commit."""
        if once:
            record = idempotency.running(once, resource_id, self.at)
            position = self.transaction.put(record, idempotency.unseen(self.at))
            self.once = (position, once)

    def answer(self, once: idempotency.Once | None, resource_id: str, *, status: int) -> None:
        """Note the answer of a request that this write carries out whole.

        Raises `idempotency.Seen` at the commit.
        """
        if once:
            record = idempotency.done(once, resource_id, self.at, status=status)
            self.once = (self.transaction.put(record, idempotency.unseen(self.at)), once)

    def conclude(
        self,
        once: idempotency.Once | None,
        resource_id: str,
        *,
        status: int,
        code: str | None = None,
    ) -> None:
        """Note the answer of a request that `begin` noted."""
        if once:
            record = idempotency.done(once, resource_id, self.at, status=status, code=code)
            self.transaction.put(record)

    def also(
        self,
        action: str,
        subject: audit.Party,
        *,
        customer_id: str,
        changes: Iterable[audit.Change] = (),
        author: audit.Author | None = None,
        concerns: Iterable[str] = (),
    ) -> audit.Happening:
        """One more audit entry of this write; ``author`` where it is told of as another's doing."""
        happening = audit.Happening(
            id=ids.new("aud", self.at),
            at=self.at,
            action=action,
            author=author or self.author,
            subject=subject,
            customer_id=customer_id,
            changes=tuple(changes),
            concerns=tuple(concerns),
        )
        self.happenings.append(happening)
        return happening

    def attest(self, digest: str) -> None:
        """The first entry of this write vouches for a record of this digest."""
        self.happenings[0] = replace(self.happenings[0], attests=digest)

    def require(
        self, record: dynamodb.Record, only_if: Condition, *, refusal: errors.Refusal | None = None
    ) -> None:
        """Write only if this holds of a record that is not written."""
        self._expect(self.transaction.check(record, only_if), refusal)

    def _expect(self, position: int, refusal: errors.Refusal | None) -> None:
        changed = errors.Conflict("It was changed by somebody else in the meantime.")
        self.refusals[position] = refusal or changed

    @property
    def streams(self) -> list[str]:
        """Every stream this write touches; the author's first."""
        about = [stream for happening in self.happenings for stream in happening.streams]
        return list(dict.fromkeys([self.author.stream, *about]))
