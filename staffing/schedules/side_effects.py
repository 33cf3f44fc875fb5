"""What must happen after somebody's schedules were changed, stored with the change."""

from datetime import UTC, datetime, timedelta

from config.journal import write_set

BATCH = timedelta(seconds=60)
"""Changes that one author makes to one person's schedules within it are told together."""
GRACE = timedelta(seconds=5)
"""For changes that are written at the very end of it."""


def add(write: write_set.Write, user_id: str) -> None:
    """Let the person hear of it, with what else the author changes in the same minute."""
    since = batch_of(write.at)
    write.later(
        "staffing.follow",
        id=f"rota-{user_id}-{write.author.id}-{since:%Y%m%d%H%M}",
        due=since + BATCH + GRACE,
        user_id=user_id,
        since=since.isoformat(),
    )


def batch_of(at: datetime) -> datetime:
    """When the batch of a moment began."""
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % BATCH.seconds, UTC)
