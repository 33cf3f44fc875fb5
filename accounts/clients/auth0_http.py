"""Calls to Auth0's Management API, bounded in time and number (`config.bulkhead`).

The SDK is imported late, because it is large. Its retries are disabled: the outbox retries.
"""

import re
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from django.conf import settings

from config import bulkhead

if TYPE_CHECKING:
    from auth0.management.client import Auth0

TIMEOUT = httpx.Timeout(3.5, connect=1.0)
"""Seconds for each step of one call."""

T = TypeVar("T")
_SCOPE = re.compile(r"\b[a-z]{1,20}:[a-z_]{1,40}\b")

_bulkhead = bulkhead.Bulkhead("The sign-in service", max_while_failing=2)


def call_auth0(task: "Callable[[Auth0], T]") -> T:
    """Run a task with the SDK's client.

    Raises what the task makes of the SDK's errors, else `errors.Unavailable`.
    """
    return _bulkhead.call(lambda: _run_and_translate_errors(task))


def _run_and_translate_errors(task: "Callable[[Auth0], T]") -> T:
    try:
        return task(_client())
    except error_class("TooManyRequestsError") as error:
        headers = httpx.Headers(error.headers)
        raise _bulkhead.rate_limited(headers.get("Retry-After") or headers.get("X-RateLimit-Reset", "")) from error
    except error_class("UnauthorizedError") as error:
        _token.invalidate()
        raise _bulkhead.failure("unauthorized") from error
    except error_class("ForbiddenError") as error:
        raise _bulkhead.failure(forbidden_code(error)) from error
    except httpx.HTTPStatusError as error:  # of a token; calls raise the SDK's errors
        raise _bulkhead.failure(f"no token: {error.response.status_code}") from error
    except (_api_error(), httpx.HTTPError, ValueError) as error:
        raise _bulkhead.failure(type(error).__name__) from error


def forbidden_code(error: Any) -> str:
    """Auth0's code of a refusal (403), and the scopes that it expects, if it says so."""
    body = error.body if isinstance(error.body, dict) else {}
    scopes = _SCOPE.findall(str(body.get("message", "")))
    return " ".join([str(body.get("errorCode") or "forbidden")[:40], *scopes[:5]])


@cache
def _client() -> "Auth0":
    from auth0.management.client import Auth0

    client = Auth0(
        base_url=settings.AUTH0["management_url"].rstrip("/"),
        token=_token.value,
        max_retries=0,
        httpx_client=http_client(),
    )
    _ = client.users, client.tickets  # loads the rest of the SDK within the first call's time
    return client


@cache
def http_client() -> httpx.Client:
    """The HTTP client of this process: creating one takes longer than a request."""
    return httpx.Client(timeout=TIMEOUT)


def error_class(name: str) -> type[Any]:
    """An exception class of the SDK, by name."""
    from auth0.management import errors as vendor

    error_type: type[Any] = getattr(vendor, name)
    return error_type


def _api_error() -> type[Any]:
    from auth0.management.core.api_error import ApiError

    return ApiError


class _ManagementToken:
    """The access token of this process, fetched again a minute before it expires."""

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
                    raise ValueError("another thread could not fetch the token")
                try:
                    self._fetch()
                except (httpx.HTTPError, ValueError):
                    self._failed = self._clock()
                    raise
            return self._value

    def invalidate(self) -> None:
        """Fetch a new token for the next call: Auth0 rejected this one."""
        with self._lock:
            self._until = 0.0

    def _fetch(self) -> None:
        payload = request_token()
        self._value = str(payload["access_token"])
        self._until = self._clock() + float(payload["expires_in"]) - 60


def request_token() -> dict[str, Any]:
    """Auth0's answer to a request for a token of the machine-to-machine application.

    Raises `httpx.HTTPError` and `ValueError`.
    """
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
    return dict(response.json())


_token = _ManagementToken()
