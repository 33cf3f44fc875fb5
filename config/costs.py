"""What the work for one request costs: CPU time of its threads, and round trips to DynamoDB."""

import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Cost:
    """The cost so far."""

    cpu_seconds: float = 0.0
    round_trips: int = 0
    received_at: float = field(default_factory=time.monotonic)
    """When the request arrived, by the monotonic clock; it may have waited for a thread."""

    @property
    def units(self) -> int:
        """The cost as one number: milliseconds of CPU time, and one unit per round trip."""
        return round(self.cpu_seconds * 1000) + self.round_trips


_current: ContextVar[Cost | None] = ContextVar("cost", default=None)


class measure:  # noqa: N801 - used as a function, like contextlib.suppress
    """Measure a block; the cost is complete when the block ends."""

    def __init__(self, received_at: float | None = None) -> None:
        self._cost = Cost() if received_at is None else Cost(received_at=received_at)

    def __enter__(self) -> Cost:
        self._token = _current.set(self._cost)
        self._started = time.thread_time()
        return self._cost

    def __exit__(self, *_: object) -> None:
        self._cost.cpu_seconds += time.thread_time() - self._started
        _current.reset(self._token)


def seconds_since_arrival() -> float:
    """Seconds since the request of the block arrived; 0 outside of requests."""
    cost = _current.get()
    return time.monotonic() - cost.received_at if cost else 0.0


def count_round_trip() -> None:
    """Count a round trip to DynamoDB."""
    if cost := _current.get():
        cost.round_trips += 1


def bind_to_request(task: Callable[[], T]) -> Callable[[], T]:
    """The task, to be run in another thread at the cost of the block that is being measured."""
    cost, context = _current.get(), copy_context()

    def run() -> T:
        started = time.thread_time()
        try:
            return context.run(task)
        finally:
            if cost:
                cost.cpu_seconds += time.thread_time() - started

    return run
