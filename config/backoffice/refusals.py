"""Pages of the back office that refuse a request, from the event loop: as `config.api.refusals`."""

from functools import lru_cache, partial

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from config import errors
from config.api import headers, problem_details, refusals
from config.backoffice.middleware import BackOfficeMiddleware
from config.request_ids import new_request_id


def answer(error: errors.TooManyRequests | errors.Unavailable) -> refusals.Refusal:
    """The page that refuses a request."""
    status, pairs, body = _page(error.status, error.detail, error.retry_after)
    request_id = new_request_id().encode()
    return status, [*pairs, (b"x-request-id", request_id)], body.replace(refusals.ID.encode(), request_id)


@lru_cache(maxsize=32)
def _page(status: int, detail: str, retry_after: int) -> refusals.Refusal:
    environ = refusals.bare_environ(settings.ADMIN_PATH)
    error_class = errors.TooManyRequests if status == errors.TooManyRequests.status else errors.Unavailable
    error = error_class(detail, retry_after=retry_after)
    refuse = partial(problem_details.problem_response, error=error)
    response = headers.SecurityHeadersMiddleware(BackOfficeMiddleware(refuse))(WSGIRequest(environ))
    return response.status_code, headers.encode_headers(response), response.content  # type: ignore[attr-defined]
