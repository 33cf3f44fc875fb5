"""Limits per minute, counted in Redis so that all web processes share them.

An operation names the limit of its requests in ``@operation(rate_limit=…)``. Besides, each person
and each customer has a budget of `COST_LIMITS`: what a request has cost (`config.costs`) is charged
after it. A charge travels with the next count of this process, which is one round trip; so a
request costs none more, and a charge that a crash loses is one that nobody misses.
``settings.RATE_LIMITS`` holds all numbers.

While Redis does not answer in time, each process counts all of them by itself: then every process
has the whole of each quota, and nobody sends without limit. What slows Redis down may be those
requests. Redis is retried every `REDIS_RETRY_SECONDS`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from limits.storage import MemoryStorage
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import errors
from config.costs import Cost

COST_LIMITS = ("cost", "customer-cost")
"""The budgets of a person and of a customer, in the units of `Cost`."""
WINDOW_SECONDS = 60
MAX_CHARGES = 100
"""Charges that one count takes along."""
REDIS_RETRY_SECONDS = 5.0
"""Seconds before Redis is retried."""

logger = logging.getLogger("dutyline.web")


@dataclass(frozen=True)
class RateLimitStatus:
    """The remaining requests of a quota, and the seconds until it resets."""

    name: str
    quota: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """Headers of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w=60',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset_seconds}',
        }


CounterKey = tuple[str, str]
"""The name of a limit, and whose it is: the id of a person or customer, or an IP address."""


class QuotaExceeded(errors.TooManyRequests):
    """The caller has used up a quota."""

    def __init__(self, detail: str, status: RateLimitStatus) -> None:
        super().__init__(detail, retry_after=status.reset_seconds)
        self.rate_limit_status = status


class RateLimiter:
    """Counts requests and costs per minute."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=0.25, socket_timeout=0.25, retry=Retry(NoBackoff(), 0)
        )
        self._local = MemoryStorage()
        self._charges: Counter[CounterKey] = Counter()
        self._redis_retry_at = 0.0
        self._lock = threading.Lock()

    def count_request(self, name: str, caller_key: str, customer_id: str = "") -> RateLimitStatus:
        """Count one request. Raises `QuotaExceeded`.

        With the caller's customer, the costs of both are checked as well.
        """
        payers = _payers(caller_key, customer_id) if customer_id else []
        counts = self.add({(name, caller_key): 1, **dict.fromkeys(payers, 0)})
        status = _check(name, counts[name, caller_key])
        for payer in payers:
            _check(payer[0], counts[payer])
        return status

    def check_costs(self, person_id: str, customer_id: str) -> None:
        """Raise `QuotaExceeded` if either has used up its budget; for requests without a token."""
        payers = _payers(person_id, customer_id)
        for payer, used in self.add(dict.fromkeys(payers, 0)).items():
            _check(payer[0], used)

    def charge(self, person_id: str, customer_id: str, cost: Cost) -> None:
        """Charge what a request has cost."""
        with self._lock:
            self._charges.update(dict.fromkeys(_payers(person_id, customer_id), cost.units))

    def add(self, amounts: Mapping[CounterKey, int]) -> dict[CounterKey, int]:
        """Add to counters of this minute, with pending charges; the counters."""
        with self._lock:
            keys = [*(key for key in amounts if key in self._charges), *list(self._charges)[:MAX_CHARGES]]
            charges = {key: self._charges.pop(key) for key in dict.fromkeys(keys)}
        totals = Counter(charges)
        totals.update(amounts)
        counts = self._add_in_redis(totals) or self._add_locally(totals)
        return {key: counts[key] for key in amounts}

    def _add_in_redis(self, totals: Mapping[CounterKey, int]) -> dict[CounterKey, int] | None:
        """The counters that all processes share; None if Redis does not answer in time."""
        if time.monotonic() < self._redis_retry_at:
            return None
        pipeline = self._redis.pipeline(transaction=False)
        for (name, key), amount in totals.items():
            redis_key = f"dutyline:{name}:{key}:{_window()}"
            pipeline.incrby(redis_key, amount)
            pipeline.expire(redis_key, 2 * WINDOW_SECONDS)
        try:
            results = pipeline.execute()[::2]
        except RedisError:
            self._pause_redis()
            return None
        return dict(zip(totals, results, strict=True))

    def _add_locally(self, totals: Mapping[CounterKey, int]) -> dict[CounterKey, int]:
        return {
            (name, key): self._local.incr(f"{name}:{key}:{_window()}", 2 * WINDOW_SECONDS, amount)
            for (name, key), amount in totals.items()
        }

    def _pause_redis(self) -> None:
        with self._lock:
            if time.monotonic() >= self._redis_retry_at:
                logger.warning("Redis does not respond: rate limits are not shared")
            self._redis_retry_at = time.monotonic() + REDIS_RETRY_SECONDS


def _window() -> int:
    return int(time.time() // WINDOW_SECONDS)


def _payers(person_id: str, customer_id: str) -> list[CounterKey]:
    return list(zip(COST_LIMITS, (person_id, customer_id), strict=True))


def _check(name: str, used: int) -> RateLimitStatus:
    """The status of a limit of which this much is used. Raises `QuotaExceeded`."""
    quota = settings.RATE_LIMITS[name]
    reset_seconds = max(1, int(WINDOW_SECONDS - time.time() % WINDOW_SECONDS + 0.999))
    status = RateLimitStatus(name, quota, max(0, quota - used), reset_seconds)
    if name in COST_LIMITS and used >= quota:
        logger.warning("a budget of costs is used up", extra={"limit": name, "used": used})
        whose = "Your requests have" if name == COST_LIMITS[0] else "The requests of your business have"
        raise QuotaExceeded(f"{whose} used up the computing time of this minute; send fewer or smaller ones.", status)
    if used > quota:
        raise QuotaExceeded(f"At most {quota} requests of this kind per minute.", status)
    return status


def set_payer(request: HttpRequest, person_id: str, customer_id: str) -> None:
    """Have the cost of a request charged to a person and their customer when it is answered."""
    request.META["dutyline.payer"] = (person_id, customer_id)


def charge_request(request: HttpRequest, cost: Cost) -> None:
    """Charge a request that was answered, if anybody pays for it."""
    if payer := request.META.get("dutyline.payer"):
        person_id, customer_id = payer
        get_limiter().charge(person_id, customer_id, cost)


@cache
def get_limiter() -> RateLimiter:
    """The limiter of this process."""
    return RateLimiter()
