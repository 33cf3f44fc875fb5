"""Sends requests over HTTP/1.1 at a given rate, whatever the answers are, and counts these.

The rate does not fall while answers are late, as that of real clients does not: a generator that
waits for answers cannot overload anything.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

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


class _Connection:
    """A persistent connection that carries one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):  # the other side was faster
            await self._writer.wait_closed()

    def is_open(self) -> bool:
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises `OSError`, `EOFError` and `TimeoutError`."""
        self._writer.write(request)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = await self._reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
                return int(head[9:12]), await self._reader.readexactly(length)
        except TimeoutError:
            self._writer.close()
            raise


class Generator:
    """Sends requests to one port of loopback, the next one of ``requests`` each time."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self._port, self._requests = port, requests
        self._free: list[_Connection] = []

    async def send_in_turn(self, connections: int, seconds: float) -> Load:
        """Have so many clients send the next request as soon as the last one is answered."""
        load, began_at = Load(), time.monotonic()

        async def send_one_after_the_other() -> None:
            while time.monotonic() - began_at < seconds:
                await self._send(load, began_at)

        await asyncio.gather(*(send_one_after_the_other() for _ in range(connections)))
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
        except (OSError, EOFError, TimeoutError):
            pass  # no answer, which the load shows
        load.answers.append(Answer(sent_at - began_at, time.monotonic() - sent_at, status, body))

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._free:
            await connection.close()
        self._free.clear()

    async def _connect(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if connection.is_open():
                return connection
        return _Connection(*await asyncio.open_connection("127.0.0.1", self._port))
