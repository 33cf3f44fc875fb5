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

SECONDS = 30.0
"""Of one turn, from start to end."""
MEMORY = 1_500 * 1024 * 1024
"""Bytes of address space of the press."""
AT_ONCE = 2
"""Turns that one process gives at the same time."""
WAITING = 2
"""Requests that may wait for one, each for `PATIENCE` seconds."""
PATIENCE = 10.0

_PRESS = Path(__file__).with_name("pdf_worker.py")
_presses = threading.BoundedSemaphore(AT_ONCE)
_queue = threading.BoundedSemaphore(AT_ONCE + WAITING)
log = logging.getLogger("dutyline.printing")


@contextmanager
def turn() -> Iterator[float]:
    """A turn at what takes seconds; gives the moment (monotonic) at which it ends.

    Raises `errors.Unavailable` where there is no place soon.
    """
    if not _queue.acquire(blocking=False):
        raise _busy()
    try:
        if not _presses.acquire(timeout=PATIENCE):
            raise _busy()
        try:
            yield time.monotonic() + SECONDS
        finally:
            _presses.release()
    finally:
        _queue.release()


def pdf(html: str, embedded: bytes, *, end: float, memory: int = MEMORY) -> bytes:
    """The document with a file in it, printed before ``end`` (monotonic).

    Raises `errors.Unavailable`.
    """
    return _press(html.encode(), embedded, max(1.0, end - time.monotonic()), memory)


def _press(html: bytes, embedded: bytes, seconds: float, memory: int) -> bytes:
    """The press gets what it prints and where its caches are, and nothing of our settings."""
    known = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-I", str(_PRESS), str(memory), str(int(seconds) + 1)],
            input=len(html).to_bytes(8) + html + embedded,
            env={**known, "LANG": "C.UTF-8"},
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _given_up("time") from error
    if done.returncode != 0 or not done.stdout.startswith(b"%PDF-"):
        raise _given_up(done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:60])
    return done.stdout


def _given_up(why: str) -> errors.Unavailable:
    log.error("a document could not be printed", extra={"why": why.partition(":")[0]})
    return errors.Unavailable(
        "The document could not be printed; ?format=json gives the same data.", retry_after=60
    )


def _busy() -> errors.Unavailable:
    return errors.Unavailable("Other exports are being made; ask again.", retry_after=10)
