"""Pages of the back office that refuse a request, from the event loop: as `config.api.refusals`."""

from functools import lru_cache, partial

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from config import errors
from config.api import headers, problem_details, refusals
from config.backoffice.middleware import BackOfficeMiddleware

DETAILS: dict[int, str] = {
    errors.TooManyRequests.status: "Too many of your pages are still loading. "
    "Wait until they are shown, then try again.",
    errors.Unavailable.status: "The back office has too much to do at the moment. Nothing was changed. "
    "Wait a few seconds, then load the page or send the form again.",
}
"""What a person reads by status; the details of errors are for programs, which send requests."""


def answer(error: errors.TooManyRequests | errors.Unavailable) -> refusals.Refusal:
    """The page that refuses a request."""
    return refusals.identify(_page(error.status, error.retry_after), error)


@lru_cache(maxsize=32)
def _page(status: int, retry_after: int) -> refusals.Refusal:
    environ = refusals.bare_environ(settings.ADMIN_PATH)
    error_class = errors.TooManyRequests if status == errors.TooManyRequests.status else errors.Unavailable
    error = error_class(DETAILS[status], retry_after=retry_after)
    refuse = partial(problem_details.render_problem, error=error)
    response = headers.SecurityHeadersMiddleware(BackOfficeMiddleware(refuse))(WSGIRequest(environ))
    return response.status_code, headers.encode_headers(response), response.content  # type: ignore[attr-defined]
