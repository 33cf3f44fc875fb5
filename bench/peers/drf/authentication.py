"""Verifies tokens, loads their users, and answers refusals."""

from typing import Any

import jwt
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from bench.peers import common
from bench.peers.drf.models import AuditRow, Customer, Key, Location, StaffHours, User, batch_get

Keys = dict[Any, list[dict[str, Any]]]
"""Keys to read, by class."""
Records = dict[Any, list[Any]]
_jwks = jwt.PyJWKClient(common.JWKS_URL)
_customer_ids: dict[str, str] = {}


class TokenAuthentication(BaseAuthentication):
    """A bearer token of Auth0, and the record of its user."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The user's record, and what was read with it, by class. Raises `common.Refused`."""
        header = request.headers.get("Authorization", "")
        if not header.startswith("Bearer "):
            return None
        token = header.removeprefix("Bearer ")
        try:
            key = _jwks.get_signing_key_from_jwt(token).key
            claims = jwt.decode(token, key, algorithms=["RS256"], audience=common.AUDIENCE, issuer=common.ISSUER)
        except jwt.PyJWTError as error:
            raise common.Refused(401, "The access token is not valid.") from error
        user_id = claims["sub"].removeprefix("auth0|")
        return _load_user(
            user_id, _keys_of_new(request.data, user_id) if request.method == "POST" else _keys_of_query(request)
        )

    def authenticate_header(self, request: Request) -> str:
        """The challenge of answers with 401."""
        return "Bearer"


def _keys_of_query(request: Request) -> Keys:
    location_id = request.query_params.get("locationId")
    return {Location: [{"id": location_id}]} if location_id else {}


def _keys_of_new(body: Any, caller_id: str) -> Keys:
    """What creating a schedule needs, if the body has the members that it must have."""
    staff_id, location_id = body.get("staffId"), body.get("locationId")
    if not (isinstance(staff_id, str) and isinstance(location_id, str)):
        return {}
    streams = list(dict.fromkeys([caller_id, staff_id]))
    return {
        Location: [{"id": location_id}],
        User: [{"id": staff_id}],
        StaffHours: [{"staff_id": staff_id, "end": "#"}],
        AuditRow: [{"stream": stream, "seq": 0} for stream in streams],
        Key: [{"person": stream} for stream in streams],
    }


def _load_user(user_id: str, named: Keys) -> tuple[User, Records]:
    """A user, read in one call with their customer and what the request names."""
    customer_id = _customer_ids.get(user_id)
    if customer_id is None:
        customer_id = _customer_ids[user_id] = User.get(user_id, consistent_read=True).customer_id
    ids = dict.fromkeys([user_id, *(key["id"] for key in named.get(User, []))])
    keys = {**named, User: [{"id": id} for id in ids], Customer: [{"id": customer_id}]}
    records = dict(zip(keys, batch_get(*keys.items()), strict=True))
    user = next((user for user in records[User] if user.id == user_id), None)
    customers = records[Customer]
    if user is None or not customers or user.status != "active" or customers[0].status != "active":
        raise common.Refused(401, "This account cannot sign in.")
    return user, records


class HasPermission(BasePermission):
    """The permission that a view names for a method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the user has it."""
        user: Any = request.user
        if not isinstance(user, User):
            return False
        return view.permissions_by_method[request.method] in common.permissions_of(user.attribute_values)
