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

CHUNK = 100
"""Messages that Expo takes at once."""
RECEIPTS_KEPT = 24 * 3600
"""Seconds for which Expo keeps receipts."""
RECEIPTS_AFTER = 15 * 60
"""Seconds after which they are there."""
TIMEOUT = 10.0
LARGEST_ANSWER = 1_000_000
GONE = "DeviceNotRegistered"
TOO_FAST = "MessageRateExceeded"
MOST_PATIENT = 900
PASSING = (401, 403, 408, 425, 429)
"""Refusals that end by themselves, or when whoever runs this mends the access token."""

_TOKEN = re.compile(r"Expo(?:nent)?PushToken\[[!-Z^-~]{1,200}\]", re.ASCII)
log = logging.getLogger("dutyline.expo")


class Refused(Exception):
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
class Outcome:
    """What became of one message: the id of its ticket, or an error of Expo's."""

    ticket: str = ""
    error: str = ""


def is_token(text: str) -> bool:
    """Whether this is what Expo calls a push token."""
    return _TOKEN.fullmatch(text) is not None


def send(tokens: Sequence[str], message: Mapping[str, Any]) -> list[Outcome]:
    """Send one message to at most `CHUNK` tokens; one outcome each, in order.

    Raises `MixedProjects`, `Refused` or `errors.Unavailable`.
    """
    answer = _ask("send", [{**message, "to": token} for token in tokens])
    tickets = answer.get("data")
    if not isinstance(tickets, list) or len(tickets) != len(tokens):
        raise _nonsense()
    return [_outcome(ticket) for ticket in tickets]


def receipts(tickets: Sequence[str]) -> dict[str, Outcome]:
    """What became of the messages of these tickets (at most 1,000), as far as Expo knows yet."""
    found = _ask("getReceipts", {"ids": list(tickets)}).get("data")
    if not isinstance(found, dict):
        raise _nonsense()
    return {str(ticket): _outcome(receipt) for ticket, receipt in found.items()}


def _outcome(told: Any) -> Outcome:
    if not isinstance(told, dict) or told.get("status") not in ("ok", "error"):
        raise _nonsense()
    if told["status"] == "ok":
        return Outcome(ticket=str(told.get("id", "")))
    details = told.get("details")
    error = details.get("error") if isinstance(details, dict) else None
    return Outcome(error=str(error or "unknown"))


def _ask(what: str, body: Any) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Accept": "application/json",
    }
    if settings.EXPO["access_token"]:
        headers["Authorization"] = f"Bearer {settings.EXPO['access_token']}"
    address = f"{settings.EXPO['base_url']}/--/api/v2/push/{what}"
    try:
        status, retry_after, raw = _call(address, gzip.compress(orjson.dumps(body)), headers)
    except (httpx.HTTPError, RuntimeError, FutureTimeout) as error:
        log.warning("push service failed", extra={"why": type(error).__name__})
        raise errors.Unavailable("The push service does not answer.", retry_after=30) from error
    if status != 200:
        raise _refused(status, retry_after, raw)
    answer = _read(raw)
    if answer is None:
        raise _nonsense()
    return answer


def _call(
    address: str, content: bytes, headers: Mapping[str, str], *, seconds: float = TIMEOUT
) -> tuple[int, str, bytes]:
    """One call, whole, within so many seconds: httpx's own limits are per step.

    A call that is given up is not made later, and a peer that drips does not keep its thread.
    """
    call = _pool().submit(_post, address, content, headers, time.monotonic(), seconds)
    try:
        return call.result(timeout=seconds)
    except FutureTimeout:
        call.cancel()
        client = http()
        http.cache_clear()
        client.close()
        raise


def _post(
    address: str, content: bytes, headers: Mapping[str, str], asked: float, seconds: float
) -> tuple[int, str, bytes]:
    if time.monotonic() > asked + seconds / 2:
        raise httpx.ConnectTimeout("too late to begin")  # who waited for a thread gives up soon
    end = asked + seconds
    with http().stream("POST", address, content=content, headers=dict(headers)) as answer:
        raw = bytearray()
        for part in answer.iter_bytes():
            raw += part
            if time.monotonic() > end or len(raw) > LARGEST_ANSWER:
                raise httpx.ReadTimeout("too slow or too large an answer")
        return answer.status_code, answer.headers.get("Retry-After", ""), bytes(raw)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="expo")


@cache
def http() -> httpx.Client:
    """The HTTP client of this process."""
    return httpx.Client(timeout=httpx.Timeout(TIMEOUT / 2, connect=2.0))


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _refused(status: int, retry_after: str, raw: bytes) -> Exception:
    told = (_read(raw) or {}).get("errors")
    first = told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}
    code = str(first.get("code", ""))
    if code == "PUSH_TOO_MANY_EXPERIENCE_IDS" and isinstance(first.get("details"), dict):
        return MixedProjects([list(map(str, group)) for group in first["details"].values()])
    if 400 <= status < 500 and status not in PASSING:
        return Refused(code or str(status))
    log.warning("push service refused", extra={"status": status, "why": code})
    patience = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 30
    return errors.Unavailable(
        "The push service refuses us just now.", retry_after=max(1, min(patience, MOST_PATIENT))
    )


def _nonsense() -> errors.Unavailable:
    log.error("push service answered nonsense")
    return errors.Unavailable("The push service answers nonsense.", retry_after=60)
