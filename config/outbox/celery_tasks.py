"""The Celery tasks that process the outbox."""

import logging
import os
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_process_init
from django.conf import settings
from django.utils.module_loading import import_string

from config import errors, observation, outbox, telemetry, zone_rules
from config.dynamodb import key_checks
from config.outbox import heartbeat, lanes

logger = logging.getLogger("dutyline.worker")


@worker_init.connect
def _prepare_worker(*, sender: Any, **_: Any) -> None:
    key_checks.require_right_keys()
    lanes.prepare(int(sender.concurrency or os.cpu_count() or 1))
    zone_rules.refresh()


@worker_process_init.connect
def _prepare_worker_process(**_: Any) -> None:
    zone_rules.start_refreshing()
    telemetry.start()


@shared_task(name="outbox.drain")
def process_shard(*, shard: str, **_: Any) -> None:
    """Process the due messages of one shard."""
    lanes.process_shard(shard, clock=outbox.utc_now)


@shared_task(name="outbox.sweep")
def notify_due_shards(**_: Any) -> None:
    """Notify workers of the shards that have due messages."""
    observation.count("sweep")
    outbox.notify_worker(
        shard for shard in outbox.SHARDS if outbox.fetch_due_messages(shard, outbox.utc_now(), limit=1)
    )


@shared_task(name="house.daily")
def run_daily_tasks(**_: Any) -> None:
    """Run each of ``settings.DAILY_TASKS``; one that fails does not stop the others."""
    for path in settings.DAILY_TASKS:
        try:
            import_string(path)(outbox.utc_now())
        except errors.Unavailable as error:
            logger.warning("daily task failed; it runs again tomorrow", extra={"task": path, "why": error.code})


@shared_task(name="outbox.report")
def log_outbox_status(**_: Any) -> None:
    """Log the state of the outbox, for alerts, and note that beat and a worker are at work."""
    heartbeat.note()
    status = outbox.read_outbox_status(outbox.utc_now())
    fields = {"oldest_due_seconds": status.oldest_due_seconds, "deferred": status.deferred.total(), "dead": status.dead}
    logger.info("outbox status", extra=fields)


@shared_task(name="board.begin")
def begin_board_pass(**_: Any) -> None:
    """Begin to check all customers for what needs attention, by ``settings.BOARD_BEGIN``."""
    import_string(settings.BOARD_BEGIN)(outbox.utc_now())
