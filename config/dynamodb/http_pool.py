"""Keep-alive HTTP/1.1 connections to one host, each used by one request at a time.

A connection goes back to the pool only after a complete answer and nothing behind it. After any
doubt (an error, a timeout, an answer that is cut or followed by more) it is closed: on a connection
that is used on, a late answer would reach the next request.
"""

import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

from config import computing
from config.dynamodb.http_connection import Connection, ConnectionEnded, ConnectionFailed

MAX_IDLE_SECONDS = 20.0
"""How long a connection may stay unused; the other side may close older ones at any time."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[bytes, bytes]
    """By name, as sent."""
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header, by its name in lower case; empty without it."""
        value = self.headers.get(name)
        if value is None:
            value = next((value for other, value in self.headers.items() if other.lower() == name), b"")
        return value


class _AnswerReader:
    """Collects a response from the events of the parser."""

    def __init__(self, max_bytes: int) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.on_header = self.headers.__setitem__
        self.chunks: list[bytes] = []
        self.is_complete = self.has_surplus = self.keeps_alive = False
        self.status = 0
        self.parser = httptools.HttpResponseParser(self)
        self._bytes_left = max_bytes

    def on_message_begin(self) -> None:
        self.has_surplus = self.is_complete

    def on_body(self, data: bytes) -> None:
        if self.is_complete:
            return
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise ConnectionFailed("the answer is too large")
        self.chunks.append(data)

    def on_message_complete(self) -> None:
        if not self.is_complete:  # the parser knows these now only
            self.status, self.keeps_alive = self.parser.get_status_code(), self.parser.should_keep_alive()
            self.headers = self.headers.copy()  # those of an answer behind it go to the other
        self.is_complete = True

    def feed(self, part: bytes) -> None:
        """Read a part of the response. Raises `ConnectionFailed`."""
        try:
            self.parser.feed_data(part)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise ConnectionFailed("the answer is not HTTP, or too large") from error


class HttpPool:
    """Connections to the host of a URL, over TLS with verification if it is https.

    For many threads. A pool belongs to the process that created it: see `close`.
    """

    def __init__(
        self, url: str, *, connect_timeout: float, read_timeout: float, max_idle: int, max_answer_bytes: int
    ) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("the URL names no host")
        is_encrypted = parts.scheme == "https"
        self.host_header = parts.netloc.rpartition("@")[2]
        self._address = (parts.hostname, parts.port or (443 if is_encrypted else 80))
        self._tls = _tls_context() if is_encrypted else None
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._max_idle, self._max_answer_bytes = max_idle, max_answer_bytes
        self._idle: deque[Connection] = deque()

    def request(self, data: bytes, check: Callable[[Answer], None]) -> Answer:
        """Send a whole request and return its answer.

        Raises `ConnectionFailed`, also by ``check``.
        """
        (outcome,) = self.request_together([data], check)
        if isinstance(outcome, ConnectionFailed):
            raise outcome
        return outcome

    def request_together(
        self, requests: Sequence[bytes], check: Callable[[Answer], None], read_timeout: float | None = None
    ) -> list[Answer | ConnectionFailed]:
        """Send requests, each on a connection of its own, then read their answers: the time of one.

        A request is sent a second time, on a new connection, only if a used one ended before any
        byte of the answer: servers close connections that they have not used for a while. All ends
        by one deadline, after ``read_timeout`` or that of the pool. After a connection that could
        not be opened, no other is tried.
        """
        deadline = time.monotonic() + (self._read_timeout if read_timeout is None else read_timeout)
        sent: deque[_Sent] = deque()
        unreachable: ConnectionFailed | None = None
        try:
            for data in requests:
                sent.append(self._send(data, deadline, unreachable=unreachable))
                if sent[-1].connection is None:
                    unreachable = sent[-1].failure
            outcomes: list[Answer | ConnectionFailed] = []
            while sent:
                outcomes.append(self._finish(sent.popleft(), deadline, check))
            return outcomes
        finally:  # after an exception
            for request in sent:
                request.close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                return
            connection.close()

    def _send(
        self,
        data: bytes,
        deadline: float,
        *,
        on_new_connection: bool = False,
        unreachable: ConnectionFailed | None = None,
    ) -> "_Sent":
        """Send a request, on a used connection if there is one, else if the host is reachable."""
        connection = None if on_new_connection else self._take_idle()
        is_used = connection is not None
        if unreachable and not connection:
            return _Sent(data, None, is_used, unreachable)
        try:
            connection = connection or self._connect(deadline)
            connection.send(data, deadline)
        except ConnectionFailed as error:
            return _Sent(data, connection, is_used, error)
        except BaseException:
            if connection:
                connection.close()
            raise
        return _Sent(data, connection, is_used)

    def _finish(self, sent: "_Sent", deadline: float, check: Callable[[Answer], None]) -> Answer | ConnectionFailed:
        """The answer of a request, or why there is none."""
        try:
            return self._receive(sent, check)
        except ConnectionFailed as error:
            if not (sent.is_used and isinstance(error, ConnectionEnded)):
                return error
        return self._finish(self._send(sent.data, deadline, on_new_connection=True), deadline, check)

    def _receive(self, sent: "_Sent", check: Callable[[Answer], None]) -> Answer:
        if sent.failure or sent.connection is None:
            sent.close()
            raise sent.failure or ConnectionFailed("no connection")
        connection = sent.connection
        try:
            answer, is_reusable = self._read_answer(connection)
            check(answer)
        except BaseException:
            connection.close()
            raise
        if is_reusable and len(self._idle) < self._max_idle:
            connection.used_at = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _read_answer(self, connection: Connection) -> tuple[Answer, bool]:
        """The answer, and whether the connection may be used again."""
        reader = _AnswerReader(self._max_answer_bytes)
        reader.feed(connection.receive_first())
        while not reader.is_complete:
            reader.feed(connection.receive_more())
        if reader.status < 200:
            raise ConnectionFailed("an interim answer, which nobody asked for")
        del reader.parser  # it refers back: a cycle that holds the answer until it is collected
        body = reader.chunks[0] if len(reader.chunks) == 1 else b"".join(reader.chunks)
        return Answer(reader.status, reader.headers, body), reader.keeps_alive and not reader.has_surplus

    def _take_idle(self) -> Connection | None:
        """The connection that was used last, if there is one that is open and silent."""
        oldest = time.monotonic() - MAX_IDLE_SECONDS
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.used_at > oldest and connection.is_silent():
                return connection
            connection.close()

    def _connect(self, deadline: float) -> Connection:
        with computing.waiting():
            return self._open(deadline)

    def _open(self, deadline: float) -> Connection:
        ends_at = min(time.monotonic() + self._connect_timeout, deadline)
        try:
            sock = socket.create_connection(self._address, timeout=max(ends_at - time.monotonic(), 0.001))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return Connection(sock)
            try:
                sock.settimeout(max(ends_at - time.monotonic(), 0.001))
                return Connection(self._tls.wrap_socket(sock, server_hostname=self._address[0]))
            except BaseException:
                sock.close()
                raise
        except OSError as error:  # of TLS too
            raise ConnectionFailed(type(error).__name__) from error


class _Sent(NamedTuple):
    """A request that was sent, if nothing failed, and whose answer is still to be read."""

    data: bytes
    connection: Connection | None
    is_used: bool
    """Whether the connection had answered another request before."""
    failure: ConnectionFailed | None = None

    def close(self) -> None:
        if self.connection:
            self.connection.close()


def _tls_context() -> ssl.SSLContext:
    """Certificates of the system, or of the file that AWS_CA_BUNDLE names, as in AWS's own SDKs."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
