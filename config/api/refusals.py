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

from config import errors, observation
from config.api import headers, problem_details
from config.request_ids import new_request_id

Refusal = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body."""
ID = "0" * 26
"""Stands for the id of a request, which is as long."""
_ID_BYTES = ID.encode()
MAX_ORIGIN_LENGTH = 300
"""Of what is kept; a host name has at most 253 characters."""


def answer(origin: str, error: errors.TooManyRequests | errors.Unavailable) -> Refusal:
    """The response that refuses a request; a page of ``origin``, if there is one, may read it."""
    kept_origin = origin if len(origin) <= MAX_ORIGIN_LENGTH else ""
    return identify(_response(error.status, error.detail, error.retry_after, kept_origin), error)


def answer_options(environ: dict[str, Any], error: errors.TooManyRequests | errors.Unavailable) -> Refusal:
    """The response to OPTIONS: a refusal, or what browsers ask before a request."""
    return identify(_respond(environ, error), error)


def identify(refusal: Refusal, error: errors.TooManyRequests | errors.Unavailable) -> Refusal:
    """Count a refusal, and give what was made once the id of a request."""
    observation.count("refusal", error.code, error.limit_name)
    status, pairs, body = refusal
    request_id = new_request_id().encode()
    return status, [*pairs, (b"x-request-id", request_id)], body.replace(_ID_BYTES, request_id)


@lru_cache(maxsize=128)
def _response(status: int, detail: str, retry_after: int, origin: str) -> Refusal:
    error = errors.TooManyRequests if status == errors.TooManyRequests.status else errors.Unavailable
    environ = {**bare_environ("/"), **({"HTTP_ORIGIN": origin} if origin else {})}
    return _respond(environ, error(detail, retry_after=retry_after))


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
        return problem_details.render_problem(refused, error)

    response: Any = headers.SecurityHeadersMiddleware(headers.CrossOriginMiddleware(refuse))(request)
    headers.set_default_headers(response)
    return response.status_code, headers.encode_headers(response), response.content
