"""Threads that work for an event loop.

The executor of asyncio does the same for three times the CPU time of a hand-over (28 and
10 µs, a thirtieth of a small request): it makes a second future with a lock for each task, and
wakes the loop for each result. It also lets all threads compete for Python's one place to compute.
"""

import asyncio
import atexit
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from config.computing import ComputingThread

T = TypeVar("T")
_Outcome = tuple[Any, BaseException | None]
"""What a task returned, or what it raised."""
_Task = tuple[Callable[[], Any], asyncio.Future[_Outcome]]
_SWITCH_SECONDS = 0.001
_CLOSE_SECONDS = 30.0
"""How long a process that ends waits for what its threads have begun."""


def avoid_preemption() -> None:
    """Let the threads of this process that start from now on not interrupt each other.

    A thread that wakes up usually takes the core from the one that runs. Here that one mostly has
    Python's lock, so both wait for each other a few times at each hand-over: GET /user takes a
    tenth more CPU time, a change 3 %. With SCHED_BATCH a thread that wakes up waits its turn. Its
    share of the core is the same. Linux only; a sandbox may refuse it.
    """
    if hasattr(os, "sched_setscheduler"):
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def favor_event_loop() -> None:
    """Let an event loop get Python's lock soon from threads of `WebThreads` with a ``niceness``.

    Everything that comes in has to pass the loop: refusals and health checks need nothing else. By
    default a thread that computes keeps the lock for 5 ms while the loop waits for it.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)


class WebThreads:
    """A fixed number of threads that run tasks in the order in which they come.

    For one event loop. A task begins while fewer than ``max_computing`` of the threads compute;
    others may wait for an answer meanwhile, as a thread does that computes for ``max_seconds``.
    With a ``niceness``, other threads of the process that have work go first. Linux only.
    """

    def __init__(
        self, count: int, name: str, *, max_computing: int | None = None, max_seconds: float = 0.03, niceness: int = 0
    ) -> None:
        self._max_computing, self._max_seconds = max_computing or count, max_seconds
        self._niceness = niceness
        self._queue: deque[_Task] = deque()
        self._begun: SimpleQueue[_Task | None] = SimpleQueue()
        """Tasks that may begin, for idle threads."""
        self._outcomes: deque[tuple[asyncio.Future[_Outcome], _Outcome]] = deque()
        self._is_loop_woken = False
        self._is_look_due = False
        self._states = [ComputingThread(self._begin_tasks) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=(state,), name=f"{name}_{number}", daemon=True)
            for number, state in enumerate(self._states)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    async def run(self, task: Callable[[], T]) -> T:
        """Run a task in a thread; returns and raises what it does."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Outcome] = loop.create_future()
        self._queue.append((task, future))
        self._begin_tasks()
        if self._queue and not self._is_look_due:
            self._is_look_due = True
            loop.call_later(self._max_seconds, self._look_again, loop)
        result, error = await future
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin what waits while threads wait for something that does not say so; in the loop."""
        self._begin_tasks()
        self._is_look_due = bool(self._queue)
        if self._is_look_due:
            loop.call_later(self._max_seconds, self._look_again, loop)

    def _begin_tasks(self) -> None:
        """Give tasks to idle threads while few compute; in any thread, so perhaps one too many."""
        while self._queue and self._has_place():
            with suppress(IndexError):  # another thread took the last one
                self._begun.put(self._queue.popleft())

    def _has_place(self) -> bool:
        earliest = time.monotonic() - self._max_seconds
        computing = [state for state in self._states if state.since > earliest]
        return len(computing) + self._begun.qsize() < self._max_computing

    def close(self) -> None:
        """End the threads when they have done what they were given; waits for it, not for long."""
        for _ in self._threads:
            self._begun.put(None)
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)
        atexit.unregister(self.close)

    def _work(self, state: ComputingThread) -> None:
        state.enter()
        if self._niceness and sys.platform == "linux":  # elsewhere this would be for the whole process
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._niceness)
        while self._work_on(state, self._next()):
            state.end()  # and no thread holds on to the last task while it waits for the next

    def _next(self) -> _Task | None:
        """The next task; at once if it may begin, as this thread is awake."""
        if self._queue and self._has_place():
            with suppress(IndexError):
                return self._queue.popleft()
        return self._begun.get()

    def _work_on(self, state: ComputingThread, queued: _Task | None) -> bool:
        """Run a task; whether more may come."""
        if queued is None:
            return False
        task, future = queued
        if future.cancelled():
            return True
        state.begin()
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
