"""Renders HTML as PDF in processes of their own: few at a time, limited in time and memory."""

import atexit
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from accounts.privacy import pdf_worker
from config import bulkhead, errors

CPU_LIMIT = 40
"""Seconds of CPU time of one document; the longest that is printed takes about 15."""
MEMORY_LIMIT = 1_500 * 1024 * 1024
"""Bytes of address space of one document."""
ACCEPTANCE_SECONDS = 15.0
"""Seconds after which a server that has not begun a document counts as hanging. Its start takes
about 2 of CPU time."""
IDLE_SECONDS = 300
"""Seconds after which a server that nobody needs ends, and gives its memory back."""
COLLECTION_TIME_LIMIT = 20.0
"""Seconds to read the data of one export."""
MAX_CONCURRENT = 2
"""Exports that run at the same time in one process."""
MAX_WAITING = 2
"""Requests that may wait for a slot, each for `WAIT_TIMEOUT` seconds."""
WAIT_TIMEOUT = 10.0

OPERATOR_SECONDS = 40.0
"""Seconds that a document of the back office may take."""

_gate = bulkhead.Gate(
    max_concurrent=MAX_CONCURRENT,
    max_waiting=MAX_WAITING,
    wait_seconds=WAIT_TIMEOUT,
    busy="Too many exports are running; retry.",
    retry_after=10,
)
logger = logging.getLogger("dutyline.export")


class NotRendered(Exception):
    """A document could not be rendered within its limits."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.is_late = reason == "time"
        """The machine was too busy; it works another time."""
        self.is_final = reason in ("MemoryError", "CPU time")
        """The document itself exceeds a limit. A process that was killed says nothing about it."""


@contextmanager
def export_slot() -> Iterator[float]:
    """A slot for one export; yields the deadline for reading its data (monotonic seconds).

    Raises `errors.Unavailable` if no slot is free within `WAIT_TIMEOUT` seconds.
    """
    with _gate.slot():
        yield time.monotonic() + COLLECTION_TIME_LIMIT


class _Server:
    """A server of this process (`accounts.privacy.pdf_worker`)."""

    def __init__(self) -> None:
        """Start it. It receives the paths of its caches, but no settings or secrets."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.pid = os.getpid()
        self._control, worker_end = socket.socketpair()
        with worker_end:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", pdf_worker.__file__, str(IDLE_SECONDS)],
                stdin=worker_end.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, "LANG": "C.UTF-8"},
                cwd=Path(pdf_worker.__file__).parent,
            )

    def connect(self) -> socket.socket:
        """A connection for one document. Raises `OSError` if the server has just ended."""
        own_end, worker_end = socket.socketpair()
        with worker_end:
            try:
                socket.send_fds(self._control, [b"\0"], [worker_end.fileno()])
            except OSError:
                own_end.close()
                raise
        return own_end

    def end(self) -> None:
        """End it, even if it hangs; the documents that it has begun are completed."""
        self._control.close()
        if self.pid == os.getpid():
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)


class _CurrentServer:
    """The server that gets the next document, started when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def get(self) -> _Server:
        with self._lock:
            if self._server is None or self._server.pid != os.getpid():
                self._server = _Server()
            return self._server

    def discard(self, server: _Server | None = None) -> None:
        """Start another one next time, unless another caller has replaced ``server`` already."""
        with self._lock:
            if self._server and server in (None, self._server):
                self._server.end()
                self._server = None


_current = _CurrentServer()
atexit.register(_current.discard)


def render_pdf(
    html: str,
    embedded: bytes,
    *,
    seconds: float,
    cpu_seconds: int = CPU_LIMIT,
    memory: int = MEMORY_LIMIT,
    acceptance_seconds: float = ACCEPTANCE_SECONDS,
) -> bytes:
    """The PDF of ``html`` with ``embedded`` attached.

    Raises `NotRendered` if it takes more than ``seconds``, or exceeds ``cpu_seconds`` or ``memory``
    (bytes), or if its process is killed.
    """
    content, deadline = html.encode(), time.monotonic() + seconds
    header = pdf_worker.HEADER.pack(memory, cpu_seconds, max(1, int(seconds)), len(content), len(embedded))
    try:
        for _ in range(2):  # a server that was idle may end just now
            connection = _connect(header, deadline, acceptance_seconds)
            if connection:
                with closing(connection):
                    return _exchange(connection, content + embedded, deadline)
    except TimeoutError as error:
        raise _not_rendered("time") from error
    raise _not_rendered("no server")


def print_document(html: str, embedded: bytes) -> bytes:
    """The PDF of a document that an operator waits for, in a slot of the exports.

    Raises `errors.Unavailable` if it takes too long or no slot is free.
    """
    try:
        with export_slot():
            return render_pdf(html, embedded, seconds=OPERATOR_SECONDS)
    except NotRendered as error:
        detail = "The PDF could not be made in time. Select fewer days, or download the list as CSV."
        raise errors.Unavailable(detail, retry_after=30) from error


def _connect(header: bytes, deadline: float, acceptance_seconds: float) -> socket.socket | None:
    """A connection to a process that has accepted a document; None if the server ended or hangs.

    Then the next call starts another one. Raises `TimeoutError` at the deadline.
    """
    waits_until = time.monotonic() + acceptance_seconds
    server, connection = None, None
    try:
        server = _current.get()
        connection = server.connect()
        connection.settimeout(_seconds_until(min(deadline, waits_until)))
        connection.sendall(header)
        if connection.recv(1) == pdf_worker.ACCEPTED:
            return connection
    except OSError as error:
        if isinstance(error, TimeoutError) and time.monotonic() < waits_until:
            raise  # it may be starting
        logger.warning("a server of PDFs does not answer", extra={"why": type(error).__name__})
    if connection:
        connection.close()
    if server:
        _current.discard(server)
    return None


def _exchange(connection: socket.socket, document: bytes, deadline: float) -> bytes:
    answer = bytearray()
    try:
        connection.settimeout(_seconds_until(deadline))
        connection.sendall(document)
        while chunk := connection.recv(1 << 16):
            answer += chunk
            connection.settimeout(_seconds_until(deadline))
    except ConnectionError:
        answer.clear()  # the fork was killed
    if answer.startswith(pdf_worker.FAILED):
        raise _not_rendered(answer[1:].decode())
    start = 1 + pdf_worker.LENGTH.size
    if len(answer) < start or pdf_worker.LENGTH.unpack(answer[1:start]) != (len(answer) - start,):
        raise _not_rendered("killed")  # maybe while it sent the PDF
    return bytes(answer[start:])


def _seconds_until(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _not_rendered(reason: str) -> NotRendered:
    logger.warning("a PDF was not rendered", extra={"why": reason})
    return NotRendered(reason)
