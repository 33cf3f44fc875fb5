"""Sends requests over HTTP/1.1 at a given rate, whatever the answers are, and counts these.

The rate does not fall while answers are late, as that of real clients does not: a generator that
waits for answers cannot overload anything. It shares a core with the engines, and what it takes is
missing there: so it uses sockets and ``epoll`` itself, a tenth of the CPU time of `asyncio`.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

PATIENCE_SECONDS = 15.0
"""After which a client closes the connection."""
_LONGEST_WAIT_SECONDS = 0.1
"""After which the generator looks for clients whose patience has ended."""
_READ_BYTES = 256 * 1024


class Answer(NamedTuple):
    """What became of one request."""

    sent_at: float
    """Seconds since the load began."""
    seconds: float
    status: int
    """0: none came."""
    is_right: bool = True
    """Whether it contains what is expected."""


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


class Target:
    """A port of loopback and its requests, of which the next one is sent each time.

    Right answers contain ``expected``.
    """

    def __init__(self, port: int, requests: Iterator[bytes], expected: str = "") -> None:
        self.port, self.requests, self.expected = port, requests, expected.encode()
        self.free: list[_Connection] = []
        self.at_work = 0
        """Connections that wait for an answer."""
        self.load, self.began_at = Load(), 0.0

    def begin(self) -> None:
        """Begin a load, to which answers are added from now on."""
        self.load, self.began_at = Load(), time.monotonic()


class _Schedule:
    """When which targets are sent their next requests, at the same intervals for some seconds."""

    def __init__(self, rates: Mapping[Target, float], seconds: float) -> None:
        """``rates`` are the requests a second by target, whose loads begin."""
        self._rates, self._seconds = rates, seconds
        self._sent = dict.fromkeys(rates, 0)
        for target in rates:
            target.begin()

    def is_running(self) -> bool:
        """Whether requests are left to send."""
        return bool(self._sent)

    def take_due(self) -> Iterator[tuple[Target, float]]:
        """The targets whose next request is due, and how late it is; of each one request."""
        for target, sent in list(self._sent.items()):
            if (late := time.monotonic() - self._due_at(target)) < 0:
                continue
            self._sent[target] += 1
            if sent + 1 >= round(self._rates[target] * self._seconds):
                del self._sent[target]
            yield target, late

    def seconds_to_next(self) -> float:
        """The time until one is due; infinite if none is left."""
        next_at = min(map(self._due_at, self._sent), default=float("inf"))
        return max(0.0, next_at - time.monotonic())

    def _due_at(self, target: Target) -> float:
        return target.began_at + self._sent[target] / self._rates[target]


class _Connection:
    """A persistent connection that carries one request at a time."""

    __slots__ = ("is_at_work", "received", "sent_at", "socket", "target")

    def __init__(self, target: Target) -> None:
        """Connect to a target. Raises `OSError`."""
        self.target = target
        self.socket = socket.create_connection(("127.0.0.1", target.port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_at_work, self.received, self.sent_at = False, b"", 0.0

    def receive(self) -> bool:
        """Receive what has come of the answer; whether it is complete. Raises `OSError`."""
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        self.received = self.received + data if self.received else data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        return bool(end) and len(body) >= int(length or 0)


class Generator:
    """Sends requests to targets, and waits for the answers to all."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        self._sent: deque[tuple[float, _Connection]] = deque()
        """When requests were sent on which connections, of all that may be at work."""

    def send_in_turn(
        self, target: Target, clients: int, seconds: float, beside: Mapping[Target, float] = MappingProxyType({})
    ) -> Load:
        """Have so many clients send the next request as soon as the last one is answered.

        ``beside``: further targets, with the requests a second that each is sent meanwhile.
        """
        target.begin()
        schedule = _Schedule(beside, seconds)
        for _ in range(clients):
            self._send(target)
        while (left := target.began_at + seconds - time.monotonic()) > 0:
            self._send_due(schedule)
            self._receive(min(left, schedule.seconds_to_next()))
            for _ in range(clients - target.at_work):
                self._send(target)
        self._receive_all()
        return target.load

    def offer(self, rates: Mapping[Target, float], seconds: float) -> None:
        """Send so many requests a second to each target; returns when all are answered."""
        schedule = _Schedule(rates, seconds)
        while schedule.is_running():
            self._send_due(schedule)
            self._receive(schedule.seconds_to_next())
        self._receive_all()

    def _send_due(self, schedule: "_Schedule") -> None:
        for target, late in schedule.take_due():
            target.load.max_lateness = max(target.load.max_lateness, late)
            self._send(target)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._connections.values()):
            self._close(connection)
        self._poll.close()

    def _send(self, target: Target) -> None:
        """Send a request, on a connection that is free or new."""
        sent_at = time.monotonic()
        try:
            connection = target.free.pop() if target.free else self._connect(target)
        except OSError:
            target.load.answers.append(Answer(sent_at - target.began_at, time.monotonic() - sent_at, 0))
            return
        connection.is_at_work, connection.received, connection.sent_at = True, b"", sent_at
        target.at_work += 1
        self._sent.append((sent_at, connection))
        try:
            connection.socket.sendall(next(target.requests))
        except OSError:
            self._end(connection, is_answered=False)

    def _connect(self, target: Target) -> _Connection:
        connection = _Connection(target)
        self._connections[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        return connection

    def _receive_all(self) -> None:
        """Wait for all answers, as long as clients do."""
        while any(connection.is_at_work for connection in self._connections.values()):
            self._receive(_LONGEST_WAIT_SECONDS)

    def _receive(self, seconds: float) -> None:
        """Wait so long for answers, and give up on those that are too late."""
        for number, _ in self._poll.poll(min(seconds, _LONGEST_WAIT_SECONDS)):
            connection = self._connections[number]
            try:
                is_complete, is_answered = connection.receive(), True
            except OSError:
                is_complete, is_answered = True, False
            if is_complete:
                self._end(connection, is_answered=is_answered)
        while self._sent and not self._is_patient(*self._sent[0]):
            sent_at, connection = self._sent.popleft()
            if connection.is_at_work and connection.sent_at == sent_at:
                self._end(connection, is_answered=False)

    def _is_patient(self, sent_at: float, connection: _Connection) -> bool:
        """Whether a client still waits for an answer, and may do so."""
        is_waiting = connection.is_at_work and connection.sent_at == sent_at
        return is_waiting and time.monotonic() - sent_at < PATIENCE_SECONDS

    def _end(self, connection: _Connection, *, is_answered: bool) -> None:
        """Note what became of a request, if there was one; its connection is free if it lives."""
        target, received = connection.target, connection.received
        if connection.is_at_work:
            connection.is_at_work = False
            target.at_work -= 1
            seconds = time.monotonic() - connection.sent_at
            status = int(received[9:12]) if is_answered else 0
            is_right = target.expected in received
            target.load.answers.append(Answer(connection.sent_at - target.began_at, seconds, status, is_right))
            if is_answered:
                target.free.append(connection)
                return
        self._close(connection)

    def _close(self, connection: _Connection) -> None:
        del self._connections[connection.socket.fileno()]
        self._poll.unregister(connection.socket)
        connection.socket.close()
        if connection in connection.target.free:
            connection.target.free.remove(connection)
