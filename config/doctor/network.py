"""What is reached over HTTP: our public address, its certificate, and clocks of others."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from redis import RedisError

from config.doctor import redis
from config.doctor.checks import Check, Finding, Options, describe_error, failed, ok, skipped, warning

MIN_CERTIFICATE_DAYS = 14
MAX_CLOCK_DIFFERENCE = 30.0
"""Seconds; tokens of Auth0 are valid within these (`accounts.auth.tokens`)."""
NOTICEABLE_DIFFERENCE = 5.0
TIMEOUT = httpx.Timeout(3.0, connect=2.0)


@cache
def http_client() -> httpx.Client:
    """The HTTP client of the checks: creating one takes longer than a request."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False)


def _check_public_url(options: Options) -> Iterator[Finding]:
    """A request without a token reaches the API, which refuses it in its own words."""
    url = settings.PUBLIC_BASE_URL
    try:
        response = http_client().get(f"{url}/user")
    except httpx.HTTPError as error:
        yield failed(
            f"PUBLIC_BASE_URL ({url}) does not answer ({describe_error(error)}).",
            "Check its name, certificate, proxy and network; web processes must run.",
            type(error).__name__,
        )
        return
    is_ours = response.headers.get("Content-Type", "").startswith("application/problem+json")
    if response.status_code == 401 and is_ours:
        yield ok(f"PUBLIC_BASE_URL ({url}) leads to the API.")
    elif response.status_code == 400 and is_ours:
        yield failed(
            f"The API refuses the host of PUBLIC_BASE_URL ({url}).",
            "Add the host to ALLOWED_HOSTS, and let the proxy pass Host unchanged.",
            "disallowed_host",
        )
    else:
        code = f"status_{response.status_code}"
        sentence = f"PUBLIC_BASE_URL ({url}) answers {response.status_code} for /user, not 401 as the API does."
        yield failed(sentence, "Check the proxy, and that web processes are ready.", code)


def _check_certificate(options: Options) -> Iterator[Finding]:
    parts = urlsplit(settings.PUBLIC_BASE_URL)
    if parts.scheme != "https":
        yield skipped("PUBLIC_BASE_URL is not https.")
        return
    host, port = str(parts.hostname), parts.port or 443
    try:
        with (
            socket.create_connection((host, port), timeout=3) as connection,
            ssl.create_default_context().wrap_socket(connection, server_hostname=host) as tls,
        ):
            expires_at = ssl.cert_time_to_seconds(str((tls.getpeercert() or {})["notAfter"]))
    except ssl.SSLError as error:
        sentence = f"The certificate of {host}:{port} is not valid ({describe_error(error)})."
        yield failed(sentence, "Renew it, with the whole chain.", type(error).__name__)
        return
    except OSError as error:
        yield skipped(f"{host}:{port} does not answer ({describe_error(error)}).")
        return
    yield judge_certificate(timedelta(seconds=expires_at - time.time()))


def judge_certificate(remaining: timedelta) -> Finding:
    """What a certificate needs that is valid for so long."""
    sentence = f"The certificate of PUBLIC_BASE_URL is valid for {remaining.days} more days."
    if remaining < timedelta(days=MIN_CERTIFICATE_DAYS):
        return warning(sentence, "Renew it, and look why that did not happen by itself.", "certificate_expires")
    return ok(sentence)


def _check_clock(options: Options) -> Iterator[Finding]:
    """Our clock against those of Redis, Auth0 and Twilio, the one that differs least."""
    differences = dict(_iter_differences())
    if not differences:
        yield skipped("Nobody told the time: Redis, Auth0 and Twilio do not answer.")
        return
    name, seconds = min(differences.items(), key=lambda item: abs(item[1]))
    sentence = f"The clock of this machine differs by {abs(seconds):.1f} s from that of {name}."
    if abs(seconds) > MAX_CLOCK_DIFFERENCE:
        yield failed(sentence, "Synchronize it (NTP): tokens and signatures count as expired.", "clock")
    elif abs(seconds) > NOTICEABLE_DIFFERENCE:
        yield warning(sentence, "Synchronize it (NTP).", "clock")
    else:
        yield ok(sentence)


def _iter_differences() -> Iterator[tuple[str, float]]:
    """Seconds by which our clock is ahead of others."""
    try:
        began_at = time.time()
        seconds, microseconds = redis.client().time()
        yield "Redis", (began_at + time.time()) / 2 - seconds - microseconds / 1e6
    except (RedisError, OSError):
        pass  # the next one may answer
    for name, url in (("Auth0", settings.AUTH0["issuer"]), ("Twilio", settings.TWILIO["base_url"])):
        try:
            began_at = time.time()
            date = http_client().get(url).headers.get("Date", "")
            at = parsedate_to_datetime(date).astimezone(UTC) + timedelta(seconds=0.5)  # its fraction is cut off
            middle = datetime.fromtimestamp((began_at + time.time()) / 2, UTC)
            yield name, (middle - at).total_seconds()
        except (httpx.HTTPError, ValueError):
            continue


CHECKS = (
    Check("public_url.api", _check_public_url, prepare=http_client, setting="PUBLIC_BASE_URL"),
    Check("public_url.certificate", _check_certificate, setting="PUBLIC_BASE_URL"),
    Check("clock.difference", _check_clock, prepare=http_client),
)
