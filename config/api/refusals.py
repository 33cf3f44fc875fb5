"""Answers to requests that are refused, from the event loop: without a thread, a log line or Redis.

They have the headers that the middleware of the API sets, and preflight requests of browsers are
answered. What is the same for all is made once: a refusal must cost little of what it saves.
"""

import io
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse

from config import errors
from config.api import headers, problem_details
from config.request_ids import new_request_id

Refusal = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body."""
ID = "0" * 26
"""Stands for the id of a request, which is as long."""


def answer(environ: dict[str, Any], error: errors.DomainError) -> Refusal:
    """The response that refuses a request; browsers get what their origin may read."""
    if "HTTP_ORIGIN" in environ:
        status, pairs, body = _respond(environ, error)
    else:
        status, pairs, body = _response_without_origin(error.status, error.detail, getattr(error, "retry_after", 0))
    request_id = new_request_id().encode()
    return status, [*pairs, (b"x-request-id", request_id)], body.replace(ID.encode(), request_id)


@lru_cache(maxsize=32)
def _response_without_origin(status: int, detail: str, retry_after: int) -> Refusal:
    error = errors.TooManyRequests if status == errors.TooManyRequests.status else errors.Unavailable
    return _respond(bare_environ("/"), error(detail, retry_after=retry_after))


def bare_environ(path: str) -> dict[str, Any]:
    """The WSGI environment of a GET request that nobody sent."""
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": _scheme(),
        "dutyline.request_id": ID,
    }


def _scheme() -> str:
    return "https" if settings.SECURE_HSTS_SECONDS else "http"  # the proxy's, which is not read here


def _respond(environ: dict[str, Any], error: errors.DomainError) -> Refusal:
    request = WSGIRequest({**environ, "wsgi.url_scheme": _scheme(), "dutyline.request_id": ID})

    def refuse(refused: Any) -> HttpResponse:
        return problem_details.problem_response(refused, error)

    response: Any = headers.SecurityHeadersMiddleware(headers.CrossOriginMiddleware(refuse))(request)
    headers.set_default_headers(response)
    return response.status_code, headers.encode_headers(response), response.content
