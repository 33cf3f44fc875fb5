"""Bounded calls to a dependency, so that a slow one does not hold up the whole process.

A call runs in a thread of a small pool. One that hangs occupies its thread, not its caller, and the
number of threads is fixed: while a dependency fails, callers hardly wait for a free thread. Nothing
is repeated here: retries belong to the outbox. `Gate` bounds work of this process itself.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TypeVar

from config import computing, costs, errors, failures, observation

WAIT_HEALTHY_SECONDS, WAIT_FAILING_SECONDS = 2.0, 0.05
"""Seconds to wait for a free thread while the dependency answers, and while it does not.

At most half of the budget, so that a call which begins has time to finish.
"""
FAILING_SECONDS = 5.0
"""Seconds after a failure during which the dependency counts as not answering."""
DEFAULT_RETRY_AFTER = 5

T = TypeVar("T")
logger = logging.getLogger("dutyline.vendors")


class Bulkhead:
    """Limits the concurrent calls to one dependency and the time that a caller waits."""

    def __init__(
        self,
        name: str,
        *,
        max_concurrent: int = 8,
        max_per_owner: int = 8,
        max_while_failing: int | None = None,
        budget_seconds: float = 4.0,
        wait_seconds: float = WAIT_HEALTHY_SECONDS,
        max_retry_after: int = 30,
        on_timeout: Callable[[], None] | None = None,
    ) -> None:
        """``name`` begins error messages; ``budget_seconds`` is a caller's whole wait.

        ``wait_seconds`` of them are for a free thread, while the dependency answers.
        ``max_per_owner`` limits the concurrent calls for one owner, where `call` names it, while
        half of all are taken: the rest is for others.
        ``max_while_failing`` limits all calls after a failure: so few threads of callers wait for
        a dependency that hangs, and find out whether it answers again.
        ``max_retry_after`` caps the seconds that a rate limit may impose. ``on_timeout`` frees the
        thread of a call that was given up, by closing its connection.
        """
        self.name = name
        self._max_concurrent = max_concurrent
        self._budget_seconds = budget_seconds
        self._wait_seconds = wait_seconds
        self._max_retry_after = max_retry_after
        self._on_timeout = on_timeout
        self._max_per_owner = max_per_owner
        self._max_while_failing = max_while_failing or max_concurrent
        self._slots: Counter[str] = Counter()  # that are taken, by owner
        self._slot_freed = threading.Condition()
        self._failed_at = float("-inf")

    def call(self, task: Callable[[], T], *, owner: str = "", deadline: float | None = None) -> T:
        """The task's result. Raises what the task raises, or `errors.Unavailable`.

        ``deadline``, on the monotonic clock, is when the caller stops waiting, at the latest after
        the budget; what begins after it is done without its caller. Without one, while the
        dependency fails, the budget is that of the whole request, from its arrival on: it may have
        waited behind others that waited for the dependency.
        """
        return self.begin(task, owner=owner, deadline=deadline)()

    def begin(self, task: Callable[[], T], *, owner: str = "", deadline: float | None = None) -> Callable[[], T]:
        """Begin a task, and return what waits for its result; both raise as `call`."""
        is_failing = self.is_failing
        budget_seconds = self._budget_seconds
        if deadline is not None:
            budget_seconds = max(0.0, min(budget_seconds, deadline - time.monotonic()))
        elif is_failing:
            budget_seconds -= costs.seconds_since_arrival()
            if budget_seconds <= 0:
                raise errors.Unavailable(f"{self.name} does not answer.", cause=self._cause("failing"))
        deadline = time.monotonic() + budget_seconds
        wait_seconds = WAIT_FAILING_SECONDS if is_failing else self._wait_seconds
        with self._slot_freed:
            wait_seconds = min(wait_seconds, budget_seconds / 2)
            with computing.waiting() if not self._has_slot(owner) else nullcontext():
                has_slot = self._slot_freed.wait_for(lambda: self._has_slot(owner), timeout=wait_seconds)
            if not has_slot:
                raise errors.Unavailable(f"{self.name} is busy.", retry_after=2, cause=self._cause("busy"))
            self._slots[owner] += 1
        began_at = time.monotonic()
        future = self._thread_pool.submit(self._run, task, owner)
        return lambda: self._wait_for(future, began_at, deadline)

    def _wait_for(self, future: Future[T], began_at: float, deadline: float) -> T:
        try:
            with observation.observe("dependency", self.dependency), computing.waiting():
                return future.result(timeout=max(0.0, deadline - time.monotonic()))
        except FutureTimeout as error:
            if self._on_timeout:
                self._on_timeout()
            if deadline - began_at < self._budget_seconds / 2:  # others may have spent its time
                raise errors.Unavailable(f"{self.name} did not answer in time.", cause=self._cause("late")) from error
            raise self.failure("timeout") from error

    def failure(self, reason: str) -> errors.Unavailable:
        """Note and log that the dependency failed; the error to raise."""
        self.note_failure()
        logger.warning("request failed", extra={"vendor": self.name, "why": reason})
        failures.note(self.dependency, reason)
        return errors.Unavailable(f"{self.name} does not answer.", cause=self._cause(reason))

    def note_failure(self) -> None:
        """For `FAILING_SECONDS`, callers wait less."""
        self._failed_at = time.monotonic()

    @property
    def is_failing(self) -> bool:
        """Whether the dependency counts as not answering."""
        return time.monotonic() - self._failed_at < FAILING_SECONDS

    def rate_limited(self, retry_after: str) -> errors.Unavailable:
        """The error to raise after a 429 with this header: seconds, or a Unix time, or nothing."""
        seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else DEFAULT_RETRY_AFTER
        if seconds > 10**9:
            seconds -= int(time.time())
        logger.warning("request was rate limited", extra={"vendor": self.name, "seconds": seconds})
        seconds = max(1, min(seconds, self._max_retry_after))
        return errors.Unavailable(
            f"{self.name} limits our requests.", retry_after=seconds, cause=self._cause("rate limited")
        )

    @property
    def dependency(self) -> str:
        """The name in logs, such as ``push service``."""
        return self.name.removeprefix("The ")

    def _cause(self, reason: str) -> str:
        return f"{self.dependency}: {reason}"

    def _has_slot(self, owner: str) -> bool:
        free = self._max_concurrent - self._slots.total()
        if self.is_failing and self._slots.total() >= self._max_while_failing:
            return False
        is_below_cap = not owner or self._slots[owner] < self._max_per_owner
        return free > 0 and (is_below_cap or free > self._max_concurrent // 2)

    def _run(self, task: Callable[[], T], owner: str) -> T:
        try:
            return task()
        finally:
            with self._slot_freed:
                self._slots[owner] -= 1
                if not self._slots[owner]:
                    del self._slots[owner]
                self._slot_freed.notify_all()

    @cached_property
    def _thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._max_concurrent, thread_name_prefix=self.name)


class Gate:
    """Limits how many threads of this process do expensive work at once, and how many wait.

    After `note_failure`, one thread at a time may try again, and nobody waits, until one succeeds.
    """

    def __init__(
        self, *, max_concurrent: int, max_waiting: int, wait_seconds: float, busy: str, retry_after: int
    ) -> None:
        """Who is turned away reads ``busy``, and may return after ``retry_after`` seconds."""
        self._wait_seconds, self._busy, self._retry_after = wait_seconds, busy, retry_after
        self._slots = threading.BoundedSemaphore(max_concurrent)
        self._queue = threading.BoundedSemaphore(max_concurrent + max_waiting)
        self._trial = threading.BoundedSemaphore()
        self._failures = 0
        """Since the last success."""

    def note_failure(self) -> None:
        """What the slots are for does not answer; for a thread that has one."""
        self._failures += 1

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot during a block.

        Raises `errors.Unavailable` if too many wait, or none is free in time.
        """
        if self._failures:
            with self._hold(self._trial, 0.0):
                failures_before = self._failures
                yield
                if self._failures == failures_before:
                    self._failures = 0
            return
        with self._hold(self._queue, 0.0), self._hold(self._slots, self._wait_seconds):
            if self._failures:  # while this thread waited
                raise errors.Unavailable(self._busy, retry_after=self._retry_after)
            yield

    @contextmanager
    def _hold(self, slots: threading.Semaphore, wait_seconds: float) -> Iterator[None]:
        has_slot = slots.acquire(blocking=False)
        if not has_slot and wait_seconds:
            with computing.waiting():
                has_slot = slots.acquire(timeout=wait_seconds)
        if not has_slot:
            raise errors.Unavailable(self._busy, retry_after=self._retry_after)
        try:
            yield
        finally:
            slots.release()
