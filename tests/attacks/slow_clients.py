"""Clients that send a request slowly, never finish it, or do not read the response."""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit

HALF_SENT = b"POST /user HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
"""A request whose body has one byte of a thousand."""
DRIP_SECONDS = 0.5


class SlowClients:
    """Open connections on which the same bytes were sent; ``address`` is the clients' own."""

    def __init__(self, url: str, count: int, beginning: bytes, *, address: str = "127.0.0.2") -> None:
        self._stopping = threading.Event()
        self.connections = [_connect(url, address) for _ in range(count)]
        for connection in self.connections:
            connection.sendall(beginning)

    def drip(self) -> None:
        """Send one more byte on each connection now and then, until it is closed."""
        threading.Thread(target=self._drip, daemon=True).start()

    def _drip(self) -> None:
        open_connections = list(self.connections)
        while not self._stopping.wait(DRIP_SECONDS):
            for connection in list(open_connections):
                try:
                    connection.sendall(b" ")
                except OSError:
                    open_connections.remove(connection)

    def read_responses(self, seconds: float) -> list[bytes]:
        """What the server sends on each connection until it closes it, or the time is over."""
        deadline = time.monotonic() + seconds
        return [_read_until_closed(connection, deadline) for connection in self.connections]

    def close(self) -> None:
        """Close all connections."""
        self._stopping.set()
        for connection in self.connections:
            connection.close()


def _connect(url: str, address: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.bind((address, 0))
    connection.connect(("127.0.0.1", parts.port or 0))
    if parts.scheme == "https":
        return insecure_context().wrap_socket(connection, server_hostname="localhost")
    return connection


@cache
def insecure_context() -> ssl.SSLContext:
    """Accepts the certificate that a test has made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read_until_closed(connection: socket.socket, deadline: float) -> bytes:
    received = b""
    try:
        while (remaining := deadline - time.monotonic()) > 0:
            connection.settimeout(remaining)
            data = connection.recv(65536)
            if not data:
                break
            received += data
    except OSError:
        return received  # closed, or the time is over
    return received


def status_of(response: bytes) -> int:
    """The status of a raw response; 0 if there is none."""
    match = re.match(rb"HTTP/1\.[01] (\d{3})", response)
    return int(match[1]) if match else 0


@contextmanager
def slow_clients(url: str, count: int, beginning: bytes = HALF_SENT) -> Iterator[SlowClients]:
    """Slow clients for the length of a block."""
    clients = SlowClients(url, count, beginning)
    try:
        yield clients
    finally:
        clients.close()


def time_request(url: str, token: str = "", *, timeout: float = 15.0) -> tuple[int, float]:
    """The status of a GET, 0 if it timed out, and the seconds that it took."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection("localhost", parts.port, timeout=timeout, context=insecure_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection("127.0.0.1", parts.port, timeout=timeout)
    )
    started_at = time.monotonic()
    try:
        connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        response.read()
        return response.status, time.monotonic() - started_at
    except TimeoutError:
        return 0, time.monotonic() - started_at
    finally:
        connection.close()
