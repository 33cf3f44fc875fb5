"""Threads that work for an event loop.

The executor of asyncio does the same for three times the CPU time of a hand-over (28 and
10 µs, a thirtieth of a small request): it makes a second future with a lock for each task, and
wakes the loop for each result.
"""

import asyncio
import atexit
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Outcome = tuple[Any, BaseException | None]
"""What a task returned, or what it raised."""
_Task = tuple[Callable[[], Any], asyncio.Future[_Outcome]]
_CLOSE_SECONDS = 30.0
"""How long a process that ends waits for what its threads have begun."""


class WebThreads:
    """A fixed number of threads that run tasks in the order in which they come.

    For one event loop.
    """

    def __init__(self, count: int, name: str) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._outcomes: deque[tuple[asyncio.Future[_Outcome], _Outcome]] = deque()
        self._is_loop_woken = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    async def run(self, task: Callable[[], T]) -> T:
        """Run a task in the next free thread; returns and raises what it does."""
        future: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self._tasks.put((task, future))
        result, error = await future
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the threads when they have done what they were given; waits for it, not for long."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)
        atexit.unregister(self.close)

    def _work(self) -> None:
        while self._work_on(self._tasks.get()):
            pass  # so that no thread holds on to the last task while it waits for the next

    def _work_on(self, queued: _Task | None) -> bool:
        """Run a task; whether more may come."""
        if queued is None:
            return False
        task, future = queued
        if future.cancelled():
            return True
        outcome: _Outcome
        try:
            outcome = (task(), None)
        except BaseException as error:  # whoever waits for the task raises it
            outcome = (None, error)
        self._outcomes.append((future, outcome))
        if not self._is_loop_woken:
            self._is_loop_woken = True
            with suppress(RuntimeError):  # the loop is closed: the process ends
                future.get_loop().call_soon_threadsafe(self._pass_on)
        return True

    def _pass_on(self) -> None:
        """Pass on all outcomes so far, in the loop.

        A thread that adds one after the first line wakes the loop again; one before is seen here.
        """
        self._is_loop_woken = False
        while self._outcomes:
            future, outcome = self._outcomes.popleft()
            if not future.done():
                future.set_result(outcome)
