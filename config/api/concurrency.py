"""Requests at once: nobody takes all threads of a web process, whatever they ask for.

Of one token, `TokenQueue` lets a few reads and a few changes reach the threads; others wait outside
of them, as those of an app do that asks for ten things when it opens. Reads do not wait for
changes, which may wait for a vendor. A person may have several tokens: of one person,
`PersonPlaces` admits as many as of one token, and refuses more.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings

from config import errors

MAX_WAITING = 100
"""Reads, or changes, of one token that may wait; HTTP/2 proxies send so many at once."""
REFUSED = "dutyline.too_many_at_once"
"""The key of a request that may not wait."""


def refusal() -> errors.TooManyRequests:
    """The error to raise."""
    detail = "Too many of your requests are at work; send the next ones when some are answered."
    return errors.TooManyRequests(detail, retry_after=1)


_QueueKey = tuple[str, bool]
"""A token, and whether the requests are reads."""


@dataclass
class _Queue:
    active: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class TokenQueue:
    """Bounds the reads, and the changes, of one token at once. For one event loop."""

    def __init__(self, max_active: int) -> None:
        self._max_active = max_active
        self._queues: dict[_QueueKey, _Queue] = {}

    @asynccontextmanager
    async def place(self, method: str, authorization: str) -> AsyncIterator[bool]:
        """Hold a place during a block; False if there is none, and too many wait.

        ``authorization`` is the request's header. Requests without a token always have a place.
        """
        token = _identify(authorization)
        if not token:
            yield True
            return
        key = (token, method in ("GET", "HEAD"))
        queue = self._queues.setdefault(key, _Queue())
        if queue.active >= self._max_active:
            if len(queue.waiting) >= MAX_WAITING:
                yield False
                return
            await self._wait(key, queue)
        else:
            queue.active += 1
        try:
            yield True
        finally:
            self._leave(key, queue)

    async def _wait(self, key: _QueueKey, queue: _Queue) -> None:
        """Wait until somebody hands their place over."""
        turn = asyncio.get_running_loop().create_future()
        queue.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave(key, queue)
            raise

    def _leave(self, key: _QueueKey, queue: _Queue) -> None:
        while queue.waiting:
            turn = queue.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        queue.active -= 1
        if not queue.active:
            del self._queues[key]


def _identify(authorization: str) -> str:
    """What a token says of its owner: the header's case, spaces and signature can be varied."""
    token = (authorization.split() or [""])[-1]
    return token.split(".", 2)[1] if token.count(".") == 2 else token


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
