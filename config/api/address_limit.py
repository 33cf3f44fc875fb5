"""Counts what nobody signed in for against the IP address that asked; refuses too much at once."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config import errors
from config.api import concurrency, problem_details, throttling
from config.api.middleware import READINESS_PATH

GetResponse = Callable[[HttpRequest], HttpResponse]


class AddressLimitMiddleware:
    """Refuses requests of an IP address that sends too many without a token, session or signature.

    Views with ``counts_callers`` do this themselves, once they know who asks. Health checks of load
    balancers do not count.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if request.resolver_match is None:  # an unknown path, a static file, or a preflight request
            return self._refusal(request) or response
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        """Count the request before the view does anything."""
        if refusal := request.META.get(concurrency.REFUSAL):
            return self._refusal(request) or problem_details.problem_response(request, refusal)
        if getattr(getattr(view, "cls", view), "counts_callers", False):
            return None
        if request.path.startswith(settings.ADMIN_PATH) and request.user.is_authenticated:
            return None
        return self._refusal(request)

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        if request.path == READINESS_PATH:
            return None
        try:
            throttling.get_limiter().count_request("anonymous", request.META.get("REMOTE_ADDR", ""))
        except errors.TooManyRequests as error:
            return problem_details.problem_response(request, error)
        return None
