"""Calls for somebody who waits until a deadline, such as a caller on the phone.

The first attempt of such a call is given up early, so that one answer that is lost leaves time for
a repeat. The repeat has the time of any other attempt: a database that is slow for everybody would
answer no early one.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

READ_TIMEOUT, EARLY_READ_TIMEOUT = 1.5, 0.5
"""Seconds of one attempt; the shorter one of a first attempt for which somebody waits."""
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def waited_for(deadline: float) -> Iterator[None]:
    """Let somebody wait for a block until ``deadline``, on the monotonic clock."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def deadline_in(seconds: float) -> float:
    """The deadline of work that may take so many seconds, but not longer than somebody waits."""
    own = time.monotonic() + seconds
    waiting = _deadline.get()
    return own if waiting is None else min(own, waiting)


def first_read_timeout() -> float:
    """Seconds that the first attempt of a call may take."""
    return READ_TIMEOUT if _deadline.get() is None else EARLY_READ_TIMEOUT
