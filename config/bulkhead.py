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

WAIT_HEALTHY_SECONDS, WAIT_FAILING_SECONDS = 2.0, 0.05
"""Seconds to wait for a place while the vendor answers, and while it does not."""
FAILING_SECONDS = 5.0
"""Seconds after a failure during which it counts as not answering."""

T = TypeVar("T")


class Bulkhead:
    """The way to one vendor."""

    def __init__(self, name: str, *, max_concurrent: int = 8, budget_seconds: float = 4.0) -> None:
        """``name`` stands in sentences; ``budget`` is what a caller waits in all, in seconds."""
        self.name = name
        self._max_concurrent = max_concurrent
        self._budget_seconds = budget_seconds
        self._slots = threading.BoundedSemaphore(max_concurrent)
        self._failed_at = float("-inf")

    def call(self, task: Callable[[], T]) -> T:
        """What the task answers. Raises what it raises, or `errors.Unavailable`."""
        deadline = time.monotonic() + self._budget_seconds
        if not self._slots.acquire(timeout=WAIT_FAILING_SECONDS if self._is_failing else WAIT_HEALTHY_SECONDS):
            raise errors.Unavailable(f"{self.name} is busy.", retry_after=2)
        future = self._thread_pool.submit(self._run, task)
        try:
            return future.result(timeout=deadline - time.monotonic())
        except FutureTimeout as error:
            self.record_failure()
            raise errors.Unavailable(f"{self.name} does not answer.") from error

    def record_failure(self) -> None:
        """The vendor failed: be short with it for a while."""
        self._failed_at = time.monotonic()

    @property
    def _is_failing(self) -> bool:
        return time.monotonic() - self._failed_at < FAILING_SECONDS

    def _run(self, task: Callable[[], T]) -> T:
        try:
            return task()
        finally:
            self._slots.release()

    @cached_property
    def _thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._max_concurrent, thread_name_prefix=self.name)
