"""Keep-alive HTTP/1.1 connections to one host, each used by one request at a time.

A connection goes back to the pool only after a complete answer and nothing behind it. After any
doubt (an error, a timeout, an answer that is cut or followed by more) it is closed: on a connection
that is used on, a late answer would reach the next request.
"""

import os
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

MAX_IDLE_SECONDS = 20.0
"""How long a connection may stay unused; the other side may close older ones at any time."""
_CHUNK_BYTES = 131_072


class ConnectionFailed(Exception):
    """No complete answer: no connection, a timeout, or a connection that ended."""


class _ConnectionEnded(ConnectionFailed):
    """The other side closed the connection before the first byte of an answer."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[bytes, bytes]
    """By name in lower case."""
    body: bytes


class _AnswerReader:
    """Collects a response from the events of the parser."""

    def __init__(self, max_bytes: int) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.chunks: list[bytes] = []
        self.is_complete = self.has_surplus = self.keeps_alive = False
        self.status = 0
        self.parser = httptools.HttpResponseParser(self)
        self._bytes_left = max_bytes

    def on_message_begin(self) -> None:
        self.has_surplus = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_complete:
            self.headers[name.lower()] = value

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
        self._idle: deque[tuple[socket.socket, float]] = deque()

    def request(self, data: bytes, check: Callable[[Answer], None]) -> Answer:
        """Send a whole request and return its answer. Raises `ConnectionFailed`, also by ``check``.

        It is sent a second time, on a new connection, only if a used one ended before any byte of
        the answer: servers close connections that they have not used for a while.
        """
        idle_connection = self._take_idle()
        if idle_connection is not None:
            try:
                return self._exchange(idle_connection, data, check)
            except _ConnectionEnded:
                pass
        return self._exchange(self._connect(), data, check)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            try:
                connection, _ = self._idle.pop()
            except IndexError:  # another thread took it
                return
            connection.close()

    def _exchange(self, connection: socket.socket, data: bytes, check: Callable[[Answer], None]) -> Answer:
        try:
            answer, is_reusable = self._send_and_receive(connection, data)
            check(answer)
        except BaseException:
            connection.close()
            raise
        if is_reusable and len(self._idle) < self._max_idle:
            self._idle.append((connection, time.monotonic()))
        else:
            connection.close()
        return answer

    def _send_and_receive(self, connection: socket.socket, data: bytes) -> tuple[Answer, bool]:
        """The answer, and whether the connection may be used again."""
        deadline = time.monotonic() + self._read_timeout
        reader = _AnswerReader(self._max_answer_bytes)
        try:
            connection.settimeout(self._read_timeout)
            connection.sendall(data)
            part = connection.recv(_CHUNK_BYTES)
        except TimeoutError as error:
            raise ConnectionFailed("no answer in time") from error
        except OSError as error:
            raise _ConnectionEnded(type(error).__name__) from error
        if not part:
            raise _ConnectionEnded("no answer")
        reader.feed(part)
        while not reader.is_complete:
            reader.feed(_receive_more(connection, deadline))
        if reader.status < 200:
            raise ConnectionFailed("an interim answer, which nobody asked for")
        answer = Answer(reader.status, reader.headers, b"".join(reader.chunks))
        return answer, reader.keeps_alive and not reader.has_surplus

    def _take_idle(self) -> socket.socket | None:
        """The connection that was used last, if there is one that is open and silent."""
        oldest = time.monotonic() - MAX_IDLE_SECONDS
        while True:
            try:
                connection, used_at = self._idle.pop()
            except IndexError:
                return None
            if used_at > oldest and not _is_readable(connection):
                return connection
            connection.close()

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection(self._address, timeout=self._connect_timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return connection
            try:
                return self._tls.wrap_socket(connection, server_hostname=self._address[0])
            except BaseException:
                connection.close()
                raise
        except OSError as error:  # of TLS too
            raise ConnectionFailed(type(error).__name__) from error


def _receive_more(connection: socket.socket, deadline: float) -> bytes:
    """The next part of an answer that has begun."""
    try:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        part = connection.recv(_CHUNK_BYTES)
    except OSError as error:
        raise ConnectionFailed(f"the answer is cut: {type(error).__name__}") from error
    if not part:
        raise ConnectionFailed("the answer is cut")
    return part


def _tls_context() -> ssl.SSLContext:
    """Certificates of the system, or of the file that AWS_CA_BUNDLE names, as in AWS's own SDKs."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)


def _is_readable(connection: socket.socket) -> bool:
    """Whether a connection without a request has ended, or has something to say."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
