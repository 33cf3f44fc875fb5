"""Printing HTML as PDF, out of the way of requests: few at a time, bounded in time and memory."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import errors

TIME_LIMIT = 30.0
"""Of one turn, from start to end."""
MEMORY_LIMIT = 1_500 * 1024 * 1024
"""Bytes of address space of the press."""
MAX_CONCURRENT = 2
"""Turns that one process gives at the same time."""
MAX_WAITING = 2
"""Requests that may wait for one, each for `PATIENCE` seconds."""
WAIT_TIMEOUT = 10.0

_WORKER_SCRIPT = Path(__file__).with_name("pdf_worker.py")
_worker_slots = threading.BoundedSemaphore(MAX_CONCURRENT)
_queue_slots = threading.BoundedSemaphore(MAX_CONCURRENT + MAX_WAITING)
logger = logging.getLogger("dutyline.printing")


@contextmanager
def worker_slot() -> Iterator[float]:
    """A turn at what takes seconds; gives the moment (monotonic) at which it ends.

    Raises `errors.Unavailable` where there is no place soon.
    """
    if not _queue_slots.acquire(blocking=False):
        raise _no_free_slot()
    try:
        if not _worker_slots.acquire(timeout=WAIT_TIMEOUT):
            raise _no_free_slot()
        try:
            yield time.monotonic() + TIME_LIMIT
        finally:
            _worker_slots.release()
    finally:
        _queue_slots.release()


def render_pdf(html: str, embedded: bytes, *, deadline: float, memory: int = MEMORY_LIMIT) -> bytes:
    """The document with a file in it, printed before ``end`` (monotonic).

    Raises `errors.Unavailable`.
    """
    return _run_worker(html.encode(), embedded, max(1.0, deadline - time.monotonic()), memory)


def _run_worker(html: bytes, embedded: bytes, seconds: float, memory: int) -> bytes:
    """The press gets what it prints and where its caches are, and nothing of our settings."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    try:
        process = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-I", str(_WORKER_SCRIPT), str(memory), str(int(seconds) + 1)],
            input=len(html).to_bytes(8) + html + embedded,
            env={**environment, "LANG": "C.UTF-8"},
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _rendering_failed("time") from error
    if process.returncode != 0 or not process.stdout.startswith(b"%PDF-"):
        raise _rendering_failed(process.stderr.decode(errors="replace").strip().rpartition("\n")[2][:60])
    return process.stdout


def _rendering_failed(reason: str) -> errors.Unavailable:
    logger.error("a document could not be printed", extra={"why": reason.partition(":")[0]})
    return errors.Unavailable("The document could not be printed; ?format=json gives the same data.", retry_after=60)


def _no_free_slot() -> errors.Unavailable:
    return errors.Unavailable("Other exports are being made; ask again.", retry_after=10)
