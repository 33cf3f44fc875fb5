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
from config import bulkhead

CPU_LIMIT = 40
"""Seconds of CPU time of one document; the longest that is printed takes about 15."""
MEMORY_LIMIT = 1_500 * 1024 * 1024
"""Bytes of address space of one document."""
IDLE_SECONDS = 300
"""Seconds after which a server that nobody needs ends, and gives its memory back."""
COLLECTION_TIME_LIMIT = 20.0
"""Seconds to read the data of one export."""
MAX_CONCURRENT = 2
"""Exports that run at the same time in one process."""
MAX_WAITING = 2
"""Requests that may wait for a slot, each for `WAIT_TIMEOUT` seconds."""
WAIT_TIMEOUT = 10.0

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

    def __init__(self, reason: str, *, is_late: bool = False) -> None:
        """``is_late``: the machine was too busy; it may work another time."""
        super().__init__(reason)
        self.is_late = is_late


@contextmanager
def export_slot() -> Iterator[float]:
    """A slot for one export; yields the deadline for reading its data (monotonic seconds).

    Raises `errors.Unavailable` if no slot is free within `WAIT_TIMEOUT` seconds.
    """
    with _gate.slot():
        yield time.monotonic() + COLLECTION_TIME_LIMIT


class _Server:
    """The server of this process, started when it is needed (`accounts.privacy.pdf_worker`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def connect(self) -> socket.socket:
        """A connection for one document. Raises `OSError` if the server has just ended."""
        own_end, worker_end = socket.socketpair()
        with self._lock, worker_end:
            if self._control is None or self._pid != os.getpid():
                self._start()
            try:
                socket.send_fds(self._require_control(), [b"\0"], [worker_end.fileno()])
            except OSError:
                own_end.close()
                self._forget()
                raise
        return own_end

    def discard(self) -> None:
        """Start another one next time."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        if self._control:
            self._control.close()
        if self._process and self._pid == os.getpid():
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)
        self._control = self._process = None

    def _require_control(self) -> socket.socket:
        if self._control is None:
            raise ConnectionError("The server is not running.")
        return self._control

    def _start(self) -> None:
        """The server receives the paths of its caches, but no settings or secrets."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
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
        self._pid = os.getpid()


_server = _Server()
atexit.register(_server.discard)


def render_pdf(
    html: str, embedded: bytes, *, seconds: float, cpu_seconds: int = CPU_LIMIT, memory: int = MEMORY_LIMIT
) -> bytes:
    """The PDF of ``html`` with ``embedded`` attached.

    Raises `NotRendered` if it takes more than ``seconds``, or exceeds ``cpu_seconds`` or ``memory``
    (bytes).
    """
    content, deadline = html.encode(), time.monotonic() + seconds
    header = pdf_worker.HEADER.pack(memory, cpu_seconds, max(1, int(seconds)), len(content), len(embedded))
    for _ in range(2):  # a server that was idle may end just now
        try:
            with closing(_server.connect()) as connection:
                connection.settimeout(_seconds_until(deadline))
                connection.sendall(header)
                if connection.recv(1) != pdf_worker.ACCEPTED:
                    raise ConnectionError("The server has ended.")
                return _exchange(connection, content + embedded, deadline)
        except TimeoutError as error:
            raise _not_rendered("time", is_late=True) from error
        except OSError:
            _server.discard()
    raise _not_rendered("no server")


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
    if answer.startswith(pdf_worker.RENDERED):
        return bytes(answer[1:])
    reason = answer[1:].decode() if answer.startswith(pdf_worker.FAILED) else "killed"
    raise _not_rendered(reason, is_late=reason == "time")


def _seconds_until(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _not_rendered(reason: str, *, is_late: bool = False) -> NotRendered:
    logger.warning("a PDF was not rendered", extra={"why": reason})
    return NotRendered(reason, is_late=is_late)
