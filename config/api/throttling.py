"""Rate limits, counted in Redis so that all web processes share them.

With Redis away, what costs money is counted in this process and everything else is let through;
for a few seconds nobody asks Redis again.
"""

import logging
import threading
import time
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import errors

DEAR = ("costly", "export", "sign-in")
"""Limits that hold, in each process, also without Redis."""
BLIND = 5.0
"""Seconds without asking Redis after it failed."""

log = logging.getLogger("dutyline.web")


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit: how many requests, of how many, until how many seconds from now."""

    name: str
    quota: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w=60',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset}',
        }


class Limiter:
    """Counts requests per minute."""

    def __init__(self) -> None:
        storage = RedisStorage(
            settings.REDIS_URL,
            socket_connect_timeout=0.25,
            socket_timeout=0.25,
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type] # handed on to redis-py
        )
        self._shared = FixedWindowRateLimiter(storage)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._blind_until = 0.0
        self._lock = threading.Lock()

    def spend(self, name: str, who: str) -> Allowance | None:
        """Count one request of ``who``; None where it could not be counted. Raises `TooMany`."""
        item = RateLimitItemPerMinute(settings.RATE_LIMITS[name], namespace=f"dutyline-{name}")
        if time.monotonic() >= self._blind_until:
            try:
                return self._count(self._shared, item, name, who)
            except RedisError:
                self._look_away()
        return self._count(self._own, item, name, who) if name in DEAR else None

    def _count(
        self, limiter: FixedWindowRateLimiter, item: RateLimitItemPerMinute, name: str, who: str
    ) -> Allowance:
        passed = limiter.hit(item, who)
        window = limiter.get_window_stats(item, who)
        reset = max(1, int(window.reset_time - time.time() + 0.999))
        if not passed:
            raise errors.TooMany(
                f"At most {item.amount} requests a minute of this kind.", retry_after=reset
            )
        return Allowance(name, item.amount, max(0, window.remaining), reset)

    def _look_away(self) -> None:
        with self._lock:
            if time.monotonic() >= self._blind_until:
                log.warning("Redis does not answer: rate limits are not shared")
            self._blind_until = time.monotonic() + BLIND


@cache
def limiter() -> Limiter:
    """The limiter of this process."""
    return Limiter()
