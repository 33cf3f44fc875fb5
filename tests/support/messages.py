"""Outbox messages in tests: which are due, and those that earlier tests left."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from config import dynamodb, outbox
from config.dynamodb import unaudited
from config.outbox import OutboxMessage


def find_due_shards(at: datetime) -> set[str]:
    """The shards with messages that are due, by one call instead of one for each shard."""
    latest = dynamodb.format_timestamp(at)
    due = {item["shard"]["S"] for item in _iter_items(IndexName="byDue") if item["due_at"]["S"] <= latest}
    return due.intersection(outbox.SHARDS)


def remove_messages() -> None:
    """Remove all messages."""
    unaudited.write_all(removals=map(OutboxMessage.from_item, _iter_items(ConsistentRead=True)))


def _iter_items(**options: Any) -> Iterator[dict[str, Any]]:
    for items in dynamodb.iter_pages("Scan", TableName=OutboxMessage.table_name(), **options):
        yield from items
