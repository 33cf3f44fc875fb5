"""A hostile network in front of DynamoDB: faults at random, from a seed.

``DYNAMODB_CHAOS=1`` puts it before the product's processes in any test run. Requests of tests are
then repeated after a 503, as real clients do; see `send`. Faults that a test plans go first.
"""

import os
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from tests.support.http_client import HTTP

CHANCES = {
    "cut before the request": 0.02,  # DynamoDB does not see it
    "cut before the answer": 0.02,  # DynamoDB has done it
    "cut in the answer": 0.02,
    "cut after the answer": 0.02,
    "corrupted": 0.02,  # one bit of the body
    "too short a length": 0.01,
    "followed by more": 0.01,
    "delayed": 0.02,
    "too long a length": 0.003,  # the client waits for the rest
    "late": 0.003,  # sent when the client has given up
}
"""Kinds of faults, and how often a call meets each."""
WITHOUT_ANSWER = ("cut before the request", "cut before the answer")
DELAY_SECONDS, LATE_SECONDS = 0.1, 1.8
"""A late answer comes when nobody waits for it."""
MAX_REPEATS = 8
MAX_DOUBLED = 8_192
"""Bytes that arrive at once."""


class Chaos:
    """Faults of calls through a proxy. For many threads."""

    def __init__(self, seed: int) -> None:
        self.faults: Counter[str] = Counter()
        """Injected, by kind."""
        self.calls = self.repeats = 0
        """Calls through the proxy, and requests of clients that were repeated after a 503."""
        self.is_planned = False
        """Whether a test has planned faults."""
        self._random = random.Random(seed)
        self._kinds = random.Random(seed)
        """Apart from the other choices: so the kinds of a number of calls are always the same."""
        self._lock = threading.Lock()

    def choose(self) -> str:
        """The fault of the next call; '' for most calls."""
        with self._lock:
            self.calls += 1
            chances = [*CHANCES.values(), 1 - sum(CHANCES.values())]
            (kind,) = self._kinds.choices([*CHANCES, ""], chances)
            if kind:
                self.faults[kind] += 1
            return kind

    def distort(self, kind: str, head: bytes, body: bytes) -> tuple[bytes, bool]:
        """What is sent instead of an answer, and whether the connection stays open then."""
        answer = _with_length_and_checksum(head, body, len(body), body)
        if kind == "delayed":
            time.sleep(DELAY_SECONDS)
        if kind == "late":
            time.sleep(LATE_SECONDS)
        if kind == "cut in the answer":
            return answer[: self._below(len(answer))], False
        if kind == "corrupted" and body:
            return _with_length_and_checksum(head, self._flip_bit(body), len(body), body), True
        if kind == "too short a length" and body:
            return _with_length_and_checksum(head, body, self._below(len(body)), body), True
        if kind == "too long a length":
            return _with_length_and_checksum(head, body, len(body) + 7, body), True
        if kind == "followed by more" and len(answer) < MAX_DOUBLED:
            return answer + answer, True
        return answer, kind != "cut after the answer"

    def count_repeat(self) -> None:
        """Count a request that a client repeats."""
        with self._lock:
            self.repeats += 1

    def counts(self) -> list[Any]:
        """All figures of this process, for `add_counts` of another."""
        return [dict(self.faults), self.calls, self.repeats]

    def add_counts(self, faults: Mapping[str, int], calls: int, repeats: int) -> None:
        """Add the figures of another process, which has run a part of the tests."""
        self.faults.update(faults)
        self.calls += calls
        self.repeats += repeats

    def summary(self) -> str:
        """All figures."""
        kinds = ", ".join(f"{kind} {self.faults[kind]}" for kind in CHANCES)
        return f"{self.faults.total()} faults in {self.calls} calls ({kinds}); {self.repeats} requests repeated"

    def _below(self, limit: int) -> int:
        with self._lock:
            return self._random.randrange(limit)

    def _flip_bit(self, body: bytes) -> bytes:
        flipped = bytearray(body)
        flipped[self._below(len(body))] ^= 1 << self._below(8)
        return bytes(flipped)


def _with_length_and_checksum(head: bytes, body: bytes, length: int, checked_body: bytes) -> bytes:
    """An answer with the checksum that DynamoDB sends, which local engines leave out."""
    replaced = (b"content-length:", b"x-amz-crc32:")
    lines = [line for line in head.removesuffix(b"\r\n\r\n").split(b"\r\n") if not line.lower().startswith(replaced)]
    lines += [b"content-length: %d" % length, b"x-amz-crc32: %d" % zlib.crc32(checked_body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _create_chaos() -> Chaos | None:
    if os.environ.get("DYNAMODB_CHAOS") != "1":
        return None
    worker_number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return Chaos(int(os.environ.get("DYNAMODB_CHAOS_SEED", "22")) + worker_number)


CHAOS = _create_chaos()
"""That of this process; None without ``DYNAMODB_CHAOS=1``."""


def send(method: str, url: str, *, headers: Mapping[str, str], **options: Any) -> httpx.Response:
    """Send a request; in a run with chaos, as a client that repeats it after a 503.

    Such a client sends POST requests with an Idempotency-Key. A 503 that a test has planned is
    what it wants.
    """
    if CHAOS is None:
        return HTTP.request(method, url, headers=headers, timeout=30, **options)
    if method == "POST":
        headers = {"Idempotency-Key": str(uuid4()), **headers}
    for _ in range(MAX_REPEATS):
        response = HTTP.request(method, url, headers=headers, timeout=30, **options)
        if response.status_code != 503 or CHAOS.is_planned:
            break
        CHAOS.count_repeat()
        time.sleep(float(response.headers["Retry-After"]))
    return response
