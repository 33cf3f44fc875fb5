"""``/docs/``: Swagger UI from our own static files, which signs in at Auth0."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from config.api import published

_REDIRECT_SCRIPT = "drf_spectacular_sidecar/swagger-ui-dist/oauth2-redirect.js"
_REDIRECT_POLICY = "default-src 'none'; script-src 'self'; frame-ancestors 'none'; base-uri 'none'"


class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger UI without inline scripts."""

    url_name = "openapi"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Cache-Control"] = published.CACHE_CONTROL
        response["Content-Security-Policy"] = _content_security_policy()
        response["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"  # sign-in answers its opener
        return response


def _content_security_policy() -> str:
    issuer = urlsplit(settings.AUTH0["issuer"])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"connect-src 'self' {issuer.scheme}://{issuer.netloc}; frame-ancestors 'none'; base-uri 'none'"
    )


@require_safe
def sign_in_redirect(request: HttpRequest) -> HttpResponse:
    """The page in which sign-in ends: Swagger UI's script passes the code to ``/docs/``."""
    html = f'<!doctype html><html lang="en"><title>Signed in</title><script src="{static(_REDIRECT_SCRIPT)}"></script>'
    response = HttpResponse(html)
    response["Content-Security-Policy"] = _REDIRECT_POLICY
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response["Cache-Control"] = "no-store"  # the address holds the code
    return response
