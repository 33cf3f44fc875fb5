"""Metrics of what processes share, read when somebody asks: outbox, keys, zone rules, problems."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from config import health
from config.api import admission

WAIT_SECONDS = 1.5
"""Below the time after which Prometheus gives up, 10 s, and with it all other metrics."""
MAX_DEFERRALS = 50
"""Pairs of task and reason with series of their own; others are counted together."""


class _ReportReader:
    """Reads the report in the background, so that no scrape waits for a database that hangs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._report: dict[str, Any] | None = None

    def read(self) -> dict[str, Any] | None:
        """The report as of now; None if it takes longer than `WAIT_SECONDS`."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._report = None
                self._thread = threading.Thread(target=self._run, name="status-metrics", daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(WAIT_SECONDS)
        return self._report

    def _run(self) -> None:
        self._report = health.read_report()


_reader = _ReportReader()


def collect() -> Iterator[Metric]:
    """The state that `/readyz` reports; of what could not be read there is no sample."""
    yield from _lanes()
    report = _reader.read()
    is_up = report is not None and report["store"] == "ok"
    yield _gauge("dutyline_store_up", "Whether DynamoDB answers", float(is_up))
    if report is None:
        return
    if report["dataKeys"] != "unknown":
        right = float(report["dataKeys"] == "ok")
        yield _gauge("dutyline_data_keys_right", "Whether the data keys are those of the stored data", right)
    yield _data_keys()
    if report["zoneRules"]:
        is_ok = float(report["zoneRules"]["status"] == "ok")
        yield _gauge("dutyline_zone_rules_ok", "Whether the rules of time zones need no attention", is_ok)
    problems = GaugeMetricFamily("dutyline_problem", "1 for each dependency that failed lately", labels=["name"])
    for name in sorted({problem["name"] for problem in report["problems"]}):
        problems.add_metric([name], 1.0)
    yield problems
    yield from _outbox(report["outbox"])


def _lanes() -> Iterator[Metric]:
    """How busy the threads of this process are."""
    places = GaugeMetricFamily("dutyline_lane_places", "Requests that may be at work", labels=["lane"])
    at_work = GaugeMetricFamily("dutyline_lane_at_work", "Requests at work", labels=["lane"])
    waiting = GaugeMetricFamily("dutyline_lane_waiting", "Requests that wait for a thread", labels=["lane"])
    refused = CounterMetricFamily("dutyline_lane_refused", "Requests refused for want of a thread", labels=["lane"])
    abandoned = CounterMetricFamily("dutyline_lane_abandoned", "Clients that left while they waited", labels=["lane"])
    for name, lane in admission.LANES.items():
        state = lane.state()
        places.add_metric([name], state.places)
        at_work.add_metric([name], state.at_work)
        waiting.add_metric([name], state.waiting)
        refused.add_metric([name], state.refused)
        abandoned.add_metric([name], state.abandoned)
    yield from (places, at_work, waiting, refused, abandoned)


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)


def _data_keys() -> GaugeMetricFamily:
    """The ids of the keys of this process; never the keys."""
    family = GaugeMetricFamily("dutyline_data_key", "Data keys of this process", labels=["key", "encrypts"])
    for index, key_id in enumerate(settings.DATA_KEYS):
        family.add_metric([key_id, "no" if index else "yes"], 1.0)
    return family


def _outbox(status: dict[str, Any] | None) -> Iterator[Metric]:
    if status is None:
        return
    seconds = status["oldestDueSeconds"]
    yield _gauge("dutyline_outbox_oldest_seconds", "Since the oldest waiting message was first due", seconds)
    yield _gauge("dutyline_outbox_dead", "Dead letters", status["dead"])
    dead_tasks = GaugeMetricFamily("dutyline_outbox_dead_tasks", "Dead letters by task", labels=["task", "lane"])
    for entry in status["deadTasks"]:
        dead_tasks.add_metric([entry["task"], entry["lane"]], entry["count"])
    yield dead_tasks
    counts = Counter({(entry["task"], entry["reason"]): entry["count"] for entry in status["deferred"]})
    family = GaugeMetricFamily("dutyline_outbox_deferred", "Deferred messages", labels=["task", "reason"])
    for labels, count in counts.most_common(MAX_DEFERRALS):
        family.add_metric(labels, count)
    if others := sum(count for _, count in counts.most_common()[MAX_DEFERRALS:]):
        family.add_metric(["others", "others"], others)
    yield family
