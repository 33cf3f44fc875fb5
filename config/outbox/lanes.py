"""Lanes of the outbox: messages that wait for one dependency do not hold up those of others.

A lane is a shard of its own. Of the processes of a Celery worker at most half work on one lane, so
a slow vendor leaves the others to other messages. Once a task has waited long in vain, the vendor
counts as away: the lane pauses, then one process at a time tries one message, until one succeeds.
Its other messages stay due meanwhile, unasked and unclaimed, in their order.

The processes share what they know: they were forked from one. Locks of a file end with the process
that holds them, however it ends. Each worker (of each host) tries by itself.
"""

import fcntl
import logging
import mmap
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from config.outbox import worker
from config.outbox.models import Clock

SLOW_SECONDS = 1.0
"""A task that is deferred after so many seconds has waited for a dependency that hangs."""
PAUSE_SECONDS = 5.0
MAX_PLACES = 64
"""Processes of one worker that may work on a lane."""

logger = logging.getLogger("dutyline.outbox")


class Lane:
    """Who of this worker's processes works on a lane, and whether its dependency answers."""

    def __init__(self, name: str, number: int, places: int) -> None:
        """At most ``places`` processes work on it at once."""
        self.name, self._places = name, min(places, MAX_PLACES)
        self._first_byte = number * MAX_PLACES
        self._failed_at, self._wanted = _SHARED[2 * number : 2 * number + 1], _SHARED[2 * number + 1 : 2 * number + 2]

    def process(self, clock: Clock) -> None:
        """Process its due messages, unless enough others do, or it pauses: then the sweep returns.

        Who finds all places taken leaves word, so that another process looks once more.
        """
        self._wanted[0] = 1.0
        while self._wanted[0]:
            with self._place() as has_place:
                if not has_place or self._is_paused:
                    return
                self._wanted[0] = 0.0
                worker.process_shard(self.name, clock=clock, goes_on=self._note)

    @property
    def is_failing(self) -> bool:
        """Whether the last task that waited for the dependency waited in vain."""
        return self._failed_at[0] > 0.0

    @property
    def _is_paused(self) -> bool:
        return self.is_failing and time.monotonic() - self._failed_at[0] < PAUSE_SECONDS

    def _note(self, outcome: str, seconds: float) -> bool:
        """Note how a message went; whether this process takes another."""
        if outcome == "deferred" and seconds >= SLOW_SECONDS:
            if not self.is_failing:
                logger.warning("a lane of the outbox pauses", extra={"lane": self.name, "seconds": round(seconds, 1)})
            self._failed_at[0] = time.monotonic()
        elif outcome and self.is_failing:
            self._failed_at[0] = 0.0
            logger.warning("a lane of the outbox goes on", extra={"lane": self.name})
        return not self.is_failing

    @contextmanager
    def _place(self) -> Iterator[bool]:
        """Hold a place during a block, if one is free: one of all, or the only one of a trial."""
        for number in range(1 if self.is_failing else self._places):
            try:
                fcntl.lockf(_LOCKS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._first_byte + number)
            except BlockingIOError:
                continue
            try:
                yield True
            finally:
                fcntl.lockf(_LOCKS, fcntl.LOCK_UN, 1, self._first_byte + number)
            return
        yield False


def process_shard(shard: str, *, clock: Clock) -> None:
    """Process the due messages of a shard or a lane, in a process of a Celery worker."""
    lane = _lanes.get(shard)
    if lane:
        lane.process(clock)
    else:
        worker.process_shard(shard, clock=clock)


def prepare(processes: int) -> None:
    """Give each lane half of so many processes; before they are forked."""
    places = max(1, processes // 2)
    _lanes.update({name: Lane(name, number, places) for number, name in enumerate(settings.OUTBOX_LANES)})


def _open_lock_file() -> Any:
    """A file without a name; in memory where the system can."""
    return os.memfd_create("lanes") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


_LOCKS = _open_lock_file()
_SHARED = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")
"""Memory that forked processes have in common; the clock of its times is that of the host."""
_lanes: dict[str, Lane] = {}
