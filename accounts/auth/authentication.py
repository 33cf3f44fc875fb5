"""Authenticates API requests by bearer token."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts import permissions
from accounts.auth import identity, tokens
from accounts.clients import auth0
from config import dynamodb, errors
from config.api import throttling
from config.api.messages import OperationRequest

SIGN_IN_SCOPES = {
    "openid": "an ID token",
    "profile": "the name, in the ID token",
    "email": "the e-mail address, in the ID token",
    "offline_access": "a refresh token",
}


class BearerToken(BaseAuthentication):
    """Identifies the user by an Auth0 access token; permissions come from the user's record."""

    def authenticate(self, request: Request) -> tuple[permissions.Actor, identity.AuthenticatedUser]:
        """The actor as `request.user` and their records as `request.auth`.

        Their place is taken before anything is read. Raises `errors.Unauthenticated` and
        `errors.TooManyRequests`.
        """
        token = _extract_bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
        identified = tokens.get_verifier().identify(token)
        user_id = auth0.user_id_from_subject(identified.subject)
        if user_id:
            cast(OperationRequest, request).caller_id = user_id
            throttling.take_place(request, user_id)
        origin = permissions.Origin(
            ip=request.META.get("REMOTE_ADDR", ""),
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:256],
            request_id=request.META.get("dutyline.request_id", ""),
        )
        authenticated_user = identity.authenticate_user(
            user_id,
            issued_at=identified.issued_at,
            origin=origin,
            at=datetime.now(UTC),
            other_keys=_list_prefetched_keys(request),
        )
        return permissions.user_actor(authenticated_user.user, origin), authenticated_user


def _extract_bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if not header:
        raise errors.Unauthenticated("Send an access token as `Authorization: Bearer …`.")
    if scheme.lower() != "bearer" or not token:
        raise tokens.InvalidToken
    return token


def _list_prefetched_keys(request: Request) -> list[dynamodb.RecordKey]:
    """Of the records that the operation wants to be read with the caller.

    None if the request is invalid: the view reads it again, and reports what is wrong with it.
    """
    view = cast(Any, request.parser_context).get("view")
    prefetch = view.declared_operation().prefetch if view and cast(OperationRequest, request).caller_id else None
    with suppress(errors.DomainError, APIException, BadRequest, SuspiciousOperation):
        return list(prefetch(request)) if prefetch else []
    return []


def actor_of(request: Request) -> permissions.Actor:
    """The signed-in user, with their permissions."""
    return cast(permissions.Actor, request.user)


def authenticated_user(request: Request) -> identity.AuthenticatedUser:
    """The records of the signed-in user and their customer, read to authenticate the request."""
    return cast(identity.AuthenticatedUser, request.auth)


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes in the OpenAPI document how to get an access token and how to send one."""

    target_class = "accounts.auth.authentication.BearerToken"
    name = ["auth0", "bearer"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Either of both, with any scopes."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        issuer = settings.AUTH0["issuer"]
        code_flow = {
            "authorizationUrl": f"{issuer}authorize",
            "tokenUrl": f"{issuer}oauth/token",
            "refreshUrl": f"{issuer}oauth/token",
            "scopes": SIGN_IN_SCOPES,
        }
        sign_in = {
            "type": "oauth2",
            "description": (
                "Sign-in at Auth0: authorization code with PKCE (S256), with the `audience` "
                f"`{settings.AUTH0['audience']}`. What a user may do does not depend on scopes."
            ),
            "flows": {"authorizationCode": code_flow},
        }
        bearer = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An RS256 access token of Auth0 for this API's audience.",
        }
        return [sign_in, bearer]
