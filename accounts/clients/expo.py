"""All we know of Expo's push service: sending notifications, and asking what became of them.

Docs: https://docs.expo.dev/push-notifications/sending-notifications/. One call at a time, bounded
in time and size and never repeated here: repeating belongs to the outbox.
"""

import gzip
import logging
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import orjson
from django.conf import settings

from config import errors

CHUNK_SIZE = 100
"""Messages that Expo takes at once."""
RECEIPT_TTL = 24 * 3600
"""Seconds for which Expo keeps receipts."""
RECEIPT_DELAY = 15 * 60
"""Seconds after which they are there."""
TIMEOUT = 10.0
MAX_RESPONSE_BYTES = 1_000_000
DEVICE_NOT_REGISTERED = "DeviceNotRegistered"
RATE_EXCEEDED = "MessageRateExceeded"
MAX_RETRY_AFTER = 900
TRANSIENT_STATUSES = (401, 403, 408, 425, 429)
"""Refusals that end by themselves, or when whoever runs this mends the access token."""

_TOKEN_PATTERN = re.compile(r"Expo(?:nent)?PushToken\[[!-Z^-~]{1,200}\]", re.ASCII)
logger = logging.getLogger("dutyline.expo")


class PushRejected(Exception):
    """Expo will never take this request; ``code`` is its word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class MixedProjects(Exception):
    """The tokens belong to several Expo projects; ``groups`` are those of each."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        super().__init__("tokens of several projects")
        self.groups = groups


@dataclass(frozen=True)
class PushResult:
    """What became of one message: the id of its ticket, or an error of Expo's."""

    ticket: str = ""
    error: str = ""


def is_push_token(text: str) -> bool:
    """Whether this is what Expo calls a push token."""
    return _TOKEN_PATTERN.fullmatch(text) is not None


def send_message(tokens: Sequence[str], message: Mapping[str, Any]) -> list[PushResult]:
    """Send one message to at most `CHUNK` tokens; one outcome each, in order.

    Raises `MixedProjects`, `Refused` or `errors.Unavailable`.
    """
    response = _request("send", [{**message, "to": token} for token in tokens])
    tickets = response.get("data")
    if not isinstance(tickets, list) or len(tickets) != len(tokens):
        raise _invalid_response()
    return [_parse_result(ticket) for ticket in tickets]


def get_receipts(tickets: Sequence[str]) -> dict[str, PushResult]:
    """What became of the messages of these tickets (at most 1,000), as far as Expo knows yet."""
    results = _request("getReceipts", {"ids": list(tickets)}).get("data")
    if not isinstance(results, dict):
        raise _invalid_response()
    return {str(ticket): _parse_result(receipt) for ticket, receipt in results.items()}


def _parse_result(data: Any) -> PushResult:
    if not isinstance(data, dict) or data.get("status") not in ("ok", "error"):
        raise _invalid_response()
    if data["status"] == "ok":
        return PushResult(ticket=str(data.get("id", "")))
    details = data.get("details")
    error = details.get("error") if isinstance(details, dict) else None
    return PushResult(error=str(error or "unknown"))


def _request(method: str, body: Any) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Accept": "application/json"}
    if settings.EXPO["access_token"]:
        headers["Authorization"] = f"Bearer {settings.EXPO['access_token']}"
    url = f"{settings.EXPO['base_url']}/--/api/v2/push/{method}"
    try:
        status, retry_after, raw = _call_with_deadline(url, gzip.compress(orjson.dumps(body)), headers)
    except (httpx.HTTPError, RuntimeError, FutureTimeout) as error:
        logger.warning("push service failed", extra={"why": type(error).__name__})
        raise errors.Unavailable("The push service does not answer.", retry_after=30) from error
    if status != 200:
        raise _to_error(status, retry_after, raw)
    response = _parse_object(raw)
    if response is None:
        raise _invalid_response()
    return response


def _call_with_deadline(
    url: str, content: bytes, headers: Mapping[str, str], *, seconds: float = TIMEOUT
) -> tuple[int, str, bytes]:
    """One call, whole, within so many seconds: httpx's own limits are per step.

    A call that is given up is not made later, and a peer that drips does not keep its thread.
    """
    call = _thread_pool().submit(_post, url, content, headers, time.monotonic(), seconds)
    try:
        return call.result(timeout=seconds)
    except FutureTimeout:
        call.cancel()
        stuck_client = http_client()
        http_client.cache_clear()
        stuck_client.close()
        raise


def _post(
    url: str, content: bytes, headers: Mapping[str, str], started_at: float, seconds: float
) -> tuple[int, str, bytes]:
    if time.monotonic() > started_at + seconds / 2:
        raise httpx.ConnectTimeout("too late to begin")  # who waited for a thread gives up soon
    deadline = started_at + seconds
    with http_client().stream("POST", url, content=content, headers=dict(headers)) as response:
        raw = bytearray()
        for chunk in response.iter_bytes():
            raw += chunk
            if time.monotonic() > deadline or len(raw) > MAX_RESPONSE_BYTES:
                raise httpx.ReadTimeout("too slow or too large an answer")
        return response.status_code, response.headers.get("Retry-After", ""), bytes(raw)


@cache
def _thread_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="expo")


@cache
def http_client() -> httpx.Client:
    """The HTTP client of this process."""
    return httpx.Client(timeout=httpx.Timeout(TIMEOUT / 2, connect=2.0))


def _parse_object(raw: bytes) -> dict[str, Any] | None:
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None


def _to_error(status: int, retry_after: str, raw: bytes) -> Exception:
    error_list = (_parse_object(raw) or {}).get("errors")
    first = error_list[0] if isinstance(error_list, list) and error_list and isinstance(error_list[0], dict) else {}
    code = str(first.get("code", ""))
    if code == "PUSH_TOO_MANY_EXPERIENCE_IDS" and isinstance(first.get("details"), dict):
        return MixedProjects([list(map(str, group)) for group in first["details"].values()])
    if 400 <= status < 500 and status not in TRANSIENT_STATUSES:
        return PushRejected(code or str(status))
    logger.warning("push service refused", extra={"status": status, "why": code})
    delay = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 30
    return errors.Unavailable("The push service refuses us just now.", retry_after=max(1, min(delay, MAX_RETRY_AFTER)))


def _invalid_response() -> errors.Unavailable:
    logger.error("push service answered nonsense")
    return errors.Unavailable("The push service answers nonsense.", retry_after=60)
