"""The Management API: users and password tickets, with Auth0's checks, scopes and errors."""

import re
import secrets
from collections.abc import Callable
from typing import Any

import jwt

from tests.emulators.auth0.tenant import CONNECTION, Taken, Tenant, User, hashed, moment
from tests.emulators.server import Answer, Request, StandIn, as_json

CREATABLE = {
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
CHANGEABLE = CREATABLE - {"user_id"} | {"client_id", "verify_phone_number", "verify_password"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TICKET_LIFE = 432_000


class Management:
    """Adds the routes of ``/api/v2`` to a stand-in."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.audience = f"{tenant.issuer}api/v2/"

    def add_to(self, standin: StandIn) -> None:
        def add(method: str, path: str, scope: str, handler: Callable[..., Answer]) -> None:
            standin.add(method, f"/api/v2/{path}", self._guarded(scope, handler))

        add("GET", "users", "read:users", self.list)
        add("POST", "users", "create:users", self.create)
        add("GET", "users/{user_id}", "read:users", self.read)
        add("PATCH", "users/{user_id}", "update:users", self.change)
        add("DELETE", "users/{user_id}", "delete:users", self.remove)
        add("GET", "users-by-email", "read:users", self.by_email)
        add("POST", "users/{user_id}/revoke-access", "delete:sessions", self.revoke)
        add("POST", "tickets/password-change", "create:user_tickets", self.ticket)

    def _guarded(self, scope: str, handler: Callable[..., Answer]) -> Callable[..., Answer]:
        def guarded(request: Request, **parts: str) -> Answer:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not token:
                return error(401, "Unauthorized", "Missing authentication")
            try:
                claims = self._tenant.read_token(token, self.audience)
            except jwt.PyJWTError:
                return error(401, "Unauthorized", "Invalid token")
            if scope not in str(claims.get("scope", "")).split():
                text = f"Insufficient scope, expected any of: {scope}"
                return error(403, "Forbidden", text, "insufficient_scope")
            return handler(request, **parts)

        return guarded

    def list(self, request: Request) -> Answer:
        page, count = int(request.query.get("page", 0)), int(request.query.get("per_page", 50))
        if page < 0 or not 1 <= count <= 100:
            return error(400, "Bad Request", "Query validation error", "invalid_query_string")
        users = [shown(user) for user in self._tenant.users(page * count, count)]
        if request.query.get("include_totals") != "true":
            return as_json(users)
        totals = {"start": page * count, "limit": count, "length": len(users)}
        return as_json({**totals, "users": users, "total": self._tenant.count()})

    def create(self, request: Request) -> Answer:
        given = request.json()
        if problem := _wrong(given, CREATABLE) or _incomplete(given):
            return problem
        user = made(given)
        try:
            self._tenant.add_user(user)
        except Taken:
            return error(409, "Conflict", "The user already exists.", "auth0_idp_error")
        return as_json(shown(user), 201)

    def read(self, request: Request, user_id: str) -> Answer:
        user = self._tenant.user(user_id)
        return as_json(shown(user)) if user else _missing()

    def change(self, request: Request, user_id: str) -> Answer:
        given = request.json()
        if problem := _wrong(given, CHANGEABLE):
            return problem
        user = self._tenant.user(user_id)
        if user is None:
            return _missing()
        before = user["email"]
        for name in ("app_metadata", "user_metadata"):
            merged = {**user[name], **given.pop(name, {})}
            user[name] = {key: value for key, value in merged.items() if value is not None}
        if "password" in given:
            user["_password"] = hashed(given.pop("password"))
        if "email" in given:
            given["email"] = given["email"].lower()
            user["email_verified"] = bool(given.get("email_verified", False))
        known = {"email", "name", "nickname", "picture", "blocked", "email_verified"}
        user.update({name: value for name, value in given.items() if name in known})
        user["updated_at"] = moment()
        try:
            formerly = before if before != user["email"] else ""
            self._tenant.keep_user(user, formerly=formerly)
        except Taken:
            text = "The specified new email already exists"
            return error(400, "Bad Request", text, "auth0_idp_error")
        return as_json(shown(user))

    def remove(self, request: Request, user_id: str) -> Answer:
        self._tenant.remove_user(user_id)
        return Answer(204)

    def revoke(self, request: Request, user_id: str) -> Answer:
        """The stand-in keeps no sessions and gives no refresh tokens: only codes can be ended."""
        given = request.json() if request.body else {}
        unknown = sorted(set(given) - {"session_id", "preserve_refresh_tokens"})
        if unknown:
            text = f"Payload validation error: 'Additional properties not allowed: {unknown[0]}'."
            return error(400, "Bad Request", text, "invalid_body")
        self._tenant.forget_codes(user_id)
        return Answer(202)

    def by_email(self, request: Request) -> Answer:
        email = request.query.get("email", "")
        if not email:
            return error(
                400, "Bad Request", "Missing query parameter email", "invalid_query_string"
            )
        user = self._tenant.user_by_email(email)
        return as_json([shown(user)] if user else [])

    def ticket(self, request: Request) -> Answer:
        given = request.json()
        user = self._tenant.user(str(given.get("user_id")))
        if user is None:
            return _missing()
        life = given.get("ttl_sec", TICKET_LIFE) or TICKET_LIFE
        verifies = bool(given.get("mark_email_as_verified"))
        value = {"user_id": user["user_id"], "verifies": verifies}
        secret = self._tenant.issue("ticket", value, float(life))
        return as_json({"ticket": f"{self._tenant.issuer}u/reset-verify?ticket={secret}"}, 201)


def error(status: int, name: str, message: str, code: str = "") -> Answer:
    """Auth0's error body."""
    body: dict[str, Any] = {"statusCode": status, "error": name, "message": message}
    if code:
        body["errorCode"] = code
    return as_json(body, status)


def shown(user: User) -> User:
    """A user without what stays inside."""
    return {name: value for name, value in user.items() if not name.startswith("_")}


def _missing() -> Answer:
    return error(404, "Not Found", "The user does not exist.", "inexistent_user")


def _wrong(given: dict[str, Any], known: set[str]) -> Answer | None:
    unknown = sorted(set(given) - known)
    text = ""
    if unknown:
        text = f"Payload validation error: 'Additional properties not allowed: {unknown[0]}'."
    email = given.get("email", "a@b.example")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email):
        text = "Payload validation error: 'Object didn't pass validation for format email'."
    if not isinstance(given.get("name", "x"), str) or not 1 <= len(given.get("name", "x")) <= 300:
        text = "Payload validation error: 'String is too long' on property name."
    return error(400, "Bad Request", text, "invalid_body") if text else None


def _incomplete(given: dict[str, Any]) -> Answer | None:
    if "connection" not in given:
        text = "Payload validation error: 'Missing required property: connection'."
        return error(400, "Bad Request", text, "invalid_body")
    if given["connection"] != CONNECTION:
        return error(400, "Bad Request", "The connection does not exist.", "inexistent_connection")
    if "email" not in given or "password" not in given:
        return error(400, "Bad Request", "Missing email or password.", "invalid_body")
    if len(str(given["password"])) < 8:
        return error(400, "Bad Request", "PasswordStrengthError: Password is too weak")
    return None


def made(given: dict[str, Any]) -> User:
    """A new user as Auth0 makes it."""
    id = str(given.get("user_id") or secrets.token_hex(12))
    email, at = given["email"].lower(), moment()
    identity = {"connection": CONNECTION, "user_id": id, "provider": "auth0", "isSocial": False}
    return {
        "user_id": f"auth0|{id}",
        "email": email,
        "email_verified": bool(given.get("email_verified", False)),
        "name": given.get("name") or email,
        "nickname": given.get("nickname") or email.partition("@")[0],
        "picture": "https://s.gravatar.com/avatar/0",
        "created_at": at,
        "updated_at": at,
        "app_metadata": given.get("app_metadata") or {},
        "user_metadata": given.get("user_metadata") or {},
        "identities": [identity],
        "blocked": bool(given.get("blocked", False)),
        "_password": hashed(given["password"]),
    }
