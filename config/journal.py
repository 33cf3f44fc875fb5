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
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import CancellationReason
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import audit, dynamo, errors, idempotency, ids, outbox, sealing, transactions

TRIES = 12
BUDGET = 4.5
"""Seconds that one write may spend on finding its place among others."""
FINISHER_DELAY = timedelta(seconds=30)

_turns = [threading.Lock() for _ in range(64)]


@dataclass
class Write:
    """What a domain function may do inside one write, in call order."""

    author: audit.Author
    at: datetime
    transaction: transactions.Transaction = field(default_factory=transactions.Transaction)
    happenings: list[audit.Happening] = field(default_factory=list)
    refusals: dict[int, errors.Refusal] = field(default_factory=dict)
    errands: list[tuple[str, dict[str, Any], str | None, datetime]] = field(default_factory=list)
    once: tuple[int, idempotency.Once] | None = None

    def put(
        self,
        record: dynamo.Record,
        *,
        only_if: Condition | None = None,
        refusal: errors.Refusal | None = None,
    ) -> None:
        """Write a record whole."""
        self._expect(self.transaction.put(record, only_if), refusal)

    def update(
        self,
        record: dynamo.Record,
        changes: Sequence[Action],
        *,
        only_if: Condition | None = None,
        refusal: errors.Refusal | None = None,
    ) -> None:
        """Change single attributes, such as a counter."""
        self._expect(self.transaction.update(record, changes, only_if), refusal)

    def remove(
        self,
        record: dynamo.Record,
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

    def begin(self, once: idempotency.Once | None, resource_id: str) -> None:
        """Note that the request is being worked on. Raises `idempotency.Seen` at the commit."""
        if once:
            record = idempotency.running(once, resource_id, self.at)
            position = self.transaction.put(record, idempotency.unseen(self.at))
            self.once = (position, once)

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
    ) -> None:
        """One more audit entry of this write."""
        self.happenings.append(
            audit.Happening(
                id=ids.new("aud", self.at),
                at=self.at,
                action=action,
                author=self.author,
                subject=subject,
                customer_id=customer_id,
                changes=tuple(changes),
            )
        )

    def _expect(self, position: int, refusal: errors.Refusal | None) -> None:
        changed = errors.Conflict("It was changed by somebody else in the meantime.")
        self.refusals[position] = refusal or changed

    @property
    def streams(self) -> list[str]:
        """Every stream this write touches; the author's first."""
        about = [stream for happening in self.happenings for stream in happening.streams]
        return list(dict.fromkeys([self.author.stream, *about]))


def keys(streams: Iterable[str]) -> list[dynamo.Key]:
    """What a write that touches these streams reads; a rule may fetch it with its own reads."""
    wanted: list[dynamo.Key] = []
    for stream in streams:
        wanted += [audit.head_key(stream), dynamo.Key(sealing.PersonKey, stream)]
    return wanted


@contextmanager
def write(
    *,
    actor: audit.Author,
    action: str,
    subject: audit.Party,
    at: datetime,
    customer_id: str,
    changes: Iterable[audit.Change] = (),
    found: dynamo.Found | None = None,
) -> Iterator[Write]:
    """Open the door; everything is written when the block ends, nothing if it raises.

    ``found`` may hold what `keys` asked for, read before, to save a round trip.
    """
    one = Write(actor, at)
    one.also(action, subject, customer_id=customer_id, changes=changes)
    yield one
    _commit(one, found)


@contextmanager
def intend(
    *, actor: audit.Author, at: datetime, found: dynamo.Found | None = None
) -> Iterator[Write]:
    """Begin a flow: what it leaves unfinished must come with an errand that finishes it."""
    one = Write(actor, at)
    yield one
    if not one.errands:
        raise TypeError("An intent needs a finisher: write.later(…, due=…).")
    _commit(one, found)


def note(
    *,
    actor: audit.Author,
    action: str,
    subject: audit.Party,
    at: datetime,
    customer_id: str,
    changes: Iterable[audit.Change] = (),
) -> None:
    """Audit what changed no record: a refusal, or that somebody looked."""
    with write(
        actor=actor,
        action=action,
        subject=subject,
        at=at,
        customer_id=customer_id,
        changes=changes,
    ):
        pass


def _commit(one: Write, found: dynamo.Found | None) -> None:
    end = time.monotonic() + BUDGET
    with _turn(one.author.stream):
        for attempt in range(TRIES):
            place = found or dynamo.fetch(keys(one.streams))
            found = None
            whole = _with_audit_and_errands(one, place)
            try:
                whole.commit(uuid.uuid4().hex)
                break
            except transactions.Cancelled as cancelled:
                _verdict(one, cancelled.reasons)
            if time.monotonic() > end:
                raise _contended()
            time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter
        else:
            raise _contended()
    outbox.ring(_shards_due(whole, one.at))


@contextmanager
def _turn(stream: str) -> Iterator[None]:
    """Writers of one author in this process go one after another: they would only collide."""
    lock = _turns[hash(stream) % len(_turns)]
    held = lock.acquire(timeout=BUDGET)
    try:
        yield
    finally:
        if held:
            lock.release()


def _with_audit_and_errands(one: Write, found: dynamo.Found) -> transactions.Transaction:
    whole = transactions.Transaction(list(one.transaction.actions))
    places = {stream: audit.position(found, stream) for stream in one.streams}
    secrets = {}
    for stream in one.streams:
        stored = found.get(sealing.PersonKey, stream)
        if stored is None and places[stream].last:
            # A batch may see the head of a first write and not yet its key: believe only a
            # read that came after the head.
            stored = dynamo.get(sealing.PersonKey, stream)
        if stored is None and places[stream].last == 0 and one.happenings:
            stored = sealing.new_key(stream, one.at)
            whole.put(stored, sealing.PersonKey.person.does_not_exist())
        if stored is not None:
            secrets[stream] = stored.open()
    entries, after = audit.entries(one.happenings, places, secrets)
    for entry in entries:
        whole.put(entry, audit.AuditEntry.seq.does_not_exist())
    _put_heads(whole, one, places, after)
    for task, arguments, id, due in one.errands:
        errand = outbox.entry(
            task,
            arguments,
            id=id,
            author=one.author,
            key=secrets.get(one.author.stream),
            due=due,
        )
        whole.put(errand)
    return whole


def _put_heads(
    whole: transactions.Transaction,
    one: Write,
    before: dict[str, audit.Position],
    after: dict[str, audit.Position],
) -> None:
    for stream, position in after.items():
        if position == before[stream]:
            continue
        unchanged = (
            (audit.AuditEntry.last == before[stream].last)
            & (audit.AuditEntry.hash == before[stream].hash)
            if before[stream].last
            else audit.AuditEntry.seq.does_not_exist()
        )
        whole.put(audit.head(stream, position), unchanged)


def _verdict(one: Write, reasons: Sequence[CancellationReason | None]) -> None:
    """Raise what the caller must hear; return where only the place in a stream was taken.

    A repeated request comes first: its own first run made its conditions fail.
    """
    failed = {n: r for n, r in enumerate(reasons) if r and r.code == "ConditionalCheckFailed"}
    if one.once and one.once[0] in failed:
        position, once = one.once
        record = idempotency.Request.read(failed[position].raw_item or {})
        raise idempotency.check(once, record, one.at)
    for position, refusal in one.refusals.items():
        if position in failed:
            raise refusal
    for reason in reasons:
        if reason and reason.code not in ("ConditionalCheckFailed", "TransactionConflict"):
            raise errors.Unavailable("The store is too busy just now.", retry_after=2)


def _contended() -> errors.Unavailable:
    return errors.Unavailable("Too many changes at once; ask again.", retry_after=1)


def _shards_due(whole: transactions.Transaction, at: datetime) -> set[str]:
    now = dynamo.UTCTime().serialize(at)
    puts = [action["Put"] for action in whole.actions if "Put" in action]
    items = [p["Item"] for p in puts if p["TableName"] == outbox.OutboxEntry.table_name()]
    return {item["shard"]["S"] for item in items if item["due_at"]["S"] <= now}
