"""Metrics for Prometheus and traces for OpenTelemetry, both off unless settings turn them on."""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from config import observation


def start(*collectors: Callable[[], Iterable[Any]]) -> None:
    """Begin to observe this process, in the process itself: after it has been forked.

    ``collectors`` return metric families that are read when somebody asks. What is off is not
    imported.
    """
    if settings.METRICS_PORTS:
        from config.telemetry import metrics

        observation.add_observer(metrics.MetricsObserver())
        metrics.serve(settings.METRICS_ADDRESS, settings.METRICS_PORTS, collectors)
