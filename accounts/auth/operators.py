"""Which people of Auth0 become operators: those whose role says so, at every sign-in anew.

Somebody without a role is refused before any row exists. Whoever had one is switched off: their
row, and every session of theirs.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.models import User as Operator
from django.contrib.sessions.models import Session
from social_core.backends.auth0_openidconnect import Auth0OpenIdConnectAuth
from social_core.exceptions import AuthPolicyError
from social_django.models import UserSocialAuth

from config.backoffice import operators


class Auth0(Auth0OpenIdConnectAuth):
    """Auth0 at the address of our settings."""

    def api_path(self, path: str = "") -> str:
        url: str = settings.AUTH0["issuer"].rstrip("/")
        return f"{url}/{path.strip('/')}".rstrip("/")


class NotAnOperator(AuthPolicyError):
    """The person is known at Auth0, but has no role here."""


def require_operator_role(backend: Auth0, uid: str, **_: Any) -> dict[str, Any]:
    """Let in who has a role. Raises `NoOperator`."""
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
    """A new operator is named by who they are at Auth0: never by an address, which may change."""
    return {"username": user.username if user else uid[:150]}


def apply_roles(user: Operator, roles: list[str], details: Mapping[str, Any], **_: Any) -> None:
    """What the role allows, no more and no less, whatever was allowed before."""
    user.is_active, user.is_staff, user.is_superuser = True, True, False
    user.first_name = str(details.get("fullname") or "")[:150]
    user.last_name, user.email = "", str(details.get("email") or "")[:254]
    if user.has_usable_password():  # a new one would end every other session of theirs
        user.set_unusable_password()
    user.save()
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])


def deactivate_operator(user: Operator) -> None:
    """Nobody is signed in as this operator any more, and nobody can be."""
    user.is_active = user.is_staff = False
    user.save(update_fields=["is_active", "is_staff"])
    user.groups.clear()
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
