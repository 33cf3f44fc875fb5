"""Operators: Auth0 users with a role in the back office, which is checked at every sign-in.

A user without a role is rejected before any row exists. If they had one before, their row is
deactivated and their sessions end.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.models import User as Operator
from django.contrib.sessions.models import Session
from social_core.backends.auth0_openidconnect import Auth0OpenIdConnectAuth
from social_core.exceptions import AuthPolicyError, AuthResponseError
from social_django.models import UserSocialAuth

from accounts.auth import tokens
from config.backoffice import operators


class Auth0(Auth0OpenIdConnectAuth):
    """Auth0 at the issuer of our settings."""

    def api_path(self, path: str = "") -> str:
        url: str = settings.AUTH0["issuer"].rstrip("/")
        return f"{url}/{path.strip('/')}".rstrip("/")

    def oidc_config(self) -> dict[str, Any]:
        """The issuer's metadata. Raises `AuthResponseError` for those of another issuer."""
        metadata: dict[str, Any] = super().oidc_config()
        if metadata.get("issuer") != settings.AUTH0["issuer"]:
            raise AuthResponseError(self, code="malformed_response", stage="token_validation")
        return metadata

    def get_remote_jwks_keys(self, uri: str | None = None) -> list[dict[str, Any]]:
        """The issuer's keys that may sign ID tokens: the same as for access tokens."""
        jwk_list: list[dict[str, Any]] = super().get_remote_jwks_keys(uri)
        usable_kids = tokens.parse_signing_keys({"keys": jwk_list}).keys()
        return [key for key in jwk_list if isinstance(key.get("kid"), str) and key["kid"] in usable_kids]


class NotAnOperator(AuthPolicyError):
    """An Auth0 user who has no role here."""


def require_operator_role(backend: Auth0, uid: str, **_: Any) -> dict[str, Any]:
    """The roles of the user in the back office. Raises `NotAnOperator` without any."""
    roles_claim = (backend.id_token or {}).get(settings.AUTH0["roles_claim"])
    claimed_roles = roles_claim if isinstance(roles_claim, list) else []
    roles = {role for role in claimed_roles if isinstance(role, str) and role in operators.GROUPS}
    if not roles:
        association = UserSocialAuth.objects.filter(provider=backend.name, uid=uid).first()
        if association:
            deactivate_operator(association.user)
        raise NotAnOperator(backend, code="no_role", stage="pipeline")
    return {"roles": sorted(roles)}


def set_username(uid: str, user: Operator | None = None, **_: Any) -> dict[str, str]:
    """Name a new operator by their id at Auth0, never by e-mail address, which may change."""
    return {"username": user.username if user else uid[:150]}


def apply_roles(user: Operator, roles: list[str], details: Mapping[str, Any], **_: Any) -> None:
    """Replace the permissions of the operator by those of their roles."""
    user.is_active, user.is_staff, user.is_superuser = True, True, False
    user.first_name = str(details.get("fullname") or "")[:150]
    user.last_name, user.email = "", str(details.get("email") or "")[:254]
    if user.has_usable_password():  # setting it again would end their other sessions
        user.set_unusable_password()
    user.save()
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])


def deactivate_operator(user: Operator) -> None:
    """End every session of an operator and prevent new ones."""
    user.is_active = user.is_staff = False
    user.save(update_fields=["is_active", "is_staff"])
    user.groups.clear()
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
