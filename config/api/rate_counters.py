"""Counters of the current minute, shared by all processes through Redis.

A process asks Redis once for a person and then counts their requests by itself for a short time,
on a lease; what it has counted travels with its next trip to Redis. See `RateCounters.add_leased`
for what a lease allows. Every trip is one script: 51 microseconds of CPU time with hiredis, where a
pipeline of the same commands takes 81, without hiredis 99.

While Redis does not answer in time, each process counts by itself: then every process has the whole
of each quota, and nobody sends without limit. What slows Redis down may be those requests. A thread
of its own tries Redis again every `REDIS_RETRY_SECONDS`, so that no request waits for that.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from redis import Redis, RedisError, ResponseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import computing

COST_LIMITS = ("cost", "customer-cost")
"""The budgets of a person and of a customer, in the units of `config.costs.Cost`."""
WINDOW_SECONDS = 60
MAX_SETTLED_AT_ONCE = 50
"""Counters of others that one trip takes along."""
ADDRESS_LIMITS = ("anonymous", "sign-in")
"""Limits of IP addresses, of which one caller may have any number."""
MAX_COUNTERS = 50_000
"""Counters of people and customers that a process remembers, and as many of addresses."""
LEASE_DIVISOR = 100
"""A process leases a hundredth of a quota at a time."""
REDIS_RETRY_SECONDS = 5.0
"""Seconds after a failure, or after a trial, before Redis is tried again."""

CounterKey = tuple[str, str]
"""The name of a limit, and whose it is: the id of a person or customer, or an IP address."""

_ADD_SCRIPT = """
local counts = {}
for number, key in ipairs(KEYS) do
  counts[number] = redis.call('INCRBY', key, ARGV[number + 1])
  redis.call('EXPIRE', key, ARGV[1])
end
return counts
"""
logger = logging.getLogger("dutyline.web")


class _Counter:
    """What a process knows of a counter."""

    __slots__ = ("asked_at", "pending", "used")

    def __init__(self, pending: int = 0) -> None:
        self.used = 0
        """By all processes, as far as Redis said, and what this process has sent there since."""
        self.pending = pending
        """Counted by this process, and not sent yet."""
        self.asked_at = float("-inf")
        """When Redis answered last, by the monotonic clock."""


class RateCounters:
    """Counts per minute. For many threads."""

    def __init__(
        self,
        redis_url: str,
        quotas: Mapping[str, int],
        lease_seconds: float,
        clock: Callable[[], float] = time.time,
        *,
        retry_seconds: float = REDIS_RETRY_SECONDS,
    ) -> None:
        """``quotas`` are the limits per minute, by name."""
        self.quotas, self._retry_seconds = quotas, retry_seconds
        retry = Retry(NoBackoff(), 0)
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=0.25, socket_timeout=0.25, retry=retry)
        self._script = self._redis.register_script(_ADD_SCRIPT)
        self._lease_seconds, self._clock = lease_seconds, clock
        self._redis_retry_at: float | None = None
        """By the monotonic clock; None while Redis answers."""
        self._window = 0
        # Of each the oldest first. A dict passes over all that it has forgotten to find its first.
        self._counters: OrderedDict[CounterKey, _Counter] = OrderedDict()
        self._addresses: OrderedDict[CounterKey, _Counter] = OrderedDict()
        self._pending_since: OrderedDict[CounterKey, float] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def add(self, amounts: Mapping[CounterKey, int]) -> dict[CounterKey, int]:
        """Add to counters in one round trip, with what is pending; what they are then."""
        with self._lock:
            self._begin_window()
            window, parts = self._window, self._take(amounts)
        counts = self._add_in_redis(window, parts)
        with self._lock:
            if counts is None:
                return {key: self._counter(key).used for key in amounts}
            if window == self._window:
                self._note_answer(counts)
        return {key: counts[key] for key in amounts}

    def add_leased(self, amounts: Mapping[CounterKey, int]) -> dict[CounterKey, int]:
        """As `add`, without a round trip while the leases of these counters permit it.

        A process has a lease of a counter for ``lease_seconds`` after Redis told it. On it the
        process counts a hundredth of the quota, but nothing in the last quarter of the quota. So
        all processes together admit the quota, and a hundredth of it for each process at most; and
        what a counter lacks is what others have counted since. One that is beyond its quota stays
        so until the minute ends, so that needs no round trip either.
        """
        with self._lock:
            self._begin_window()
            counts = self._add_on_leases(amounts)
        return self.add(amounts) if counts is None else counts

    def add_later(self, amounts: Mapping[CounterKey, int]) -> None:
        """Add to counters with a later round trip."""
        now = time.monotonic()
        with self._lock:
            self._begin_window()
            for key, amount in amounts.items():
                self._counter(key).pending += amount
                self._pending_since.setdefault(key, now)

    def _add_on_leases(self, amounts: Mapping[CounterKey, int]) -> dict[CounterKey, int] | None:
        """The counters after adding to them on leases; None if a lease does not permit it."""
        now = time.monotonic()
        oldest = now - self._lease_seconds
        counts: dict[CounterKey, int] = {}
        for key, amount in amounts.items():
            counter, quota = self._counters_like(key).get(key), self.quotas[key[0]]
            if counter is None or counter.asked_at <= oldest:
                return None
            pending = counter.pending + amount
            counts[key] = used = counter.used + pending
            if pending > quota // LEASE_DIVISOR or quota * 3 // 4 < used <= quota:
                return None
        for key, amount in amounts.items():
            if amount:
                self._counter(key).pending += amount
                self._pending_since.setdefault(key, now)
        return counts

    def _begin_window(self) -> None:
        """Forget the minute before, but charge what its last requests cost to the next one."""
        window = int(self._clock() // WINDOW_SECONDS)
        if window == self._window:
            return
        self._window = window
        costs = [(key, since) for key, since in self._pending_since.items() if key[0] in COST_LIMITS]
        self._pending_since = OrderedDict(costs)
        self._counters = OrderedDict((key, _Counter(self._counters[key].pending)) for key, _ in costs)
        self._addresses.clear()

    def _take(self, amounts: Mapping[CounterKey, int]) -> dict[CounterKey, int]:
        """What a trip sends: these amounts, what is pending of these counters, and of a few others.

        Others are those whose lease has ended: nobody counts on them any more.
        """
        keys = dict.fromkeys(amounts)
        latest = time.monotonic() - self._lease_seconds
        for key, since in self._pending_since.items():
            if since > latest or len(keys) - len(amounts) >= MAX_SETTLED_AT_ONCE:
                break
            keys[key] = None
        parts = {}
        for key in keys:
            counter = self._counter(key)
            parts[key] = part = amounts.get(key, 0) + counter.pending
            counter.used, counter.pending = counter.used + part, 0
            self._pending_since.pop(key, None)
        return parts

    def _note_answer(self, counts: Mapping[CounterKey, int]) -> None:
        now = time.monotonic()
        for key, count in counts.items():
            counter = self._counter(key)
            counter.used = max(counter.used, count)  # answers of two trips may cross
            counter.asked_at = now

    def _counter(self, key: CounterKey) -> _Counter:
        counters = self._counters_like(key)
        counter = counters.get(key)
        if counter is None:
            if len(counters) >= MAX_COUNTERS:
                oldest, _ = counters.popitem(last=False)
                self._pending_since.pop(oldest, None)
            counter = counters[key] = _Counter()
        return counter

    def _counters_like(self, key: CounterKey) -> OrderedDict[CounterKey, _Counter]:
        return self._addresses if key[0] in ADDRESS_LIMITS else self._counters

    def _add_in_redis(self, window: int, parts: Mapping[CounterKey, int]) -> dict[CounterKey, int] | None:
        """The counters that all processes share; None if Redis does not answer in time."""
        if self._redis_retry_at is not None:
            self._try_redis_again()
            return None
        keys = [f"dutyline:{name}:{owner}:{window}" for name, owner in parts]
        try:
            with computing.waiting():
                counts = self._script(keys=keys, args=[2 * WINDOW_SECONDS, *parts.values()])
        except RedisError as error:
            self._pause_redis(error)
            return None
        return dict(zip(parts, counts, strict=True))

    def _try_redis_again(self) -> None:
        """Begin a trial in a thread of its own, if it is time for one."""
        now = time.monotonic()
        with self._lock:
            if self._redis_retry_at is None or now < self._redis_retry_at:
                return
            self._redis_retry_at = now + self._retry_seconds
        threading.Thread(target=self._run_trial, name="redis-trial", daemon=True).start()

    def _run_trial(self) -> None:
        try:
            self._script(keys=[], args=[WINDOW_SECONDS])
        except RedisError as error:
            self._pause_redis(error, is_trial=True)
        else:
            with self._lock:
                self._redis_retry_at = None

    def _pause_redis(self, error: RedisError, *, is_trial: bool = False) -> None:
        with self._lock:
            if self._redis_retry_at is not None and not is_trial:
                pass  # another thread has said so
            elif isinstance(error, ResponseError):  # a right is missing, or a cluster: it will not pass
                why = f"{type(error).__name__}: {str(error)[:100]}"
                logger.error("Redis refuses to count: rate limits are not shared", extra={"why": why})
            else:
                logger.warning("Redis does not respond: rate limits are not shared")
            self._redis_retry_at = time.monotonic() + self._retry_seconds
