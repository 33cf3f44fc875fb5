"""Has requests observed, by operation: the middleware of metrics and traces, if they are on."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config import observation
from config.api.stack import is_page

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN = "unknown"


class ObservedRequestsMiddleware:
    """Observes each request, and how long it waited for its thread."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        environ, began_at = request.META, time.monotonic()
        method = str(request.method)
        method = method if method in _METHODS else UNKNOWN
        with observation.observe("request", UNKNOWN, method) as seen:
            seen.waited_seconds = began_at - environ.get("dutyline.received_at", began_at)
            response = self._get_response(request)
            lane = "calls" if request.path_info.startswith("/telephony/voice") else "web"
            seen.labels = (_operation_name(request, method), method, lane)
            seen.outcome = f"{response.status_code // 100}xx"
            seen.attributes = {"dutyline.request_id": environ.get("dutyline.request_id", "")}
        return response


def _operation_name(request: HttpRequest, method: str) -> str:
    """The id of the operation; of other paths their pattern, and one name for all pages."""
    if request.resolver_match is None:
        return UNKNOWN
    if is_page(request.path_info):
        return "page"
    return _operation_id(request.resolver_match.func, method) or request.resolver_match.route


@lru_cache(maxsize=1024)
def _operation_id(view: Any, method: str) -> str:
    """The id that the method of a view declares, if it is one of the API."""
    action = getattr(view, "actions", {}).get("get" if method == "HEAD" else method.lower(), "")
    declared = getattr(getattr(view.cls, action), "operation", None) if action else None
    return str(declared.id) if declared else ""
