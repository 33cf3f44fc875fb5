"""The Celery tasks that carry out the outbox."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils.module_loading import import_string

from config import errors, outbox
from config.outbox import worker

log = logging.getLogger("dutyline.worker")


@shared_task(name="outbox.drain")
def drain(*, shard: str, **_: Any) -> None:
    """Do what is due in one shard."""
    worker.drain(shard, clock=outbox.now)


@shared_task(name="outbox.sweep")
def sweep(**_: Any) -> None:
    """Ring the shards that have due entries; running twice only rings twice."""
    outbox.ring(shard for shard in outbox.SHARDS if outbox.due(shard, outbox.now(), limit=1))


@shared_task(name="house.daily")
def daily(**_: Any) -> None:
    """What is compared once a day: each by itself, none in another's way."""
    for path in settings.DAILY:
        try:
            import_string(path)(outbox.now())
        except errors.Unavailable as error:
            log.warning("a daily pass waits for tomorrow", extra={"what": path, "why": error.code})


@shared_task(name="outbox.report")
def report(**_: Any) -> None:
    """One log line about the outbox."""
    state = outbox.state(outbox.now())
    log.info("outbox", extra={"oldest_due_seconds": state.oldest_due_seconds, "dead": state.dead})
