"""A collector of OpenTelemetry's protocol over HTTP."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span that a process has sent."""

    trace: str
    id: str
    parent: str
    name: str
    attributes: dict[str, str]
    service: str


@dataclass
class TraceReceiver:
    """What was received at its endpoint so far."""

    endpoint: str
    spans: list[Span] = field(default_factory=list)

    def trace_of(self, name: str) -> list[Span]:
        """All spans of the newest trace that has a span of this name."""
        traces = [span.trace for span in self.spans if span.name == name]
        return [span for span in self.spans if traces and span.trace == traces[-1]]


@contextmanager
def receive_traces() -> Iterator[TraceReceiver]:
    """Receive spans at a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            receiver.spans.extend(_read_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = TraceReceiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _read_spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource_spans in request.resource_spans:
        resource = {item.key: item.value.string_value for item in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                attributes = {item.key: item.value.string_value for item in span.attributes}
                ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                yield Span(*ids, span.name, attributes, resource["service.name"])
