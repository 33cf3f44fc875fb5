"""The configuration of an Auth0 tenant, through its Management API.

Answers are used as they come, so that a change sends back what we do not know unchanged. An
application of its own calls here: the product's has no right to change the tenant.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings

from accounts.clients.auth0_http import http_client

PAGE_SIZE = 50
MAX_PAGES = 40
WITH_TOTALS = ("clients", "resource-servers")
"""Collections that are plain lists unless totals are included."""
MAX_WAITS, MAX_WAIT_SECONDS = 5, 60.0
"""How often and how long a call waits when Auth0 limits requests."""


class SetupRefused(Exception):
    """Auth0 refuses a call; the message says which and why."""


class TenantConfiguration:
    """Reads and writes the configuration of the tenant of our settings."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._token = ""

    def list_all(self, path: str, member: str, **query: str) -> Iterator[dict[str, Any]]:
        """All records of a collection, whose pages hold them in ``member``."""
        totals = {"include_totals": "true"} if path in WITH_TOTALS else {}
        for page in range(MAX_PAGES):
            paging = {"page": str(page), "per_page": str(PAGE_SIZE), **totals}
            records = self.call("GET", path, query={**paging, **query}).get(member) or []
            yield from records
            if len(records) < PAGE_SIZE:
                return

    def list_from(self, path: str, member: str, **query: str) -> Iterator[dict[str, Any]]:
        """All records of a collection that pages by checkpoint."""
        checkpoint: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            body = self.call("GET", path, query={"take": str(PAGE_SIZE), **checkpoint, **query})
            yield from body.get(member) or []
            if not body.get("next"):
                return
            checkpoint = {"from": str(body["next"])}

    def pause(self) -> None:
        """Wait for what Auth0 does by itself."""
        self._sleep(1.0)

    def call(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> dict[str, Any]:
        """The answer to one call. Raises `SetupRefused`.

        Only a call that Auth0 did not accept (429) is repeated: a write is never sent twice.
        """
        url = f"{settings.AUTH0['management_url']}{path}"
        for _ in range(MAX_WAITS):
            headers = {"Authorization": f"Bearer {self._access_token()}"}
            response = _send(method, url, json=body, params=query, headers=headers)
            if response.status_code != 429:
                break
            self._sleep(_seconds_until_reset(response))
        if not response.is_success:
            raise SetupRefused(f"Auth0 refuses {method} {path}: {_reason(response)}")
        answer = response.json() if response.content else {}
        return answer if isinstance(answer, dict) else {"items": answer}

    def _access_token(self) -> str:
        if self._token:
            return self._token
        client_id, secret = (settings.AUTH0[name] for name in ("setup_client_id", "setup_client_secret"))
        if not client_id or not secret:
            raise SetupRefused("AUTH0_SETUP_CLIENT_ID and AUTH0_SETUP_CLIENT_SECRET are not set; see docs/sign-in.md.")
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        audience = settings.AUTH0["management_url"]
        response = _send("POST", f"{settings.AUTH0['issuer']}oauth/token", json={**form, "audience": audience})
        if not response.is_success:
            raise SetupRefused(f"Auth0 gives the set-up application no token: {_reason(response)}")
        self._token = str(response.json()["access_token"])
        return self._token


def quoted(id: str) -> str:
    """An id as a segment of a path."""
    return quote(id, safe="")


def _send(method: str, url: str, **options: Any) -> httpx.Response:
    try:
        return http_client().request(method, url, **options)
    except httpx.HTTPError as error:
        raise SetupRefused(f"Auth0 does not answer at {url} ({type(error).__name__}).") from error


def _seconds_until_reset(response: httpx.Response) -> float:
    reset = response.headers.get("X-RateLimit-Reset", "")
    seconds = float(reset) - time.time() if reset.isdigit() else 1.0
    return min(max(seconds, 0.5), MAX_WAIT_SECONDS)


def _reason(response: httpx.Response) -> str:
    """Auth0's own sentence, which names a missing scope or a wrong member."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    text = body.get("message") or body.get("error_description") if isinstance(body, dict) else ""
    return f"{response.status_code} {str(text or response.reason_phrase)[:300]}"
