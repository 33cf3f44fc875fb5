"""Refresh tokens: rotation, reuse detection and lifetimes as each application has them."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.emulators.auth0.applications import Application
from tests.emulators.auth0.tenant import Auth0Tenant

ABSOLUTE_LIFETIME, IDLE_LIFETIME = 2_592_000, 1_296_000
"""Auth0's defaults in seconds of a family of tokens and of a token without use."""
KIND = "refresh"

Grant = dict[str, Any]
"""What a token stands for: ``{"user_id", "client_id", "scope", "audience"}``."""


class RefreshTokens:
    """Issues, exchanges and revokes the refresh tokens of a tenant.

    Tokens that were exchanged for one another are a family. A token that is used again after the
    leeway, or after its successor was used, was stolen: the whole family is revoked.
    """

    def __init__(self, tenant: Auth0Tenant, clock: Callable[[], float] = time.time) -> None:
        self._tenant = tenant
        self._clock = clock

    def issue(self, application: Application, grant: Grant) -> str:
        """The first token of a new family."""
        rules = application.get("refresh_token") or {}
        lifetime = float("inf") if rules.get("infinite_token_lifetime") else rules.get("token_lifetime")
        ends_at = self._clock() + (lifetime or ABSOLUTE_LIFETIME)
        family = {"family": secrets.token_hex(12), "ends_at": min(ends_at, 1e12)}
        return self._store({**grant, **family, "parent": None}, rules)

    def exchange(self, application: Application, token: str) -> tuple[Grant, str | None] | None:
        """What a token stands for, and its successor if tokens rotate. None: it is not valid."""
        rules = application.get("refresh_token") or {}
        with self._tenant.locked():
            stored = self._tenant.get_record(KIND, token)
            if stored is None or stored["client_id"] != application["client_id"]:
                return None
            now = self._clock()
            if now >= min(stored["ends_at"], stored["idle_until"]):
                return None
            if self._is_reused(stored, rules):
                self._revoke_family(stored["family"])
                return None
            if rules.get("rotation_type") != "rotating":
                self._tenant.put_record(KIND, token, {**stored, "idle_until": self._idle_until(rules)})
                return stored, None
            self._tenant.put_record(KIND, token, {**stored, "used_at": stored["used_at"] or now})
            self._mark_superseded(stored["parent"])
            return stored, self._store({**stored, "parent": token}, rules)

    def revoke(self, application: Application, token: str) -> None:
        """Revoke a token of this application and its family; unknown tokens are no error."""
        stored = self._tenant.get_record(KIND, token)
        if stored and stored["client_id"] == application["client_id"]:
            self._revoke_family(stored["family"])

    def _store(self, fields: dict[str, Any], rules: dict[str, Any]) -> str:
        token = f"v1.{secrets.token_urlsafe(48)}"
        fresh = {"used_at": None, "is_superseded": False, "idle_until": self._idle_until(rules)}
        self._tenant.put_record(KIND, token, {**fields, **fresh})
        return token

    def _idle_until(self, rules: dict[str, Any]) -> float:
        if rules.get("infinite_idle_token_lifetime"):
            return 1e12
        return self._clock() + float(rules.get("idle_token_lifetime") or IDLE_LIFETIME)

    def _is_reused(self, stored: dict[str, Any], rules: dict[str, Any]) -> bool:
        if stored["used_at"] is None:
            return False
        is_within_leeway = self._clock() - stored["used_at"] <= float(rules.get("leeway") or 0)
        return bool(stored["is_superseded"]) or not is_within_leeway

    def _mark_superseded(self, token: str | None) -> None:
        """The successor of this token is in use, so that nobody needs it any more."""
        stored = self._tenant.get_record(KIND, token) if token else None
        if token and stored:
            self._tenant.put_record(KIND, token, {**stored, "is_superseded": True})

    def _revoke_family(self, family: str) -> None:
        self._tenant.delete_matching(KIND, "family", family)
