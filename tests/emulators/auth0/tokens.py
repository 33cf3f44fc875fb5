"""The Authentication API without pages: discovery, keys, tokens, revocation and userinfo."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import jwt

from tests.emulators.auth0 import applications
from tests.emulators.auth0.actions import id_token_claims
from tests.emulators.auth0.applications import Application
from tests.emulators.auth0.discovery import discovery_document
from tests.emulators.auth0.refresh_tokens import RefreshTokens
from tests.emulators.auth0.tenant import Auth0Tenant, Auth0User, authenticate_user
from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, json_response

ACCESS_TOKEN_SECONDS, ID_TOKEN_SECONDS = 86_400, 36_000
CLAIMS_BY_SCOPE = {"profile": ("name", "nickname", "picture", "updated_at"), "email": ("email", "email_verified")}
OPENID_SCOPES = ("openid", *CLAIMS_BY_SCOPE, "offline_access")
PASSWORD_GRANTS = ("password", "http://auth0.com/oauth/grant-type/password-realm")
CORS_HEADERS = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, auth0-client, x-requested-with",
    "Access-Control-Max-Age": "600",
}


class TokenApi:
    """Adds the routes of the Authentication API to an emulator."""

    def __init__(self, tenant: Auth0Tenant) -> None:
        self._tenant = tenant
        self._refresh_tokens = RefreshTokens(tenant)

    def register_routes(self, emulator: Emulator) -> None:
        def add(method: str, path: str, handler: Callable[[EmulatorRequest], EmulatorResponse]) -> None:
            emulator.add_route(method, path, self._with_cors(handler))
            emulator.add_route("OPTIONS", path, self._with_cors(_preflight_response))

        add("GET", "/.well-known/openid-configuration", self.discovery)
        add("GET", "/.well-known/jwks.json", self.jwks)
        add("POST", "/oauth/token", self.issue_token)
        add("POST", "/oauth/revoke", self.revoke_token)
        add("GET", "/userinfo", self.userinfo)
        emulator.add_route("POST", "/_local/rotate", self.rotate_keys)

    def _with_cors(
        self, handler: Callable[[EmulatorRequest], EmulatorResponse]
    ) -> Callable[[EmulatorRequest], EmulatorResponse]:
        """Let browsers of registered origins read the response.

        A preflight names no application: an origin of any application may then send the request.
        """

        def handle(request: EmulatorRequest) -> EmulatorResponse:
            response, origin = handler(request), request.headers.get("origin", "")
            if not origin or not self._allows_origin(request, origin):
                return response
            headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
            return replace(response, headers={**response.headers, **headers})

        return handle

    def _allows_origin(self, request: EmulatorRequest, origin: str) -> bool:
        candidates = self._tenant.list_records("client")
        if request.method == "POST":
            client_id, _ = _client_credentials(request)
            candidates = [client for client in candidates if client["client_id"] == client_id]
        return any(applications.allows_origin(client, origin) for client in candidates)

    def discovery(self, request: EmulatorRequest) -> EmulatorResponse:
        return json_response(discovery_document(self._tenant.issuer))

    def jwks(self, request: EmulatorRequest) -> EmulatorResponse:
        return json_response(self._tenant.jwks())

    def rotate_keys(self, request: EmulatorRequest) -> EmulatorResponse:
        self._tenant.rotate_keys()
        return json_response(self._tenant.jwks())

    # --- tokens ---------------------------------------------------------------------------------
    def issue_token(self, request: EmulatorRequest) -> EmulatorResponse:
        form = request.form()
        application = self._authenticate_application(request)
        if application is None:
            return _oauth_error(401, "access_denied", "Unauthorized")
        grant = form.get("grant_type", "")
        handlers = {
            "client_credentials": self._client_credentials_grant,
            "authorization_code": self._authorization_code_grant,
            "refresh_token": self._refresh_token_grant,
            **dict.fromkeys(PASSWORD_GRANTS, self._password_grant),
        }
        if grant not in handlers:
            return _oauth_error(403, "unsupported_grant_type", f"Unsupported grant type: {grant}")
        if not {grant, *(PASSWORD_GRANTS if grant in PASSWORD_GRANTS else ())} & set(application["grant_types"]):
            return _oauth_error(403, "unauthorized_client", f"Grant type '{grant}' not allowed for the client.")
        return handlers[grant](application, form)

    def _authenticate_application(self, request: EmulatorRequest) -> Application | None:
        """The application that sends a request: by its secret, unless it is a public one."""
        client_id, secret = _client_credentials(request)
        application = applications.get_application(self._tenant, client_id)
        if application is None or applications.is_public(application):
            return application
        is_authenticated = hmac.compare_digest(secret.encode(), application["client_secret"].encode())
        return application if is_authenticated else None

    def _client_credentials_grant(self, application: Application, form: dict[str, str]) -> EmulatorResponse:
        audience = form.get("audience", "")
        if self._tenant.get_resource_server(audience) is None:
            return _oauth_error(403, "access_denied", f"Service not enabled within domain: {audience}")
        scopes = self._tenant.granted_scopes(application["client_id"], audience)
        if scopes is None:
            message = f'Client is not authorized to access "{audience}".'
            return _oauth_error(403, "access_denied", message)
        client_id, scope = application["client_id"], " ".join(scopes)
        claims = {"sub": f"{client_id}@clients", "aud": audience, "scope": scope, "azp": client_id}
        token = self._sign({**claims, "gty": "client-credentials"}, ACCESS_TOKEN_SECONDS)
        body = {"access_token": token, "scope": scope, "expires_in": ACCESS_TOKEN_SECONDS}
        return json_response({**body, "token_type": "Bearer"})

    def _authorization_code_grant(self, application: Application, form: dict[str, str]) -> EmulatorResponse:
        authorization = self._tenant.redeem_secret("code", form.get("code", ""))
        query = authorization["query"] if authorization else {}
        user = self._tenant.get_user(authorization["user_id"]) if authorization else None
        is_same_request = (query.get("client_id"), query.get("redirect_uri")) == (
            application["client_id"],
            form.get("redirect_uri"),
        )
        if user is None or user["blocked"] or not is_same_request:
            return _oauth_error(403, "invalid_grant", "Invalid authorization code")
        challenge, verifier = query.get("code_challenge"), form.get("code_verifier")
        if (challenge is None) != (verifier is None) or (verifier and pkce_challenge(verifier) != challenge):
            return _oauth_error(403, "invalid_grant", "Failed to verify code verifier")
        return self._token_response(user, application, query)

    def _password_grant(self, application: Application, form: dict[str, str]) -> EmulatorResponse:
        user = authenticate_user(self._tenant, form.get("username", ""), form.get("password", ""))
        if user is None:
            return _oauth_error(403, "invalid_grant", "Wrong email or password.")
        if user["blocked"]:
            return _oauth_error(403, "unauthorized", "user is blocked")
        if user.get("_factors"):
            return _oauth_error(403, "mfa_required", "Multifactor authentication required")
        audience = form.get("audience")
        if not self._tenant.allows_sign_in(application["client_id"]):
            return _oauth_error(400, "invalid_request", "no connections enabled for the client")
        if audience and self._tenant.get_resource_server(audience) is None:
            return _oauth_error(403, "access_denied", f"Service not found: {audience}")
        return self._token_response(user, application, {"scope": "openid profile email", **form})

    def _refresh_token_grant(self, application: Application, form: dict[str, str]) -> EmulatorResponse:
        exchanged = self._refresh_tokens.exchange(application, form.get("refresh_token", ""))
        user = self._tenant.get_user(exchanged[0]["user_id"]) if exchanged else None
        if exchanged is None or user is None:
            return _oauth_error(403, "invalid_grant", "Unknown or invalid refresh token.")
        if user["blocked"]:
            return _oauth_error(403, "unauthorized", "user is blocked")
        grant, successor = exchanged
        granted: list[str] = grant["scope"].split()
        requested = form["scope"].split() if "scope" in form else granted
        query = {"audience": grant["audience"], "scope": " ".join(name for name in granted if name in requested)}
        return self._tokens(user, application, query, refresh_token=successor)

    def _token_response(self, user: Auth0User, application: Application, query: Mapping[str, str]) -> EmulatorResponse:
        """Tokens of a new sign-in, a refresh token included if it is granted."""
        api = self._tenant.get_resource_server(query.get("audience", ""))
        requested = query.get("scope", "").split()
        defined = {*OPENID_SCOPES, *(scope["value"] for scope in (api or {}).get("scopes") or ())}
        scopes = [scope for scope in dict.fromkeys(requested) if scope in defined]
        is_offline_allowed = "refresh_token" in application["grant_types"] and (
            api is None or api.get("allow_offline_access")
        )
        if not is_offline_allowed:
            scopes = [scope for scope in scopes if scope != "offline_access"]
        query = {**query, "scope": " ".join(scopes), "audience": query.get("audience", "")}
        refresh_token = None
        if "offline_access" in scopes:
            grant = {"user_id": user["user_id"], "client_id": application["client_id"]}
            grant |= {name: query[name] for name in ("scope", "audience")}
            refresh_token = self._refresh_tokens.issue(application, grant)
        return self._tokens(user, application, query, refresh_token=refresh_token)

    def _tokens(
        self, user: Auth0User, application: Application, query: Mapping[str, str], *, refresh_token: str | None
    ) -> EmulatorResponse:
        scopes, audience = query["scope"].split(), query["audience"]
        api = self._tenant.get_resource_server(audience) or {}
        seconds = int(api.get("token_lifetime") or ACCESS_TOKEN_SECONDS)
        userinfo = f"{self._tenant.issuer}userinfo"
        audiences = [audience, userinfo] if audience and "openid" in scopes else audience or userinfo
        claims = {"sub": user["user_id"], "azp": application["client_id"], "aud": audiences, "scope": query["scope"]}
        body = {"access_token": self._sign(claims, seconds), "scope": query["scope"]}
        if "openid" in scopes:
            nonce = {"nonce": query["nonce"]} if query.get("nonce") else {}
            id_claims = {**self._profile(user, scopes), "aud": application["client_id"], **nonce}
            body["id_token"] = self._sign(id_claims, ID_TOKEN_SECONDS)
        if refresh_token:
            body["refresh_token"] = refresh_token
        headers = {"Cache_Control": "no-store"}
        return json_response({**body, "expires_in": seconds, "token_type": "Bearer"}, 200, **headers)

    def revoke_token(self, request: EmulatorRequest) -> EmulatorResponse:
        """Revoke a refresh token; an unknown one is no error (RFC 7009)."""
        form = request.form()
        application = self._authenticate_application(request)
        if application is None:
            return _oauth_error(401, "invalid_client", "Client authentication failed")
        if not form.get("token"):
            return _oauth_error(400, "invalid_request", "Missing required parameter: token")
        self._refresh_tokens.revoke(application, form["token"])
        return EmulatorResponse(200)

    def userinfo(self, request: EmulatorRequest) -> EmulatorResponse:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = self._tenant.read_token(token, f"{self._tenant.issuer}userinfo")
        except jwt.PyJWTError:
            return EmulatorResponse(401, b"Unauthorized", "text/plain")
        user = self._tenant.get_user(claims["sub"])
        if user is None:
            return EmulatorResponse(401, b"Unauthorized", "text/plain")
        return json_response(self._profile(user, str(claims.get("scope", "")).split()))

    def _profile(self, user: Auth0User, scopes: list[str]) -> dict[str, Any]:
        """The claims about a user, as in the ID token."""
        names = [name for scope in scopes for name in CLAIMS_BY_SCOPE.get(scope, ())]
        return {"sub": user["user_id"], **id_token_claims(self._tenant, user), **{name: user[name] for name in names}}

    def _sign(self, claims: dict[str, Any], seconds: int) -> str:
        now = int(time.time())
        return self._tenant.sign({"iss": self._tenant.issuer, "iat": now, "exp": now + seconds, **claims})


def pkce_challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _client_credentials(request: EmulatorRequest) -> tuple[str, str]:
    """Client id and secret of a request, from its header or its body; empty if malformed."""
    header = request.headers.get("authorization", "")
    if not header.startswith("Basic "):
        form = request.form()
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        credentials = base64.b64decode(header[6:], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, secret = (unquote(part) for part in (credentials + ":").split(":")[:2])
    return client_id, secret


def _preflight_response(request: EmulatorRequest) -> EmulatorResponse:
    return EmulatorResponse(204, headers=CORS_HEADERS)


def _oauth_error(status: int, error: str, description: str) -> EmulatorResponse:
    return json_response({"error": error, "error_description": description}, status)
