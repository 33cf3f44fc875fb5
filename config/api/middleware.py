"""Middleware: trusted proxies, request log and headers, body limit."""

import ipaddress
import logging
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError

from config import costs, errors, request_ids
from config.api import headers, problem_details, throttling
from config.logging import log_line

logger = logging.getLogger("dutyline.web")
GetResponse = Callable[[HttpRequest], HttpResponse]

_CLIENT_REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
READINESS_PATH = "/readyz"
"""Load balancers request it by IP address, without a host name of ours."""
MAX_HEADER_LENGTH, MAX_HEADERS_LENGTH = 8 * 1024, 32 * 1024
"""Of the value of one header, and of all values of a request."""
_HEADERS = ("CONTENT_TYPE", "CONTENT_LENGTH")
"""Names of headers that do not begin with ``HTTP_``."""
_FORWARDED_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
MAX_ADDRESS_LENGTH = 45
"""Characters of an IPv6 address that ends in an IPv4 address."""
MAX_KNOWN_HOSTS = 64


class TrustedProxyMiddleware:
    """Checks the host; accepts forwarding headers from TRUSTED_PROXIES only."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        self._known_hosts: set[str] = set()
        """Values of Host that were right; checking one takes longer than all of the rest here."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded = {name: request.META.pop(name, "") for name in _FORWARDED_HEADERS}
        if _is_trusted(request.META.get("REMOTE_ADDR", "")):
            client_address = _client_address(forwarded["HTTP_X_FORWARDED_FOR"])
            request.META["REMOTE_ADDR"] = client_address or request.META["REMOTE_ADDR"]
            if forwarded["HTTP_X_FORWARDED_PROTO"] in ("http", "https"):
                request.META["wsgi.url_scheme"] = forwarded["HTTP_X_FORWARDED_PROTO"]
            if forwarded["HTTP_X_FORWARDED_HOST"]:
                request.META["HTTP_HOST"] = forwarded["HTTP_X_FORWARDED_HOST"]
        if request.META.get("HTTP_HOST") not in self._known_hosts and request.path != READINESS_PATH:
            host = request.get_host()  # raises DisallowedHost, which becomes a 400
            if len(self._known_hosts) < MAX_KNOWN_HOSTS:
                self._known_hosts.add(host)
        return self._get_response(request)


def _is_trusted(address: str) -> bool:
    return bool(settings.TRUSTED_PROXIES) and len(address) <= MAX_ADDRESS_LENGTH and _is_in_trusted_network(address)


@lru_cache(maxsize=1024)
def _is_in_trusted_network(address: str) -> bool:
    try:
        ip_address = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip_address in network for network in settings.TRUSTED_PROXIES)


def _client_address(forwarded_for: str) -> str:
    """The last address that is not a trusted proxy; '' if it is not an address."""
    for part in reversed([part.strip() for part in forwarded_for.split(",")]):
        if not _is_trusted(part):
            try:
                return str(ipaddress.ip_address(part))
            except ValueError:
                return ""
    return ""


def client_address(environ: Mapping[str, str]) -> str:
    """The address of a client, of a request that no middleware has seen."""
    address = environ.get("REMOTE_ADDR", "")
    return (_is_trusted(address) and _client_address(environ.get("HTTP_X_FORWARDED_FOR", ""))) or address


class RequestLogMiddleware:
    """Sets the request id, logs and charges each request, and adds the headers of all responses."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_ids.new_request_id()
        request.META["dutyline.request_id"] = request_id
        started_at = time.perf_counter()
        with costs.measure(request.META.get("dutyline.received_at")) as cost:
            try:
                response = self._get_response(request)
            finally:
                throttling.free_place(request)
            if isinstance(response, HttpResponseNotAllowed):
                problem_details.describe_refused_method(request, response)
        throttling.charge_payer(request, cost)
        response["X-Request-Id"] = request_id
        headers.set_default_headers(response)
        log_line(logger, "request", _log_fields(request, response, cost, time.perf_counter() - started_at))
        return response


def _log_fields(request: HttpRequest, response: HttpResponse, cost: costs.Cost, seconds: float) -> dict[str, object]:
    return {
        "request_id": request.META["dutyline.request_id"],
        "client_request_id": _client_request_id(request),
        "method": str(request.method)[:20],  # clients may send any word
        "route": request.resolver_match.route if request.resolver_match else None,
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 1),
        "cpu_milliseconds": round(cost.cpu_seconds * 1000, 1),
        "round_trips": cost.round_trips,
        "actor": request.META.get("dutyline.actor"),
        "customer": request.META.get("dutyline.customer"),
    }


def _client_request_id(request: HttpRequest) -> str | None:
    """The id that the client gave the request: for the log only, since two requests may have it."""
    client_request_id = request.META.get("HTTP_X_REQUEST_ID", "")
    return client_request_id if _CLIENT_REQUEST_ID_PATTERN.fullmatch(client_request_id) else None


class HeaderLimitMiddleware:
    """Refuses long headers, before any is read."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        lengths = [len(value) for name, value in request.META.items() if name[:5] == "HTTP_" or name in _HEADERS]
        if max(lengths, default=0) > MAX_HEADER_LENGTH or sum(lengths) > MAX_HEADERS_LENGTH:
            detail = f"A header may have {MAX_HEADER_LENGTH // 1024} KiB, all together {MAX_HEADERS_LENGTH // 1024}."
            return problem_details.problem_response(request, errors.HeadersTooLarge(detail))
        return self._get_response(request)


class BodyLimitMiddleware:
    """Refuses bodies that are too large, of unknown size, or did not arrive completely in time."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            if _check_body_length(request):
                _ = request.body
        except UnreadablePostError as error:
            return _refuse_incomplete_body(request, error)
        except errors.DomainError as error:
            response = problem_details.problem_response(request, error)
            response["Connection"] = "close"  # the unread body would be taken for the next request
            return response
        return self._get_response(request)


def _refuse_incomplete_body(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    cause: BaseException | None = error
    while isinstance(cause, UnreadablePostError):  # Django wraps it at each level
        cause = cause.__cause__
    if not isinstance(cause, TimeoutError):
        return problem_details.problem_response(request, errors.InvalidRequest("The body is incomplete."))
    detail = f"The body did not arrive within {settings.BODY_SECONDS} seconds; send the request again."
    response = problem_details.problem_response(request, errors.RequestTimeout(detail))
    response["Connection"] = "close"  # RFC 9110, 15.5.9
    return response


def _check_body_length(request: HttpRequest) -> int:
    """The length of the body. Raises `errors.InvalidRequest` and `errors.PayloadTooLarge`."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise errors.InvalidRequest("Content-Length must be a number.")
    if int(length) > settings.BODY_LIMIT:
        raise errors.PayloadTooLarge(f"The body must be at most {settings.BODY_LIMIT // 1024} KiB.")
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise errors.InvalidRequest("Send the body with Content-Length, not chunked.")
    return int(length)
