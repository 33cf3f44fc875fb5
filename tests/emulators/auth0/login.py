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
    CODE_TTL_SECONDS,
    ROLES_CLAIM,
    Auth0Tenant,
    Auth0User,
    ClientApplication,
    hash_password,
    verify_password,
)
from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, html_response, json_response, redirect

DAY_SECONDS = 86_400
SESSION_COOKIE = "auth0-emulator"
"""The cookie that identifies a browser session."""
MIN_PASSWORD_LENGTH = 8


class AuthenticationApi:
    """Adds the routes of the Authentication API and its pages to an emulator."""

    def __init__(self, tenant: Auth0Tenant) -> None:
        self._tenant = tenant

    def register_routes(self, emulator: Emulator) -> None:
        emulator.add_route("GET", "/.well-known/openid-configuration", self.discovery)
        emulator.add_route("GET", "/.well-known/jwks.json", self.jwks)
        emulator.add_route("GET", "/authorize", self.authorize)
        emulator.add_route("POST", "/authorize", self.authorize)
        emulator.add_route("POST", "/oauth/token", self.issue_token)
        emulator.add_route("GET", "/userinfo", self.userinfo)
        emulator.add_route("GET", "/v2/logout", self.logout)
        emulator.add_route("GET", "/u/reset-verify", self.show_password_page)
        emulator.add_route("POST", "/u/reset-verify", self.set_password)
        emulator.add_route("POST", "/_local/rotate", self.rotate_keys)

    def discovery(self, request: EmulatorRequest) -> EmulatorResponse:
        issuer = self._tenant.issuer
        return json_response(
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
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "scopes_supported": ["openid", "profile", "email"],
            }
        )

    def jwks(self, request: EmulatorRequest) -> EmulatorResponse:
        return json_response(self._tenant.jwks())

    def rotate_keys(self, request: EmulatorRequest) -> EmulatorResponse:
        self._tenant.rotate_keys()
        return json_response(self._tenant.jwks())

    # --- pages ----------------------------------------------------------------------------------
    def authorize(self, request: EmulatorRequest) -> EmulatorResponse:
        query = request.query
        client = self._tenant.clients.get(query.get("client_id", ""))
        redirect_uri = query.get("redirect_uri", "")
        if client is None or not any(redirect_uri.startswith(prefix) for prefix in client.callback_prefixes):
            return html_response("Callback URL mismatch", _message_html("Callback URL mismatch."), 400)
        if query.get("response_type") != "code":
            return _redirect_back(query, error="unsupported_response_type")
        if query.get("code_challenge_method", "S256") != "S256":
            return _redirect_back(query, error="invalid_request")
        if request.method == "GET":
            return self._authorize_with_session(request)
        form = request.form()
        email = form.get("username", "")
        user = self._authenticate_user(email, form.get("password", ""))
        if user is None or user["blocked"]:
            html = _login_form_html(email, "Wrong email or password.")
            return html_response("Log in", html, 400)
        session_id = self._tenant.issue_secret("session", {"user_id": user["user_id"]}, DAY_SECONDS)
        cookie = f"{SESSION_COOKIE}={session_id}; Path=/; HttpOnly; SameSite=Lax"
        response = self._redirect_with_code(query, user)
        return replace(response, headers={**response.headers, "Set-Cookie": cookie})

    def _authorize_with_session(self, request: EmulatorRequest) -> EmulatorResponse:
        """Skip the login form if this browser has a session, unless ``prompt=login``."""
        query = request.query
        session = self._tenant.read_secret("session", _parse_cookies(request).get(SESSION_COOKIE, ""))
        user = self._tenant.get_user(session["user_id"]) if session else None
        if user and not user["blocked"] and query.get("prompt") != "login":
            return self._redirect_with_code(query, user)
        if query.get("prompt") == "none":
            return _redirect_back(query, error="login_required", error_description="Login required")
        return html_response("Log in", _login_form_html(query.get("login_hint", ""), ""))

    def _redirect_with_code(self, query: Mapping[str, str], user: Auth0User) -> EmulatorResponse:
        authorization = {"query": dict(query), "user_id": user["user_id"]}
        return _redirect_back(query, code=self._tenant.issue_secret("code", authorization, CODE_TTL_SECONDS))

    def logout(self, request: EmulatorRequest) -> EmulatorResponse:
        """End the session of this browser and go back to the application."""
        query = request.query
        client = self._tenant.clients.get(query.get("client_id", ""))
        return_url = query.get("returnTo", "")
        if client is None or not any(return_url.startswith(prefix) for prefix in client.callback_prefixes):
            return html_response("Oops", _message_html("The returnTo address is not allowed."), 400)
        self._tenant.redeem_secret("session", _parse_cookies(request).get(SESSION_COOKIE, ""))
        return redirect(return_url)

    def show_password_page(self, request: EmulatorRequest) -> EmulatorResponse:
        ticket = self._tenant.read_secret("ticket", request.query.get("ticket", ""))
        user = self._tenant.get_user(ticket["user_id"]) if ticket else None
        if user is None:
            return html_response("Link expired", _message_html("This link was used or has expired."), 410)
        return html_response("Set your password", _password_form_html(user["email"], ""))

    def set_password(self, request: EmulatorRequest) -> EmulatorResponse:
        ticket_id = request.query.get("ticket", "")
        ticket = self._tenant.read_secret("ticket", ticket_id)
        user = self._tenant.get_user(ticket["user_id"]) if ticket else None
        if ticket is None or user is None:
            return html_response("Link expired", _message_html("This link was used or has expired."), 410)
        password = request.form().get("password", "")
        if len(password) < MIN_PASSWORD_LENGTH:
            message = f"Use at least {MIN_PASSWORD_LENGTH} characters."
            return html_response("Set your password", _password_form_html(user["email"], message), 400)
        self._tenant.redeem_secret("ticket", ticket_id)
        user["_password"] = hash_password(password)
        user["email_verified"] = user["email_verified"] or ticket["verifies"]
        self._tenant.save_user(user)
        return html_response("Password set", _message_html("Your password is set. You can sign in now."))

    # --- tokens ---------------------------------------------------------------------------------
    def issue_token(self, request: EmulatorRequest) -> EmulatorResponse:
        form = request.form()
        client = self._authenticate_client(request, form)
        if client is None:
            return _oauth_error(401, "access_denied", "Unauthorized")
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            return self._client_credentials_grant(client, form)
        if grant == "authorization_code":
            return self._authorization_code_grant(client, form)
        if grant in ("password", "http://auth0.com/oauth/grant-type/password-realm"):
            return self._password_grant(client, form)
        return _oauth_error(403, "unsupported_grant_type", f"Unsupported grant type: {grant}")

    def _authenticate_client(self, request: EmulatorRequest, form: dict[str, str]) -> ClientApplication | None:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            try:
                credentials = base64.b64decode(header[6:], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None
            client_id, secret = (unquote(part) for part in (credentials + ":").split(":")[:2])
        client = self._tenant.clients.get(client_id)
        is_authenticated = client and hmac.compare_digest(secret.encode(), client.secret.encode())
        return client if is_authenticated else None

    def _client_credentials_grant(self, client: ClientApplication, form: dict[str, str]) -> EmulatorResponse:
        audience = form.get("audience", "")
        if audience not in (f"{self._tenant.issuer}api/v2/", self._tenant.audience):
            return _oauth_error(403, "access_denied", f"Service not enabled within domain: {audience}")
        if not client.scopes:
            return _oauth_error(403, "unauthorized_client", "Grant type not allowed for the client.")
        claims = {"sub": f"{client.id}@clients", "aud": audience, "scope": client.scopes}
        token = self._sign({**claims, "azp": client.id, "gty": "client-credentials"}, DAY_SECONDS)
        return json_response(
            {"access_token": token, "scope": client.scopes, "expires_in": DAY_SECONDS, "token_type": "Bearer"}
        )

    def _authorization_code_grant(self, client: ClientApplication, form: dict[str, str]) -> EmulatorResponse:
        authorization = self._tenant.redeem_secret("code", form.get("code", ""))
        query = authorization["query"] if authorization else {}
        user = self._tenant.get_user(authorization["user_id"]) if authorization else None
        is_same_client = (query.get("client_id"), query.get("redirect_uri")) == (client.id, form.get("redirect_uri"))
        if user is None or not is_same_client:
            return _oauth_error(403, "invalid_grant", "Invalid authorization code")
        challenge = query.get("code_challenge")
        if challenge and _pkce_challenge(form.get("code_verifier", "")) != challenge:
            return _oauth_error(403, "invalid_grant", "Failed to verify code verifier")
        return self._token_response(user, client, query)

    def _password_grant(self, client: ClientApplication, form: dict[str, str]) -> EmulatorResponse:
        user = self._authenticate_user(form.get("username", ""), form.get("password", ""))
        if user is None:
            return _oauth_error(403, "invalid_grant", "Wrong email or password.")
        if user["blocked"]:
            return _oauth_error(403, "unauthorized", "user is blocked")
        return self._token_response(user, client, {"scope": "openid profile email", **form})

    def _token_response(self, user: Auth0User, client: ClientApplication, query: dict[str, str]) -> EmulatorResponse:
        scope, audience = query.get("scope", "openid"), query.get("audience", "")
        userinfo = f"{self._tenant.issuer}userinfo"
        roles = {ROLES_CLAIM: user["app_metadata"].get("roles", [])}
        shared_claims = {"sub": user["user_id"], "azp": client.id, **roles}
        access_token = self._sign(
            {**shared_claims, "aud": [audience, userinfo] if audience else userinfo, "scope": scope}, DAY_SECONDS
        )
        profile_claims = ("name", "nickname", "picture", "email", "email_verified", "updated_at")
        id_claims = {**shared_claims, "aud": client.id, **{name: user[name] for name in profile_claims}}
        if nonce := query.get("nonce"):
            id_claims["nonce"] = nonce
        return json_response(
            {
                "access_token": access_token,
                "id_token": self._sign(id_claims, DAY_SECONDS // 2),
                "scope": scope,
                "expires_in": DAY_SECONDS,
                "token_type": "Bearer",
            }
        )

    def userinfo(self, request: EmulatorRequest) -> EmulatorResponse:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = self._tenant.read_token(token, f"{self._tenant.issuer}userinfo")
        except jwt.PyJWTError:
            return EmulatorResponse(401, b"Unauthorized", "text/plain")
        user = self._tenant.get_user(claims["sub"])
        if user is None:
            return EmulatorResponse(401, b"Unauthorized", "text/plain")
        profile_claims = ("name", "nickname", "picture", "email", "email_verified", "updated_at")
        roles = {ROLES_CLAIM: user["app_metadata"].get("roles", [])}
        return json_response({"sub": user["user_id"], **roles, **{name: user[name] for name in profile_claims}})

    def _sign(self, claims: dict[str, Any], seconds: int) -> str:
        now = int(time.time())
        return self._tenant.sign({"iss": self._tenant.issuer, "iat": now, "exp": now + seconds, **claims})

    def _authenticate_user(self, email: str, password: str) -> Auth0User | None:
        user = self._tenant.get_user_by_email(email.strip())
        return user if user and verify_password(password, user["_password"]) else None


def _parse_cookies(request: EmulatorRequest) -> dict[str, str]:
    cookies = SimpleCookie(request.headers.get("cookie", ""))
    return {name: morsel.value for name, morsel in cookies.items()}


def _pkce_challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _redirect_back(query: Any, **parameters: str) -> EmulatorResponse:
    if query.get("state"):
        parameters["state"] = query["state"]
    separator = "&" if "?" in query["redirect_uri"] else "?"
    return redirect(query["redirect_uri"] + separator + urlencode(parameters))


def _oauth_error(status: int, error: str, description: str) -> EmulatorResponse:
    return json_response({"error": error, "error_description": description}, status)


def _message_html(text: str) -> str:
    return f"<main><h1>{escape(text)}</h1><p class=hint>Sign-in page of the Auth0 emulator.</p></main>"


def _login_form_html(email: str, error: str) -> str:
    return f"""<main><h1>Log in</h1>{_error_html(error)}<form method="post">
<label for="username">Email</label><input id="username" name="username" type="email"
 autocomplete="username" value="{escape(email)}" required>
<label for="password">Password</label><input id="password" name="password" type="password"
 autocomplete="current-password" required><button>Continue</button></form></main>"""


def _password_form_html(email: str, error: str) -> str:
    return f"""<main><h1>Set your password</h1>
<p class="hint">for {escape(email)}</p>{_error_html(error)}
<form method="post"><label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required
 minlength="{MIN_PASSWORD_LENGTH}"><p class="hint">At least {MIN_PASSWORD_LENGTH} characters.</p>
<button>Set password</button></form></main>"""


def _error_html(text: str) -> str:
    return f'<p class="error" role="alert">{escape(text)}</p>' if text else ""
