"""Verifies tokens, loads their users, and answers refusals."""

from typing import Any

import jwt
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from bench.peers import common
from bench.peers.drf.models import Customer, Location, User, batch_get

_jwks = jwt.PyJWKClient(common.JWKS_URL)
_customer_ids: dict[str, str] = {}


class TokenAuthentication(BaseAuthentication):
    """A bearer token of Auth0, and the record of its user."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The user's record, and that of the location of the query. Raises `common.Refused`."""
        header = request.headers.get("Authorization", "")
        if not header.startswith("Bearer "):
            return None
        token = header.removeprefix("Bearer ")
        try:
            key = _jwks.get_signing_key_from_jwt(token).key
            claims = jwt.decode(token, key, algorithms=["RS256"], audience=common.AUDIENCE, issuer=common.ISSUER)
        except jwt.PyJWTError as error:
            raise common.Refused(401, "The access token is not valid.") from error
        user, locations = _load_user(claims["sub"].removeprefix("auth0|"), request.query_params.get("locationId"))
        return user, locations

    def authenticate_header(self, request: Request) -> str:
        """The challenge of answers with 401."""
        return "Bearer"


def _load_user(user_id: str, location_id: str | None) -> tuple[User, list[Any]]:
    """A user, read in one call with their customer and a location."""
    customer_id = _customer_ids.get(user_id)
    if customer_id is None:
        customer_id = _customer_ids[user_id] = User.get(user_id, consistent_read=True).customer_id
    queries: list[tuple[Any, list[dict[str, Any]]]] = [(User, [{"id": user_id}]), (Customer, [{"id": customer_id}])]
    if location_id:
        queries.append((Location, [{"id": location_id}]))
    users, customers, *locations = batch_get(*queries)
    if not users or not customers or users[0].status != "active" or customers[0].status != "active":
        raise common.Refused(401, "This account cannot sign in.")
    return users[0], locations[0] if locations else []


class HasPermission(BasePermission):
    """The permission that a view names for a method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the user has it."""
        user: Any = request.user
        if not isinstance(user, User):
            return False
        return view.permissions_by_method[request.method] in common.permissions_of(user.attribute_values)
