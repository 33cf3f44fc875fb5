"""Readiness of this process, for load balancers and monitoring; `config.asgi` answers liveness."""

import logging
import threading
import time
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import dynamodb, errors, failures, outbox, storage, zone_rules
from config.api import admission
from config.dynamodb import key_checks

CACHE_SECONDS = 2.0
"""Seconds for which a readiness report is reused."""
PROBE_SECONDS = 60.0
"""Seconds between two probes of the file storage."""
RETRY_AFTER = 5
Problem = dict[str, Any]
logger = logging.getLogger("dutyline.keys")


def readiness(request: HttpRequest) -> JsonResponse:
    """503 while DynamoDB does not answer, or if the data keys are not those of the stored data.

    What only some requests need is reported, with 200: without Redis the outbox is slower, not
    down, and a wrong bucket or mail server must not take every process from its load balancer.
    """
    saturation = _saturation()  # now: the rest takes a while
    report = read_report()
    is_ready = report["store"] == "ok" and report["dataKeys"] != "wrong"
    response = JsonResponse({**report, "saturation": saturation}, status=200 if is_ready else 503)
    if not is_ready:
        response["Retry-After"] = str(RETRY_AFTER)
    return response


def _saturation() -> dict[str, Any]:
    """How busy this process is, by lane. It stays ready: others are as busy, and all would go."""
    return {
        name: {
            "status": "saturated" if state.is_saturated else "ok",
            "atWork": state.at_work,
            "places": state.places,
            "waiting": state.waiting,
            "oldestWaitMilliseconds": round(state.oldest_wait_seconds * 1000),
            "refused": state.refused,
            "abandoned": state.abandoned,
        }
        for name, state in ((name, lane.state()) for name, lane in admission.LANES.items())
    }


def read_report() -> dict[str, Any]:
    """The state of what this process needs, at most `CACHE_SECONDS` old."""
    return _cached_report(int(time.monotonic() / CACHE_SECONDS))


@cache
def _redis_client() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5, retry=Retry(NoBackoff(), 0)
    )


@lru_cache(maxsize=1)
def _cached_report(period: int) -> dict[str, Any]:
    problems: list[Problem] = []
    report: dict[str, Any] = {"store": "unavailable", "outbox": None, "zoneRules": None, "dataKeys": "unknown"}
    try:
        report |= _read_store()
        report["dataKeys"] = _data_keys_status(problems)
    except (errors.Unavailable, dynamodb.CallRejected) as error:
        problems.append(_store_problem(error))
    try:
        _redis_client().ping()
        report["redis"] = "ok"
    except RedisError as error:
        report["redis"] = "unavailable"
        problems.append({"name": "redis", "code": type(error).__name__})
    report["files"] = _files_probe.status(problems)
    problems += _recent_failures(with_shared=report["redis"] == "ok")
    return {"status": "degraded" if problems else "ok", **report, "problems": problems}


def _read_store() -> dict[str, Any]:
    outbox_status = outbox.read_outbox_status(outbox.utc_now())
    return {
        "store": "ok",
        "zoneRules": zone_rules.last_report(outbox.utc_now()).to_json(),
        "outbox": outbox_status.to_json(),
    }


def _store_problem(error: Exception) -> Problem:
    """What is wrong with DynamoDB: AWS's own code, and the call that it rejected."""
    if isinstance(error, dynamodb.CallRejected):
        return {"name": "store", "code": error.reason, "detail": f"{error.operation} of {error.table}"}
    is_unsigned = isinstance(error.__cause__, dynamodb.CREDENTIAL_ERRORS)
    return {"name": "store", "code": "no_credentials" if is_unsigned else "no_answer"}


def _data_keys_status(problems: list[Problem]) -> str:
    try:
        key_checks.verify_data_keys()
    except key_checks.WrongDataKeys as error:
        logger.error("the data keys are wrong", extra={"why": str(error)})  # noqa: TRY400 - no traceback needed
        problems.append({"name": "dataKeys", "code": "wrong_data_keys", "detail": str(error)})
        return "wrong"
    except (errors.Unavailable, dynamodb.CallRejected) as error:
        problems.append(_store_problem(error))
        return "unknown"
    return "ok"


def _recent_failures(*, with_shared: bool) -> list[Problem]:
    """What vendors, the mail server or the file storage refused lately, in any process."""
    return [
        {"name": failure.dependency, "code": failure.code, "secondsAgo": max(0, round(time.time() - failure.at))}
        for failure in failures.read_recent(with_shared=with_shared)
    ]


class _FilesProbe:
    """Asks the file storage in the background, once a minute at most, when somebody wants to know.

    A failure is noted as any other of the storage (`config.failures`).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status = "unknown"
        self._begun_at = float("-inf")
        self._thread: threading.Thread | None = None

    def status(self, problems: list[Problem]) -> str:
        """The last result; a storage that has not answered for so long is unavailable."""
        with self._lock:
            is_running = self._thread is not None and self._thread.is_alive()
            seconds = time.monotonic() - self._begun_at
            if not is_running and seconds >= PROBE_SECONDS:
                self._begun_at = time.monotonic()
                self._thread = threading.Thread(target=self._run, name="files-probe", daemon=True)
                self._thread.start()
            if is_running and seconds >= PROBE_SECONDS:
                self._status = "unavailable"
                problems.append({"name": storage.DEPENDENCY, "code": "no_answer"})
            return self._status

    def _run(self) -> None:
        try:
            storage.probe()
            self._status = "ok"
        except errors.Unavailable:
            self._status = "unavailable"


_files_probe = _FilesProbe()
