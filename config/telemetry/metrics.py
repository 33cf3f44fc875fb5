"""Metrics of this process, which it serves in Prometheus' text format on a port of its own.

Each process has a port: counters are plain numbers in memory, end with the process, and cost a
third of what the files cost by which prometheus_client shares them between processes.
"""

import errno
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Metric, start_http_server
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
    "webhook": Histogram(
        "dutyline_webhook_seconds",
        "Time from the arrival of a webhook of a call until its answer",
        (),
        buckets=_REQUEST_BUCKETS,
    ),
    "answer": Histogram(
        "dutyline_call_answer_seconds", "Time from a call's start until somebody answers", (), buckets=_ANSWER_BUCKETS
    ),
}
"""By kind of what is observed; the outcome of a block is the last label."""
COUNTERS = {
    "response": Counter("dutyline_responses", "Answers to requests", ("lane", "status")),
    "dynamodb_failure": Counter("dutyline_dynamodb_failures", "Attempts that failed to call DynamoDB", ("kind",)),
    "refusal": Counter("dutyline_refusals", "Requests that were refused with 429 or 503", ("code", "limit")),
    "limit": Counter("dutyline_limits", "Daily limits and limits of calls that were reached", ("limit",)),
    "dependency_failure": Counter("dutyline_dependency_failures", "Failures of vendors and servers", ("dependency",)),
    "dynamodb_retry": Counter("dutyline_dynamodb_retries", "Repeated calls of DynamoDB", ("action",)),
    "deferral": Counter("dutyline_deferrals", "Deferrals of outbox messages", ("task", "dependency")),
    "dead_letter": Counter("dutyline_dead_letters", "Outbox messages that became dead letters", ("task",)),
    "call": Counter("dutyline_calls", "Calls that ended", ("outcome",)),
}
KNOWN_LABELS: dict[str, Iterable[tuple[str, ...]]] = {
    "response": itertools.product(("web", "calls"), ("2xx", "3xx", "4xx", "5xx")),
    "dynamodb_failure": [("throttled",), ("no_answer",), ("refused",), ("repeatable",)],
    "limit": [(name,) for name in settings.DAILY_LIMITS],
    "dependency_failure": [
        (name,) for name in ("sign-in service", "telephone service", "push service", "mail server", "file storage")
    ],
}
"""Labels that are there from the start, with 0: Prometheus sees no increase to the first value."""
_THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})
_EXPECTED = frozenset({"ok", "ConditionalCheckFailedException", "TransactionCanceledException"})
_REPEATABLE = frozenset(
    {"TransactionInProgressException", "TransactionConflictException", "InternalServerError", "ServiceUnavailable"}
)
TIMES = {"sweep": Gauge("dutyline_sweep_timestamp_seconds", "When a worker last looked for due messages for beat", ())}
PROCESSING_SECONDS = 0.5
_Event = tuple[str, float | None, tuple[str, ...], str, float | None]
"""Kind, seconds or None, labels, outcome, and for how long a request waited."""
logger = logging.getLogger("dutyline.metrics")


class MetricsObserver:
    """Counts and times what is observed: half a second later, in a thread of its own.

    Done at once, amid the work of a request, it takes 6 to 7 % of the CPU time of a small one; like
    this 2 to 3 %, and 1 % in the thread.
    """

    def __init__(self) -> None:
        self._events: deque[_Event] = deque()
        self._histograms: dict[tuple[str, ...], Any] = {}
        self._lock = threading.Lock()
        for kind, all_labels in KNOWN_LABELS.items():
            for labels in all_labels:
                COUNTERS[kind].labels(*labels)
        threading.Thread(target=self._process_regularly, name="metrics", daemon=True).start()

    def begin(self, block: Observation) -> None:
        """Nothing: blocks count when they end."""

    def end(self, block: Observation, seconds: float) -> None:
        waited_seconds = block.waited_seconds if block.kind == "request" else None
        self._events.append((block.kind, seconds, block.labels, block.outcome, waited_seconds))

    def record(self, kind: str, seconds: float, labels: tuple[str, ...]) -> None:
        self._events.append((kind, seconds, labels, "", None))

    def count(self, kind: str, labels: tuple[str, ...]) -> None:
        self._events.append((kind, None, labels, "", None))

    def trace_context(self) -> str:
        return ""

    def process(self) -> tuple[Metric, ...]:
        """Count what has been observed so far; a collector that comes before the others."""
        with self._lock:
            for _ in range(len(self._events)):
                self._process_event(*self._events.popleft())
        return ()

    def _process_regularly(self) -> None:
        while True:
            time.sleep(PROCESSING_SECONDS)
            self.process()

    def _process_event(
        self, kind: str, seconds: float | None, labels: tuple[str, ...], outcome: str, waited_seconds: float | None
    ) -> None:
        if kind in TIMES:
            TIMES[kind].set(time.time())
        elif seconds is None:
            COUNTERS[kind].labels(*labels).inc()
        elif waited_seconds is not None:
            self._process_request(seconds, labels, outcome, waited_seconds)
        else:
            self._observe(kind, (*labels, outcome) if outcome else labels, seconds)
            if kind == "dynamodb" and outcome not in _EXPECTED:
                COUNTERS["dynamodb_failure"].labels(_failure_kind(outcome)).inc()

    def _process_request(self, seconds: float, labels: tuple[str, ...], status: str, waited_seconds: float) -> None:
        operation, method, *lanes = labels
        lane = lanes[0] if lanes else "web"  # it raised an error, which Django answers
        self._observe("request", (operation, method, status), seconds)
        self._observe("queue", (lane,), waited_seconds)
        COUNTERS["response"].labels(lane, "5xx" if status == "error" else status).inc()
        if lane == "calls":
            self._observe("webhook", (), waited_seconds + seconds)

    def _observe(self, kind: str, labels: tuple[str, ...], seconds: float) -> None:
        """A dictionary finds a histogram in a quarter of the time that `labels()` takes."""
        histogram = self._histograms.get((kind, *labels))
        if histogram is None:
            family = HISTOGRAMS[kind]
            histogram = self._histograms[(kind, *labels)] = family.labels(*labels) if labels else family
        histogram.observe(seconds)


def _failure_kind(outcome: str) -> str:
    if outcome in _THROTTLED:
        return "throttled"
    if outcome in _REPEATABLE or outcome.startswith("5"):
        return "repeatable"
    return "no_answer" if outcome == "no_answer" else "refused"


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
    """Serve the metrics of this process on the first free port; returns it, or 0 without one.

    ``collectors`` are read when somebody asks, before those of this module.
    """
    registry = CollectorRegistry()
    for function in collectors:
        registry.register(_FunctionCollector(function))
    registry.register(REGISTRY)
    for port in ports:
        try:
            start_http_server(port, address, registry)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    logger.error("no port is free for metrics of this process", extra={"first": ports[0], "last": ports[-1]})
    return 0
