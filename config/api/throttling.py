"""Rate limits, counted in Redis so that all web processes share them.

While Redis is unavailable, this process counts the limits in `ENFORCED_WITHOUT_REDIS` by itself and
does not enforce the others. Redis is retried every `REDIS_RETRY_SECONDS`. An operation names its
limit in ``@operation(rate_limit=…)``; ``settings.RATE_LIMITS`` holds the numbers.
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

ENFORCED_WITHOUT_REDIS = ("costly", "export", "sign-in")
"""Limits that each process enforces by itself while Redis is unavailable."""
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


class QuotaExceeded(errors.TooManyRequests):
    """The caller has used up a quota."""

    def __init__(self, detail: str, status: RateLimitStatus) -> None:
        super().__init__(detail, retry_after=status.reset_seconds)
        self.rate_limit_status = status


class RateLimiter:
    """Counts requests per minute."""

    def __init__(self) -> None:
        storage = RedisStorage(
            settings.REDIS_URL,
            socket_connect_timeout=0.25,
            socket_timeout=0.25,
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type] # passed to redis-py
        )
        self._shared = FixedWindowRateLimiter(storage)
        self._local = FixedWindowRateLimiter(MemoryStorage())
        self._redis_retry_at = 0.0
        self._lock = threading.Lock()

    def count_request(self, name: str, caller_key: str) -> RateLimitStatus | None:
        """Count one request; None if Redis cannot count it. Raises `QuotaExceeded`."""
        item = RateLimitItemPerMinute(settings.RATE_LIMITS[name], namespace=f"dutyline-{name}")
        if time.monotonic() >= self._redis_retry_at:
            try:
                return self._count_with(self._shared, item, name, caller_key)
            except RedisError:
                self._pause_redis()
        return self._count_with(self._local, item, name, caller_key) if name in ENFORCED_WITHOUT_REDIS else None

    def _count_with(
        self, limiter: FixedWindowRateLimiter, item: RateLimitItemPerMinute, name: str, caller_key: str
    ) -> RateLimitStatus:
        is_allowed = limiter.hit(item, caller_key)
        window = limiter.get_window_stats(item, caller_key)
        reset = max(1, int(window.reset_time - time.time() + 0.999))
        status = RateLimitStatus(name, item.amount, max(0, window.remaining), reset)
        if not is_allowed:
            raise QuotaExceeded(f"At most {item.amount} requests of this kind per minute.", status)
        return status

    def _pause_redis(self) -> None:
        with self._lock:
            if time.monotonic() >= self._redis_retry_at:
                logger.warning("Redis does not respond: rate limits are not shared")
            self._redis_retry_at = time.monotonic() + REDIS_RETRY_SECONDS


@cache
def get_limiter() -> RateLimiter:
    """The limiter of this process."""
    return RateLimiter()
