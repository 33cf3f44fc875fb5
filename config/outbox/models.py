"""Outbox messages: work that must still happen, stored in the transaction of its cause.

Messages are indexed by due time in a few shards; `config.outbox.worker` processes them. Dead
letters, which failed for good, have a shard of their own, where operators find them.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import audit, dynamodb, observation
from config.dynamodb import encryption
from config.dynamodb.attributes import Erasure, Json, Number, PersonalData, Text, Timestamp
from config.outbox.tasks import lane_of

BASE_SHARDS = ("0", "1", "2", "3")
"""Of messages that wait for nothing but DynamoDB; and of those of releases without lanes."""
SHARDS: tuple[str, ...] = (*BASE_SHARDS, *settings.OUTBOX_LANES)
DEAD_LETTER_SHARD = "dead"
Clock = Callable[[], datetime]
MESSAGE = PersonalData(
    "technical",
    "complete what was requested, even after a crash",
    "until it is done, at most 72 hours; after a permanent failure, until an operator handles it",
    Erasure.EXPIRES,
    withheld_because="temporary",
)
ENCRYPTED_MESSAGE = replace(MESSAGE, erasure=Erasure.UNREADABLE)


class OutboxMessage(dynamodb.Record):
    """An outbox message: a task to run."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("outbox")

    by_due = dynamodb.index("byDue", "shard", "due_at", keys_only=True)
    deferred_messages = dynamodb.index("byFirstDue", "deferred", "first_due_at", values=("task", "error"))
    id = Text(MESSAGE, hash_key=True)
    shard = Text(MESSAGE)
    due_at = Timestamp(MESSAGE)
    task = Text(MESSAGE)
    arguments = Json(ENCRYPTED_MESSAGE)
    author = Json(ENCRYPTED_MESSAGE)
    """Who caused it; name, IP address and user agent are encrypted under that person's key."""
    first_due_at = Timestamp(MESSAGE)
    deferred = Text(MESSAGE, null=True)
    """One of `BASE_SHARDS`, from the first deferral or failure on, or `DEAD_LETTER_SHARD`.

    Only then, `deferred_messages` has the message.
    """
    progress = Text(MESSAGE, null=True)
    """How far the task got, if it says so: what a retry must not repeat."""
    attempts = Number(MESSAGE, default=0)
    deferrals = Number(MESSAGE, default=0)
    claim = Text(MESSAGE, null=True)
    error = Text(MESSAGE, null=True)


class LeaseLost(Exception):
    """The lease of a message ran out, and another worker has it."""


def build_message(
    name: str,
    arguments: Mapping[str, Any],
    *,
    message_id: str | None,
    author: audit.Author,
    key: bytes | None,
    due_at: datetime,
) -> OutboxMessage:
    """A new message; ``key`` is the author's, without which their personal data is left out."""
    message_id = message_id or uuid.uuid4().hex
    author_data = {"type": author.type, "id": author.id, "customer": author.customer_id}
    if trace := observation.trace_context():
        author_data["trace"] = trace
    if key:
        personal = [author.name, author.ip, author.user_agent]
        author_data["sealed"] = encryption.encrypt_json(key, personal, message_id).hex()
    return OutboxMessage(
        id=message_id,
        shard=shard_for(message_id, name, arguments),
        due_at=due_at,
        task=name,
        arguments=dict(arguments),
        author={**author_data, "request": author.request_id},
        first_due_at=due_at,
    )


def shard_for(message_id: str, task: str, arguments: Mapping[str, Any]) -> str:
    """The shard of a message that is not a dead letter: the lane of its task, or a base shard."""
    return lane_of(task, arguments) or base_shard(message_id)


def base_shard(message_id: str) -> str:
    """One of `BASE_SHARDS`."""
    return BASE_SHARDS[sum(message_id.encode()) % len(BASE_SHARDS)]


_import_notifier = cache(import_string)


def notify_worker(shards: Iterable[str]) -> None:
    """Have a worker process these shards at once rather than at the next sweep."""
    if due_shards := sorted(set(shards)):
        _import_notifier(settings.OUTBOX_NOTIFIER)(due_shards)


def fetch_due_messages(shard: str, at: datetime, limit: int = 25) -> list[OutboxMessage]:
    """Messages that are due, oldest first, with their keys only."""
    return dynamodb.query_records(
        OutboxMessage,
        "#shard = :shard AND #due_at <= :now",
        {":shard": {"S": shard}, ":now": {"S": dynamodb.format_timestamp(at)}},
        IndexName="byDue",
        Limit=limit,
    )


def utc_now() -> datetime:
    """The current time. Domain functions do not call it: they take the time as ``at``."""
    return datetime.now(UTC)
