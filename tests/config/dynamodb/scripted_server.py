"""A TCP server whose connections do what a test says: answer, cut, delay, corrupt."""

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson


class Connection:
    """One connection of a client, with its requests in order."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock, self.number = sock, number
        self.requests: list[tuple[dict[str, str], Any]] = []
        self._buffer = b""

    def read_request(self) -> tuple[dict[str, str], Any] | None:
        """Headers and body of the next request; None at the end of the connection."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return None
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        length = int(headers["content-length"])
        self._buffer = rest
        while len(self._buffer) < length:
            if not self._receive():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        self.requests.append((headers, orjson.loads(body)))
        return self.requests[-1]

    def _receive(self) -> bool:
        try:
            part = self.sock.recv(65_536)
        except OSError:
            return False
        self._buffer += part
        return bool(part)

    def send(self, data: bytes) -> None:
        """Send bytes, if the client still listens."""
        with suppress(OSError):
            self.sock.sendall(data)


def answer_bytes(body: object, status: int = 200, *, headers: str = "", checksum: bool = True) -> bytes:
    """A response of DynamoDB's."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    crc = f"x-amz-crc32: {zlib.crc32(data)}\r\n" if checksum else ""
    return f"HTTP/1.1 {status} X\r\n{crc}{headers}content-length: {len(data)}\r\n\r\n".encode() + data


class ScriptedServer:
    """Runs ``script(connection)`` in a thread for each connection."""

    def __init__(self, script: Callable[[Connection], None], tls: ssl.SSLContext | None = None) -> None:
        self._script, self._tls = script, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections: list[Connection] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.sock.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        if self._tls:
            try:
                sock = self._tls.wrap_socket(sock, server_side=True)
            except OSError:
                sock.close()
                return
        connection = Connection(sock, len(self.connections))
        self.connections.append(connection)
        self._script(connection)
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def echo(connection: Connection) -> None:
    """Answer each request with what was asked."""
    while request := connection.read_request():
        connection.send(answer_bytes({"Item": {"asked": {"S": str(request[1].get("Asked"))}}}))


def pause(seconds: float) -> None:
    """Wait, as a slow service does."""
    time.sleep(seconds)
