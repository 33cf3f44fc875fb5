"""Does what the outbox holds, at least once.

An entry is claimed by moving its due time: whoever moves it has it for `LEASE`, and if they die it
falls due again. A dependency that is unavailable is no attempt: the entry backs off, up to 72 h.
Crashes and defects count: after `ATTEMPTS` the entry is dead.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from cryptography.exceptions import InvalidTag
from django.utils.module_loading import autodiscover_modules

from config import audit, dynamodb, errors
from config.dynamodb import encryption, unaudited
from config.outbox.models import DEAD, Clock, Lost, OutboxEntry, due

LEASE = timedelta(seconds=60)
ATTEMPTS = 5
PATIENCE = timedelta(hours=72)
DRAIN_FOR = 45.0
"""Seconds; well below the worker's time limit. What is left is rung for again."""


log = logging.getLogger("dutyline.outbox")


@dataclass(frozen=True)
class Job:
    """What a task is told about the entry it runs for."""

    id: str
    author: audit.Author
    at: datetime
    progress: str | None
    claim: str
    """Ours for as long as the lease lasts: `config.journal.write_set.Write.hand_over` checks it."""
    note: Callable[[str], None]
    """Keeps how far the task got, for the next try. Raises `Lost`."""


Task = Callable[..., None]
_tasks: dict[str, Task] = {}


def task(name: str) -> Callable[[Task], Task]:
    """Register a function as the task of this name; it takes ``job`` and the entry's arguments."""

    def register(function: Task) -> Task:
        _tasks[name] = function
        return function

    return register


def tasks() -> Mapping[str, Task]:
    """Every task of the installed apps, by name."""
    autodiscover_modules("tasks")
    return _tasks


@dataclass
class Report:
    """What one pass did: how many entries of each task ended how."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, name: str, outcome: str) -> None:
        self.counts[name, outcome] += 1

    def lines(self) -> Iterator[str]:
        for (name, outcome), count in sorted(self.counts.items()):
            yield f"{name}: {count} {outcome}"


def drain(shard: str, *, clock: Clock, report: Report | None = None) -> Report:
    """Do everything that is due in one shard, for at most `DRAIN_FOR` seconds."""
    report = Report() if report is None else report
    end = time.monotonic() + DRAIN_FOR
    while time.monotonic() < end and (batch := due(shard, clock())):
        done = [_do(keys, clock, report) for keys in batch if time.monotonic() < end]
        if not any(done):
            break  # all of it is in other hands, or the index lags: the next pass sees
    return report


def run_now(id: str, *, clock: Clock) -> None:
    """Carry out one entry at once, due or not, in the name of whoever caused it.

    For a request that must have something finished before it can go on. Raises
    `errors.Unavailable` where it could not be; nothing happens where the entry is done.
    """
    keys = dynamodb.get(OutboxEntry, id)
    if keys is None:
        return
    in_other_hands = keys.claim and keys.due_at > clock()
    entry = None if in_other_hands else _claim(keys, clock())
    if entry is None or _run(entry, clock) != "done":
        raise errors.Unavailable("An earlier change of this is still under way.", retry_after=5)


def _do(keys: OutboxEntry, clock: Clock, report: Report) -> bool:
    """One entry; whether it was ours to do. What fails here falls due again by its lease."""
    try:
        return _claim_and_run(keys, clock, report)
    except Exception:  # one entry in trouble may not stop the others
        log.exception("an entry could not be handled", extra={"entry": keys.id})
        return False


def _claim_and_run(keys: OutboxEntry, clock: Clock, report: Report) -> bool:
    entry = _claim(keys, clock())
    if entry is None:
        return False
    if entry.attempts > ATTEMPTS:
        _bury(entry, clock(), entry.error or "crashed every time")
        report.add(entry.task, "dead")
        return True
    report.add(entry.task, _run(entry, clock))
    return True


def _claim(keys: OutboxEntry, at: datetime) -> OutboxEntry | None:
    claim = uuid.uuid4().hex
    item = unaudited.update(
        keys,
        [
            OutboxEntry.due_at.set(at + LEASE),
            OutboxEntry.claim.set(claim),
            OutboxEntry.attempts.set(OutboxEntry.attempts + 1),
        ],
        OutboxEntry.due_at == keys.due_at,
    )
    if item:
        return OutboxEntry.read(item)
    # Perhaps it was ours, the answer was lost, and the repetition met our own claim.
    entry = dynamodb.get(OutboxEntry, keys.id)
    return entry if entry and entry.claim == claim else None


def _run(entry: OutboxEntry, clock: Clock) -> str:
    job = Job(
        entry.id, _author(entry), clock(), entry.progress, entry.claim or "", partial(_note, entry)
    )
    context = {"entry": entry.id, "task": entry.task, "request_id": job.author.request_id}
    try:
        tasks()[entry.task](job=job, **entry.arguments)
    except errors.Unavailable as error:
        return _defer(entry, clock(), error)
    except Lost:
        log.warning("another worker has the entry", extra=context)
        return "lost"
    except Exception as error:  # a defect in one task may not stop the others
        log.exception("task failed", extra=context)
        return _fail(entry, clock(), type(error).__name__)
    unaudited.remove(entry, OutboxEntry.claim == entry.claim)
    log.info("task done", extra=context)
    return "done"


def _note(entry: OutboxEntry, progress: str) -> None:
    change = [OutboxEntry.progress.set(progress)]
    if unaudited.update(entry, change, OutboxEntry.claim == entry.claim) is None:
        kept = dynamodb.get(OutboxEntry, entry.id)
        if kept is None or kept.claim != entry.claim:
            raise Lost


def _author(entry: OutboxEntry) -> audit.Author:
    who = entry.author
    name = ip = user_agent = ""
    owner = audit.Author(who["type"], who["id"], "", who["customer"], request_id=who["request"])
    key = dynamodb.get(encryption.PersonKey, owner.stream) if who.get("sealed") else None
    if key:
        try:
            name, ip, user_agent = encryption.unseal(
                key.open(), bytes.fromhex(who["sealed"]), entry.id
            )
        except InvalidTag:
            log.warning("author of an outbox entry is unreadable", extra={"entry": entry.id})
    return audit.Author(
        who["type"], who["id"], name, who["customer"], ip, user_agent, who["request"]
    )


def _defer(entry: OutboxEntry, at: datetime, error: errors.Unavailable) -> str:
    if at - entry.first_due_at > PATIENCE:
        return _bury(entry, at, f"{error.code} for {PATIENCE}")
    seconds = max(min(30 * 2**entry.deferrals, 900), error.retry_after)
    _put_back(
        entry, at + timedelta(seconds=seconds), attempts=int(entry.attempts) - 1, error=error.code
    )
    log.info("task deferred", extra={"entry": entry.id, "task": entry.task, "seconds": seconds})
    return "deferred"


def _fail(entry: OutboxEntry, at: datetime, reason: str) -> str:
    if entry.attempts >= ATTEMPTS:
        return _bury(entry, at, reason)
    seconds = min(30 * 2 ** (entry.attempts - 1), 900)
    _put_back(entry, at + timedelta(seconds=seconds), attempts=int(entry.attempts), error=reason)
    return "failed"


def _put_back(entry: OutboxEntry, due: datetime, *, attempts: int, error: str) -> None:
    unaudited.update(
        entry,
        [
            OutboxEntry.due_at.set(due),
            OutboxEntry.claim.remove(),
            OutboxEntry.attempts.set(attempts),
            OutboxEntry.deferrals.set(entry.deferrals + 1),
            OutboxEntry.error.set(error),
        ],
        OutboxEntry.claim == entry.claim,
    )


def _bury(entry: OutboxEntry, at: datetime, reason: str) -> str:
    unaudited.update(
        entry,
        [OutboxEntry.shard.set(DEAD), OutboxEntry.due_at.set(at), OutboxEntry.error.set(reason)],
        OutboxEntry.claim == entry.claim,
    )
    log.error("task is dead", extra={"entry": entry.id, "task": entry.task, "reason": reason})
    return "dead"
