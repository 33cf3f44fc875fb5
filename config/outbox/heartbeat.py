"""The heartbeat of beat and workers: each minute beat has a worker note the time in Redis."""

import time

from redis import RedisError

from config import failures

REDIS_KEY = "dutyline:heartbeat"
RETENTION_SECONDS = 7 * 86_400
MAX_SECONDS = 180
"""Seconds without a note after which one of them is missing; beat asks for it each minute."""


def note() -> None:
    """Note it, if Redis answers."""
    try:
        failures.redis_client().set(REDIS_KEY, f"{time.time():.0f}", ex=RETENTION_SECONDS)
    except RedisError:
        return  # the next minute


def seconds_since() -> float | None:
    """Since the last note; None: there is none. Raises `RedisError`."""
    value = failures.redis_client().get(REDIS_KEY)
    return max(0.0, time.time() - float(value)) if isinstance(value, bytes) else None
