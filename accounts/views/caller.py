"""Who makes a request, as `accounts.auth.authentication` found them."""

from typing import cast

from rest_framework.request import Request

from accounts.auth.identity import AuthenticatedUser
from accounts.permissions import Actor


def actor_of(request: Request) -> Actor:
    """The signed-in person, with what they may do."""
    return cast(Actor, request.user)


def authenticated_user(request: Request) -> AuthenticatedUser:
    """Their record and their customer's, read to authenticate the request."""
    return cast(AuthenticatedUser, request.auth)
