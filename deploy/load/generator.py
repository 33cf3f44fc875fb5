"""Sends requests over HTTP/1.1 at a given rate, whatever the answers are, and counts these.

The rate does not fall while answers are late, as that of real clients does not: a generator that
waits for answers cannot overload anything.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PATIENCE_SECONDS = 15.0
"""After which a client closes the connection."""


@dataclass(frozen=True)
class Answer:
    """What became of one request."""

    sent_at: float
    """Seconds since the load began."""
    seconds: float
    status: int
    """0: none came."""
    body: bytes = b""


@dataclass
class Load:
    """What became of all requests of a period."""

    answers: list[Answer] = field(default_factory=list)
    max_lateness: float = 0.0
    """How much later than it should the generator sent a request; it measures itself then."""

    def good(self, within_seconds: float) -> list[Answer]:
        """Those that did what they should, in time."""
        return [answer for answer in self.answers if 200 <= answer.status < 300 and answer.seconds <= within_seconds]

    def refused(self) -> list[Answer]:
        """Those that were refused for overload."""
        return [answer for answer in self.answers if answer.status in (429, 503)]


class _Connection(asyncio.Protocol):
    """A persistent connection that carries one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, rest = bytes(self._received).partition(b"\r\n\r\n")
        if not separator or self._answer is None or self._answer.done():
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(rest) >= length:
            self._received.clear()
            self._answer.set_result((int(head[9:12]), rest[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed"))

    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises `OSError` and `TimeoutError`."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._answer
        except TimeoutError:
            self._transport.abort()
            raise


class Generator:
    """Sends requests to one port of loopback, the next one of ``requests`` each time."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self._port, self._requests = port, requests
        self._free: list[_Connection] = []

    async def keep_busy(self, connections: int, seconds: float) -> Load:
        """Have so many clients send the next request as soon as the last one is answered."""
        load, began_at = Load(), time.monotonic()

        async def send_in_turn() -> None:
            while time.monotonic() - began_at < seconds:
                await self._send(load, began_at)

        await asyncio.gather(*(send_in_turn() for _ in range(connections)))
        return load

    async def offer(self, rate: float, seconds: float) -> Load:
        """Send so many requests a second; returns when all are answered."""
        load, began_at = Load(), time.monotonic()
        requests: list[asyncio.Task[None]] = []
        for number in range(round(rate * seconds)):
            late = time.monotonic() - began_at - number / rate
            if late < 0:
                await asyncio.sleep(-late)
            load.max_lateness = max(load.max_lateness, late)
            requests.append(asyncio.create_task(self._send(load, began_at)))
        await asyncio.gather(*requests)
        return load

    async def _send(self, load: Load, began_at: float) -> None:
        request = next(self._requests)
        sent_at, status, body = time.monotonic(), 0, b""
        try:
            connection = await self._connect()
            status, body = await connection.ask(request)
            self._free.append(connection)
        except (OSError, TimeoutError):
            pass  # no answer, which the load shows
        load.answers.append(Answer(sent_at - began_at, time.monotonic() - sent_at, status, body))

    async def _connect(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if connection.is_open():
                return connection
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        return connection
