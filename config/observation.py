"""What metrics and traces see of the work of this process.

Work that may be observed runs in ``with observation.observe(…)``. Unless `config.telemetry` has
added an observer, that does nothing. Labels are of bounded number: names of operations, tasks,
dependencies and codes, never ids, paths or customers.
"""

import time
from types import TracebackType
from typing import Any, Protocol


class Observer(Protocol):
    """Who sees what is observed."""

    def begin(self, block: "Observation") -> None:
        """A block begins."""

    def end(self, block: "Observation", seconds: float) -> None:
        """A block ends, with its outcome."""

    def record(self, kind: str, seconds: float, labels: tuple[str, ...]) -> None:
        """Something took this long."""

    def count(self, kind: str, labels: tuple[str, ...]) -> None:
        """Something happened."""

    def trace_context(self) -> str:
        """What work that goes on elsewhere is given as its ``parent``; '' if nothing."""


class Observation:
    """A block that is observed."""

    __slots__ = ("_began_at", "attributes", "kind", "labels", "outcome", "parent", "token", "waited_seconds")

    def __init__(self, kind: str, labels: tuple[str, ...], parent: str = "") -> None:
        self.kind, self.labels, self.parent = kind, labels, parent
        self.outcome = ""
        """One of few words; unless the block sets it, ``ok``, or ``error`` if it raises."""
        self.attributes: dict[str, str] = {}
        """For traces only, so of any number."""
        self.waited_seconds = 0.0
        """Of a request: how long it waited before the block."""
        self.token: Any = None
        """Of the observer that traces."""

    def __enter__(self) -> "Observation":
        for observer in _observers:
            observer.begin(self)
        self._began_at = time.perf_counter()
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        seconds = time.perf_counter() - self._began_at
        self.outcome = self.outcome or ("ok" if error is None else "error")
        for observer in _observers:
            observer.end(self, seconds)


class _Unobserved(Observation):
    """Stands for every block while nobody observes."""

    __slots__ = ()

    def __enter__(self) -> Observation:
        return self

    def __exit__(self, *_: object) -> None:
        pass


_observers: list[Observer] = []
_UNOBSERVED = _Unobserved("", ())


def add_observer(observer: Observer) -> None:
    """Have an observer see what this process does from now on."""
    _observers.append(observer)


def observe(kind: str, *labels: str, parent: str = "") -> Observation:
    """Observe a block; ``parent`` is the `trace_context` of what it belongs to."""
    return Observation(kind, labels, parent) if _observers else _UNOBSERVED


def record(kind: str, seconds: float, *labels: str) -> None:
    """Observe that something took this long."""
    for observer in _observers:
        observer.record(kind, seconds, labels)


def count(kind: str, *labels: str) -> None:
    """Observe that something happened."""
    for observer in _observers:
        observer.count(kind, labels)


def trace_context() -> str:
    """What to store with work that goes on elsewhere, as its ``parent``; '' without traces."""
    return next((context for observer in _observers if (context := observer.trace_context())), "")
