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
from collections.abc import Callable
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


Outcome = asyncio.Future[bool]
"""Whether a request that waits gets a place."""
WatchClient = Callable[[], asyncio.Future[None]]
"""Returns what ends when the client of a request closes its connection, each time the same."""


def has_place(turn: Outcome) -> bool:
    """Whether a turn has ended with a place."""
    return turn.done() and not turn.cancelled() and turn.exception() is None and turn.result()


async def wait_for_turn(turn: Outcome, deadline: float, watch_client: WatchClient) -> bool:
    """Whether a turn gets a place before a deadline of the monotonic clock.

    Raises `ClientGone`. One future and no `asyncio.wait`: on a busy process every request waits.
    """

    def end(ending: Callable[[], None]) -> None:
        if not turn.done():
            ending()

    def end_abandoned(_: object) -> None:
        end(lambda: turn.set_exception(ClientGone()))

    gone = watch_client()
    gone.add_done_callback(end_abandoned)
    seconds = max(0.0, deadline - time.monotonic())
    timer = asyncio.get_running_loop().call_later(seconds, end, lambda: turn.set_result(False))
    try:
        return await turn
    finally:
        timer.cancel()
        gone.remove_done_callback(end_abandoned)


_QueueKey = tuple[str | bytes, bool]
"""The subject or the digest of a token, and whether the requests are reads."""


@dataclass
class _Queue:
    active: int = 0
    waiting: deque[Outcome] = field(default_factory=deque)


class TokenQueue:
    """Bounds the reads, and the changes, of one person at once. For one event loop."""

    def __init__(
        self,
        max_active: int,
        verified_subject: Callable[[bytes], str | None],
        refuse_if_crowded: Callable[[], errors.DomainError | None] = lambda: None,
    ) -> None:
        """``verified_subject`` says whose the token of a digest is, if it was verified lately.

        ``refuse_if_crowded`` returns an error while all threads are busy: then nobody waits here.
        """
        self._max_active = max_active
        self._refuse_if_crowded = refuse_if_crowded
        self._verified_subject = verified_subject
        self._queues: dict[_QueueKey, _Queue] = {}

    def place(self, method: str, authorization: str, deadline: float, watch_client: WatchClient) -> "_Place":
        """Holds a place during an ``async with`` block; or the error to answer, if none is free.

        ``authorization`` is the request's header. Requests without a token always have a place.
        ``deadline`` is one of the monotonic clock. Entering the block raises `ClientGone`.
        """
        subject = self.subject(authorization)
        key = (subject, method in ("GET", "HEAD")) if subject else None
        return _Place(self, key, deadline, watch_client)

    def subject(self, authorization: str) -> str | bytes | None:
        """Whose token a header has: the id of a person if it was verified lately, or its digest."""
        token = (authorization.split() or [""])[-1]  # the case and the spaces of the header can be varied
        if not token:
            return None
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return self._verified_subject(digest) or digest

    async def enter(self, key: _QueueKey, deadline: float, watch_client: WatchClient) -> errors.DomainError | None:
        """Take a place, which `leave` frees; or the error to answer. Raises `ClientGone`."""
        queue = self._queues.setdefault(key, _Queue())
        if queue.active < self._max_active:
            queue.active += 1
            return None
        if crowded := self._refuse_if_crowded():
            return crowded
        if len(queue.waiting) >= MAX_WAITING:
            return refusal()
        if not await self._wait(key, queue, deadline, watch_client):
            return late_refusal()
        return None

    async def _wait(self, key: _QueueKey, queue: _Queue, deadline: float, watch_client: WatchClient) -> bool:
        """Wait until somebody hands their place over; whether that was before the deadline."""
        turn: Outcome = asyncio.get_running_loop().create_future()
        queue.waiting.append(turn)
        is_in_time = False
        try:
            is_in_time = await wait_for_turn(turn, deadline, watch_client)
        finally:
            if has_place(turn) and not is_in_time:
                self.leave(key)
            elif not is_in_time and turn in queue.waiting:
                queue.waiting.remove(turn)
        return is_in_time

    def leave(self, key: _QueueKey) -> None:
        """Hand a place over to whoever waits for it, or free it."""
        queue = self._queues[key]
        while queue.waiting:
            turn = queue.waiting.popleft()
            if not turn.done():  # else its client has just gone, or it is late
                turn.set_result(True)
                return
        queue.active -= 1
        if not queue.active:
            del self._queues[key]


class _Place:
    """A place during a block. Written out: `asynccontextmanager` takes three times as long."""

    __slots__ = ("_deadline", "_is_held", "_key", "_queue", "_watch_client", "subject")

    def __init__(self, queue: TokenQueue, key: _QueueKey | None, deadline: float, watch_client: WatchClient) -> None:
        self._queue, self._key = queue, key
        self.subject = key[0] if key else None
        """The id of a person whose token was verified lately, or the digest of another token."""
        self._deadline, self._watch_client = deadline, watch_client
        self._is_held = False

    async def __aenter__(self) -> errors.DomainError | None:
        if self._key is None:
            return None
        refused = await self._queue.enter(self._key, self._deadline, self._watch_client)
        self._is_held = refused is None
        return refused

    async def __aexit__(self, *_: object) -> None:
        if self._is_held and self._key is not None:
            self._queue.leave(self._key)


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
