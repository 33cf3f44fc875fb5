"""All we know of Auth0's Management API, in our words.

Users are made with ``user_id`` = our own id, so that repeating a creation is harmless and a
token's ``sub`` is ``auth0|<our id>``. The SDK is imported late (it is large), told to use our
timeouts, and never to repeat by itself: repeating belongs to the outbox.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from django.conf import settings

from config import errors

if TYPE_CHECKING:
    from auth0.management.client import Auth0

BUDGET = 4.0
"""Seconds that a caller waits in all: for a place, and for Auth0's answer."""
TIMEOUT = httpx.Timeout(3.5, connect=1.0)
"""Seconds for each step of one call."""
ONCE: Any = {"max_retries": 0}
AT_ONCE = 8
"""Calls that may wait for Auth0 at the same time in one process."""
MOST_PATIENT = 30
"""Seconds at most that a client is told to wait."""

PATIENT, IMPATIENT = 2.0, 0.05
"""Seconds to wait for a place while Auth0 answers, and while it does not."""
TROUBLED_FOR = 5.0
"""Seconds after a failure during which it counts as not answering."""

log = logging.getLogger("dutyline.auth0")
T = TypeVar("T")

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

    def create(client: "Auth0") -> None:
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
                request_options=ONCE,
            )
        except _error("ConflictError") as error:
            _check_that_it_is_ours(client, user_id, email, error)
        except _error("BadRequestError") as error:
            told = error.body if isinstance(error.body, dict) else {}
            if told.get("errorCode") != "invalid_body":
                raise  # our own set-up is at fault, not this person
            raise EmailRefused("The sign-in service refuses this address or name.") from error

    _call(create)


def password_ticket(*, user_id: str, seconds: int) -> str:
    """A link with which a person sets the password; it proves the address and works once."""

    def make(client: "Auth0") -> str:
        made = client.tickets.change_password(
            user_id=subject(user_id),
            ttl_sec=seconds,
            mark_email_as_verified=True,
            request_options=ONCE,
        )
        return str(made.ticket)

    return _call(make)


def _check_that_it_is_ours(client: "Auth0", user_id: str, email: str, conflict: Exception) -> None:
    """After a 409: was it our own earlier call that made the account?

    Only an account of somebody else is a verdict; neither ours nor another's is no answer yet,
    since an earlier call of ours may still be on its way.
    """
    try:
        client.users.get(subject(user_id), request_options=ONCE)
    except _error("NotFoundError"):
        holders = client.users.list_users_by_email(email=email, request_options=ONCE)
        ids = {str(holder.user_id) for holder in holders}
        found = {id for id in ids if id.startswith("auth0|")}  # of database connections
        if found - {subject(user_id)}:
            raise EmailTaken("This e-mail address has an account already.") from conflict
        if not found:
            raise errors.Unavailable("Sign-in management contradicts itself.") from conflict


def _call(task: "Callable[[Auth0], T]") -> T:
    """Run a task with the client, for at most `BUDGET` seconds.

    It runs in a thread of a small pool: a vendor that hangs or drips holds that thread, not the
    caller, and at most `AT_ONCE` of them. What goes wrong is raised in our words.
    """
    end = time.monotonic() + BUDGET
    troubled = time.monotonic() - _trouble[0] < TROUBLED_FOR
    if not _places.acquire(timeout=IMPATIENT if troubled else PATIENT):
        raise errors.Unavailable("Sign-in management is busy.", retry_after=2)
    future = _pool().submit(_run, task)
    try:
        return future.result(timeout=end - time.monotonic())
    except FutureTimeout as error:
        _trouble[0] = time.monotonic()
        raise errors.Unavailable("Sign-in management does not answer.") from error


def _run(task: "Callable[[Auth0], T]") -> T:
    try:
        return task(_client())
    except _error("TooManyRequestsError") as error:
        raise errors.Unavailable(
            "Sign-in management asks us to slow down.", retry_after=_patience(error)
        ) from error
    except _error("UnauthorizedError") as error:
        _token.forget()
        raise errors.Unavailable("Sign-in management refuses us just now.") from error
    except (_api_error(), httpx.HTTPError, ValueError) as error:
        _trouble[0] = time.monotonic()
        log.warning("sign-in management failed", extra={"why": type(error).__name__})
        raise errors.Unavailable("Sign-in management does not answer.") from error
    finally:
        _places.release()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="auth0")


@cache
def _client() -> "Auth0":
    from auth0.management.client import Auth0

    client = Auth0(
        base_url=settings.AUTH0["management_url"].rstrip("/"),
        token=_token.value,
        max_retries=0,
        httpx_client=httpx.Client(timeout=TIMEOUT),
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
        self._failed = float("-inf")
        self._lock = threading.Lock()

    def value(self) -> str:
        asked = self._clock()
        with self._lock:
            if self._clock() >= self._until:
                if self._failed > asked:
                    raise ValueError("the token was refused while we waited for it")
                try:
                    self._fetch()
                except (httpx.HTTPError, ValueError):
                    self._failed = self._clock()
                    raise
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
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        given = answer.json()
        self._value = str(given["access_token"])
        self._until = self._clock() + float(given["expires_in"]) - 60


_token = _Token()
