"""Signing in: discovery, keys, the login and password pages, tokens and userinfo."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote, urlencode

import jwt

from tests.emulators.auth0.tenant import (
    CODE_LIFE,
    ROLES_CLAIM,
    Client,
    Tenant,
    User,
    hashed,
    is_password,
)
from tests.emulators.server import Answer, Request, StandIn, as_json, as_page, redirect

DAY = 86_400
SESSION = "auth0-stand-in"
"""The cookie by which a browser is known again."""
SHORTEST_PASSWORD = 8


class Login:
    """Adds the routes of the Authentication API and its pages to a stand-in."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def add_to(self, standin: StandIn) -> None:
        standin.add("GET", "/.well-known/openid-configuration", self.discovery)
        standin.add("GET", "/.well-known/jwks.json", self.jwks)
        standin.add("GET", "/authorize", self.authorize)
        standin.add("POST", "/authorize", self.authorize)
        standin.add("POST", "/oauth/token", self.token)
        standin.add("GET", "/userinfo", self.userinfo)
        standin.add("GET", "/v2/logout", self.logout)
        standin.add("GET", "/u/reset-verify", self.password_page)
        standin.add("POST", "/u/reset-verify", self.set_password)
        standin.add("POST", "/_local/rotate", self.rotate)

    def discovery(self, request: Request) -> Answer:
        issuer = self._tenant.issuer
        return as_json(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}authorize",
                "token_endpoint": f"{issuer}oauth/token",
                "userinfo_endpoint": f"{issuer}userinfo",
                "end_session_endpoint": f"{issuer}oidc/logout",
                "jwks_uri": f"{issuer}.well-known/jwks.json",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "client_secret_basic",
                ],
                "scopes_supported": ["openid", "profile", "email"],
            }
        )

    def jwks(self, request: Request) -> Answer:
        return as_json(self._tenant.jwks())

    def rotate(self, request: Request) -> Answer:
        self._tenant.rotate()
        return as_json(self._tenant.jwks())

    # --- pages ----------------------------------------------------------------------------------
    def authorize(self, request: Request) -> Answer:
        query = request.query
        client = self._tenant.clients.get(query.get("client_id", ""))
        target = query.get("redirect_uri", "")
        if client is None or not any(target.startswith(start) for start in client.callbacks):
            return as_page("Callback URL mismatch", _notice("Callback URL mismatch."), 400)
        if query.get("response_type") != "code":
            return _back(query, error="unsupported_response_type")
        if query.get("code_challenge_method", "S256") != "S256":
            return _back(query, error="invalid_request")
        if request.method == "GET":
            return self._without_password(request)
        form = request.form()
        email = form.get("username", "")
        user = self._signed_in(email, form.get("password", ""))
        if user is None or user["blocked"]:
            text = _login_form(email, "Wrong email or password.")
            return as_page("Log in", text, 400)
        secret = self._tenant.issue("session", {"user_id": user["user_id"]}, DAY)
        cookie = f"{SESSION}={secret}; Path=/; HttpOnly; SameSite=Lax"
        answer = self._with_code(query, user)
        return replace(answer, headers={**answer.headers, "Set-Cookie": cookie})

    def _without_password(self, request: Request) -> Answer:
        """Who signed in with this browser is not asked again, unless the application wants it."""
        query = request.query
        session = self._tenant.peek("session", _cookies(request).get(SESSION, ""))
        user = self._tenant.user(session["user_id"]) if session else None
        if user and not user["blocked"] and query.get("prompt") != "login":
            return self._with_code(query, user)
        if query.get("prompt") == "none":
            return _back(query, error="login_required", error_description="Login required")
        return as_page("Log in", _login_form(query.get("login_hint", ""), ""))

    def _with_code(self, query: Mapping[str, str], user: User) -> Answer:
        value = {"query": dict(query), "user_id": user["user_id"]}
        return _back(query, code=self._tenant.issue("code", value, CODE_LIFE))

    def logout(self, request: Request) -> Answer:
        """End the session of this browser and go back to the application."""
        query = request.query
        client = self._tenant.clients.get(query.get("client_id", ""))
        target = query.get("returnTo", "")
        if client is None or not any(target.startswith(start) for start in client.callbacks):
            return as_page("Oops", _notice("The returnTo address is not allowed."), 400)
        self._tenant.redeem("session", _cookies(request).get(SESSION, ""))
        return redirect(target)

    def password_page(self, request: Request) -> Answer:
        ticket = self._tenant.peek("ticket", request.query.get("ticket", ""))
        user = self._tenant.user(ticket["user_id"]) if ticket else None
        if user is None:
            return as_page("Link expired", _notice("This link was used or has expired."), 410)
        return as_page("Set your password", _password_form(user["email"], ""))

    def set_password(self, request: Request) -> Answer:
        secret = request.query.get("ticket", "")
        ticket = self._tenant.peek("ticket", secret)
        user = self._tenant.user(ticket["user_id"]) if ticket else None
        if ticket is None or user is None:
            return as_page("Link expired", _notice("This link was used or has expired."), 410)
        password = request.form().get("password", "")
        if len(password) < SHORTEST_PASSWORD:
            text = f"Use at least {SHORTEST_PASSWORD} characters."
            return as_page("Set your password", _password_form(user["email"], text), 400)
        self._tenant.redeem("ticket", secret)
        user["_password"] = hashed(password)
        user["email_verified"] = user["email_verified"] or ticket["verifies"]
        self._tenant.keep_user(user)
        return as_page("Password set", _notice("Your password is set. You can sign in now."))

    # --- tokens ---------------------------------------------------------------------------------
    def token(self, request: Request) -> Answer:
        form = request.form()
        client = self._client(request, form)
        if client is None:
            return _refused(401, "access_denied", "Unauthorized")
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            return self._for_machine(client, form)
        if grant == "authorization_code":
            return self._for_code(client, form)
        if grant in ("password", "http://auth0.com/oauth/grant-type/password-realm"):
            return self._for_password(client, form)
        return _refused(403, "unsupported_grant_type", f"Unsupported grant type: {grant}")

    def _client(self, request: Request, form: dict[str, str]) -> Client | None:
        id, secret = form.get("client_id", ""), form.get("client_secret", "")
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            try:
                pair = base64.b64decode(header[6:], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None
            id, secret = (unquote(part) for part in (pair + ":").split(":")[:2])
        client = self._tenant.clients.get(id)
        good = client and hmac.compare_digest(secret.encode(), client.secret.encode())
        return client if good else None

    def _for_machine(self, client: Client, form: dict[str, str]) -> Answer:
        audience = form.get("audience", "")
        if audience not in (f"{self._tenant.issuer}api/v2/", self._tenant.audience):
            return _refused(403, "access_denied", f"Service not enabled within domain: {audience}")
        if not client.scopes:
            return _refused(403, "unauthorized_client", "Grant type not allowed for the client.")
        claims = {"sub": f"{client.id}@clients", "aud": audience, "scope": client.scopes}
        token = self._signed({**claims, "azp": client.id, "gty": "client-credentials"}, DAY)
        return as_json(
            {
                "access_token": token,
                "scope": client.scopes,
                "expires_in": DAY,
                "token_type": "Bearer",
            }
        )

    def _for_code(self, client: Client, form: dict[str, str]) -> Answer:
        kept = self._tenant.redeem("code", form.get("code", ""))
        query = kept["query"] if kept else {}
        user = self._tenant.user(kept["user_id"]) if kept else None
        same = (query.get("client_id"), query.get("redirect_uri")) == (
            client.id,
            form.get("redirect_uri"),
        )
        if user is None or not same:
            return _refused(403, "invalid_grant", "Invalid authorization code")
        challenge = query.get("code_challenge")
        if challenge and _challenge(form.get("code_verifier", "")) != challenge:
            return _refused(403, "invalid_grant", "Failed to verify code verifier")
        return self._for_user(user, client, query)

    def _for_password(self, client: Client, form: dict[str, str]) -> Answer:
        user = self._signed_in(form.get("username", ""), form.get("password", ""))
        if user is None:
            return _refused(403, "invalid_grant", "Wrong email or password.")
        if user["blocked"]:
            return _refused(403, "unauthorized", "user is blocked")
        return self._for_user(user, client, {"scope": "openid profile email", **form})

    def _for_user(self, user: User, client: Client, query: dict[str, str]) -> Answer:
        scope, audience = query.get("scope", "openid"), query.get("audience", "")
        userinfo = f"{self._tenant.issuer}userinfo"
        roles = {ROLES_CLAIM: user["app_metadata"].get("roles", [])}
        both = {"sub": user["user_id"], "azp": client.id, **roles}
        access = self._signed(
            {**both, "aud": [audience, userinfo] if audience else userinfo, "scope": scope}, DAY
        )
        names = ("name", "nickname", "picture", "email", "email_verified", "updated_at")
        identity = {**both, "aud": client.id, **{name: user[name] for name in names}}
        if nonce := query.get("nonce"):
            identity["nonce"] = nonce
        return as_json(
            {
                "access_token": access,
                "id_token": self._signed(identity, DAY // 2),
                "scope": scope,
                "expires_in": DAY,
                "token_type": "Bearer",
            }
        )

    def userinfo(self, request: Request) -> Answer:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = self._tenant.read_token(token, f"{self._tenant.issuer}userinfo")
        except jwt.PyJWTError:
            return Answer(401, b"Unauthorized", "text/plain")
        user = self._tenant.user(claims["sub"])
        if user is None:
            return Answer(401, b"Unauthorized", "text/plain")
        names = ("name", "nickname", "picture", "email", "email_verified", "updated_at")
        roles = {ROLES_CLAIM: user["app_metadata"].get("roles", [])}
        return as_json({"sub": user["user_id"], **roles, **{name: user[name] for name in names}})

    def _signed(self, claims: dict[str, Any], seconds: int) -> str:
        now = int(time.time())
        return self._tenant.sign(
            {"iss": self._tenant.issuer, "iat": now, "exp": now + seconds, **claims}
        )

    def _signed_in(self, email: str, password: str) -> User | None:
        user = self._tenant.user_by_email(email.strip())
        return user if user and is_password(password, user["_password"]) else None


def _cookies(request: Request) -> dict[str, str]:
    found = SimpleCookie(request.headers.get("cookie", ""))
    return {name: morsel.value for name, morsel in found.items()}


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _back(query: Any, **values: str) -> Answer:
    if query.get("state"):
        values["state"] = query["state"]
    joint = "&" if "?" in query["redirect_uri"] else "?"
    return redirect(query["redirect_uri"] + joint + urlencode(values))


def _refused(status: int, error: str, description: str) -> Answer:
    return as_json({"error": error, "error_description": description}, status)


def _notice(text: str) -> str:
    return (
        f"<main><h1>{escape(text)}</h1><p class=hint>Sign-in stand-in of this machine.</p></main>"
    )


def _login_form(email: str, error: str) -> str:
    return f"""<main><h1>Log in</h1>{_error(error)}<form method="post">
<label for="username">Email</label><input id="username" name="username" type="email"
 autocomplete="username" value="{escape(email)}" required>
<label for="password">Password</label><input id="password" name="password" type="password"
 autocomplete="current-password" required><button>Continue</button></form></main>"""


def _password_form(email: str, error: str) -> str:
    return f"""<main><h1>Set your password</h1>
<p class="hint">for {escape(email)}</p>{_error(error)}
<form method="post"><label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required
 minlength="{SHORTEST_PASSWORD}"><p class="hint">At least {SHORTEST_PASSWORD} characters.</p>
<button>Set password</button></form></main>"""


def _error(text: str) -> str:
    return f'<p class="error" role="alert">{escape(text)}</p>' if text else ""
