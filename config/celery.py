"""Celery: the worker that processes the outbox, and its schedule.

A Celery message only says "process this shard" or "look for due shards", so one that is lost or
delivered twice changes nothing: all work is stored in the outbox. With these settings the worker
survived ``kill -9`` of a pool process and of the whole worker.
"""

import atexit
import logging
import os
import threading
from collections.abc import Iterable
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, celeryd_init, setup_logging, task_failure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.utils.log import configure_logging

from config import telemetry

logger = logging.getLogger("dutyline.worker")

app = Celery("dutyline", broker=settings.REDIS_URL, set_as_current=True)
app.conf.update(
    include=["config.outbox.celery_tasks"],
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=120,
    task_soft_time_limit=90,
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=25,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 300,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
    },
    task_publish_retry=False,
    beat_schedule={
        "sweep": {"task": "outbox.sweep", "schedule": 5.0, "options": {"expires": 5}},
        # At a time of the day: an interval would begin anew whenever a container loses beat's file.
        "daily": {"task": "house.daily", "schedule": crontab(hour=4, minute=17), "options": {"expires": 3_600}},
        "report": {"task": "outbox.report", "schedule": 60.0, "options": {"expires": 60}},
        "board": {"task": "board.begin", "schedule": 60.0 * settings.BOARD_MINUTES, "options": {"expires": 60}},
    },
)


@celeryd_init.connect  # before a worker warns of root's rights
@setup_logging.connect
def _configure_worker_logging(**_: Any) -> None:
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    logging.captureWarnings(capture=True)


@beat_init.connect
def _start_telemetry(**_: Any) -> None:
    telemetry.start()


@task_failure.connect
def _log_task_failure(*, sender: Any = None, exception: Any = None, **_: Any) -> None:
    logger.error("worker task failed", exc_info=exception, extra={"task": sender.name})


class WorkerNotifier:
    """Sends Celery messages from its own thread, so that no request waits for Redis."""

    def __init__(self) -> None:
        self._pending_shards: set[str] = set()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def notify(self, shards: Iterable[str]) -> None:
        """Have these shards processed soon."""
        with self._condition:
            self._pending_shards.update(shards)
            if self._pending_shards and not self._is_thread_running():
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    atexit.register(self.flush)
                self._thread = threading.Thread(target=self._send_notifications, daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def _is_thread_running(self) -> bool:
        """Whether the thread is alive and of this process: threads do not survive a fork."""
        return self._pid == os.getpid() and bool(self._thread and self._thread.is_alive())

    def flush(self, timeout: float = 2.0) -> None:
        """Wait until everything is sent, for at most ``timeout`` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: not self._pending_shards, timeout)

    def _send_notifications(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._pending_shards)
                shards = set(self._pending_shards)
            for shard in sorted(shards):
                try:
                    app.send_task("outbox.drain", kwargs={"shard": shard}, expires=60)
                except Exception as error:  # whatever Redis and its client may raise
                    extra = {"why": type(error).__name__}
                    logger.warning("no worker was notified; the next sweep finds the messages", extra=extra)
            with self._condition:
                self._pending_shards -= shards
                self._condition.notify_all()


_notifier = WorkerNotifier()


def notify_worker(shards: Iterable[str]) -> None:
    """Have a worker process these shards soon; ``settings.OUTBOX_NOTIFIER`` names this function."""
    _notifier.notify(shards)
