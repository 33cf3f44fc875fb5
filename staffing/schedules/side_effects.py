"""What must happen after somebody's schedules were changed, stored with the change."""

from datetime import UTC, datetime, timedelta

from config.journal import write_set

BATCH_PERIOD = timedelta(seconds=60)
"""Changes that one author makes to one person's schedules within it are told together."""
BATCH_GRACE = timedelta(seconds=5)
"""For changes that are written at the very end of it."""


def enqueue_rota_messages(write: write_set.Write, user_id: str) -> None:
    """Let the person hear of it, with what else the author changes in the same minute."""
    since = get_batch_start(write.at)
    write.enqueue(
        "staffing.follow",
        id=f"rota-{user_id}-{write.author.id}-{since:%Y%m%d%H%M}",
        due=since + BATCH_PERIOD + BATCH_GRACE,
        user_id=user_id,
        since=since.isoformat(),
    )


def get_batch_start(at: datetime) -> datetime:
    """When the batch of a moment began."""
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % BATCH_PERIOD.seconds, UTC)
