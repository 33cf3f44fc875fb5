"""Renders HTML as PDF in a process of its own: few at a time, limited in time and memory."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import bulkhead, errors

TIME_LIMIT = 30.0
"""Seconds of one export, from start to end."""
MEMORY_LIMIT = 1_500 * 1024 * 1024
"""Bytes of address space of the PDF worker."""
MAX_CONCURRENT = 2
"""Exports that run at the same time in one process."""
MAX_WAITING = 2
"""Requests that may wait for a slot, each for `WAIT_TIMEOUT` seconds."""
WAIT_TIMEOUT = 10.0

_WORKER_SCRIPT = Path(__file__).with_name("pdf_worker.py")
_gate = bulkhead.Gate(
    max_concurrent=MAX_CONCURRENT,
    max_waiting=MAX_WAITING,
    wait_seconds=WAIT_TIMEOUT,
    busy="Too many exports are running; retry.",
    retry_after=10,
)
logger = logging.getLogger("dutyline.export")


@contextmanager
def worker_slot() -> Iterator[float]:
    """A slot for one export; yields its deadline (monotonic seconds).

    Raises `errors.Unavailable` if no slot is free within `WAIT_TIMEOUT` seconds.
    """
    with _gate.slot():
        yield time.monotonic() + TIME_LIMIT


def render_pdf(html: str, embedded: bytes, *, deadline: float, memory: int = MEMORY_LIMIT) -> bytes:
    """The PDF of ``html`` with ``embedded`` attached; ``deadline`` in monotonic seconds.

    The worker receives its input and the paths of its caches, but no settings or secrets. Raises
    `errors.Unavailable` if it fails or exceeds the deadline or ``memory`` (bytes).
    """
    content, seconds = html.encode(), max(1.0, deadline - time.monotonic())
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    try:
        process = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-I", str(_WORKER_SCRIPT), str(memory), str(int(seconds) + 1)],
            input=len(content).to_bytes(8) + content + embedded,
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
    logger.error("PDF rendering failed", extra={"why": reason.partition(":")[0]})
    return errors.Unavailable("The PDF cannot be rendered; use `?format=json` for the same data.", retry_after=60)
