"""A proxy in front of the engine that records the calls of DynamoDB that a target makes."""

import http.client
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LATENCY_SECONDS = 0.03
"""By which answers are late, so that calls that are made at once overlap."""


@dataclass(frozen=True)
class Call:
    """One call: the operation of DynamoDB, its arguments, and the bytes of the answer."""

    operation: str
    arguments: dict[str, Any]
    body: bytes
    answer: bytes
    began_at: float
    ended_at: float


def count_waits(calls: Iterable[Call]) -> int:
    """How many calls followed each other: each began when the one before had ended."""
    waits, last_end = 0, float("-inf")
    for call in sorted(calls, key=lambda call: call.ended_at):
        if call.began_at >= last_end:
            waits, last_end = waits + 1, call.ended_at
    return waits


class Recorder:
    """Forwards calls to the engine on a port and records them."""

    def __init__(self, engine_port: int) -> None:
        self.calls: list[Call] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                recorder.forward(self, engine_port)

            def log_message(self, format: str, *args: Any) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, handler: BaseHTTPRequestHandler, engine_port: int) -> None:
        """Answer what the engine answers."""
        began_at = time.monotonic()
        body = handler.rfile.read(int(handler.headers["content-length"]))
        connection = http.client.HTTPConnection("127.0.0.1", engine_port)
        names = ("x-amz-target", "content-type", "x-amz-date", "authorization")
        connection.request("POST", "/", body, {name: handler.headers[name] for name in names if handler.headers[name]})
        response = connection.getresponse()
        answer = response.read()
        time.sleep(LATENCY_SECONDS)
        connection.close()
        operation = handler.headers["x-amz-target"].rpartition(".")[2]
        self.calls.append(Call(operation, json.loads(body), body, answer, began_at, time.monotonic()))
        handler.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() in ("content-type", "x-amz-crc32", "x-amzn-requestid"):
                handler.send_header(name, value)
        handler.send_header("content-length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
