"""Metrics of this process, which it serves in Prometheus' text format on a port of its own.

Each process has a port: counters are plain numbers in memory, end with the process, and cost a
third of what the files cost by which prometheus_client shares them between processes.
"""

import errno
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric, start_http_server
from prometheus_client.registry import Collector

from config.observation import Observation

_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
_CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_ANSWER_BUCKETS = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0)
HISTOGRAMS = {
    "request": Histogram(
        "dutyline_request_seconds",
        "Duration of requests in their thread",
        ("operation", "method", "status"),
        buckets=_REQUEST_BUCKETS,
    ),
    "queue": Histogram(
        "dutyline_queue_seconds",
        "Time that requests waited for a thread, once they had arrived",
        ("lane",),
        buckets=_CALL_BUCKETS,
    ),
    "dynamodb": Histogram(
        "dutyline_dynamodb_seconds",
        "Duration of calls of DynamoDB, each attempt",
        ("action", "outcome"),
        buckets=_CALL_BUCKETS,
    ),
    "dependency": Histogram(
        "dutyline_dependency_seconds",
        "Duration of requests to vendors and servers",
        ("dependency", "outcome"),
        buckets=_REQUEST_BUCKETS,
    ),
    "task": Histogram(
        "dutyline_task_seconds", "Duration of outbox tasks", ("task", "outcome"), buckets=_REQUEST_BUCKETS
    ),
    "answer": Histogram(
        "dutyline_call_answer_seconds", "Time from a call's start until somebody answers", (), buckets=_ANSWER_BUCKETS
    ),
}
"""By kind of what is observed; the outcome of a block is the last label."""
COUNTERS = {
    "refusal": Counter("dutyline_refusals", "Requests that were refused with 429 or 503", ("code", "limit")),
    "limit": Counter("dutyline_limits", "Daily limits and limits of calls that were reached", ("limit",)),
    "dependency_failure": Counter("dutyline_dependency_failures", "Failures of vendors and servers", ("dependency",)),
    "dynamodb_retry": Counter("dutyline_dynamodb_retries", "Repeated calls of DynamoDB", ("action",)),
    "deferral": Counter("dutyline_deferrals", "Deferrals of outbox messages", ("task", "dependency")),
    "dead_letter": Counter("dutyline_dead_letters", "Outbox messages that became dead letters", ("task",)),
    "call": Counter("dutyline_calls", "Calls that ended", ("outcome",)),
}
TIMES = {"sweep": Gauge("dutyline_sweep_timestamp_seconds", "When a worker last looked for due messages for beat", ())}
logger = logging.getLogger("dutyline.metrics")


class MetricsObserver:
    """Counts and times what is observed.

    A dictionary finds a child of known labels in a quarter of the time that `labels()` takes.
    """

    def __init__(self) -> None:
        self._histograms: dict[tuple[str, ...], Any] = {}

    def begin(self, block: Observation) -> None:
        """Nothing: blocks count when they end."""

    def end(self, block: Observation, seconds: float) -> None:
        self.record(block.kind, seconds, (*block.labels, block.outcome))

    def record(self, kind: str, seconds: float, labels: tuple[str, ...]) -> None:
        histogram = self._histograms.get((kind, *labels))
        if histogram is None:
            family = HISTOGRAMS[kind]
            histogram = self._histograms[(kind, *labels)] = family.labels(*labels) if labels else family
        histogram.observe(seconds)

    def count(self, kind: str, labels: tuple[str, ...]) -> None:
        if kind in TIMES:
            TIMES[kind].set(time.time())
        else:
            COUNTERS[kind].labels(*labels).inc()

    def trace_context(self) -> str:
        return ""


class _FunctionCollector(Collector):
    """A collector that reads what a function returns, when somebody asks for metrics."""

    def __init__(self, function: Callable[[], Iterable[Metric]]) -> None:
        self._function = function

    def collect(self) -> Iterable[Metric]:
        return self._function()

    def describe(self) -> Iterable[Metric]:
        """Nothing: otherwise registering it would read it."""
        return ()


def serve(address: str, ports: range, collectors: Iterable[Callable[[], Iterable[Metric]]]) -> int:
    """Serve the metrics of this process on the first free port; returns it, or 0 without one."""
    for function in collectors:
        REGISTRY.register(_FunctionCollector(function))
    for port in ports:
        try:
            start_http_server(port, address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    logger.error("no port is free for metrics of this process", extra={"first": ports[0], "last": ports[-1]})
    return 0
