"""Expo's push service: send notifications and fetch their receipts.

Docs: https://docs.expo.dev/push-notifications/sending-notifications/. Calls are bounded in time,
number and size (`config.bulkhead`).
"""

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import orjson
from django.conf import settings

from config import bulkhead, errors

CHUNK_SIZE = 100
"""Messages that Expo accepts in one request."""
RECEIPT_TTL = 24 * 3600
"""Seconds for which Expo keeps receipts."""
RECEIPT_DELAY = 15 * 60
"""Seconds after which a receipt is available."""
TIMEOUT = 10.0
MAX_RESPONSE_BYTES = 1_000_000
DEVICE_NOT_REGISTERED = "DeviceNotRegistered"
RATE_EXCEEDED = "MessageRateExceeded"
MAX_RETRY_AFTER = 900
TRANSIENT_STATUSES = (401, 403, 408, 425, 429)
"""Refusals that end by themselves, or when the operator corrects the access token."""

_TOKEN_PATTERN = re.compile(
    r"Expo(?:nent)?PushToken\[[!-Z^-~]{1,200}\]|[A-Za-z\d]{8}(?:-[A-Za-z\d]{4}){3}-[A-Za-z\d]{12}", re.ASCII
)
"""The second is that of old installations; Expo's own clients take both."""


class PushRejected(Exception):
    """Expo will never accept this request; ``code`` is Expo's error code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class MixedProjects(Exception):
    """The tokens belong to several Expo projects; ``groups`` are the tokens of each."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        super().__init__("tokens of several projects")
        self.groups = groups


@dataclass(frozen=True)
class PushResult:
    """The result for one message: the id of its ticket, or Expo's error code."""

    ticket: str = ""
    error: str = ""


def is_push_token(text: str) -> bool:
    """Whether this is an Expo push token."""
    return _TOKEN_PATTERN.fullmatch(text) is not None


def send_message(tokens: Sequence[str], message: Mapping[str, Any]) -> list[PushResult]:
    """Send one message to at most `CHUNK_SIZE` tokens; one result per token, in order.

    Raises `MixedProjects`, `PushRejected` or `errors.Unavailable`.
    """
    response = _request("send", [{**message, "to": token} for token in tokens])
    tickets = response.get("data")
    if not isinstance(tickets, list) or len(tickets) != len(tokens):
        raise invalid_response()
    return [_parse_result(ticket) for ticket in tickets]


def get_receipts(tickets: Sequence[str]) -> dict[str, PushResult]:
    """Receipts by ticket, for at most 1,000 tickets; those that are not available yet are left out.

    Raises `PushRejected` or `errors.Unavailable`.
    """
    results = _request("getReceipts", {"ids": list(tickets)}).get("data")
    if not isinstance(results, dict):
        raise invalid_response()
    return {str(ticket): _parse_result(receipt) for ticket, receipt in results.items()}


def _parse_result(data: Any) -> PushResult:
    if not isinstance(data, dict) or data.get("status") not in ("ok", "error"):
        raise invalid_response()
    if data["status"] == "ok":
        return PushResult(ticket=str(data.get("id", "")))
    details = data.get("details")
    error = details.get("error") if isinstance(details, dict) else None
    return PushResult(error=str(error or "unknown"))


def _request(method: str, body: Any) -> dict[str, Any]:
    content = gzip.compress(orjson.dumps(body))
    url = f"{settings.EXPO['base_url']}/--/api/v2/push/{method}"
    status, retry_after, raw = _bulkhead.call(lambda: _post(url, content))
    if status != 200:
        raise _to_error(status, retry_after, raw)
    response = _parse_object(raw)
    if response is None:
        raise invalid_response()
    return response


def _post(url: str, content: bytes) -> tuple[int, str, bytes]:
    """Status, ``Retry-After`` header and body of the response."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Accept": "application/json"}
    if settings.EXPO["access_token"]:
        headers["Authorization"] = f"Bearer {settings.EXPO['access_token']}"
    raw = bytearray()
    try:
        with http_client().stream("POST", url, content=content, headers=headers) as response:
            for chunk in response.iter_bytes():
                raw += chunk
                if len(raw) > MAX_RESPONSE_BYTES:
                    raise httpx.ReadError("the response is too large")
            return response.status_code, response.headers.get("Retry-After", ""), bytes(raw)
    except (httpx.HTTPError, RuntimeError) as error:  # httpx's RuntimeError: the client was closed
        raise _bulkhead.failure(type(error).__name__) from error


@cache
def http_client() -> httpx.Client:
    """The HTTP client of this process."""
    return httpx.Client(timeout=httpx.Timeout(TIMEOUT / 2, connect=2.0))


def close_http_client() -> None:
    """Close the client, which ends its requests; the next request opens another."""
    client = http_client()
    http_client.cache_clear()
    client.close()


_bulkhead = bulkhead.Bulkhead(
    "The push service",
    max_concurrent=2,
    max_while_failing=1,
    budget_seconds=TIMEOUT,
    max_retry_after=MAX_RETRY_AFTER,
    on_timeout=close_http_client,
)


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
    return _bulkhead.rate_limited(retry_after) if retry_after else _bulkhead.failure(code or str(status))


def invalid_response() -> errors.Unavailable:
    """The error to raise when a response contradicts Expo's documentation."""
    return _bulkhead.failure("invalid response")
