"""How far the outbox is behind: what `/readyz`, the back office, logs and metrics show of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from config import dynamodb
from config.outbox.models import BASE_SHARDS, DEAD_LETTER_SHARD, SHARDS, OutboxMessage
from config.outbox.tasks import task_lane

MAX_DEAD_LETTERS = 1_000
"""Dead letters that are counted; their keys take about 15 read units."""
MAX_DEFERRED = 250
"""Deferred messages that are counted in each shard; their keys, tasks and reasons take about 6."""


class Deferral(NamedTuple):
    """A task that waits, and why: its dependency and code, the kind of its error, or a code."""

    task: str
    reason: str


class DeadTask(NamedTuple):
    """A task with dead letters, and its lane: "" if it needs nothing but DynamoDB."""

    task: str
    lane: str


UNKNOWN_TASK = DeadTask("others", "")
"""Dead letters beyond `MAX_DEFERRED`, and those of releases that did not note their task."""


@dataclass(frozen=True)
class OutboxStatus:
    """Backlog and dead letters of the outbox."""

    oldest_due_seconds: float
    """Seconds since the oldest message that waits was due for the first time, deferred or not."""
    dead: int
    """Dead letters, up to `MAX_DEAD_LETTERS`."""
    dead_tasks: Counter[DeadTask]
    """The same by task."""
    deferred: Counter[Deferral]
    """Messages that wait after a deferral or a failure, up to `MAX_DEFERRED` in each shard."""

    def to_json(self) -> dict[str, Any]:
        """As `/readyz` shows it."""
        return {
            "oldestDueSeconds": self.oldest_due_seconds,
            "deferred": [{**deferral._asdict(), "count": count} for deferral, count in sorted(self.deferred.items())],
            "dead": self.dead,
            "deadTasks": [{**task._asdict(), "count": count} for task, count in sorted(self.dead_tasks.items())],
        }


def read_outbox_status(at: datetime) -> OutboxStatus:
    """The status, in the time of one call: fourteen queries of index pages, of bounded length.

    One more if there are dead letters, of their tasks.
    """
    now = {"S": dynamodb.format_timestamp(at)}
    queries = [
        _query("#shard = :shard AND #due_at <= :now", {":shard": {"S": shard}, ":now": now}, 1) for shard in SHARDS
    ]
    queries += [_query_noted(shard) for shard in BASE_SHARDS]
    queries.append(_query("#shard = :shard", {":shard": {"S": DEAD_LETTER_SHARD}}, MAX_DEAD_LETTERS))
    *waiting_pages, dead_page = dynamodb.call_together([("Query", query) for query in queries])
    due = [item["due_at"]["S"] for page in waiting_pages[: len(SHARDS)] for item in page["Items"]]
    deferred = [item for page in waiting_pages[len(SHARDS) :] for item in page["Items"]]
    oldest = min([*due, *(item["first_due_at"]["S"] for item in deferred)], default=None)
    seconds = (at - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0
    return OutboxStatus(
        oldest_due_seconds=max(seconds, 0.0),
        dead=int(dead_page["Count"]),
        dead_tasks=_count_dead_tasks(int(dead_page["Count"])),
        deferred=Counter(Deferral(item["task"]["S"], item.get("error", {"S": ""})["S"]) for item in deferred),
    )


def _count_dead_tasks(dead: int) -> Counter[DeadTask]:
    if not dead:
        return Counter()
    (page,) = dynamodb.call_together([("Query", _query_noted(DEAD_LETTER_SHARD))])
    tasks = [item["task"]["S"] for item in page["Items"]]
    counts = Counter(DeadTask(task, task_lane(task)) for task in tasks)
    counts[UNKNOWN_TASK] += max(dead - len(tasks), 0)
    return +counts


def _query_noted(shard: str) -> dict[str, Any]:
    """The messages of which `OutboxMessage.deferred` notes this shard."""
    return _query("#deferred = :shard", {":shard": {"S": shard}}, MAX_DEFERRED, "byFirstDue")


def _query(condition: str, values: dict[str, Any], limit: int, index: str = "byDue") -> dict[str, Any]:
    return {**dynamodb.query_arguments(OutboxMessage, condition, values), "IndexName": index, "Limit": limit}
