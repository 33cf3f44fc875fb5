"""How calls to Auth0's Management API are made: bounded in time and number, never repeated.

The SDK is imported late (it is large), told to use our timeouts, and never to repeat by itself:
repeating belongs to the outbox.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from django.conf import settings

from config import bulkhead, errors

if TYPE_CHECKING:
    from auth0.management.client import Auth0

TIME_BUDGET = 4.0
"""Seconds that a caller waits in all: for a place, and for Auth0's answer."""
TIMEOUT = httpx.Timeout(3.5, connect=1.0)
"""Seconds for each step of one call."""
MAX_CONCURRENT_CALLS = 8
"""Calls that may wait for Auth0 at the same time in one process."""
MAX_RETRY_AFTER = 30
"""Seconds at most that a client is told to wait."""

logger = logging.getLogger("dutyline.auth0")
T = TypeVar("T")

_bulkhead = bulkhead.Bulkhead("Sign-in management", max_concurrent=MAX_CONCURRENT_CALLS, budget_seconds=TIME_BUDGET)


def call_auth0(task: "Callable[[Auth0], T]") -> T:
    """Run a task with the client, for at most `BUDGET` seconds in all.

    What goes wrong is raised in our words.
    """
    return _bulkhead.call(lambda: _run_and_translate_errors(task))


def _run_and_translate_errors(task: "Callable[[Auth0], T]") -> T:
    try:
        return task(_client())
    except error_class("TooManyRequestsError") as error:
        raise errors.Unavailable("Sign-in management asks us to slow down.", retry_after=_retry_after(error)) from error
    except error_class("UnauthorizedError") as error:
        _token.invalidate()
        raise errors.Unavailable("Sign-in management refuses us just now.") from error
    except (_api_error(), httpx.HTTPError, ValueError) as error:
        _bulkhead.record_failure()
        logger.warning("sign-in management failed", extra={"why": type(error).__name__})
        raise errors.Unavailable("Sign-in management does not answer.") from error


@cache
def _client() -> "Auth0":
    from auth0.management.client import Auth0

    client = Auth0(
        base_url=settings.AUTH0["management_url"].rstrip("/"),
        token=_token.value,
        max_retries=0,
        httpx_client=http_client(),
    )
    _ = client.users, client.tickets  # loads the rest of the SDK, on the first caller's clock
    return client


@cache
def http_client() -> httpx.Client:
    """The HTTP client of this process: making one takes longer than asking."""
    return httpx.Client(timeout=TIMEOUT)


def error_class(name: str) -> type[Any]:
    """One of the SDK's kinds of error."""
    from auth0.management import errors as vendor

    error_type: type[Any] = getattr(vendor, name)
    return error_type


def _api_error() -> type[Any]:
    from auth0.management.core.api_error import ApiError

    return ApiError


def _retry_after(error: Any) -> int:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    header_value = headers.get("retry-after") or headers.get("x-ratelimit-reset") or "5"
    seconds = int(header_value) if header_value.isascii() and header_value.isdigit() else 5
    if seconds > 10**9:  # a moment, not a duration
        seconds -= int(time.time())
    return max(1, min(seconds, MAX_RETRY_AFTER))


class _ManagementToken:
    """The machine token of this process, fetched again a minute before it ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._value = ""
        self._until = 0.0
        self._failed = float("-inf")
        self._lock = threading.Lock()

    def value(self) -> str:
        requested_at = self._clock()
        with self._lock:
            if self._clock() >= self._until:
                if self._failed > requested_at:
                    raise ValueError("the token was refused while we waited for it")
                try:
                    self._fetch()
                except (httpx.HTTPError, ValueError):
                    self._failed = self._clock()
                    raise
            return self._value

    def invalidate(self) -> None:
        """Fetch a new one next time: this one was refused."""
        with self._lock:
            self._until = 0.0

    def _fetch(self) -> None:
        response = http_client().post(
            f"{settings.AUTH0['issuer']}oauth/token",
            json={
                "grant_type": "client_credentials",
                "client_id": settings.AUTH0["client_id"],
                "client_secret": settings.AUTH0["client_secret"],
                "audience": settings.AUTH0["management_url"],
            },
        )
        response.raise_for_status()
        payload = response.json()
        self._value = str(payload["access_token"])
        self._until = self._clock() + float(payload["expires_in"]) - 60


_token = _ManagementToken()
