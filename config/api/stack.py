"""The middleware of the API: what protects its paths, without what only pages need.

`settings.API_MIDDLEWARE` and `settings.MIDDLEWARE` say which middleware runs for which paths.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.module_loading import import_string

from config.api import routes

GetResponse = Callable[[HttpRequest], HttpResponseBase]


_PAGE_SEGMENTS: frozenset[str] = settings.PAGE_SEGMENTS


def is_page(path: str) -> bool:
    """Whether a path is one of the back office, or of a static file."""
    return path[1:].partition("/")[0] in _PAGE_SEGMENTS


class ApiStackMiddleware:
    """Answers requests for the API; pages pass, to the rest of `settings.MIDDLEWARE`."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_page = get_response
        self._view_checks: list[Callable[..., HttpResponseBase | None]] = []
        handler: Any = convert_exception_to_response(self._call_view)
        for name in reversed(settings.API_MIDDLEWARE):
            middleware = import_string(name)(handler)
            if hasattr(middleware, "process_view"):
                self._view_checks.insert(0, middleware.process_view)
            handler = convert_exception_to_response(middleware)
        self._answer = handler

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_page(request) if is_page(request.path_info) else self._answer(request)

    def _call_view(self, request: HttpRequest) -> HttpResponseBase:
        request.resolver_match = match = routes.resolve(request.path_info)
        for check_view in self._view_checks:
            if refusal := check_view(request, match.func, match.args, match.kwargs):
                return refusal
        response: Any = match.func(request, *match.args, **match.kwargs)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response
