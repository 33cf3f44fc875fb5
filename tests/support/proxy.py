"""Counting proxies in front of every engine and vendor: what happens at which call is planned.

A `Plan` says for single calls, by number, what goes wrong; the product is untouched. HTTP calls are
requests; for Redis and SMTP a call is what the client sends in one go.
"""

import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MODES = ("kill_before", "kill_after", "lost", "refuse", "429", "503", "throttle", "conflict")
KEPT = ("twilio",)
"""Services of which every exchange is kept, to be judged."""
HANG = 6.0
"""Seconds without an answer, longer than anybody waits."""
RAW_MODES = ("kill_before", "kill_after", "lost", "refuse", "503", "429")
Signature = tuple[str, str, int]
KIND = "com.amazonaws.dynamodb.v20120810#"


@dataclass
class Call:
    """One call that came by."""

    service: str
    what: str
    nth: int
    """The how manieth call of this kind it was."""
    capacity: float = 0.0

    @property
    def signature(self) -> Signature:
        """What names the same call in another run, whatever comes between."""
        return self.service, self.what, self.nth


@dataclass
class Plan:
    """What to do at which call."""

    faults: dict[Signature, str] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    """Service, or "service kind" -> mode, at every call."""
    victim: Callable[[], int] = lambda: 0
    calls: list[Call] = field(default_factory=list)
    fired: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, service: str, what: str) -> tuple[Call, str]:
        with self.lock:
            nth = sum((call.service, call.what) == (service, what) for call in self.calls) + 1
            call = Call(service, what, nth)
            self.calls.append(call)
            kinds = (f"{service} {what}", service)
            every = next((self.always[kind] for kind in kinds if kind in self.always), "")
            return call, self.faults.get(call.signature, every)

    def note(self, call: Call, mode: str) -> None:
        """The planned thing has gone wrong."""
        self.fired.append(f"{mode} at {call.service} {call.what} {call.nth}")

    def kill(self) -> None:
        pid = self.victim()
        if pid:
            os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Exchange:
    """A request that came by, and the answer of whoever it was for."""

    method: str
    target: str
    """The path and query."""
    body: str
    status: int
    answer: str

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def given(self) -> set[str]:
        """The names of what was sent."""
        text = urlsplit(self.target).query if self.method == "GET" else self.body
        return {name for name, _ in parse_qsl(text, keep_blank_values=True)}


class Proxy:
    """Stands between the product and one service."""

    def __init__(self, service: str, port: int, upstream: int, *, http: bool) -> None:
        self.service = service
        self.port = port
        self.upstream = upstream
        self.plan = Plan()
        self.passed: list[Exchange] = []
        """What came by, of services whose name is in `KEPT`."""
        self._http = http
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            serve = self._serve_http if self._http else self._serve_raw
            threading.Thread(target=self._guarded, args=(serve, client), daemon=True).start()

    def _guarded(self, serve: Callable[[socket.socket], None], client: socket.socket) -> None:
        try:
            serve(client)
        except (OSError, EOFError):
            pass  # either side hung up: that is what a proxy sees all day
        finally:
            client.close()

    # --- HTTP -------------------------------------------------------------------------------------
    def _serve_http(self, client: socket.socket) -> None:
        with client.makefile("rb") as reader, ExitStack() as opened:
            self._converse(client, reader, opened)

    def _converse(self, client: socket.socket, reader: Any, opened: ExitStack) -> None:
        server: socket.socket | None = None
        while True:
            head, body = _message(reader)
            call, mode = self.plan.next(self.service, _what(head))
            if mode == "kill_before":
                self.plan.note(call, mode)
                self.plan.kill()
                return
            if mode == "refuse":
                self.plan.note(call, mode)
                return
            if mode == "hang":
                self.plan.note(call, mode)
                time.sleep(HANG)
                return
            made = _made_up(mode, head, body)
            if made:
                self.plan.note(call, mode)
                client.sendall(made)
                continue
            if server is None or _has_hung_up(server):
                connection = socket.create_connection(("127.0.0.1", self.upstream))
                server = opened.enter_context(connection)
                upstream = opened.enter_context(server.makefile("rb"))
            server.sendall(_metered(head, body))
            answer_head, answer_body = _message(upstream)
            call.capacity = _capacity(answer_body)
            if self.service in KEPT:
                self.passed.append(_exchange(head, body, answer_head, answer_body))
            if mode in ("kill_after", "lost"):
                self.plan.note(call, mode)
            if mode == "kill_after":
                self.plan.kill()
            if mode in ("kill_after", "lost"):
                return
            client.sendall(answer_head + answer_body)

    # --- Redis and SMTP ---------------------------------------------------------------------------
    def _serve_raw(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.upstream))
        pending: list[str] = []
        threading.Thread(target=self._answers, args=(server, client, pending), daemon=True).start()
        try:
            while data := client.recv(65536):
                word = data[:64].split(b" ")[0].strip().decode("latin-1")
                call, mode = self.plan.next(self.service, word if self.service == "smtp" else "")
                if mode in RAW_MODES:
                    self.plan.note(call, mode)
                if mode == "kill_before":
                    self.plan.kill()
                if mode in ("kill_before", "refuse", "503", "429"):
                    return
                if mode in ("kill_after", "lost"):
                    pending.append(mode)
                server.sendall(data)
        finally:
            server.close()

    def _answers(self, server: socket.socket, client: socket.socket, pending: list[str]) -> None:
        try:
            while data := server.recv(65536):
                if pending:
                    if pending[0] == "kill_after":
                        self.plan.kill()
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
        except OSError:
            pass  # the other direction ended the conversation


def _has_hung_up(server: socket.socket) -> bool:
    """Whether a peer closed a connection that nobody used for a while."""
    readable, _, _ = select.select([server], [], [], 0)
    return bool(readable)


def _exchange(head: bytes, body: bytes, answer: bytes, content: bytes) -> Exchange:
    method, target, _ = head.decode("latin-1").split(" ", 2)
    status = int(answer.split(b" ", 2)[1])
    return Exchange(
        method, target, body.decode(), status, content.decode("utf-8", errors="replace")
    )


def _message(reader: Any) -> tuple[bytes, bytes]:
    """One HTTP message, read whole. Raises EOFError at the end of the conversation."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            raise EOFError
        head += line
    headers = _headers(head)
    if "chunked" in headers.get("transfer-encoding", ""):
        return head, _chunks(reader)
    length = int(headers.get("content-length", 0))
    body = bytes(reader.read(length))
    if len(body) < length:
        raise EOFError  # whoever spoke was killed in the middle of it
    return head, body


def _chunks(reader: Any) -> bytes:
    whole = b""
    while True:
        line = bytes(reader.readline())
        if not line:
            raise EOFError
        size = int(line, 16)
        data = bytes(reader.read(size + 2))
        whole += line + data
        if size == 0:
            return whole


def _headers(head: bytes) -> Mapping[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.lower(): value.strip() for name, value in pairs}


def _what(head: bytes) -> str:
    target = _headers(head).get("x-amz-target", "").partition(".")[2]
    return target or " ".join(head.split(b" ", 2)[n].decode("latin-1") for n in (0, 1))


def _metered(head: bytes, body: bytes) -> bytes:
    """Ask DynamoDB what each call cost; the engine does not check signatures."""
    if _what(head) not in COSTING:
        return head + body
    asked = json.loads(body)
    asked["ReturnConsumedCapacity"] = "TOTAL"
    body = json.dumps(asked).encode()
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    lines[1:1] = [b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + body


COSTING = {
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "TransactWriteItems",
}


def _capacity(body: bytes) -> float:
    if b"ConsumedCapacity" not in body:
        return 0.0
    try:
        found = json.loads(body).get("ConsumedCapacity") or []
    except ValueError:
        return 0.0
    parts = found if isinstance(found, list) else [found]
    return float(sum(part.get("CapacityUnits", 0) for part in parts))


def _made_up(mode: str, head: bytes, body: bytes) -> bytes:
    dynamodb = b"x-amz-target" in head.lower()
    if mode == "nonsense":
        return _answer("200 OK", b"<html>what?")
    if mode == "throttle" and dynamodb:
        return _amazon("ProvisionedThroughputExceededException")
    if mode == "conflict" and dynamodb and _what(head) == "TransactWriteItems":
        count = len(json.loads(body)["TransactItems"])
        reason = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
        return _amazon("TransactionCanceledException", CancellationReasons=[reason] * count)
    if mode == "conflict" and dynamodb and _what(head) in ("UpdateItem", "DeleteItem", "PutItem"):
        return _amazon("TransactionConflictException")
    if mode == "unprocessed" and _what(head) == "BatchGetItem":
        asked = json.loads(body)["RequestItems"]
        answer = {"Responses": {}, "UnprocessedKeys": asked}
        return _answer("200 OK", json.dumps(answer).encode())
    if mode == "503":
        return _answer("503 Service Unavailable", b'{"message": "planned"}')
    if mode == "429":
        slow = _answer("429 Too Many Requests", b"{}", "Retry-After: 1\r\n")
        return _amazon("ThrottlingException") if dynamodb else slow
    return b""


def _amazon(code: str, **more: Any) -> bytes:
    body = {"__type": KIND + code, "message": "planned", "Message": "planned", **more}
    return _answer("400 Bad Request", json.dumps(body).encode())


def _answer(status: str, body: bytes, more: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n" + more.encode() + b"\r\n" + body
