"""Signing in and out in a browser: the login page, its session, and the password page."""

import re
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import jwt

from tests.emulators.auth0 import applications, login_pages
from tests.emulators.auth0.tenant import CODE_TTL_SECONDS, Auth0Tenant, Auth0User, authenticate_user, hash_password
from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, html_response, redirect

SESSION_SECONDS = 259_200
SESSION_COOKIE = "auth0-emulator"
"""The cookie that identifies a browser session."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class LoginPages:
    """Adds the pages of sign-in to an emulator."""

    def __init__(self, tenant: Auth0Tenant) -> None:
        self._tenant = tenant

    def register_routes(self, emulator: Emulator) -> None:
        emulator.add_route("GET", "/authorize", self.authorize)
        emulator.add_route("POST", "/authorize", self.authorize)
        emulator.add_route("GET", "/v2/logout", self.logout)
        emulator.add_route("GET", "/oidc/logout", self.logout_with_hint)
        emulator.add_route("GET", "/u/reset-verify", self.show_password_page)
        emulator.add_route("POST", "/u/reset-verify", self.set_password)

    def authorize(self, request: EmulatorRequest) -> EmulatorResponse:
        """The login page (GET) or a sign-in (POST), both with the request in the query."""
        query = request.query
        application = applications.get_application(self._tenant, query.get("client_id", ""))
        if application is None:
            return _error_page("Unknown client", "No application has this client_id.")
        if not applications.allows_callback(application, query.get("redirect_uri", "")):
            text = "The redirect_uri is not in the list of allowed callback URLs of this application."
            return _error_page("Callback URL mismatch", text)
        if error := self._request_error(application, query):
            return _redirect_back(query, error=error[0], error_description=error[1])
        if request.method == "GET":
            return self._authorize_with_session(request, application)
        form = request.form()
        email = form.get("username", "")
        user = authenticate_user(self._tenant, email, form.get("password", ""))
        if user is None:
            html = login_pages.login_form(application["name"], email, "Wrong email or password.")
            return html_response("Log in", html, 400)
        if user["blocked"]:
            return _redirect_back(query, error="unauthorized", error_description="user is blocked")
        session_id = self._tenant.issue_secret("session", {"user_id": user["user_id"]}, SESSION_SECONDS)
        response = self._redirect_with_code(query, user)
        cookie = f"{SESSION_COOKIE}={session_id}; Path=/; HttpOnly; SameSite=Lax"
        return replace(response, headers={**response.headers, "Set-Cookie": cookie})

    def _request_error(self, application: applications.Application, query: Mapping[str, str]) -> tuple[str, str] | None:
        """Error and description if the request is not one that this application may send."""
        if query.get("response_type") != "code":
            return "unsupported_response_type", "Only response_type=code is supported."
        if "authorization_code" not in application["grant_types"]:
            return "unauthorized_client", "Grant type 'authorization_code' not allowed for the client."
        if query.get("response_mode", "query") != "query":
            return "invalid_request", "Only response_mode=query is supported."
        challenge = query.get("code_challenge")
        if challenge is None and applications.is_public(application):
            return "invalid_request", "Missing parameter: code_challenge. An application without a secret uses PKCE."
        if challenge is not None and query.get("code_challenge_method") != "S256":
            return "invalid_request", "code_challenge_method must be S256."
        if challenge is not None and not _CHALLENGE.fullmatch(challenge):
            return "invalid_request", "code_challenge must be the base64url of a SHA-256 digest."
        if not self._tenant.allows_sign_in(application["client_id"]):
            return "invalid_request", "no connections enabled for the client"
        audience = query.get("audience")
        if audience and self._tenant.get_resource_server(audience) is None:
            return "access_denied", f"Service not found: {audience}"
        return None

    def _authorize_with_session(
        self, request: EmulatorRequest, application: applications.Application
    ) -> EmulatorResponse:
        """Skip the login form if this browser has a session, unless ``prompt=login``."""
        query = request.query
        session = self._tenant.read_secret("session", _session_id(request))
        user = self._tenant.get_user(session["user_id"]) if session else None
        if user and not user["blocked"] and query.get("prompt") != "login":
            return self._redirect_with_code(query, user)
        if query.get("prompt") == "none":
            return _redirect_back(query, error="login_required", error_description="Login required")
        form = login_pages.login_form(application["name"], query.get("login_hint", ""), "")
        return html_response("Log in", form)

    def _redirect_with_code(self, query: Mapping[str, str], user: Auth0User) -> EmulatorResponse:
        authorization = {"query": dict(query), "user_id": user["user_id"]}
        return _redirect_back(query, code=self._tenant.issue_secret("code", authorization, CODE_TTL_SECONDS))

    def logout(self, request: EmulatorRequest) -> EmulatorResponse:
        """End the session of this browser and go back to the application."""
        return self._log_out(request, request.query.get("client_id", ""), request.query.get("returnTo", ""))

    def logout_with_hint(self, request: EmulatorRequest) -> EmulatorResponse:
        """OpenID Connect's logout, with ``id_token_hint`` or ``client_id``."""
        query = request.query
        client_id = query.get("client_id", "")
        if hint := query.get("id_token_hint"):
            try:
                claims = jwt.decode(hint, options={"verify_signature": False, "verify_aud": False})
            except jwt.PyJWTError:
                return _error_page("Invalid id_token_hint", "The hint is not an ID token.")
            client_id = str(claims.get("aud", ""))
        target = query.get("post_logout_redirect_uri", "")
        if target and query.get("state"):
            target = _with_parameters(target, state=query["state"])
        return self._log_out(request, client_id, target, query.get("post_logout_redirect_uri"))

    def _log_out(
        self, request: EmulatorRequest, client_id: str, target: str, listed_url: str | None = None
    ) -> EmulatorResponse:
        application = applications.get_application(self._tenant, client_id)
        if target and not (application and applications.allows_logout(application, listed_url or target)):
            text = "The address to return to is not in the list of allowed logout URLs of this application."
            return _error_page("Not an allowed logout URL", text)
        self._tenant.redeem_secret("session", _session_id(request))
        response = redirect(target) if target else html_response("Signed out", login_pages.message_page("Signed out."))
        cookie = f"{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        return replace(response, headers={**response.headers, "Set-Cookie": cookie})

    def show_password_page(self, request: EmulatorRequest) -> EmulatorResponse:
        ticket = self._tenant.read_secret("ticket", request.query.get("ticket", ""))
        user = self._tenant.get_user(ticket["user_id"]) if ticket else None
        if user is None:
            return _expired_link_page()
        return html_response("Set your password", login_pages.password_form(user["email"], ""))

    def set_password(self, request: EmulatorRequest) -> EmulatorResponse:
        ticket_id = request.query.get("ticket", "")
        ticket = self._tenant.read_secret("ticket", ticket_id)
        user = self._tenant.get_user(ticket["user_id"]) if ticket else None
        if ticket is None or user is None:
            return _expired_link_page()
        password = request.form().get("password", "")
        if len(password) < login_pages.MIN_PASSWORD_LENGTH:
            message = f"Use at least {login_pages.MIN_PASSWORD_LENGTH} characters."
            return html_response("Set your password", login_pages.password_form(user["email"], message), 400)
        self._tenant.redeem_secret("ticket", ticket_id)
        user["_password"] = hash_password(password)
        user["email_verified"] = user["email_verified"] or ticket["verifies"]
        self._tenant.save_user(user)
        return html_response("Password set", login_pages.message_page("Your password is set.", "You can sign in now."))


def _session_id(request: EmulatorRequest) -> str:
    morsel = SimpleCookie(request.headers.get("cookie", "")).get(SESSION_COOKIE)
    return morsel.value if morsel else ""


def _redirect_back(query: Any, **parameters: str) -> EmulatorResponse:
    if query.get("state"):
        parameters["state"] = query["state"]
    return redirect(_with_parameters(query["redirect_uri"], **parameters))


def _with_parameters(url: str, **parameters: str) -> str:
    return url + ("&" if "?" in url else "?") + urlencode(parameters)


def _error_page(title: str, text: str) -> EmulatorResponse:
    return html_response(title, login_pages.message_page(title, text), 400)


def _expired_link_page() -> EmulatorResponse:
    return html_response("Link expired", login_pages.message_page("This link was used or has expired."), 410)
