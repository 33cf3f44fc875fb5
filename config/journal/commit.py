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
from datetime import datetime, timedelta

from pynamodb.exceptions import CancellationReason

from config import audit, dynamodb, errors, outbox
from config.dynamodb import encryption, idempotency, transactions
from config.journal.write_set import Write

TRIES = 12
BUDGET = 4.5
"""Seconds that one write may spend on finding its place among others."""
FINISHER_DELAY = timedelta(seconds=30)

_turns = [threading.Lock() for _ in range(64)]


def keys(streams: Iterable[str]) -> list[dynamodb.Key]:
    """What a write that touches these streams reads; a rule may fetch it with its own reads."""
    wanted: list[dynamodb.Key] = []
    for stream in streams:
        wanted += [audit.head_key(stream), dynamodb.Key(encryption.PersonKey, stream)]
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
    concerns: Iterable[str] = (),
    found: dynamodb.Found | None = None,
) -> Iterator[Write]:
    """Open the door; everything is written when the block ends, nothing if it raises.

    ``found`` may hold what `keys` asked for, read before, to save a round trip. ``concerns`` are
    streams of people in whose logs the entry stands too.
    """
    one = Write(actor, at)
    one.also(action, subject, customer_id=customer_id, changes=changes, concerns=concerns)
    yield one
    _commit(one, found)


@contextmanager
def intend(
    *, actor: audit.Author, at: datetime, found: dynamodb.Found | None = None
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


def _commit(one: Write, found: dynamodb.Found | None) -> None:
    end = time.monotonic() + BUDGET
    with _turn(one.author.stream):
        for attempt in range(TRIES):
            place = found or dynamodb.fetch(keys(one.streams))
            found = None
            whole, after = _with_audit_and_errands(one, place)
            try:
                whole.commit(uuid.uuid4().hex)
                one.found = after
                break
            except transactions.Cancelled as cancelled:
                _verdict(one, cancelled.reasons)
            if time.monotonic() > end:
                raise _contended()
            _pause(attempt)
        else:
            raise _contended()
    outbox.ring(_shards_due(whole, one.at))


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter


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


def _with_audit_and_errands(
    one: Write, found: dynamodb.Found
) -> tuple[transactions.Transaction, dynamodb.Found]:
    """The whole transaction, and what `keys` would find after it."""
    whole = transactions.Transaction(list(one.transaction.actions))
    places = {stream: audit.position(found, stream) for stream in one.streams}
    secrets: dict[str, bytes] = {}
    later: dict[dynamodb.Key, dynamodb.Record] = {}
    for stream in one.streams:
        stored = found.get(encryption.PersonKey, stream)
        if stored is None and places[stream].last:
            # A batch may see the head of a first write and not yet its key: believe only a
            # read that came after the head.
            stored = dynamodb.get(encryption.PersonKey, stream)
        if stored is None and places[stream].last == 0 and one.happenings:
            stored = encryption.new_key(stream, one.at)
            whole.put(stored, encryption.PersonKey.person.does_not_exist())
        if stored is not None:
            secrets[stream] = stored.open()
            later[dynamodb.Key(encryption.PersonKey, stream)] = stored
    entries, after = audit.entries(one.happenings, places, secrets)
    for entry in entries:
        whole.put(entry, audit.AuditEntry.seq.does_not_exist())
    _put_heads(whole, one, places, after)
    later |= {audit.head_key(s): audit.head(s, place) for s, place in after.items() if place.last}
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
    return whole, dynamodb.Found(later)


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
    now = dynamodb.UTCTime().serialize(at)
    puts = [action["Put"] for action in whole.actions if "Put" in action]
    items = [p["Item"] for p in puts if p["TableName"] == outbox.OutboxEntry.table_name()]
    return {item["shard"]["S"] for item in items if item["due_at"]["S"] <= now}
