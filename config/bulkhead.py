"""How vendors are asked: bounded in time and in number, so that a slow one holds nobody else up.

A call runs in a thread of a small pool. One that hangs or drips holds that thread, not its caller,
and only so many at a time do: while a vendor is in trouble, others hardly wait for a place.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cached_property
from typing import TypeVar

from config import errors

PATIENT, IMPATIENT = 2.0, 0.05
"""Seconds to wait for a place while the vendor answers, and while it does not."""
TROUBLED_FOR = 5.0
"""Seconds after a failure during which it counts as not answering."""

T = TypeVar("T")


class Gate:
    """The way to one vendor."""

    def __init__(self, name: str, *, at_once: int = 8, budget: float = 4.0) -> None:
        """``name`` stands in sentences; ``budget`` is what a caller waits in all, in seconds."""
        self.name = name
        self._at_once = at_once
        self._budget = budget
        self._places = threading.BoundedSemaphore(at_once)
        self._failed_at = float("-inf")

    def call(self, task: Callable[[], T]) -> T:
        """What the task answers. Raises what it raises, or `errors.Unavailable`."""
        end = time.monotonic() + self._budget
        if not self._places.acquire(timeout=IMPATIENT if self._is_troubled else PATIENT):
            raise errors.Unavailable(f"{self.name} is busy.", retry_after=2)
        future = self._pool.submit(self._run, task)
        try:
            return future.result(timeout=end - time.monotonic())
        except FutureTimeout as error:
            self.note_trouble()
            raise errors.Unavailable(f"{self.name} does not answer.") from error

    def note_trouble(self) -> None:
        """The vendor failed: be short with it for a while."""
        self._failed_at = time.monotonic()

    @property
    def _is_troubled(self) -> bool:
        return time.monotonic() - self._failed_at < TROUBLED_FOR

    def _run(self, task: Callable[[], T]) -> T:
        try:
            return task()
        finally:
            self._places.release()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._at_once, thread_name_prefix=self.name)
