"""Readiness of this process, for load balancers and monitoring; `config.asgi` answers liveness."""

import logging
import time
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import dynamodb, errors, outbox, zone_rules
from config.dynamodb import key_checks

CACHE_SECONDS = 2.0
"""Seconds for which a readiness report is reused."""
logger = logging.getLogger("dutyline.keys")


def readiness(request: HttpRequest) -> JsonResponse:
    """503 while DynamoDB does not answer, or if the data keys are not those of the stored data.

    Without Redis the outbox is slower, not down: 200. So it is with zone rules that need attention.
    """
    report = _cached_report(int(time.monotonic() / CACHE_SECONDS))
    is_ready = report["store"] == "ok" and report["dataKeys"] != "wrong"
    return JsonResponse(report, status=200 if is_ready else 503)


@cache
def _redis_client() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5, retry=Retry(NoBackoff(), 0)
    )


@lru_cache(maxsize=1)
def _cached_report(period: int) -> dict[str, Any]:
    try:
        outbox_status = outbox.read_outbox_status(outbox.utc_now())
        outbox_report: dict[str, Any] = {
            "store": "ok",
            "zoneRules": zone_rules.last_report(outbox.utc_now()).to_json(),
            "outbox": {"oldestDueSeconds": outbox_status.oldest_due_seconds, "dead": outbox_status.dead},
        }
    except (errors.Unavailable, dynamodb.CallRejected):
        outbox_report = {"store": "unavailable", "outbox": None, "zoneRules": None}
    try:
        _redis_client().ping()
        redis_status = "ok"
    except RedisError:
        redis_status = "unavailable"
    data_keys_status = _data_keys_status() if outbox_report["store"] == "ok" else "unknown"
    is_ok = outbox_report["store"] == redis_status == data_keys_status == "ok"
    status = "ok" if is_ok else "degraded"
    return {"status": status, **outbox_report, "dataKeys": data_keys_status, "redis": redis_status}


def _data_keys_status() -> str:
    try:
        key_checks.verify_data_keys()
    except key_checks.WrongDataKeys as error:
        logger.error("the data keys are wrong", extra={"why": str(error)})  # noqa: TRY400 - no traceback needed
        return "wrong"
    except (errors.Unavailable, dynamodb.CallRejected):
        return "unknown"
    return "ok"
