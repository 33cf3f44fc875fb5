"""What an operator typed into a form that was sent after their session had ended.

It waits in the session of the browser until the same operator signs in again, for an hour at most.
Who that is, a signed cookie says, which each page sets: without it nothing is stored, so a request
without a sign-in stores nothing. Passwords, typed confirmations and files are never stored.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict

from config.backoffice import clock, operators

SESSION_FORM = "unsent_form"
MAX_FIELDS, MAX_CHARACTERS, MAX_AGE_SECONDS = 500, 50_000, 3_600
NEVER_STORED = ("csrfmiddlewaretoken", "password", "typed", "packed")
"""Names of fields, or parts of them: secrets, confirmations, and files as imports send them."""
_signer = signing.TimestampSigner(salt="config.backoffice.unsent_forms")


def name_owner(request: HttpRequest, response: HttpResponse) -> None:
    """Have the browser know who last used it, for `keep`."""
    owner_id = operators.operator_id(request.user)
    if _owner_of(request) != owner_id:
        response.set_cookie(
            settings.OPERATOR_COOKIE_NAME,
            _signer.sign(owner_id),
            max_age=settings.SESSION_COOKIE_AGE,
            path=settings.SESSION_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def keep(request: HttpRequest) -> bool:
    """Store what a POST has typed, if it was sent from a page of the operator of this browser."""
    owner_id = _owner_of(request)
    if owner_id is None or request.method != "POST" or not _comes_from_our_page(request) or "action" in request.POST:
        return False
    fields = [(name, value) for name, value in _iter_fields(request.POST) if _is_storable(name)]
    is_typed = any(value.strip() for name, value in fields if name not in ("version", "next"))
    size = sum(len(name) + len(value) for name, value in fields)
    if not is_typed or len(fields) > MAX_FIELDS or size > MAX_CHARACTERS:
        return False
    request.session[SESSION_FORM] = {
        "owner": owner_id,
        "path": request.get_full_path(),
        "fields": fields,
        "at": time.time(),
    }
    return True


def take(request: HttpRequest) -> QueryDict | None:
    """What this operator typed into the form of this page; it is forgotten then.

    What another operator typed, or too long ago, is forgotten by any page.
    """
    stored: dict[str, Any] | None = request.session.get(SESSION_FORM)
    if stored is None:
        return None
    is_current = time.time() - stored["at"] <= MAX_AGE_SECONDS
    is_own = stored["owner"] == operators.operator_id(request.user)
    if is_current and is_own and stored["path"] != request.get_full_path():
        return None
    del request.session[SESSION_FORM]
    if not (is_current and is_own):
        return None
    fields = QueryDict(mutable=True)
    for name, value in stored["fields"]:
        fields.appendlist(name, value)
    return fields


def end_session(request: HttpRequest) -> None:
    """Sign out, but keep the choice of the clock, and a form for the next sign-in."""
    stored = {name: request.session[name] for name in (SESSION_FORM, clock.SESSION_CLOCK) if name in request.session}
    logout(request)
    request.session.update(stored)


def _owner_of(request: HttpRequest) -> str | None:
    try:
        signed = request.COOKIES.get(settings.OPERATOR_COOKIE_NAME, "")[:200]
        return _signer.unsign(signed, max_age=settings.SESSION_COOKIE_AGE)
    except signing.BadSignature:
        return None


def _comes_from_our_page(request: HttpRequest) -> bool:
    """Whether the browser says that no other site sent this: else that could fill in our forms."""
    return request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"


def _iter_fields(data: QueryDict) -> Iterator[tuple[str, str]]:
    for name, values in data.lists():
        for value in values:
            yield name, str(value)


def _is_storable(name: str) -> bool:
    return not any(part in name.lower() for part in NEVER_STORED)
