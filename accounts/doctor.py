"""Checks of Auth0 and Expo for ``manage.py doctor``."""

from collections.abc import Iterator
from typing import Any

import httpx
import jwt
from django.conf import settings

from accounts.auth import tenant_configuration, tenant_setup, tokens
from accounts.clients import auth0_http, expo
from accounts.clients.auth0_configuration import SetupRefused, TenantConfiguration
from config import errors, failures
from config.doctor import Check, Finding, Options, describe_error, failed, ok, skipped, warning

SETUP_COMMAND = "Run manage.py auth0 setup."
UNKNOWN_RECEIPT = "00000000-0000-0000-0000-000000000000"
"""An id of a ticket that Expo never gave."""


def _check_token(options: Options) -> Iterator[Finding]:
    """The machine-to-machine application gets a token, with all scopes."""
    try:
        payload = auth0_http.request_token()
        granted = _granted_scopes(payload)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        mend = (
            "Check AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET."
            if status == 401
            else f"Check AUTH0_MANAGEMENT_URL, and grant the application its scopes there: {SETUP_COMMAND}"
        )
        yield failed(f"Auth0 gives the machine-to-machine application no token ({status}).", mend, f"status_{status}")
        return
    except (httpx.HTTPError, ValueError, KeyError, jwt.PyJWTError) as error:
        yield _no_answer(error)
        return
    missing = [scope for scope in tenant_configuration.MACHINE_SCOPES if scope not in granted]
    if missing:
        sentence = f"The machine-to-machine application lacks scopes of the Management API: {', '.join(missing)}."
        yield failed(sentence, f"Grant them to it: {SETUP_COMMAND}", "insufficient_scope")
    else:
        yield ok(f"The machine-to-machine application gets a token with its {len(granted)} scopes.")


def _granted_scopes(payload: dict[str, Any]) -> set[str]:
    claims = jwt.decode(str(payload["access_token"]), options={"verify_signature": False})
    return set(str(payload.get("scope") or claims.get("scope") or "").split())


def _no_answer(error: Exception) -> Finding:
    mend = "Check AUTH0_ISSUER and the network."
    return failed(f"AUTH0_ISSUER does not answer as Auth0 does ({describe_error(error)}).", mend, type(error).__name__)


def _check_keys(options: Options) -> Iterator[Finding]:
    """The issuer is who it says, and publishes a key that verifies access tokens."""
    issuer = settings.AUTH0["issuer"]
    try:
        discovery = _get_json(f"{issuer}.well-known/openid-configuration")
        keys = tokens.parse_signing_keys(_get_json(f"{issuer}.well-known/jwks.json"))
    except (httpx.HTTPError, ValueError) as error:
        yield _no_answer(error)
        return
    if discovery.get("issuer") != issuer:
        sentence = "AUTH0_ISSUER is not what the tenant calls itself, so every access token is refused."
        yield failed(sentence, "Set it to the `issuer` of .well-known/openid-configuration.", "issuer")
    if not keys:
        sentence = "The tenant publishes no RS256 key that verifies access tokens."
        yield failed(sentence, "Set the signing algorithm of the API at Auth0 to RS256.", "no_key")
    elif discovery.get("issuer") == issuer:
        yield ok("AUTH0_ISSUER publishes keys that verify access tokens.")


def _get_json(url: str) -> dict[str, Any]:
    response = tokens.http_client().get(url)
    response.raise_for_status()
    return dict(response.json())


def _check_operators_application(options: Options) -> Iterator[Finding]:
    """Auth0 knows the back office's secret: it refuses the code that we invent, not us."""
    form = {
        "grant_type": "authorization_code",
        "client_id": settings.AUTH0["sso_client_id"],
        "client_secret": settings.AUTH0["sso_client_secret"],
        "code": "doctor",
        "redirect_uri": f"{settings.PUBLIC_BASE_URL}{tenant_configuration.OPERATORS_CALLBACK_PATH}",
    }
    try:
        response = auth0_http.http_client().post(f"{settings.AUTH0['issuer']}oauth/token", json=form)
        reason = str(dict(response.json()).get("error", ""))
    except (httpx.HTTPError, ValueError) as error:
        yield _no_answer(error)
        return
    if reason == "invalid_grant":
        yield ok("Auth0 knows AUTH0_SSO_CLIENT_ID and its secret.")
    else:
        sentence = f"Auth0 refuses the application of the back office ({response.status_code} {reason[:40]})."
        mend = "Check AUTH0_SSO_CLIENT_ID, AUTH0_SSO_CLIENT_SECRET, and that it may use authorization codes."
        yield failed(sentence, mend, reason[:40])


def _check_tenant(options: Options) -> Iterator[Finding]:
    """Connection, sign-up and applications, as `manage.py auth0 setup --check` compares them."""
    if not settings.AUTH0["setup_client_id"] or not settings.AUTH0["setup_client_secret"]:
        yield skipped(
            "Connection, sign-up and applications were not compared: AUTH0_SETUP_CLIENT_ID is not set.",
            "Set it and its secret for this command only, or run manage.py auth0 setup --check.",
        )
        return
    try:
        differences = tenant_setup.inspect(TenantConfiguration(), tenant_configuration.read_installation())
    except SetupRefused as error:
        yield failed(str(error), "Check AUTH0_SETUP_CLIENT_ID, its secret and its scopes.", "setup_refused")
        return
    # auth0.token names missing scopes
    others = [part for part in differences if not (part.correction or ("", "", None))[1].startswith("client-grants")]
    for difference in others:
        yield failed(difference.sentence, SETUP_COMMAND if difference.correction else "", "tenant_differs")
    if not others:
        yield ok(f"The tenant's applications and the connection {settings.AUTH0['connection']} are as planned.")


def _check_expo(options: Options) -> Iterator[Finding]:
    has_token = bool(settings.EXPO["access_token"])
    try:
        expo.get_receipts([UNKNOWN_RECEIPT])
    except (expo.PushRejected, errors.Unavailable) as error:
        code = error.code if isinstance(error, expo.PushRejected) else failures.last_code("push service")
        yield failed(
            f"Expo refuses us or does not answer ({code}).",
            "Check EXPO_ACCESS_TOKEN, EXPO_BASE_URL and the network.",
            code,
        )
        return
    if has_token or settings.LOCAL:
        yield ok("Expo accepts EXPO_ACCESS_TOKEN." if has_token else "Expo answers, without EXPO_ACCESS_TOKEN.")
    else:
        mend = 'Turn on "enhanced security" at Expo and set it: else whoever knows a device\'s token can notify it.'
        yield warning("EXPO_ACCESS_TOKEN is not set.", mend, "no_access_token")


CHECKS = (
    Check("auth0.token", _check_token, prepare=auth0_http.http_client, setting="AUTH0_ISSUER"),
    Check("auth0.keys", _check_keys, prepare=tokens.http_client, setting="AUTH0_ISSUER"),
    Check("auth0.back_office", _check_operators_application, setting="AUTH0_ISSUER"),
    Check(
        "auth0.tenant", _check_tenant, seconds=15, setting="AUTH0_MANAGEMENT_URL"
    ),  # Auth0 answers a few of these calls a second
    Check("expo.token", _check_expo, prepare=expo.http_client, setting="EXPO_BASE_URL"),
)
