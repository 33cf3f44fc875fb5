"""What holds for every page of the back office: its policy, its refusals, how long one is in."""

import time
from collections.abc import Callable
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from config import errors
from config.api import throttling

GetResponse = Callable[[HttpRequest], HttpResponse]

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",  # the pages' Alpine.js evaluates its attributes
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self' {identity}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
RENEWED = "renewed_at"
"""In the session: when Auth0 last said what the operator may do; epoch seconds."""
BACKEND = "_auth_user_backend"


class BackOffice:
    """Policy, limits of signing in, and refusals as pages; the API's paths pass untouched."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        self._policy = POLICY.format(identity=settings.AUTH0["issuer"].rstrip("/"))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(settings.ADMIN_PATH):
            # Bearer tokens and signatures, no cookies: nobody can be made to send those.
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
            return self._get_response(request)
        response = self._limited(request) or self._get_response(request)
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            told, wait = orjson.loads(response.content), response.headers.get("Retry-After")
            response = page(request, told["title"], told["detail"], status=told["status"])
            if wait:
                response["Retry-After"] = wait
        response["Content-Security-Policy"] = self._policy
        response["Referrer-Policy"] = "same-origin"  # forms must say where they come from
        response["X-Frame-Options"] = "DENY"
        response.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A refusal becomes a page that says it."""
        is_ours = request.path.startswith(settings.ADMIN_PATH)
        if is_ours and isinstance(error, PermissionDenied):
            return page(request, "Not allowed", "Your group may not do this.", status=403)
        if is_ours and isinstance(error, errors.Refusal):
            return refused(request, error)
        return None

    def _limited(self, request: HttpRequest) -> HttpResponse | None:
        signs_in = "/sign-in/" in request.path or request.path == reverse("admin:login")
        if not signs_in or request.method != "POST":
            return None
        try:
            throttling.limiter().spend("sign-in", request.META.get("REMOTE_ADDR", ""))
        except errors.TooMany as refusal:
            return refused(request, refusal)
        return None


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What Django shows for a form that no page of ours sent."""
    told = "This form is not from a page of ours, or the page is too old. Open it again."
    return page(request, "Not taken", told, status=403)


def refused(request: HttpRequest, refusal: errors.Refusal) -> HttpResponse:
    """A refusal as a page."""
    answer = page(request, refusal.title, refusal.detail, status=refusal.status)
    if isinstance(refusal, errors.TooMany | errors.Unavailable):
        answer["Retry-After"] = str(refusal.retry_after)
    return answer


def page(request: HttpRequest, title: str, detail: str, *, status: int) -> HttpResponse:
    """A page that only says something."""
    about = {
        "title": title,
        "detail": detail,
        "request_id": request.META.get("dutyline.request_id", ""),
        "site_title": settings.UNFOLD["SITE_TITLE"],
        "styles": settings.UNFOLD["STYLES"],
    }
    return render(request, "backoffice/notice.html", about, status=status)


class Signed:
    """Asks Auth0 again, every few minutes, whether an operator is one still.

    A page is sent through Auth0, which answers at once while its own session lasts. What is posted
    is believed a little longer, so that nobody loses what they typed.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(settings.ADMIN_PATH) and self._is_of_auth0(request):
            age = time.time() - float(request.session.get(RENEWED, 0))
            if age > settings.SESSION_IDLE:
                logout(request)
                return redirect(_with_next("admin:login", request))
            if age > settings.SESSION_RENEWAL and _is_page(request):
                return redirect(_with_next("social:renew", request))
        return self._get_response(request)

    def _is_of_auth0(self, request: HttpRequest) -> bool:
        if "/sign-in/" in request.path or "/logout/" in request.path:
            return False
        return request.session.get(BACKEND) == settings.AUTHENTICATION_BACKENDS[0]


def _is_page(request: HttpRequest) -> bool:
    is_asked_by_script = "autocomplete" in request.path or request.headers.get("HX-Request")
    return request.method == "GET" and not is_asked_by_script


def _with_next(name: str, request: HttpRequest) -> str:
    target = request.get_full_path() if request.method == "GET" else settings.ADMIN_PATH
    return f"{reverse(name)}?{urlencode({'next': target})}"
