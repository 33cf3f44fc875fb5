"""The last failures of vendors, of the mail server and of the file storage, for ``/readyz``.

Workers call the mail server and web processes answer ``/readyz``, so processes share what they saw
through Redis, for as long as the longest pause of an outbox message. Codes are stable words, such
as ``insufficient_scope`` or ``NoSuchBucket``: no personal data, no secrets.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from config import observation

if TYPE_CHECKING:  # a command that does not use Redis starts without it in 0.8 of the CPU time
    from redis import Redis

RETENTION_SECONDS = 900
SHARE_INTERVAL = 10.0
"""Seconds for which a process does not share the same failure again."""
REDIS_KEY = "dutyline:failures"
MAX_CODE_LENGTH = 120


@dataclass(frozen=True)
class Failure:
    """That a dependency failed, with the code of the last failure; ``at`` is a Unix time."""

    dependency: str
    code: str
    at: float


_seen: dict[str, Failure] = {}
_shared_at: dict[tuple[str, str], float] = {}
_last_read: list[Failure] = []
_lock = threading.Lock()


@cache
def redis_client() -> "Redis":
    """A client that gives up soon, without retries."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.25, socket_timeout=0.25, retry=Retry(NoBackoff(), 0)
    )


def note(dependency: str, code: str) -> None:
    """Remember a failure of a dependency; costs a round trip to Redis at most every 10 s."""
    observation.count("dependency_failure", dependency)
    failure = Failure(dependency, code[:MAX_CODE_LENGTH], time.time())
    key, now = (dependency, failure.code), time.monotonic()
    with _lock:
        _seen[dependency] = failure
        if now - _shared_at.get(key, float("-inf")) < SHARE_INTERVAL:
            return
        if len(_shared_at) > 100:
            _shared_at.clear()
        _shared_at[key] = now
    _share(failure)


def _share(failure: Failure) -> None:
    from redis import RedisError

    try:
        with redis_client().pipeline() as pipeline:
            pipeline.hset(REDIS_KEY, failure.dependency, json.dumps([failure.code, failure.at]))
            pipeline.expire(REDIS_KEY, RETENTION_SECONDS)
            pipeline.execute()
    except RedisError:
        pass  # it is in the log, and in what this process reports


def last_code(dependency: str) -> str:
    """The code of the last failure that this process saw; empty if it saw none."""
    failure = _seen.get(dependency)
    return failure.code if failure else ""


def read_recent(*, with_shared: bool = True) -> list[Failure]:
    """The last failure of each dependency within `RETENTION_SECONDS`, by name.

    Without those that other processes shared if Redis is not to be asked.
    """
    failures = dict(_seen)
    for failure in read_shared() if with_shared else ():
        seen = failures.get(failure.dependency)
        if seen is None or seen.at < failure.at:
            failures[failure.dependency] = failure
    oldest = time.time() - RETENTION_SECONDS
    return [failure for _, failure in sorted(failures.items()) if failure.at >= oldest]


def read_shared() -> list[Failure]:
    """Those that processes shared; while Redis does not answer, those of the last answer.

    A slow answer must not take a failure out of one report and put it back into the next.
    """
    from redis import RedisError

    try:
        values: Mapping[Any, Any] = redis_client().hgetall(REDIS_KEY)
    except RedisError:
        return list(_last_read)
    failures = []
    for raw_name, raw_value in values.items():
        try:
            code, at = json.loads(raw_value)
            failures.append(Failure(raw_name.decode(), str(code)[:MAX_CODE_LENGTH], float(at)))
        except (ValueError, TypeError):
            continue  # another release wrote it
    _last_read[:] = failures
    return failures
