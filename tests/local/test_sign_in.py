"""Sign-in of apps without a secret at the Auth0 emulator, as strict as Auth0's."""

import time
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest

from tests.emulators.auth0.management import build_user
from tests.emulators.auth0.tenant import Auth0Tenant
from tests.support.environment import Environment
from tests.support.sign_in import MOBILE_APP, MOBILE_CALLBACK, WEB_CALLBACK, PublicApp, allow_app_at

PASSWORD = "Pass-word-1"
ORIGIN = "http://localhost:8081"


@pytest.fixture(scope="module")
def email(env: Environment) -> str:
    """The address of a user who signs in here only."""
    address = f"signin{time.time_ns()}@cast.example"
    env.tenant().add_user(build_user({"email": address, "password": PASSWORD, "name": "Sina Sign-in"}))
    return address


@pytest.fixture
def app(env: Environment) -> PublicApp:
    return PublicApp(env.issuer)


def decode(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def change_application(tenant: Auth0Tenant, client_id: str, **fields: Any) -> None:
    application = tenant.get_record("client", client_id)
    assert application
    tenant.put_record("client", client_id, {**application, **fields})


@pytest.mark.parametrize(("client_id", "callback"), [("dutyline-web", WEB_CALLBACK), (MOBILE_APP, MOBILE_CALLBACK)])
def test_code_with_pkce_gives_tokens_for_the_api(env: Environment, email: str, client_id: str, callback: str) -> None:
    app = PublicApp(env.issuer, client_id, callback)

    parameters = app.authorize(email, PASSWORD)
    tokens = app.redeem(parameters["code"]).json()

    assert parameters["state"] == "a-state"
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "openid profile email offline_access"
    access, identity = decode(tokens["access_token"]), decode(tokens["id_token"])
    assert access["aud"] == ["https://api.dutyline.example/", f"{env.issuer}userinfo"]
    assert (identity["aud"], identity["nonce"], identity["email"]) == (client_id, "a-nonce", email)
    assert tokens["expires_in"] == access["exp"] - access["iat"] == 86_400
    assert app.redeem(parameters["code"]).json()["error"] == "invalid_grant", "a code is redeemed once"


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"audience": "https://other.example/"}, "access_denied"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_wrong_requests_go_back_with_an_error(app: PublicApp, overrides: Any, error: str) -> None:
    parameters = app.authorize(**overrides)

    assert parameters["error"] == error
    assert parameters["error_description"]
    assert parameters["state"] == "a-state"


@pytest.mark.parametrize(
    "callback",
    [
        "http://localhost:8081/callback/",
        "http://localhost:8081/callback?x=1",
        "http://localhost:8081.evil.example/callback",
        "http://localhost:8082/callback",
        "https://localhost:8081/callback",
        "exp://127.0.0.1:8081/--/callback",
        "",
    ],
)
def test_other_callbacks_are_refused_without_redirect(app: PublicApp, callback: str) -> None:
    response = httpx.get(replace(app, redirect_uri=callback).authorization_url())

    assert response.status_code == 400
    assert "Callback URL mismatch" in response.text


def test_codes_are_bound_to_verifier_application_and_callback(env: Environment, app: PublicApp, email: str) -> None:
    mobile = PublicApp(env.issuer, MOBILE_APP, MOBILE_CALLBACK, verifier=app.verifier)

    def fresh_code() -> str:
        return app.authorize(email, PASSWORD)["code"]

    refused = {
        "wrong verifier": app.redeem(fresh_code(), code_verifier="x" * 64),
        "no verifier": app.request_token(
            grant_type="authorization_code", code=fresh_code(), redirect_uri=app.redirect_uri
        ),
        "other callback": app.redeem(fresh_code(), redirect_uri="http://localhost:3000/callback"),
        "other application": mobile.redeem(fresh_code(), redirect_uri=app.redirect_uri),
        "unknown code": app.redeem("nonsense"),
    }
    old_code = fresh_code()
    env.tenant().put_record("code", old_code, {**(env.tenant().get_record("code", old_code) or {}), "until": 0})
    refused["old code"] = app.redeem(old_code)

    assert {name: (r.status_code, r.json()["error"]) for name, r in refused.items()} == dict.fromkeys(
        refused, (403, "invalid_grant")
    )


@pytest.mark.parametrize("grant", ["password", "client_credentials", "implicit"])
def test_public_applications_have_no_other_grant(app: PublicApp, email: str, grant: str) -> None:
    response = app.request_token(grant_type=grant, username=email, password=PASSWORD)

    assert response.status_code == 403
    assert response.json()["error"] in ("unauthorized_client", "unsupported_grant_type")


def test_session_signs_in_without_a_form_until_logout(env: Environment, app: PublicApp, email: str) -> None:
    app.authorize(email, PASSWORD)

    assert app.redeem(app.authorize(prompt="none")["code"]).status_code == 200
    assert "Log in" in app.browse(app.authorization_url(prompt="login")).text
    refused = app.log_out("http://localhost:8081/elsewhere")
    assert refused.status_code == 400
    assert app.authorize(prompt="none")["code"], "a refused sign-out ends nothing"
    response = app.log_out(WEB_CALLBACK)
    assert (response.status_code, response.headers["location"]) == (302, WEB_CALLBACK)
    assert app.authorize(prompt="none")["error"] == "login_required"


def test_openid_logout_names_the_application_by_its_id_token(env: Environment, app: PublicApp, email: str) -> None:
    tokens = app.sign_in(email, PASSWORD)
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": f"{ORIGIN}/", "state": "s"}

    response = app.browse(f"{env.issuer}oidc/logout", **query)

    assert (response.status_code, response.headers["location"]) == (302, f"{ORIGIN}/?state=s")
    assert app.authorize(prompt="none")["error"] == "login_required"
    assert app.browse(f"{env.issuer}oidc/logout", id_token_hint="x").status_code == 400


def test_refresh_tokens_rotate_and_a_stolen_one_ends_the_family(env: Environment, app: PublicApp, email: str) -> None:
    first = app.sign_in(email, PASSWORD)["refresh_token"]
    other_device = app.sign_in(email, PASSWORD)["refresh_token"]

    second = app.refresh(first).json()["refresh_token"]
    retried = app.refresh(first)
    third = app.refresh(second).json()

    assert retried.status_code == 200, "within the leeway a lost answer may be asked for again"
    assert len({first, second, retried.json()["refresh_token"], third["refresh_token"]}) == 4
    assert decode(third["access_token"])["sub"] == decode(third["id_token"])["sub"]
    reused = app.refresh(first)
    assert (reused.status_code, reused.json()["error"]) == (403, "invalid_grant"), "its successor was used"
    for token in (third["refresh_token"], retried.json()["refresh_token"]):
        assert app.refresh(token).status_code == 403, "the whole family is revoked"
    assert app.refresh(other_device).status_code == 200


def test_leeway_and_lifetimes_are_the_applications(env: Environment, app: PublicApp, email: str) -> None:
    tenant = env.tenant()
    rules = (tenant.get_record("client", app.client_id) or {})["refresh_token"]
    first = app.sign_in(email, PASSWORD)["refresh_token"]
    idle = app.sign_in(email, PASSWORD)["refresh_token"]
    tenant.put_record("refresh", idle, {**(tenant.get_record("refresh", idle) or {}), "idle_until": 1})
    old = app.sign_in(email, PASSWORD)["refresh_token"]
    tenant.put_record("refresh", old, {**(tenant.get_record("refresh", old) or {}), "ends_at": 1})
    try:
        change_application(tenant, app.client_id, refresh_token={**rules, "leeway": 0})
        second = app.refresh(first).json()["refresh_token"]
        assert app.refresh(first).status_code == 403
        assert app.refresh(second).status_code == 403
        change_application(tenant, app.client_id, refresh_token={**rules, "rotation_type": "non-rotating"})
        steady = app.sign_in(email, PASSWORD)["refresh_token"]
        assert "refresh_token" not in app.refresh(steady).json()
        assert app.refresh(steady).status_code == 200
    finally:
        change_application(tenant, app.client_id, refresh_token=rules)
    assert [app.refresh(token).status_code for token in (idle, old)] == [403, 403]


def test_refresh_tokens_belong_to_one_application_and_can_be_revoked(
    env: Environment, app: PublicApp, email: str
) -> None:
    mobile = PublicApp(env.issuer, MOBILE_APP, MOBILE_CALLBACK)
    token = app.sign_in(email, PASSWORD)["refresh_token"]

    assert mobile.refresh(token).status_code == 403
    successor = app.refresh(token, scope="openid").json()
    assert successor["scope"] == "openid"
    form = {"client_id": MOBILE_APP, "token": successor["refresh_token"]}
    assert httpx.post(f"{env.issuer}oauth/revoke", data=form).status_code == 200
    successor = app.refresh(successor["refresh_token"]).json()
    form = {"client_id": app.client_id, "token": successor["refresh_token"]}
    assert httpx.post(f"{env.issuer}oauth/revoke", json=form).status_code == 200
    assert app.refresh(successor["refresh_token"]).status_code == 403
    assert httpx.post(f"{env.issuer}oauth/revoke", json={"client_id": app.client_id}).status_code == 400
    assert httpx.post(f"{env.issuer}oauth/revoke", json={**form, "client_id": "dutyline-app"}).status_code == 401


def test_blocked_and_deleted_users_get_no_new_tokens(env: Environment, app: PublicApp) -> None:
    tenant = env.tenant()
    address = f"leaver{time.time_ns()}@cast.example"
    user = build_user({"email": address, "password": PASSWORD})
    tenant.add_user(user)
    token, other = (app.sign_in(address, PASSWORD)["refresh_token"] for _ in range(2))
    tenant.save_user({**user, "blocked": True})

    assert app.refresh(token).json()["error"] == "unauthorized"
    assert app.authorize(address, PASSWORD)["error"] == "unauthorized"
    tenant.delete_user(user["user_id"])
    assert app.refresh(other).json()["error"] == "invalid_grant"


def test_granted_scope_is_honest(env: Environment, app: PublicApp, email: str) -> None:
    form = {"grant_type": "password", "username": email, "password": PASSWORD, "scope": "openid offline_access x"}
    secret = {"client_id": "dutyline-app", "client_secret": "local-app-secret"}
    by_password = httpx.post(f"{env.issuer}oauth/token", data={**form, **secret}).json()
    plain = replace(app, scope="openid").sign_in(email, PASSWORD)

    for tokens in (by_password, plain):
        assert tokens["scope"] == "openid"
        assert "refresh_token" not in tokens
        assert "email" not in decode(tokens["id_token"])
    assert "id_token" not in replace(app, scope="profile").sign_in(email, PASSWORD)


@pytest.mark.parametrize("path", ["oauth/token", "oauth/revoke", "userinfo", ".well-known/jwks.json"])
def test_browsers_of_registered_origins_may_call(env: Environment, path: str) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}

    allowed, refused = (
        httpx.options(f"{env.issuer}{path}", headers={**preflight, "Origin": origin})
        for origin in (ORIGIN, "http://localhost:8082")
    )

    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "content-type" in allowed.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_token_responses_are_readable_by_the_applications_own_origins(env: Environment, app: PublicApp) -> None:
    allow_app_at(env, origin="https://*.preview.dutyline.example")
    origins = {
        ORIGIN: True,
        "https://pr-7.preview.dutyline.example": True,
        "https://preview.dutyline.example": False,
        "https://a.b.preview.dutyline.example": False,
        "https://evil.example/.preview.dutyline.example": False,
        "http://pr-7.preview.dutyline.example": False,
    }
    readable = {}
    for origin in origins:
        response = httpx.post(
            f"{env.issuer}oauth/token",
            json={"client_id": app.client_id, "grant_type": "refresh_token", "refresh_token": "x"},
            headers={"Origin": origin},
        )
        assert response.status_code == 403
        readable[origin] = response.headers.get("Access-Control-Allow-Origin") == origin
    assert readable == origins
    form = {"client_id": "dutyline-app", "client_secret": "local-app-secret", "grant_type": "implicit"}
    other = httpx.post(f"{env.issuer}oauth/token", json=form, headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in other.headers
