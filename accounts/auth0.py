"""All we know of Auth0's Management API, in our words.

Users are made with ``user_id`` = our own id, so that repeating a creation is harmless and a
token's ``sub`` is ``auth0|<our id>``. The SDK is imported late (it is large), told to use our
timeouts, and never to repeat by itself: repeating belongs to the outbox.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
from django.conf import settings

from config import errors

if TYPE_CHECKING:
    from auth0.management.client import Auth0

BUDGET = 4.5
"""Seconds that a caller waits in all: for a place, and for Auth0's answer."""
AT_ONCE = 8
"""Calls that may wait for Auth0 at the same time in one process."""
MOST_PATIENT = 30
"""Seconds at most that a client is told to wait."""

PATIENT, IMPATIENT = 2.5, 0.05
"""Seconds to wait for a place while Auth0 answers, and while it does not."""
TROUBLED_FOR = 5.0
"""Seconds after a failure during which it counts as not answering."""

_places = threading.BoundedSemaphore(AT_ONCE)
_trouble = [float("-inf")]
"""When Auth0 failed last (monotonic)."""


class EmailTaken(errors.Conflict):
    """Somebody else has this e-mail address at Auth0."""

    code = "email_taken"


class EmailRefused(errors.Invalid):
    """Auth0 does not take this address or name."""

    code = "email_refused"


def subject(user_id: str) -> str:
    """The ``sub`` of a person's tokens."""
    return f"auth0|{user_id}"


def user_id(subject: str) -> str | None:
    """The person that a ``sub`` names; None for machines and other connections."""
    prefix, _, id = subject.partition("|")
    return id if prefix == "auth0" and id.startswith("usr_") else None


def create_user(*, user_id: str, email: str, name: str, customer_id: str) -> None:
    """Make the sign-in of a person; harmless to repeat.

    Raises `EmailTaken`, `EmailRefused` or `errors.Unavailable`.
    """
    with _calling() as (client, options):
        try:
            client.users.create(
                connection=settings.AUTH0["connection"],
                user_id=user_id,
                email=email,
                name=name,
                password=secrets.token_urlsafe(32) + "aA1!",
                verify_email=False,
                email_verified=False,
                app_metadata={"customer_id": customer_id},
                request_options=options,
            )
        except _error("ConflictError") as error:
            if not _exists(client, options, user_id):
                raise EmailTaken("This e-mail address has an account already.") from error
        except _error("BadRequestError") as error:
            raise EmailRefused("The sign-in service refuses this address or name.") from error


def password_ticket(*, user_id: str, seconds: int) -> str:
    """A link with which a person sets the password; it proves the address and works once."""
    with _calling() as (client, options):
        made = client.tickets.change_password(
            user_id=subject(user_id),
            ttl_sec=seconds,
            mark_email_as_verified=True,
            request_options=options,
        )
    return str(made.ticket)


def _exists(client: "Auth0", options: Any, user_id: str) -> bool:
    try:
        client.users.get(subject(user_id), request_options=options)
    except _error("NotFoundError"):
        return False
    return True


@contextmanager
def _calling() -> Iterator[tuple["Auth0", Any]]:
    """The client and its options, within the number of calls that may wait at once.

    What goes wrong inside is raised in our words.
    """
    began = time.monotonic()
    troubled = time.monotonic() - _trouble[0] < TROUBLED_FOR
    if not _places.acquire(timeout=IMPATIENT if troubled else PATIENT):
        raise errors.Unavailable("Sign-in management is busy.", retry_after=2)
    try:
        yield _client(), {"max_retries": 0, "timeout": BUDGET - (time.monotonic() - began)}
    except _error("TooManyRequestsError") as error:
        raise errors.Unavailable(
            "Sign-in management asks us to slow down.", retry_after=_patience(error)
        ) from error
    except _error("UnauthorizedError") as error:
        _token.forget()
        raise errors.Unavailable("Sign-in management refuses us just now.") from error
    except (_api_error(), httpx.HTTPError, ValueError) as error:
        _trouble[0] = time.monotonic()
        raise errors.Unavailable("Sign-in management does not answer.") from error
    finally:
        _places.release()


@cache
def _client() -> "Auth0":
    from auth0.management.client import Auth0

    client = Auth0(
        base_url=settings.AUTH0["management_url"].rstrip("/"),
        token=_token.value,
        max_retries=0,
        httpx_client=httpx.Client(timeout=BUDGET),
    )
    _ = client.users, client.tickets  # loads the rest of the SDK, on the first caller's clock
    return client


def _error(name: str) -> type[Any]:
    from auth0.management import errors as vendor

    kind: type[Any] = getattr(vendor, name)
    return kind


def _api_error() -> type[Any]:
    from auth0.management.core.api_error import ApiError

    return ApiError


def _patience(error: Any) -> int:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    given = headers.get("retry-after") or headers.get("x-ratelimit-reset") or "5"
    seconds = int(given) if given.isascii() and given.isdigit() else 5
    if seconds > 10**9:  # a moment, not a duration
        seconds -= int(time.time())
    return max(1, min(seconds, MOST_PATIENT))


class _Token:
    """The machine token of this process, fetched again a minute before it ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._value = ""
        self._until = 0.0
        self._lock = threading.Lock()

    def value(self) -> str:
        with self._lock:
            if self._clock() >= self._until:
                self._fetch()
            return self._value

    def forget(self) -> None:
        """Fetch a new one next time: this one was refused."""
        with self._lock:
            self._until = 0.0

    def _fetch(self) -> None:
        answer = httpx.post(
            f"{settings.AUTH0['issuer']}oauth/token",
            json={
                "grant_type": "client_credentials",
                "client_id": settings.AUTH0["client_id"],
                "client_secret": settings.AUTH0["client_secret"],
                "audience": settings.AUTH0["management_url"],
            },
            timeout=BUDGET,
        )
        answer.raise_for_status()
        given = answer.json()
        self._value = str(given["access_token"])
        self._until = self._clock() + float(given["expires_in"]) - 60


_token = _Token()
