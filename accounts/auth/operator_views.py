"""``/admin/sign-in/…``: operators sign in at Auth0. A POST begins; renewing needs a session."""

import logging
import time
from typing import Any

from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException
from social_core.actions import do_auth
from social_core.exceptions import AuthCanceled, AuthProviderError, SocialAuthBaseException
from social_django import views
from social_django.utils import load_backend, load_strategy

from accounts.auth.operators import Auth0, NotAnOperator
from config import errors
from config.backoffice import middleware, unsent_forms

app_name = "social"
logger = logging.getLogger("dutyline.signin")
_REAUTHENTICATION_ERRORS = {"login_required", "interaction_required", "consent_required"}


@never_cache
@require_POST
def begin_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to Auth0 to sign in."""
    unsent_forms.end_session(request)
    return _redirect_to_auth0(request)


@never_cache
@require_safe
def renew_sign_in(request: HttpRequest) -> HttpResponse:
    """Have Auth0 confirm the operator and their roles without a prompt."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(_login_url(request.GET.get("next", "")))
    unsent_forms.end_session(request)
    return _redirect_to_auth0(request, prompt="none")


def _redirect_to_auth0(request: HttpRequest, prompt: str | None = None) -> HttpResponse:
    strategy = load_strategy(request)
    backend = load_backend(strategy, Auth0.name, reverse("social:complete", args=(Auth0.name,)))
    backend.PROMPT = prompt
    try:
        return do_auth(backend, redirect_name="next")  # type: ignore[no-any-return]
    except (SocialAuthBaseException, RequestException) as error:
        raise errors.Unavailable("Auth0 does not answer.") from error


@never_cache
@require_safe
def complete_sign_in(request: HttpRequest, backend: str) -> HttpResponse:
    """Handle the redirect back from Auth0."""
    if backend != Auth0.name:
        raise Http404
    target = str(request.session.get("next", ""))
    if request.GET.get("error") in _REAUTHENTICATION_ERRORS:
        unsent_forms.end_session(request)
        return HttpResponseRedirect(_login_url(target))
    try:
        response: HttpResponse = views.complete(request, Auth0.name)
    except NotAnOperator:
        logout(request)
        _log_refusal(request, "no role")
        message = "Your account has no role in this back office. Ask your lead to assign one to you."
        return middleware.notice_page(request, "Not an operator", message, status=403)
    except (AuthCanceled, AuthProviderError) as error:
        logout(request)
        _log_refusal(request, type(error).__name__)
        return middleware.notice_page(request, "Not signed in", f"Auth0 rejected the sign-in: {error}", status=403)
    except SocialAuthBaseException as error:
        logout(request)
        _log_refusal(request, type(error).__name__)
        message = "This sign-in was not started here, or it took too long. Please sign in again."
        return middleware.notice_page(request, "Not signed in", message, status=403)
    except RequestException as error:
        raise errors.Unavailable("Auth0 does not answer.") from error
    if request.user.is_authenticated:
        request.session[middleware.SESSION_RENEWED_AT] = time.time()
        logger.info("operator signed in", extra={**_log_fields(request), "operator": request.user.pk})
    return response


def _log_refusal(request: HttpRequest, reason: str) -> None:
    logger.warning("operator refused", extra={**_log_fields(request), "why": reason})


def _log_fields(request: HttpRequest) -> dict[str, Any]:
    return {"request_id": request.META.get("dutyline.request_id", "")}


def _login_url(target: str) -> str:
    url = reverse("admin:login")
    is_safe = target and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return f"{url}?{urlencode({'next': target})}" if is_safe else url


urlpatterns: list[Any] = [
    path("begin/", begin_sign_in, name="begin"),
    path("renew/", renew_sign_in, name="renew"),
    path("complete/<slug:backend>/", complete_sign_in, name="complete"),
]
