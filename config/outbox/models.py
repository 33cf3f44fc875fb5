"""Work that must still happen, stored in the transaction of its cause.

Entries wait here, by due time in a few shards; `config.outbox.worker` does them. Dead
ones, which failed for good, are kept in a shard of their own for operators.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from config import audit, dynamodb
from config.dynamodb import encryption

SHARDS = ("0", "1", "2", "3")
DEAD = "dead"
Clock = Callable[[], datetime]


class ByDue(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Entries by due time; dead ones stand in a shard of their own."""

    class Meta:
        index_name = "byDue"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    due_at = dynamodb.UTCTime(range_key=True)


class OutboxEntry(dynamodb.Record):
    """One piece of work."""

    class Meta(dynamodb.Table):
        table_name = dynamodb.table("outbox")

    by_due = ByDue()
    id = UnicodeAttribute(hash_key=True)
    shard = UnicodeAttribute()
    due_at = dynamodb.UTCTime()
    task = UnicodeAttribute()
    arguments = dynamodb.JSON()
    author = dynamodb.JSON()
    """In whose name; the name, address and user agent are sealed under their key."""
    first_due_at = dynamodb.UTCTime()
    progress = UnicodeAttribute(null=True)
    """How far the task got, where it says so: what must not be done twice."""
    attempts = NumberAttribute(default=0)
    deferrals = NumberAttribute(default=0)
    claim = UnicodeAttribute(null=True)
    error = UnicodeAttribute(null=True)


class Lost(Exception):
    """The lease of an entry ran out, and somebody else has it now."""


def entry(
    name: str,
    arguments: Mapping[str, Any],
    *,
    id: str | None,
    author: audit.Author,
    key: bytes | None,
    due: datetime,
) -> OutboxEntry:
    """A new entry, due at ``due``."""
    id = id or uuid.uuid4().hex
    who = {"type": author.type, "id": author.id, "customer": author.customer_id}
    if key:
        personal = [author.name, author.ip, author.user_agent]
        who["sealed"] = encryption.seal(key, personal, id).hex()
    return OutboxEntry(
        id=id,
        shard=shard_of(id),
        due_at=due,
        task=name,
        arguments=dict(arguments),
        author={**who, "request": author.request_id},
        first_due_at=due,
    )


def shard_of(id: str) -> str:
    """Where an entry waits while it is not dead."""
    return SHARDS[sum(id.encode()) % len(SHARDS)]


def ring(shards: Iterable[str]) -> None:
    """Wake a worker for these shards; it is a courtesy, the sweep does without."""
    import_string(settings.OUTBOX_BELL)(sorted(set(shards)))


def due(shard: str, at: datetime, limit: int = 25) -> list[OutboxEntry]:
    """Keys of entries that are due, oldest first."""
    return dynamodb.query(
        OutboxEntry,
        "#shard = :shard AND #due_at <= :now",
        {":shard": {"S": shard}, ":now": {"S": dynamodb.UTCTime().serialize(at)}},
        IndexName="byDue",
        Limit=limit,
    )


@dataclass(frozen=True)
class State:
    """How the outbox is doing."""

    oldest_due_seconds: float
    dead: int


def state(at: datetime) -> State:
    """Age of the oldest entry that is due, and how many are dead (counted up to one page)."""
    oldest = [found[0].due_at for shard in SHARDS if (found := due(shard, at, limit=1))]
    answer = dynamodb.call(
        "Query",
        **dynamodb.key_range(OutboxEntry, "#shard = :dead", {":dead": {"S": DEAD}}),
        IndexName="byDue",
        Select="COUNT",
    )
    age = (at - min(oldest, default=at)).total_seconds()
    return State(oldest_due_seconds=max(age, 0.0), dead=int(answer["Count"]))


def now() -> datetime:
    """The clock that a worker passes in."""
    return datetime.now(UTC)
