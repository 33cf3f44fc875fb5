"""The Celery tasks that carry out the outbox."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils.module_loading import import_string

from config import errors, outbox
from config.outbox import worker

logger = logging.getLogger("dutyline.worker")


@shared_task(name="outbox.drain")
def process_shard(*, shard: str, **_: Any) -> None:
    """Do what is due in one shard."""
    worker.process_shard(shard, clock=outbox.utc_now)


@shared_task(name="outbox.sweep")
def notify_due_shards(**_: Any) -> None:
    """Ring the shards that have due entries; running twice only rings twice."""
    outbox.notify_worker(
        shard for shard in outbox.SHARDS if outbox.fetch_due_messages(shard, outbox.utc_now(), limit=1)
    )


@shared_task(name="house.daily")
def run_daily_tasks(**_: Any) -> None:
    """What is compared once a day: each by itself, none in another's way."""
    for path in settings.DAILY_TASKS:
        try:
            import_string(path)(outbox.utc_now())
        except errors.Unavailable as error:
            logger.warning("a daily pass waits for tomorrow", extra={"what": path, "why": error.code})


@shared_task(name="outbox.report")
def log_outbox_status(**_: Any) -> None:
    """One log line about the outbox."""
    status = outbox.read_outbox_status(outbox.utc_now())
    logger.info("outbox", extra={"oldest_due_seconds": status.oldest_due_seconds, "dead": status.dead})
