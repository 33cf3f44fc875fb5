"""Signing in as an app without a secret does: authorization code with PKCE, refresh tokens."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from tests.emulators.auth0.tokens import pkce_challenge
from tests.support.environment import Environment

AUDIENCE = "https://api.dutyline.example/"
WEB_APP, MOBILE_APP = "dutyline-web", "dutyline-mobile"
WEB_CALLBACK, MOBILE_CALLBACK = "http://localhost:8081/callback", "exp://127.0.0.1:8081/--/callback"


@dataclass
class PublicApp:
    """An app on a phone or in a browser, and the cookies of the browser in which one signs in."""

    issuer: str
    client_id: str = WEB_APP
    redirect_uri: str = WEB_CALLBACK
    scope: str = "openid profile email offline_access"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    def authorization_query(self, **overrides: str | None) -> dict[str, str]:
        """The parameters of the authorization request; None leaves one out."""
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "audience": AUDIENCE,
            "scope": self.scope,
            "state": "a-state",
            "nonce": "a-nonce",
            "code_challenge": pkce_challenge(self.verifier),
            "code_challenge_method": "S256",
            **overrides,
        }
        return {name: value for name, value in query.items() if value is not None}

    def authorization_url(self, **overrides: str | None) -> str:
        return f"{self.issuer}authorize?{urlencode(self.authorization_query(**overrides))}"

    def authorize(self, email: str = "", password: str = "", **overrides: str | None) -> dict[str, str]:
        """The parameters with which sign-in comes back; without e-mail address, by the session."""
        url = self.authorization_url(**overrides)
        form = {"username": email, "password": password} if email else None
        response = self.browse(url, form=form)
        assert response.status_code == 302, response.text
        assert response.headers["location"].startswith(f"{self.redirect_uri}?")
        return dict(parse_qsl(urlsplit(response.headers["location"]).query))

    def browse(self, url: str, *, form: Mapping[str, str] | None = None, **query: Any) -> httpx.Response:
        """Open a page, or submit a form to it, in the browser."""
        method = "GET" if form is None else "POST"
        with httpx.Client(cookies=self.cookies) as browser:
            response = browser.request(method, url, data=form, params=query or None)
            self.cookies = browser.cookies
        return response

    def log_out(self, target: str) -> httpx.Response:
        """End the session of the browser and return to a page."""
        return self.browse(f"{self.issuer}v2/logout", client_id=self.client_id, returnTo=target)

    def redeem(self, code: str, **overrides: str) -> httpx.Response:
        """Exchange a code for tokens."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        return self.request_token(**{**form, "code_verifier": self.verifier, **overrides})

    def refresh(self, refresh_token: str, **overrides: str) -> httpx.Response:
        """Exchange a refresh token."""
        return self.request_token(grant_type="refresh_token", refresh_token=refresh_token, **overrides)

    def request_token(self, **form: str) -> httpx.Response:
        return httpx.post(f"{self.issuer}oauth/token", data={"client_id": self.client_id, **form})

    def sign_in(self, email: str, password: str) -> dict[str, Any]:
        """The tokens of a new sign-in."""
        response = self.redeem(self.authorize(email, password)["code"])
        assert response.status_code == 200, response.text
        return dict(response.json())


def allow_app_at(env: Environment, *, client_id: str = WEB_APP, origin: str = "", callback: str = "") -> None:
    """Register another web origin or callback of an application at the Auth0 emulator."""
    application = env.tenant().get_record("client", client_id)
    assert application is not None
    for name, address in (("web_origins", origin), ("callbacks", callback), ("allowed_logout_urls", callback)):
        if address:
            application[name] = sorted({*(application.get(name) or ()), address})
    env.tenant().put_record("client", client_id, application)
