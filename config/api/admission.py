"""Which requests a thread works on, which wait for one, and which are refused at once.

A process that begins everything that arrives answers nothing in time once more arrives than it can
do: clients give up and send again, and threads work for nobody. So a request may wait for a thread
only if its turn is expected within a fraction of a second. Otherwise it is refused, while that
still costs little, and its client knows when to come back.

A place is a thread, but no more requests have one than threads begin with soon: Python computes in
one thread at a time, so most places of a busy process would be a second queue, in which everybody
waits behind everybody, and nobody sees for how long.

Requests belong to groups: customers, or addresses of those who are not signed in. Free threads go
to the group that has the fewest at work, and who must go is the last of the group with the most
waiting requests: whoever sends too much waits for themselves, and is refused first.
"""

import asyncio
import itertools
import logging
import random
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass

from config import errors
from config.api import concurrency

LEAST_TURN_SECONDS = 0.001
"""Expected at first, and at least: so a hundred requests may arrive at once."""
SAMPLES = 16
"""Requests after which the expectation has mostly changed."""
LONGEST_SAMPLE_SECONDS = 1.0
"""One export does not have the others refused."""
PATIENCE = 8
"""How many times longer than expected a request waits before it is refused after all."""
RETRY_SECONDS = (1, 4)
"""Bounds of `Retry-After`; random, so that clients do not all come back at once."""
LOOK_SECONDS = 0.02
"""How often free places are looked for while requests wait: threads free some as they wait."""
SATURATED_SECONDS = 5.0
"""How long after a refusal a lane counts as saturated; also the time between two log lines."""

logger = logging.getLogger("dutyline.web")


def overload_refusal() -> errors.Unavailable:
    """The error of a request that would wait too long."""
    detail = "More requests arrive than can be answered in time; nothing was done. Send it again."
    return errors.Unavailable(detail, retry_after=random.randint(*RETRY_SECONDS))  # noqa: S311 - no secret


@dataclass(frozen=True)
class LaneState:
    """How busy a lane is."""

    is_saturated: bool
    at_work: int
    places: int
    waiting: int
    oldest_wait_seconds: float
    refused: int
    """Since the start of the process."""
    abandoned: int
    """Requests whose clients closed the connection while they waited, since the start."""


@dataclass(eq=False, slots=True)
class _Turn:
    since: float
    outcome: concurrency.Outcome


class Admission:
    """The places of a lane: a fixed number of requests at work, and those that wait for them.

    For one event loop; other threads may read its `state`.
    """

    def __init__(
        self,
        name: str,
        places: int,
        max_wait_seconds: float,
        turn_seconds: float = LEAST_TURN_SECONDS,
        *,
        max_unbegun: int | None = None,
    ) -> None:
        """``turn_seconds`` is for how long each request in front is expected to delay one.

        That is until some have begun, which tell. At most ``max_unbegun`` requests have a place
        with which no thread has begun yet.
        """
        self._name, self._places, self._max_wait_seconds = name, places, max_wait_seconds
        self._max_unbegun = max_unbegun or places
        self._at_work = 0
        self._granted = self._begun = 0
        """How many places were given, and with how many of them threads have begun."""
        self._begun_numbers = itertools.count(1)
        self._is_look_due = False
        self._at_work_by_group: Counter[str] = Counter()
        self._queues: dict[str, deque[_Turn]] = {}  # of groups that wait; the last one served is last
        self._waiting = 0
        self._turn_seconds = turn_seconds
        self._moved_at = 0.0
        """When a place was taken or freed last."""
        self._refused = self._abandoned = self._refused_before_log = 0
        self._refused_at = self._logged_at = float("-inf")

    def expected_wait_seconds(self) -> float:
        """How long one more request would wait until a thread begins with it.

        As long as each in front has delayed others lately, or as long as nothing has moved, if
        that is longer: all may hang.
        """
        if not self._waiting and self._has_place():
            return 0.0
        return max((self.in_front() + 1) * self._turn_seconds, time.monotonic() - self._moved_at)

    def in_front(self) -> int:
        """How many requests no thread has begun with."""
        return self._waiting + self._granted - self._begun

    def is_full(self) -> bool:
        """Whether one more request would wait longer than any may."""
        return self.expected_wait_seconds() > self._max_wait_seconds

    def refuse_beside(self, group: str) -> errors.Unavailable | None:
        """The error to answer to a request of a full lane, unless one of another group must go."""
        return None if self._find_longer_queue(group) else self.refuse()

    def refuse_if_crowded(self) -> errors.Unavailable | None:
        """The error to answer if one more request would wait for half as long as any may."""
        return self.refuse() if self.expected_wait_seconds() > self._max_wait_seconds / 2 else None

    async def enter(
        self, group: str, deadline: float, watch_client: concurrency.WatchClient
    ) -> errors.Unavailable | None:
        """Take a place, which `leave` frees; or the error to answer.

        Whoever has one calls `note_begun`. Raises `concurrency.ClientGone`.
        """
        self._hand_out()
        if not self._waiting and self._has_place():
            self._grant(group)
            return None
        if self.is_full() and not self._make_room_for(group):
            return self.refuse()
        turn = _Turn(time.monotonic(), asyncio.get_running_loop().create_future())
        self._queues.setdefault(group, deque()).append(turn)
        self._waiting += 1
        self._look_later()
        deadline = min(deadline, turn.since + PATIENCE * self._max_wait_seconds)
        has_place = False
        try:
            has_place = await concurrency.wait_for_turn(turn.outcome, deadline, watch_client)
        except concurrency.ClientGone:
            self._abandoned += 1
            raise
        finally:
            if not has_place:
                self._give_up(group, turn)
        return None if has_place else self.refuse()

    def note_begun(self, seconds: float = 0.0, in_front: int = 0) -> None:
        """Note that a thread has begun with a request that has a place; in any thread.

        It has waited for so long, with so many `in_front` when it came.
        """
        self._begun = next(self._begun_numbers)
        sample = min(seconds / (in_front + 1), LONGEST_SAMPLE_SECONDS)
        self._turn_seconds += (max(sample, LEAST_TURN_SECONDS) - self._turn_seconds) / SAMPLES

    def leave(self, group: str) -> None:
        """Free a place, for whoever waits for it."""
        self._at_work -= 1
        self._at_work_by_group[group] -= 1
        if not self._at_work_by_group[group]:
            del self._at_work_by_group[group]
        self._hand_out()

    def refuse(self) -> errors.Unavailable:
        """Count a refusal; the error to answer."""
        self._refused += 1
        self._refused_before_log += 1
        self._refused_at = now = time.monotonic()
        if now - self._logged_at >= SATURATED_SECONDS:
            fields = {
                "lane": self._name,
                "refused": self._refused_before_log,
                "waiting": self._waiting,
                "expected_milliseconds": round(self.expected_wait_seconds() * 1000),
            }
            logger.warning("requests are refused: more arrive than can be answered", extra=fields)
            self._logged_at, self._refused_before_log = now, 0
        return overload_refusal()

    def state(self) -> LaneState:
        """What it is doing; other threads read numbers that may be a request old."""
        now = time.monotonic()
        oldest = now
        for queue in list(self._queues.values()):
            with suppress(IndexError):  # it has been emptied meanwhile
                oldest = min(oldest, queue[0].since)
        return LaneState(
            is_saturated=now - self._refused_at < SATURATED_SECONDS,
            at_work=self._at_work,
            places=self._places,
            waiting=self._waiting,
            oldest_wait_seconds=now - oldest,
            refused=self._refused,
            abandoned=self._abandoned,
        )

    def _has_place(self) -> bool:
        return self._at_work < self._places and self._granted - self._begun < self._max_unbegun

    def _grant(self, group: str) -> None:
        self._at_work += 1
        self._granted += 1
        self._at_work_by_group[group] += 1
        self._moved_at = time.monotonic()

    def _hand_out(self) -> None:
        """Give free places to those who wait."""
        while self._waiting and self._has_place():
            next_group = min(self._queues, key=self._at_work_by_group.__getitem__)
            turn = self._take(next_group, is_newest=False)
            if not turn.outcome.done():  # else its client has just gone
                self._grant(next_group)
                turn.outcome.set_result(True)

    def _look_later(self) -> None:
        if not self._is_look_due:
            self._is_look_due = True
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._is_look_due = False
        self._hand_out()
        if self._waiting:
            self._look_later()

    def _find_longer_queue(self, group: str) -> str:
        """The group with the longest queue; '' if that is not longer than the group's would be."""
        longest = max(self._queues, key=lambda name: len(self._queues[name]), default=group)
        own_length = len(self._queues.get(group, ()))
        return longest if longest != group and len(self._queues[longest]) > own_length + 1 else ""

    def _make_room_for(self, group: str) -> bool:
        """Refuse the last of the longest queue, if that is longer than the group's would be."""
        longest = self._find_longer_queue(group)
        if not longest:
            return False
        turn = self._take(longest, is_newest=True)
        if not turn.outcome.done():
            turn.outcome.set_result(False)
        return True

    def _take(self, group: str, *, is_newest: bool) -> _Turn:
        """Take a turn out of a group's queue, and put the group behind the others."""
        queue = self._queues.pop(group)
        turn = queue.pop() if is_newest else queue.popleft()
        if queue:
            self._queues[group] = queue
        self._waiting -= 1
        return turn

    def _give_up(self, group: str, turn: _Turn) -> None:
        """Forget a turn that ends without a place; one that it got meanwhile goes to the next."""
        if concurrency.has_place(turn.outcome):
            self._granted -= 1  # no thread begins with it
            self.leave(group)
            return
        queue = self._queues.get(group, deque())
        if turn in queue:
            queue.remove(turn)
            self._waiting -= 1
            if not queue:
                del self._queues[group]


LANES: dict[str, Admission] = {}
"""Those of this process, by name."""


def create_lane(name: str, places: int, max_wait_seconds: float, max_unbegun: int) -> Admission:
    """A lane that `LANES` lists."""
    LANES[name] = Admission(name, places, max_wait_seconds, max_unbegun=max_unbegun)
    return LANES[name]
