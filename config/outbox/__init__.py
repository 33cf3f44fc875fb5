from config.outbox.models import (
    DEAD_LETTER_SHARD,
    SHARDS,
    Clock,
    LeaseLost,
    OutboxMessage,
    build_message,
    fetch_due_messages,
    notify_worker,
    shard_for,
    utc_now,
)
from config.outbox.status import Deferral, OutboxStatus, read_outbox_status
from config.outbox.tasks import task
from config.outbox.worker import MustWait, TaskContext, run_message_now
