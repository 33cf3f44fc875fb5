"""Is this process alive, and can it do its work? For load balancers and for who is on call."""

import time
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import errors, outbox

FRESH = 2.0
"""Seconds for which an answer about readiness is given again."""


def alive(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is looked at."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """503 while the store is away; without Redis we are slower to act, not down."""
    figures = _cached(int(time.monotonic() / FRESH))
    return JsonResponse(figures, status=503 if figures["store"] != "ok" else 200)


@cache
def _redis() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )


_last: dict[int, dict[str, Any]] = {}


def _cached(period: int) -> dict[str, Any]:
    if period not in _last:
        figures = _look()
        _last.clear()
        _last[period] = figures
        return figures
    return _last[period]


def _look() -> dict[str, Any]:
    try:
        state = outbox.state(outbox.now())
        store: dict[str, Any] = {
            "store": "ok",
            "outbox": {"oldestDueSeconds": state.oldest_due_seconds, "dead": state.dead},
        }
    except errors.Unavailable:
        store = {"store": "unavailable", "outbox": None}
    try:
        _redis().ping()
        bell = "ok"
    except RedisError:
        bell = "unavailable"
    status = "ok" if store["store"] == bell == "ok" else "degraded"
    return {"status": status, **store, "redis": bell}
