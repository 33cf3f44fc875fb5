"""The Management API: users and password tickets, with Auth0's checks, scopes and errors."""

import re
import secrets
from collections.abc import Callable
from typing import Any

import jwt

from tests.emulators.auth0.tenant import CONNECTION, Auth0Tenant, Auth0User, DuplicateUser, format_now, hash_password
from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, json_response

CREATE_FIELDS = {
    "email",
    "email_verified",
    "verify_email",
    "user_id",
    "connection",
    "password",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "picture",
    "phone_number",
    "phone_verified",
    "username",
    "blocked",
    "user_metadata",
    "app_metadata",
}
UPDATE_FIELDS = CREATE_FIELDS - {"user_id"} | {"client_id", "verify_phone_number", "verify_password"}
MAX_LISTED = 1_000
_CREATED_SINCE = re.compile(r"created_at:\[([0-9-]+) TO \*\]")
_EMAIL_PATTERN = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TICKET_TTL_SECONDS = 432_000


class ManagementApi:
    """Adds the routes of ``/api/v2`` to an emulator."""

    def __init__(self, tenant: Auth0Tenant) -> None:
        self._tenant = tenant

    def register_routes(self, emulator: Emulator) -> None:
        def add(method: str, path: str, scope: str, handler: Callable[..., EmulatorResponse]) -> None:
            emulator.add_route(method, f"/api/v2/{path}", require_scope(self._tenant, scope, handler))

        add("GET", "users", "read:users", self.list_users)
        add("POST", "users", "create:users", self.create_user)
        add("GET", "users/{user_id}", "read:users", self.get_user)
        add("PATCH", "users/{user_id}", "update:users", self.update_user)
        add("DELETE", "users/{user_id}", "delete:users", self.delete_user)
        add("GET", "users-by-email", "read:users", self.list_users_by_email)
        add("POST", "users/{user_id}/revoke-access", "delete:sessions", self.revoke_access)
        factors = "users/{user_id}/authentication-methods"
        add("DELETE", factors, "delete:authentication_methods", self.delete_factors)
        add("DELETE", "grants", "delete:grants", self.delete_grants)
        add("POST", "tickets/password-change", "create:user_tickets", self.create_password_ticket)

    def list_users(self, request: EmulatorRequest) -> EmulatorResponse:
        page, per_page = int(request.query.get("page", 0)), int(request.query.get("per_page", 50))
        if page < 0 or not 1 <= per_page <= 100:
            return error_response(400, "Bad Request", "Query validation error", "invalid_query_string")
        query = _CREATED_SINCE.fullmatch(request.query.get("q", "created_at:[0 TO *]"))
        if query is None:
            return error_response(400, "Bad Request", "This query is not emulated.", "invalid_query_string")
        sort = request.query.get("sort", "created_at:1")
        if sort not in ("created_at:1", "created_at:-1"):
            return error_response(400, "Bad Request", "This order is not emulated.", "invalid_query_string")
        matching = [user for user in self._tenant.list_users(limit=-1) if user["created_at"] >= query[1]]
        matching.sort(key=lambda user: str(user["created_at"]), reverse=sort.endswith("-1"))
        matching = matching[:MAX_LISTED]  # as at Auth0
        users = [to_json(user) for user in matching[page * per_page : (page + 1) * per_page]]
        if request.query.get("include_totals") != "true":
            return json_response(users)
        totals = {"start": page * per_page, "limit": per_page, "length": len(users)}
        return json_response({**totals, "users": users, "total": len(matching)})

    def create_user(self, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        if problem := _invalid_field_error(body, CREATE_FIELDS) or _missing_field_error(body):
            return problem
        user = build_user(body)
        try:
            self._tenant.add_user(user)
        except DuplicateUser:
            return error_response(409, "Conflict", "The user already exists.", "auth0_idp_error")
        return json_response(to_json(user), 201)

    def get_user(self, request: EmulatorRequest, user_id: str) -> EmulatorResponse:
        user = self._tenant.get_user(user_id)
        return json_response(to_json(user)) if user else _unknown_user_error()

    def update_user(self, request: EmulatorRequest, user_id: str) -> EmulatorResponse:
        body = request.json()
        if problem := _invalid_field_error(body, UPDATE_FIELDS):
            return problem
        user = self._tenant.get_user(user_id)
        if user is None:
            return _unknown_user_error()
        old_email = user["email"]
        for name in ("app_metadata", "user_metadata"):
            merged = {**user[name], **body.pop(name, {})}
            user[name] = {key: value for key, value in merged.items() if value is not None}
        if "password" in body:
            user["_password"] = hash_password(body.pop("password"))
            self._tenant.revoke_access(user_id, kinds=("code", "session"))
        if "email" in body:
            body["email"] = body["email"].lower()
            user["email_verified"] = bool(body.get("email_verified", False))
        known = {"email", "name", "nickname", "picture", "blocked", "email_verified"}
        user.update({name: value for name, value in body.items() if name in known})
        user["updated_at"] = format_now()
        try:
            previous_email = old_email if old_email != user["email"] else ""
            self._tenant.save_user(user, previous_email=previous_email)
        except DuplicateUser:
            message = "The specified new email already exists"
            return error_response(400, "Bad Request", message, "auth0_idp_error")
        return json_response(to_json(user))

    def delete_user(self, request: EmulatorRequest, user_id: str) -> EmulatorResponse:
        self._tenant.delete_user(user_id)
        return EmulatorResponse(204)

    def revoke_access(self, request: EmulatorRequest, user_id: str) -> EmulatorResponse:
        """End the sessions of a user and, unless they are preserved, their refresh tokens."""
        body = request.json() if request.body else {}
        unknown = sorted(set(body) - {"session_id", "preserve_refresh_tokens"})
        if unknown:
            message = f"Payload validation error: 'Additional properties not allowed: {unknown[0]}'."
            return error_response(400, "Bad Request", message, "invalid_body")
        preserves = bool(body.get("preserve_refresh_tokens"))
        self._tenant.revoke_access(user_id, kinds=("code", "session", *(() if preserves else ("refresh",))))
        return EmulatorResponse(202)

    def delete_factors(self, request: EmulatorRequest, user_id: str) -> EmulatorResponse:
        """Delete the second factors of a user."""
        user = self._tenant.get_user(user_id)
        if user is None:
            return _unknown_user_error()
        self._tenant.save_user({**user, "_factors": []})
        return EmulatorResponse(204)

    def delete_grants(self, request: EmulatorRequest) -> EmulatorResponse:
        """End what users have granted to applications, and the refresh tokens of these grants."""
        user_id = request.query.get("user_id", "")
        if not user_id:
            return error_response(400, "Bad Request", "Missing query parameter user_id", "invalid_query_string")
        self._tenant.revoke_access(user_id, kinds=("refresh",))
        return EmulatorResponse(204)

    def list_users_by_email(self, request: EmulatorRequest) -> EmulatorResponse:
        email = request.query.get("email", "")
        if not email:
            return error_response(400, "Bad Request", "Missing query parameter email", "invalid_query_string")
        user = self._tenant.get_user_by_email(email)
        return json_response([to_json(user)] if user else [])

    def create_password_ticket(self, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        user = self._tenant.get_user(str(body.get("user_id")))
        if user is None:
            return _unknown_user_error()
        ttl_seconds = body.get("ttl_sec", TICKET_TTL_SECONDS) or TICKET_TTL_SECONDS
        verifies_email = bool(body.get("mark_email_as_verified"))
        ticket = {"user_id": user["user_id"], "verifies": verifies_email}
        self._tenant.delete_matching("ticket", "user_id", user["user_id"])  # a newer one voids the older
        ticket_id = self._tenant.issue_secret("ticket", ticket, float(ttl_seconds))
        return json_response({"ticket": f"{self._tenant.issuer}u/reset-verify?ticket={ticket_id}"}, 201)


def require_scope(
    tenant: Auth0Tenant, scope: str, handler: Callable[..., EmulatorResponse]
) -> Callable[..., EmulatorResponse]:
    """The handler for requests whose token has a scope of the Management API."""

    def authorized(request: EmulatorRequest, **parts: str) -> EmulatorResponse:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return error_response(401, "Unauthorized", "Missing authentication")
        try:
            claims = tenant.read_token(token, tenant.management_audience)
        except jwt.PyJWTError:
            return error_response(401, "Unauthorized", "Invalid token")
        if scope not in str(claims.get("scope", "")).split():
            message = f"Insufficient scope, expected any of: {scope}"
            return error_response(403, "Forbidden", message, "insufficient_scope")
        return handler(request, **parts)

    return authorized


def error_response(status: int, name: str, message: str, code: str = "") -> EmulatorResponse:
    """Auth0's error body."""
    body: dict[str, Any] = {"statusCode": status, "error": name, "message": message}
    if code:
        body["errorCode"] = code
    return json_response(body, status)


def to_json(user: Auth0User) -> Auth0User:
    """A user as the API returns it, without internal fields."""
    return {name: value for name, value in user.items() if not name.startswith("_")}


def _unknown_user_error() -> EmulatorResponse:
    return error_response(404, "Not Found", "The user does not exist.", "inexistent_user")


def _invalid_field_error(fields: dict[str, Any], known: set[str]) -> EmulatorResponse | None:
    unknown = sorted(set(fields) - known)
    message = ""
    if unknown:
        message = f"Payload validation error: 'Additional properties not allowed: {unknown[0]}'."
    email = fields.get("email", "a@b.example")
    if not isinstance(email, str) or not _EMAIL_PATTERN.fullmatch(email):
        message = "Payload validation error: 'Object didn't pass validation for format email'."
    if not isinstance(fields.get("name", "x"), str) or not 1 <= len(fields.get("name", "x")) <= 300:
        message = "Payload validation error: 'String is too long' on property name."
    return error_response(400, "Bad Request", message, "invalid_body") if message else None


def _missing_field_error(fields: dict[str, Any]) -> EmulatorResponse | None:
    if "connection" not in fields:
        message = "Payload validation error: 'Missing required property: connection'."
        return error_response(400, "Bad Request", message, "invalid_body")
    if fields["connection"] != CONNECTION:
        return error_response(400, "Bad Request", "The connection does not exist.", "inexistent_connection")
    if "email" not in fields or "password" not in fields:
        return error_response(400, "Bad Request", "Missing email or password.", "invalid_body")
    if len(str(fields["password"])) < 8:
        return error_response(400, "Bad Request", "PasswordStrengthError: Password is too weak")
    return None


def build_user(fields: dict[str, Any]) -> Auth0User:
    """A new user as Auth0 makes it."""
    id = str(fields.get("user_id") or secrets.token_hex(12))
    email, at = fields["email"].lower(), format_now()
    identity = {"connection": CONNECTION, "user_id": id, "provider": "auth0", "isSocial": False}
    return {
        "user_id": f"auth0|{id}",
        "email": email,
        "email_verified": bool(fields.get("email_verified", False)),
        "name": fields.get("name") or email,
        "nickname": fields.get("nickname") or email.partition("@")[0],
        "picture": "https://s.gravatar.com/avatar/0",
        "created_at": at,
        "updated_at": at,
        "app_metadata": fields.get("app_metadata") or {},
        "user_metadata": fields.get("user_metadata") or {},
        "identities": [identity],
        "blocked": bool(fields.get("blocked", False)),
        "_password": hash_password(fields["password"]),
    }
