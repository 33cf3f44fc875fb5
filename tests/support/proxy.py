"""Proxies in front of every engine and vendor, which count calls and inject planned faults.

A `FaultPlan` says which calls fail and how; the product is not modified. For HTTP a call is a
request; for Redis and SMTP it is what the client sends at once.
"""

import json
import os
import select
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.support import aws_rights
from tests.support.chaos import WITHOUT_ANSWER, Chaos

MODES = ("kill_before", "kill_after", "lost", "refuse", "429", "503", "throttle", "conflict")
RECORDED_SERVICES = ("twilio",)
"""Services whose exchanges are recorded, to check them against a specification."""
HANG_SECONDS = 6.0
"""Seconds without a response; longer than any client timeout."""
RAW_MODES = ("kill_before", "kill_after", "lost", "refuse", "503", "429")
CallSignature = tuple[str, str, int]
DYNAMODB_ERROR_PREFIX = "com.amazonaws.dynamodb.v20120810#"


@dataclass
class ProxiedCall:
    """A call through a proxy."""

    service: str
    operation: str
    nth: int
    """Its number among calls of the same operation, from 1."""
    capacity: float = 0.0
    rights: frozenset[aws_rights.Right] = frozenset()
    """What it needs at AWS; of calls of DynamoDB."""
    began_at: float = 0.0
    """When the proxy had read the request, in seconds of a steady clock."""
    ended_at: float = float("inf")
    """When the proxy began to send the response."""

    @property
    def signature(self) -> CallSignature:
        """Identifies the same call in another run, regardless of other calls."""
        return self.service, self.operation, self.nth


@dataclass
class FaultPlan:
    """The faults to inject, and the calls seen so far."""

    faults: dict[CallSignature, str] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    """Mode of every call, by service or ``"service operation"``."""
    latency: float = 0.0
    """Seconds by which responses of DynamoDB are late. So calls that are made at once overlap, also
    where a thread begins a little later than another."""
    victim_pid: Callable[[], int] = lambda: 0
    calls: list[ProxiedCall] = field(default_factory=list)
    call_counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Calls so far, by service and operation."""
    fired_faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def register_call(self, service: str, operation: str) -> tuple[ProxiedCall, str]:
        with self.lock:
            self.call_counts[service, operation] += 1
            call = ProxiedCall(service, operation, self.call_counts[service, operation], began_at=time.monotonic())
            self.calls.append(call)
            keys = (f"{service} {operation}", service)
            default_mode = next((self.always[key] for key in keys if key in self.always), "")
            return call, self.faults.get(call.signature, default_mode)

    def record_fault(self, call: ProxiedCall, mode: str) -> None:
        """Record that a planned fault was injected."""
        self.fired_faults.append(f"{mode} at {call.service} {call.operation} {call.nth}")

    def kill_victim(self) -> None:
        pid = self.victim_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)


ROUND_TRIP_SECONDS = 0.1
"""A `FaultPlan.latency` for `count_sequential_trips`, longer than threads take to begin."""


def count_sequential_trips(calls: Iterable[ProxiedCall]) -> int:
    """Most of these calls that followed each other: each began when the one before had ended.

    Their client waited for so many round trips at least, however many it made at the same time.
    The plan has a ``latency`` of `ROUND_TRIP_SECONDS`: without, calls at once may not overlap.
    """
    calls = list(calls)
    delayed = [call.ended_at - call.began_at for call in calls if call.service == "dynamodb"]
    assert min(delayed, default=ROUND_TRIP_SECONDS) >= ROUND_TRIP_SECONDS, "the plan has no latency"
    trips, last_end = 0, float("-inf")
    for call in sorted(calls, key=lambda call: call.ended_at):
        if call.began_at >= last_end:
            trips, last_end = trips + 1, call.ended_at
    return trips


@dataclass(frozen=True)
class Exchange:
    """A request through a proxy and its response."""

    method: str
    target: str
    """Path and query string."""
    request_body: str
    status: int
    response_body: str

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def parameter_names(self) -> set[str]:
        """Names of the query or form parameters."""
        text = urlsplit(self.target).query if self.method == "GET" else self.request_body
        return {name for name, _ in parse_qsl(text, keep_blank_values=True)}


class Proxy:
    """A proxy between the product and a service."""

    def __init__(self, service: str, port: int, upstream: int, *, http: bool) -> None:
        self.service = service
        self.port = port
        self.upstream = upstream
        self.plan = FaultPlan()
        self.chaos: Chaos | None = None
        """Faults of calls that the plan lets pass."""
        self.exchanges: list[Exchange] = []
        """Exchanges, if the service is one of `RECORDED_SERVICES`."""
        self.role = "application"
        """Whose calls these are: the name of a policy in docs/aws."""
        self.rights: dict[str, set[aws_rights.Right]] = {}
        """What the calls of DynamoDB needed, by role."""
        self._http = http
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            serve = self._serve_http if self._http else self._serve_raw
            threading.Thread(target=self._serve_safely, args=(serve, client), daemon=True).start()

    def _serve_safely(self, serve: Callable[[socket.socket], None], client: socket.socket) -> None:
        try:
            serve(client)
        except (OSError, EOFError):
            pass  # either side disconnected, which is normal
        finally:
            client.close()

    # --- HTTP -------------------------------------------------------------------------------------
    def _serve_http(self, client: socket.socket) -> None:
        with client.makefile("rb") as reader, ExitStack() as stack:
            self._forward_http(client, reader, stack)

    def _forward_http(self, client: socket.socket, reader: Any, stack: ExitStack) -> None:
        server: socket.socket | None = None
        while True:
            request_head, request_body = _read_message(reader)
            call, mode = self.plan.register_call(self.service, _operation_name(request_head))
            if self.service == "dynamodb":
                call.rights = frozenset(aws_rights.required_rights(call.operation, orjson.loads(request_body)))
                self.rights.setdefault(self.role, set()).update(call.rights)
            if mode == "kill_before":
                self.plan.record_fault(call, mode)
                self.plan.kill_victim()
                return
            if mode == "refuse":
                self.plan.record_fault(call, mode)
                return
            if mode == "hang":
                self.plan.record_fault(call, mode)
                time.sleep(HANG_SECONDS)
                return
            fault_bytes = _fault_response(mode, request_head, request_body)
            if fault_bytes:
                self.plan.record_fault(call, mode)
                client.sendall(fault_bytes)
                continue
            accident = self.chaos.choose() if self.chaos and not mode else ""
            if accident == WITHOUT_ANSWER[0]:
                return
            if server is None or _is_closed(server):
                connection = socket.create_connection(("127.0.0.1", self.upstream))
                server = stack.enter_context(connection)
                upstream = stack.enter_context(server.makefile("rb"))
            server.sendall(_with_consumed_capacity(call.operation, request_head, request_body))
            response_head, response_body = _read_message(upstream)
            call.capacity = _consumed_capacity(response_body)
            if self.service in RECORDED_SERVICES:
                self.exchanges.append(_parse_exchange(request_head, request_body, response_head, response_body))
            if mode in ("kill_after", "lost"):
                self.plan.record_fault(call, mode)
            if mode == "kill_after":
                self.plan.kill_victim()
            if mode in ("kill_after", "lost"):
                return
            if self.service == "dynamodb" and self.plan.latency:
                time.sleep(self.plan.latency)
            call.ended_at = time.monotonic()
            answer, stays_open = response_head + response_body, True
            if accident == WITHOUT_ANSWER[1]:
                return
            if self.chaos:
                answer, stays_open = self.chaos.distort(accident, response_head, response_body)
            client.sendall(answer)
            if not stays_open:
                return

    # --- Redis and SMTP ---------------------------------------------------------------------------
    def _serve_raw(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.upstream))
        pending: list[str] = []
        threading.Thread(target=self._forward_responses, args=(server, client, pending), daemon=True).start()
        try:
            while data := client.recv(65536):
                command = data[:64].split(b" ")[0].strip().decode("latin-1")
                call, mode = self.plan.register_call(self.service, command if self.service == "smtp" else "")
                if mode in RAW_MODES:
                    self.plan.record_fault(call, mode)
                if mode == "kill_before":
                    self.plan.kill_victim()
                if mode in ("kill_before", "refuse", "503", "429"):
                    return
                if mode in ("kill_after", "lost"):
                    pending.append(mode)
                server.sendall(data)
        finally:
            server.close()

    def _forward_responses(self, server: socket.socket, client: socket.socket, pending: list[str]) -> None:
        try:
            while data := server.recv(65536):
                if pending:
                    if pending[0] == "kill_after":
                        self.plan.kill_victim()
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
        except OSError:
            pass  # the other direction closed the connection


def _is_closed(server: socket.socket) -> bool:
    """Whether the peer closed an idle connection."""
    readable, _, _ = select.select([server], [], [], 0)
    return bool(readable)


def _parse_exchange(head: bytes, body: bytes, response_head: bytes, response_content: bytes) -> Exchange:
    method, target, _ = head.decode("latin-1").split(" ", 2)
    status = int(response_head.split(b" ", 2)[1])
    return Exchange(method, target, body.decode(), status, response_content.decode("utf-8", errors="replace"))


def _read_message(reader: Any) -> tuple[bytes, bytes]:
    """Read a complete HTTP message: head and body. Raises EOFError if the connection ends."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            raise EOFError
        head += line
    headers = _parse_headers(head)
    if "chunked" in headers.get("transfer-encoding", ""):
        return head, _read_chunks(reader)
    length = int(headers.get("content-length", 0))
    body = bytes(reader.read(length))
    if len(body) < length:
        raise EOFError  # the sender was killed while sending
    return head, body


def _read_chunks(reader: Any) -> bytes:
    content = b""
    while True:
        line = bytes(reader.readline())
        if not line:
            raise EOFError
        size = int(line, 16)
        data = bytes(reader.read(size + 2))
        content += line + data
        if size == 0:
            return content


def _parse_headers(head: bytes) -> Mapping[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.lower(): value.strip() for name, value in pairs}


def _operation_name(head: bytes) -> str:
    target = _parse_headers(head).get("x-amz-target", "").partition(".")[2]
    return target or " ".join(head.split(b" ", 2)[n].decode("latin-1") for n in (0, 1))


def _with_consumed_capacity(operation: str, head: bytes, body: bytes) -> bytes:
    """Request the consumed capacity of each call; the engine does not check signatures."""
    if operation not in METERED_OPERATIONS:
        return head + body
    body = body.replace(b"{", b'{"ReturnConsumedCapacity": "TOTAL", ', 1)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    lines[1:1] = [b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + body


METERED_OPERATIONS = {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


def _consumed_capacity(body: bytes) -> float:
    if b"ConsumedCapacity" not in body:
        return 0.0
    try:
        consumed = orjson.loads(body).get("ConsumedCapacity") or []
    except ValueError:
        return 0.0
    entries = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(entry.get("CapacityUnits", 0) for entry in entries))


def _fault_response(mode: str, head: bytes, body: bytes) -> bytes:
    is_dynamodb = b"x-amz-target" in head.lower()
    if mode == "nonsense":
        return _http_response("200 OK", b"<html>what?")
    if mode == "malformed" and is_dynamodb:  # also for botocore, which refuses what is not JSON
        return _http_response("200 OK", b'{"Responses": 1, "Items": 1, "Item": 1, "Attributes": 1}')
    if mode == "throttle" and is_dynamodb:
        return _aws_error("ProvisionedThroughputExceededException")
    if mode == "conflict" and is_dynamodb and _operation_name(head) == "TransactWriteItems":
        count = len(json.loads(body)["TransactItems"])
        reason = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
        return _aws_error("TransactionCanceledException", CancellationReasons=[reason] * count)
    if mode == "conflict" and is_dynamodb and _operation_name(head) in ("UpdateItem", "DeleteItem", "PutItem"):
        return _aws_error("TransactionConflictException")
    if mode == "denied" and is_dynamodb:
        return _aws_error("AccessDeniedException")
    if mode == "invalid" and _operation_name(head) == "TransactWriteItems":
        count = len(json.loads(body)["TransactItems"])
        reasons = [{"Code": "None"}] * (count - 1) + [{"Code": "ValidationError", "Message": body.decode()}]
        return _aws_error("TransactionCanceledException", CancellationReasons=reasons)
    if mode == "unprocessed" and _operation_name(head) == "BatchGetItem":
        keys = json.loads(body)["RequestItems"]
        unprocessed = {"Responses": {}, "UnprocessedKeys": keys}
        return _http_response("200 OK", json.dumps(unprocessed).encode())
    if mode == "503":
        return _http_response("503 Service Unavailable", b'{"message": "planned"}')
    if mode == "429":
        rate_limited = _http_response("429 Too Many Requests", b"{}", "Retry-After: 1\r\n")
        return _aws_error("ThrottlingException") if is_dynamodb else rate_limited
    return b""


def _aws_error(code: str, **fields: Any) -> bytes:
    body = {"__type": DYNAMODB_ERROR_PREFIX + code, "message": "planned", "Message": "planned", **fields}
    return _http_response("400 Bad Request", json.dumps(body).encode())


def _http_response(status: str, body: bytes, extra_headers: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n" + extra_headers.encode() + b"\r\n" + body
