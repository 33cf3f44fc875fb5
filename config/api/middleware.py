"""What happens to every request before and after the views."""

import ipaddress
import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.cache import patch_vary_headers
from ulid import ULID

from config import errors
from config.api import problem_details

log = logging.getLogger("dutyline.web")
GetResponse = Callable[[HttpRequest], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PROBES = ("/healthz", "/readyz")
"""What load balancers ask for by address, without naming a host of ours."""
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")


class Proxies:
    """Checks the host; believes forwarded addresses from TRUSTED_PROXIES only."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = {name: request.META.pop(name, "") for name in _FORWARDED}
        if _is_trusted(request.META.get("REMOTE_ADDR", "")):
            client = _client(given["HTTP_X_FORWARDED_FOR"])
            request.META["REMOTE_ADDR"] = client or request.META["REMOTE_ADDR"]
            if given["HTTP_X_FORWARDED_PROTO"] in ("http", "https"):
                request.META["wsgi.url_scheme"] = given["HTTP_X_FORWARDED_PROTO"]
            if given["HTTP_X_FORWARDED_HOST"]:
                request.META["HTTP_HOST"] = given["HTTP_X_FORWARDED_HOST"]
        if request.path not in PROBES:
            request.get_host()  # raises DisallowedHost, which becomes a 400
        return self._get_response(request)


def _is_trusted(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in settings.TRUSTED_PROXIES)


def _client(forwarded_for: str) -> str:
    """The last address that is not one of our own proxies; '' where it is no address."""
    for part in reversed([part.strip() for part in forwarded_for.split(",")]):
        if not _is_trusted(part):
            try:
                return str(ipaddress.ip_address(part))
            except ValueError:
                return ""
    return ""


class RequestLog:
    """A request id in and out, one log line, and the headers that every answer carries."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(ULID())
        request.META["dutyline.request_id"] = request_id
        began = time.perf_counter()
        response = self._get_response(request)
        response["X-Request-Id"] = request_id
        _harden(response)
        log.info("request", extra=_line(request, response, time.perf_counter() - began))
        return response


def _line(request: HttpRequest, response: HttpResponse, seconds: float) -> dict[str, object]:
    return {
        "request_id": request.META["dutyline.request_id"],
        "method": request.method,
        "route": request.resolver_match.route if request.resolver_match else None,
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 1),
        "actor": request.META.get("dutyline.actor"),
        "customer": request.META.get("dutyline.customer"),
    }


def _harden(response: HttpResponse) -> None:
    response.setdefault("Cache-Control", "private, no-cache" if "ETag" in response else "no-store")
    response.setdefault(
        "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if "ETag" in response:
        patch_vary_headers(response, ["Authorization"])


class BodyLimit:
    """Refuses a body that is too large, or whose size is not told, before reading it."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            return problem_details.respond(
                request, errors.Invalid("Content-Length must be a number.")
            )
        if int(length) > settings.BODY_LIMIT:
            most = f"{settings.BODY_LIMIT // 1024} KiB"
            return problem_details.respond(request, errors.TooLarge(f"Send at most {most}."))
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            return problem_details.respond(
                request, errors.Invalid("Send the body with Content-Length.")
            )
        try:
            _ = request.body  # an answer before the body was read may reset the connection
        except UnreadablePostError:
            return problem_details.respond(
                request, errors.Invalid("The body did not arrive whole.")
            )
        return self._get_response(request)
