from config.outbox.models import (
    DEAD,
    SHARDS,
    Clock,
    Lost,
    OutboxEntry,
    due,
    entry,
    now,
    ring,
    shard_of,
    state,
)

__all__ = [
    "DEAD",
    "SHARDS",
    "Clock",
    "Lost",
    "OutboxEntry",
    "due",
    "entry",
    "now",
    "ring",
    "shard_of",
    "state",
]
