"""Authenticates API requests by bearer token."""

from datetime import UTC, datetime
from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import permissions
from accounts.auth import identity, tokens
from accounts.clients import auth0
from config import errors


class BearerToken(BaseAuthentication):
    """Identifies the user by an Auth0 access token; permissions come from the user's record."""

    def authenticate(self, request: Request) -> tuple[permissions.Actor, identity.AuthenticatedUser]:
        """The actor as `request.user` and their records as `request.auth`.

        Raises `errors.Unauthenticated`.
        """
        token = _extract_bearer_token(request.headers.get("Authorization", ""))
        subject = tokens.get_verifier().get_subject(token)
        origin = permissions.Origin(
            ip=request.META.get("REMOTE_ADDR", ""),
            user_agent=request.headers.get("User-Agent", "")[:256],
            request_id=request.META.get("dutyline.request_id", ""),
        )
        authenticated_user = identity.authenticate_user(
            auth0.user_id_from_subject(subject), origin=origin, at=datetime.now(UTC)
        )
        return permissions.user_actor(authenticated_user.user, origin), authenticated_user


def _extract_bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if not header:
        raise errors.Unauthenticated("Send an access token as `Authorization: Bearer …`.")
    if scheme.lower() != "bearer" or not token:
        raise tokens.InvalidToken
    return token


def actor_of(request: Request) -> permissions.Actor:
    """The signed-in user, with their permissions."""
    return cast(permissions.Actor, request.user)


def authenticated_user(request: Request) -> identity.AuthenticatedUser:
    """The records of the signed-in user and their customer, read to authenticate the request."""
    return cast(identity.AuthenticatedUser, request.auth)


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes bearer tokens in the OpenAPI document."""

    target_class = "accounts.auth.authentication.BearerToken"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An RS256 access token of Auth0 for this API's audience.",
        }
