"""Pages that refuse requests of the back office: for people, in the look of its other pages."""

import pytest

from config import errors
from config.api import admission, concurrency
from config.backoffice import refusals


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (admission.overload_refusal(), "The back office has too much to do at the moment. Nothing was changed."),
        (concurrency.late_refusal(), "The back office has too much to do at the moment. Nothing was changed."),
        (concurrency.refusal(), "Too many of your pages are still loading."),
    ],
)
def test_a_refusal_is_a_page_for_people(error: errors.TooManyRequests | errors.Unavailable, sentence: str) -> None:
    """It said "More requests arrive than can be answered in time; … Send it again."."""
    status, headers, body = refusals.answer(error)
    page = body.decode()
    assert (status, dict(headers)[b"retry-after"]) == (error.status, str(error.retry_after).encode())
    assert dict(headers)[b"content-type"].startswith(b"text/html")
    assert f'<p role="alert">{sentence} Wait ' in page
    assert f"Request id: {dict(headers)[b'x-request-id'].decode()}" in page
    assert error.detail not in page
