"""``/docs/``: Swagger UI from our own static files."""

from typing import Any

from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from config.api import published

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger UI without inline scripts."""

    url_name = "openapi"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
        response["Cache-Control"] = published.CACHE_CONTROL
        return response
