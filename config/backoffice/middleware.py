"""Middleware of the back office: content security policy, error pages, session renewal."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from config import errors
from config.api import throttling
from config.backoffice import operators, unsent_forms

GetResponse = Callable[[HttpRequest], HttpResponse]

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",  # Alpine.js evaluates its attributes
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
UNAVAILABLE_ADVICE = (
    "If the change was stored before this failed, Dutyline finishes it in the background: look at the record "
    "in a minute, before you repeat it."
)
"""What operators read where a vendor did not answer."""
SESSION_RENEWED_AT = "renewed_at"
"""The session key of the time, in epoch seconds, at which Auth0 last confirmed the roles."""
SESSION_BACKEND = "_auth_user_backend"


class BackOfficeMiddleware:
    """Sets policies, limits sign-ins and shows errors as pages; paths of the API pass unchanged."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        self._policy = CONTENT_SECURITY_POLICY.format(identity=settings.AUTH0["issuer"].rstrip("/"))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(settings.ADMIN_PATH):
            # The API takes tokens and signatures, no cookies: CSRF is impossible.
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
            return self._get_response(request)
        response = self._rate_limit_response(request) or self._get_response(request)
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            problem, retry_after = (orjson.loads(response.content), response.headers.get("Retry-After"))
            response = notice_page(request, problem["title"], problem["detail"], status=problem["status"])
            if retry_after:
                response["Retry-After"] = retry_after
        if response.status_code == 405 and not response.content:
            allowed = response.headers["Allow"]
            response = notice_page(request, "Not possible", "This address cannot be opened so.", status=405)
            response["Allow"] = allowed
        response["Content-Security-Policy"] = self._policy
        response["Referrer-Policy"] = "same-origin"  # CSRF checks need it
        response["X-Frame-Options"] = "DENY"
        response.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show a domain error as a page."""
        is_back_office = request.path.startswith(settings.ADMIN_PATH)
        if is_back_office and isinstance(error, PermissionDenied):
            return notice_page(request, "Not allowed", "Your group does not have the permission for this.", status=403)
        if is_back_office and isinstance(error, Http404):
            detail = "There is nothing at this address. The record may have been removed."
            return notice_page(request, "Not found", detail, status=404)
        if is_back_office and isinstance(error, errors.DomainError):
            return error_page(request, error)
        return None

    def _rate_limit_response(self, request: HttpRequest) -> HttpResponse | None:
        is_sign_in = "/sign-in/" in request.path or request.path == reverse("admin:login")
        if not is_sign_in or request.method != "POST":
            return None
        try:
            throttling.get_limiter().count_request("sign-in", request.META.get("REMOTE_ADDR", ""))
        except errors.TooManyRequests as error:
            return error_page(request, error)
        return None


def csrf_failure_page(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form without a valid CSRF token; what an operator typed is offered again."""
    if getattr(request, "user", None) and operators.rights_of(request.user) and unsent_forms.keep(request):
        return redirect(request.get_full_path())
    detail = "The form has expired. Open the page again."
    return notice_page(request, "Form rejected", detail, status=403)


def error_page(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    """A domain error as a page."""
    advice = ""
    if isinstance(error, errors.Unavailable):
        advice = UNAVAILABLE_ADVICE if request.method == "POST" else "Nothing was changed. Load the page again soon."
    elif request.method == "POST" and error.status < 500:
        advice = "Nothing was saved."
    response = notice_page(request, error.title, error.detail, status=error.status, advice=advice)
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        response["Retry-After"] = str(error.retry_after)
    return response


def notice_page(request: HttpRequest, title: str, detail: str, *, status: int, advice: str = "") -> HttpResponse:
    """A page with a title, a sentence and ``advice``; with the menu for a signed-in operator."""
    context = {
        "title": title,
        "detail": detail,
        "advice": advice,
        "request_id": request.META.get("dutyline.request_id", ""),
        "site_title": settings.UNFOLD["SITE_TITLE"],
        "styles": settings.UNFOLD["STYLES"],
    }
    if status == 500 or _is_script_request(request) or not _is_known_operator(request):
        return render(request, "backoffice/notice_alone.html", context, status=status)
    context |= {**admin.site.each_context(request), "back_url": _page_before(request)}
    return render(request, "backoffice/notice.html", context, status=status)


def _is_known_operator(request: HttpRequest) -> bool:
    """Whether this request has already loaded an operator: an error page asks no database."""
    user = getattr(request, "_cached_user", None)
    return user is not None and operators.READ in operators.rights_of(user)


def _page_before(request: HttpRequest) -> str:
    """The path of the page that led here; empty if there is none, or it was this one."""
    origin = f"{request.scheme}://{request.get_host()}"
    referrer = request.headers.get("Referer", "")[:2000]
    path = referrer.removeprefix(origin)
    is_page = referrer.startswith(origin + settings.ADMIN_PATH) and "/sign-in/" not in path and "/login/" not in path
    return path if is_page and (path != request.get_full_path() or request.method == "POST") else ""


class OperatorSessionMiddleware:
    """Confirms roles with Auth0 every few minutes.

    A GET is redirected through Auth0, which answers at once while its session lasts. A POST is
    accepted until the idle limit, so that nobody loses what they typed; but an action, which asks
    before it runs, only soon after the role was confirmed: its page has it confirmed when it opens.
    Auth0 is not asked at each POST. What it says at sign-in is the result of the tenant's Action;
    its Management API shows direct assignments of roles only, so it could say something else.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(settings.ADMIN_PATH) and self._is_auth0_session(request):
            age = time.time() - float(request.session.get(SESSION_RENEWED_AT, 0))
            if age > settings.SESSION_IDLE_SECONDS:
                unsent_forms.end_session(request)
                if request.method != "POST":  # the site keeps what a POST has typed
                    return redirect(_url_with_next("admin:login", request))
            elif age > settings.SESSION_RENEWAL_SECONDS and _is_page_request(request):
                return redirect(_url_with_next("social:renew", request))
        response = self._get_response(request)
        if request.path.startswith(settings.ADMIN_PATH) and _is_known_operator(request):
            unsent_forms.name_owner(request, response)
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """Have the role confirmed before the page of an action, and before an action runs late."""
        if not (request.path.startswith(settings.ADMIN_PATH) and self._is_auth0_session(request)):
            return None
        url_name = request.resolver_match.url_name if request.resolver_match else ""
        is_bulk_action = request.method == "POST" and "action" in request.POST
        if not (is_bulk_action or str(url_name).endswith(settings.ACTION_PAGES)):
            return None
        age = time.time() - float(request.session.get(SESSION_RENEWED_AT, 0))
        is_post = request.method == "POST"
        if age > (settings.SESSION_RENEWAL_SECONDS if is_post else settings.ACTION_RENEWAL_SECONDS):
            unsent_forms.keep(request)
            return redirect(f"{reverse('social:renew')}?{urlencode({'next': request.get_full_path()})}")
        return None

    def _is_auth0_session(self, request: HttpRequest) -> bool:
        if "/sign-in/" in request.path or "/logout/" in request.path:
            return False
        return request.session.get(SESSION_BACKEND) == settings.AUTHENTICATION_BACKENDS[0]


def _is_page_request(request: HttpRequest) -> bool:
    return request.method == "GET" and not _is_script_request(request)


def _is_script_request(request: HttpRequest) -> bool:
    return "autocomplete" in request.path or bool(request.headers.get("HX-Request"))


def _url_with_next(name: str, request: HttpRequest) -> str:
    target = request.get_full_path() if request.method == "GET" else settings.ADMIN_PATH
    return f"{reverse(name)}?{urlencode({'next': target})}"
