"""Metrics for Prometheus and traces of OpenTelemetry, both off unless settings turn them on."""

import atexit

from django.conf import settings
from django.utils.module_loading import import_string

from config import observation


def start(*collectors: str) -> None:
    """Begin to observe this process: call it in the process itself, after it has been forked.

    ``collectors`` are dotted names of functions whose metrics are read when somebody asks. What is
    off is not imported.
    """
    if settings.METRICS_PORTS:
        from config.telemetry import metrics

        metrics_observer = metrics.MetricsObserver()
        observation.add_observer(metrics_observer)
        functions = [metrics_observer.process, *map(import_string, collectors)]
        metrics.serve(settings.METRICS_ADDRESS, settings.METRICS_PORTS, functions)
    if settings.HAS_TRACES:
        from config.telemetry import tracing

        observer = tracing.TraceObserver()
        observation.add_observer(observer)
        atexit.register(observer.flush)
