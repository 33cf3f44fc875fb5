"""Traces of OpenTelemetry: a request, its calls, and the outbox tasks that it causes are one trace.

The SDK is configured by its standard variables ``OTEL_*``. Spans have names of operations, tasks
and dependencies, outcomes, and the request id; no customers, people or values.
"""

import os

from django.conf import settings
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.observation import Observation

_KINDS = {
    "request": SpanKind.SERVER,
    "task": SpanKind.CONSUMER,
    "dynamodb": SpanKind.CLIENT,
    "dependency": SpanKind.CLIENT,
}
_ROOT_KINDS = ("request", "task")
"""What may begin a trace; other calls, such as those that look for due messages, have none."""
_ERRORS = frozenset({"error", "5xx", "no_answer", "no_credentials", "failed", "dead"})
_PROPAGATOR = TraceContextTextMapPropagator()
_HEADER = "traceparent"


class TraceObserver:
    """Has a span for each block that is observed, and sends spans to a collector over HTTP.

    What clients send as `traceparent` is not followed: it would decide what is recorded here.
    """

    def __init__(self) -> None:
        os.environ.setdefault("OTEL_SERVICE_NAME", "dutyline")
        self._provider = TracerProvider(resource=Resource.create({"service.version": settings.VERSION}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("dutyline")

    def begin(self, block: Observation) -> None:
        if block.kind in _ROOT_KINDS:
            parent = context.get_current()
            if block.parent and not trace.get_current_span(parent).get_span_context().is_valid:
                parent = _PROPAGATOR.extract({_HEADER: block.parent})
        elif trace.get_current_span().is_recording():
            parent = context.get_current()
        else:
            return
        span = self._tracer.start_span(_span_name(block), parent, _KINDS[block.kind])
        block.token = (span, context.attach(trace.set_span_in_context(span, parent)))

    def end(self, block: Observation, seconds: float) -> None:
        if block.token is None:
            return
        span, token = block.token
        context.detach(token)
        span.update_name(_span_name(block))
        span.set_attributes({**block.attributes, "dutyline.outcome": block.outcome})
        if block.outcome in _ERRORS:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def record(self, kind: str, seconds: float, labels: tuple[str, ...]) -> None:
        """Nothing: only blocks have spans."""

    def count(self, kind: str, labels: tuple[str, ...]) -> None:
        """Note it in the span of the block, if there is one."""
        trace.get_current_span().add_event(f"{kind}: {' '.join(filter(None, labels))}")

    def trace_context(self) -> str:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(_HEADER, "")

    def flush(self) -> None:
        """Send what has not been sent: for processes that end without `atexit`."""
        self._provider.force_flush(2_000)


def _span_name(block: Observation) -> str:
    if block.kind == "request":
        operation, method = block.labels[:2]
        return f"{method} {operation}"
    return f"DynamoDB {block.labels[0]}" if block.kind == "dynamodb" else block.labels[0]
