"""Requests at once: nobody takes all threads of a web process, whatever they ask for.

Of one person, `TokenQueue` lets a few reads and a few changes reach the threads; others wait
outside of them, as those of an app do that asks for ten things when it opens. Reads do not wait for
changes, which may wait for a vendor. Only tokens that this process has verified tell whose they
are: others wait by themselves, so that nobody takes the places of a person whose id they know. As a
person may have several tokens that are new to this process, `PersonPlaces` refuses what exceeds
both queues.
"""

import asyncio
import hashlib
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings

from config import errors

MAX_WAITING = 100
"""Reads, or changes, of one person that may wait; HTTP/2 proxies send so many at once."""
MAX_WAIT_SECONDS = 10.0
"""How long a complete request waits for a thread: later, its client may have sent it again."""
REFUSAL = "dutyline.refusal"
"""The key of the error that answers a request which no thread may work on."""


class ClientGone(Exception):
    """The client closed its connection while its request waited."""


def refusal() -> errors.TooManyRequests:
    """The error of a request that may not wait."""
    detail = "Too many of your requests are at work; send the next ones when some are answered."
    return errors.TooManyRequests(detail, retry_after=1)


def late_refusal() -> errors.Unavailable:
    """The error of a request that has waited too long."""
    detail = f"The request waited {MAX_WAIT_SECONDS:.0f} seconds for others; nothing was done. Send it again."
    return errors.Unavailable(detail, retry_after=5)


_QueueKey = tuple[str | bytes, bool]
"""The subject or the digest of a token, and whether the requests are reads."""


@dataclass
class _Queue:
    active: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class TokenQueue:
    """Bounds the reads, and the changes, of one person at once. For one event loop."""

    def __init__(self, max_active: int, verified_subject: Callable[[bytes], str | None]) -> None:
        """``verified_subject`` says whose the token of a digest is, if it was verified lately."""
        self._max_active = max_active
        self._verified_subject = verified_subject
        self._queues: dict[_QueueKey, _Queue] = {}

    @asynccontextmanager
    async def place(
        self, method: str, authorization: str, deadline: float, await_disconnect: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[errors.DomainError | None]:
        """Hold a place during a block; or the error to answer if there is none in time.

        ``authorization`` is the request's header. Requests without a token always have a place.
        ``deadline`` is one of the monotonic clock. Raises `ClientGone`.
        """
        token = (authorization.split() or [""])[-1]  # the case and the spaces of the header can be varied
        if not token:
            yield None
            return
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        key = (self._verified_subject(digest) or digest, method in ("GET", "HEAD"))
        queue = self._queues.setdefault(key, _Queue())
        if queue.active >= self._max_active:
            if len(queue.waiting) >= MAX_WAITING:
                yield refusal()
                return
            if not await self._wait(key, queue, deadline, await_disconnect):
                yield late_refusal()
                return
        else:
            queue.active += 1
        try:
            yield None
        finally:
            self._leave(key, queue)

    async def _wait(
        self, key: _QueueKey, queue: _Queue, deadline: float, await_disconnect: Callable[[], Awaitable[None]]
    ) -> bool:
        """Wait until somebody hands their place over; whether that was before the deadline."""
        turn = asyncio.get_running_loop().create_future()
        queue.waiting.append(turn)
        gone = asyncio.ensure_future(await_disconnect())
        has_place = False
        try:
            seconds = max(0.0, deadline - time.monotonic())
            await asyncio.wait((turn, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ClientGone
            has_place = turn.done()
        finally:
            gone.cancel()
            if turn.done() and not has_place:
                self._leave(key, queue)
            elif not has_place:
                queue.waiting.remove(turn)
        return has_place

    def _leave(self, key: _QueueKey, queue: _Queue) -> None:
        if queue.waiting:
            queue.waiting.popleft().set_result(None)
            return
        queue.active -= 1
        if not queue.active:
            del self._queues[key]


class PersonPlaces:
    """Bounds the requests of one person at once. For many threads."""

    def __init__(self, max_active: int) -> None:
        self._max_active = max_active
        self._active: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, person_id: str) -> None:
        """Raises `errors.TooManyRequests` if the person has no place left."""
        with self._lock:
            if self._active[person_id] >= self._max_active:
                raise refusal()
            self._active[person_id] += 1

    def free(self, person_id: str) -> None:
        """Free a place that was taken."""
        with self._lock:
            self._active[person_id] -= 1
            if not self._active[person_id]:
                del self._active[person_id]


@cache
def get_person_places() -> PersonPlaces:
    """Those of this process."""
    return PersonPlaces(2 * settings.REQUESTS_AT_ONCE_PER_TOKEN)
