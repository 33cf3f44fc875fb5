"""Which threads of a pool compute, and which wait for an answer.

Python computes in one thread at a time. Threads that all want to are stopped in the middle of their
work again and again: with 16 of them a request takes a fifth more CPU time than with 6. So a pool
begins a task only while few of its threads compute (`config.web_threads`); what waits for a
database or a vendor says so here.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class ComputingThread:
    """One thread of a pool.

    ``on_wait`` is called in it whenever it begins to wait.
    """

    def __init__(self, on_wait: Callable[[], None]) -> None:
        self._on_wait = on_wait
        self.since = 0.0
        """When it began to compute, by the monotonic clock; 0 while it does not."""

    def begin(self) -> None:
        self.since = time.monotonic()

    def end(self) -> None:
        self.since = 0.0

    def enter(self) -> None:
        """Say that the calling thread is this one."""
        _current.thread = self

    def begin_wait(self) -> None:
        self.since = 0.0
        self._on_wait()


class _Current(threading.local):
    thread: ComputingThread | None = None


_current = _Current()


def begin_wait() -> ComputingThread | None:
    """Say that this thread begins to wait; what is returned must `begin` after that.

    None of a thread outside of such pools.
    """
    if thread := _current.thread:
        thread.begin_wait()
    return thread


@contextmanager
def waiting() -> Iterator[None]:
    """Around a wait for a vendor."""
    thread = begin_wait()
    try:
        yield
    finally:
        if thread:
            thread.begin()
