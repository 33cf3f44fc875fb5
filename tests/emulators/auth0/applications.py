"""Applications: what each may do, in the form of the Management API's clients."""

import re
from typing import Any
from urllib.parse import urlsplit

from tests.emulators.auth0.tenant import Auth0Tenant

Application = dict[str, Any]


def get_application(tenant: Auth0Tenant, client_id: str) -> Application | None:
    """The application of this client id."""
    return tenant.get_record("client", client_id)


def is_public(application: Application) -> bool:
    """Whether the application has no secret: it runs in a browser or on a phone."""
    return application.get("token_endpoint_auth_method") == "none"


def allows_callback(application: Application, url: str) -> bool:
    """Whether sign-in may go back to this URL."""
    return any(_matches(pattern, url) for pattern in application.get("callbacks") or ())


def allows_logout(application: Application, url: str) -> bool:
    """Whether sign-out may go to this URL."""
    return any(_matches(pattern, url) for pattern in application.get("allowed_logout_urls") or ())


def allows_origin(application: Application, origin: str) -> bool:
    """Whether scripts of an origin may call: listed origins, and those of web callbacks."""
    listed = [*(application.get("allowed_origins") or ()), *(application.get("web_origins") or ())]
    callbacks = [_origin_of(url) for url in application.get("callbacks") or ()]
    return any(_matches(pattern, origin) for pattern in (*listed, *callbacks) if pattern)


def _matches(pattern: str, url: str) -> bool:
    """Exact, except that ``*`` as the first label of the host stands for one label."""
    expression = re.escape(pattern)
    if pattern.partition("://")[2].startswith("*."):
        expression = expression.replace(r"://\*\.", r"://[A-Za-z0-9-]+\.", 1)
    return re.fullmatch(expression, url) is not None


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""
