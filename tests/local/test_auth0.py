"""The Auth0 emulator against Auth0's published specification, and our clients against it."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from accounts.clients import auth0
from config import dynamodb, errors
from tests.support.environment import ROOT, Environment
from tests.support.users import now

SPECIFICATION = ROOT.parent / "shared/specs/auth0-management-subset.json"
APP_CREDENTIALS = {"client_id": "dutyline-app", "client_secret": "local-app-secret"}


def request_machine_token(env: Environment, **overrides: str) -> httpx.Response:
    """Request a machine-to-machine token."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "dutyline-machine",
        "client_secret": "local-machine-secret",
        "audience": f"{env.issuer}api/v2/",
        **overrides,
    }
    return httpx.post(f"{env.issuer}oauth/token", json=form)


class CheckedManagementClient:
    """Calls the Management API, checking requests and responses against the specification."""

    def __init__(self, env: Environment) -> None:
        self.base_url = env.issuer.rstrip("/")
        token = request_machine_token(env).json()["access_token"]
        self.headers = {"authorization": f"Bearer {token}"}
        self.checked_calls = 0
        self.specification = _load_specification(env)

    def send(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        """Call an operation that the subset of the specification does not have."""
        return httpx.request(method, f"{self.base_url}/api/v2{path}", json=body, params=query, headers=self.headers)

    def request(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        response = self.send(method, path, body, **query)
        if self.specification:
            self._check(method, path, body, query, response)
        return response

    def _check(self, method: str, path: str, body: Any, query: dict[str, str], received: httpx.Response) -> None:
        assert self.specification
        request = MockRequest(
            self.base_url,
            method.lower(),
            f"/api/v2{path}",
            args=query,
            headers=self.headers,
            data=json.dumps(body).encode() if body is not None else None,
            content_type="application/json",
        )
        response = MockResponse(
            received.content,
            status_code=received.status_code,
            content_type=received.headers.get("content-type", "application/json"),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if received.status_code < 400:
                self.specification.validate_request(request)
            self.specification.validate_response(request, response)
        self.checked_calls += 1


def _load_specification(env: Environment) -> Any:
    """Auth0's specification, or None if the file is missing; calls are then not checked."""
    if not SPECIFICATION.exists():
        return None
    document = json.loads(SPECIFICATION.read_text())
    document["servers"] = [{"url": f"{env.issuer}api/v2"}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return OpenAPI.from_dict(document)


def new_user_body(**overrides: Any) -> dict[str, Any]:
    """A body that creates a user."""
    number = time.time_ns()
    return {
        "connection": "Username-Password-Authentication",
        "email": f"standin{number}@cast.example",
        "password": "Pass-word-1",
        "name": "Stand In",
        **overrides,
    }


def test_users_tickets_and_errors_match_the_specification(
    env: Environment, record_figure: Callable[[str], None]
) -> None:
    client = CheckedManagementClient(env)
    body = new_user_body(user_id=dynamodb.new_id("usr", now()), app_metadata={"customer_id": "c"})

    created = client.request("POST", "/users", body)
    id = created.json()["user_id"]

    assert (created.status_code, id) == (201, f"auth0|{body['user_id']}")
    assert "password" not in created.text
    duplicate = client.request("POST", "/users", body)
    assert (duplicate.status_code, duplicate.json()["message"]) == (409, "The user already exists.")
    for invalid_fields in ({"bogus": 1}, {"email": "x"}, {"connection": "none"}, {"password": "short"}):
        assert client.request("POST", "/users", {**new_user_body(), **invalid_fields}).status_code == 400
    assert client.request("POST", "/users", {"email": "a@b.example"}).status_code == 400
    assert client.request("GET", f"/users/{id}").json()["email"] == body["email"]
    assert client.request("GET", "/users/auth0|none").status_code == 404
    assert client.request("GET", "/users-by-email", email=body["email"]).json()[0]["user_id"] == id
    assert client.request("POST", "/users", new_user_body()).status_code == 201
    assert len(client.request("GET", "/users", per_page="2").json()) == 2
    changed = client.request("PATCH", f"/users/{id}", {"blocked": True, "app_metadata": {"x": 1}})
    assert changed.json()["blocked"] is True
    assert changed.json()["app_metadata"] == {"customer_id": "c", "x": 1}
    assert client.request("PATCH", "/users/auth0|none", {"blocked": True}).status_code == 404
    ticket = client.request("POST", "/tickets/password-change", {"user_id": id, "ttl_sec": 60})
    assert ticket.json()["ticket"].startswith(env.issuer)
    missing = client.request("POST", "/tickets/password-change", {"user_id": "auth0|none"})
    assert missing.status_code == 404
    assert client.request("POST", f"/users/{id}/revoke-access", {}).status_code == 202
    assert client.request("POST", f"/users/{id}/revoke-access", {"x": 1}).status_code == 400
    assert client.request("DELETE", f"/users/{id}").status_code == 204
    assert client.request("DELETE", f"/users/{id}").status_code == 204
    client.headers = {"authorization": "Bearer x"}
    assert client.request("GET", "/users").status_code == 401
    if SPECIFICATION.exists():
        assert client.checked_calls >= 20
    record_figure(f"Auth0 emulator: {client.checked_calls} calls checked against the published specification")


def test_grants_of_a_user_are_deleted(env: Environment) -> None:
    client = CheckedManagementClient(env)
    id = client.request("POST", "/users", new_user_body()).json()["user_id"]

    assert client.send("DELETE", "/grants", user_id=id).status_code == 204
    assert client.send("DELETE", "/grants").status_code == 400


def test_a_missing_scope_is_403(env: Environment) -> None:
    token = env.tenant().sign(
        {
            "iss": env.issuer,
            "aud": f"{env.issuer}api/v2/",
            "sub": "x@clients",
            "scope": "read:users",
            "exp": int(time.time()) + 60,
        }
    )
    response = httpx.post(
        f"{env.issuer}api/v2/users", json=new_user_body(), headers={"Authorization": f"Bearer {token}"}
    )
    assert (response.status_code, response.json()["errorCode"]) == (403, "insufficient_scope")


def test_auth0_client_works_through_the_official_sdk(env: Environment) -> None:
    id, email = dynamodb.new_id("usr", now()), f"gate{time.time_ns()}@cast.example"

    auth0.create_user(user_id=id, email=email, name="Gate", customer_id="c")
    auth0.create_user(user_id=id, email=email, name="Gate", customer_id="c")

    with pytest.raises(auth0.EmailInUse):
        auth0.create_user(user_id=dynamodb.new_id("usr", now()), email=email, name="G", customer_id="c")
    with pytest.raises(auth0.EmailRefused):
        auth0.create_user(user_id=dynamodb.new_id("usr", now()), email="x", name="G", customer_id="c")
    assert auth0.create_password_ticket(user_id=id, seconds=60).startswith(env.issuer)
    auth0.change_email(user_id=id, email=f"new.{email}")
    with pytest.raises(auth0.EmailRefused):
        auth0.change_email(user_id=id, email="x")
    auth0.update_user(user_id=id, name="Gateway", blocked=True)
    account = env.tenant().get_user(auth0.subject_of_user(id)) or {}
    assert (account["email"], account["name"]) == (f"new.{email}", "Gateway")
    assert account["blocked"] is True
    auth0.delete_user(id)
    auth0.delete_user(id)
    assert env.tenant().get_user(auth0.subject_of_user(id)) is None
    with pytest.raises(auth0.NoAuth0Account):
        auth0.create_password_ticket(user_id=id, seconds=60)
    with pytest.raises(auth0.NoAuth0Account):
        auth0.update_user(user_id=id, name="Gateway", blocked=False)


@pytest.mark.parametrize("fault", ["429", "500", "503", "drop", "drop_after", "slow"])
def test_a_fault_raises_unavailable_without_retry(env: Environment, fault: str) -> None:
    fault_request = {"path": "/api/v2/users", "method": "POST", "fault": fault, "times": 9, "seconds": 6}
    httpx.post(f"{env.issuer}_local/faults", json=fault_request).raise_for_status()
    id, email = dynamodb.new_id("usr", now()), f"fault{time.time_ns()}@cast.example"
    started_at = time.monotonic()

    with env.apply_plan() as calls, pytest.raises(errors.Unavailable) as caught:
        auth0.create_user(user_id=id, email=email, name="Fault", customer_id="c")
    httpx.delete(f"{env.issuer}_local/faults")

    assert time.monotonic() - started_at < 5
    assert 1 <= caught.value.retry_after <= 30
    posts = [call for call in calls.calls if call.operation == "POST /api/v2/users"]
    assert len(posts) == 1, "the SDK must not retry writes"
    auth0.create_user(user_id=id, email=email, name="Fault", customer_id="c")


def test_an_unexplained_conflict_raises_unavailable(env: Environment) -> None:
    fault_request = {"path": "/api/v2/users", "method": "POST", "fault": "409"}
    httpx.post(f"{env.issuer}_local/faults", json=fault_request).raise_for_status()
    id, email = dynamodb.new_id("usr", now()), f"ghost{time.time_ns()}@cast.example"

    with pytest.raises(errors.Unavailable):
        auth0.create_user(user_id=id, email=email, name="Ghost", customer_id="c")

    auth0.create_user(user_id=id, email=email, name="Ghost", customer_id="c")


def test_the_code_flow_checks_pkce_nonce_and_callback(env: Environment) -> None:
    id, email = dynamodb.new_id("usr", now()), f"code{time.time_ns()}@cast.example"
    auth0.create_user(user_id=id, email=email, name="Code", customer_id="c")
    link = auth0.create_password_ticket(user_id=id, seconds=60)
    httpx.post(link, data={"password": "Pass-word-1"}).raise_for_status()
    redirect_uri = f"{env.web}/admin/sign-in/complete/auth0_openidconnect/"
    verifier = "v" * 50
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": "dutyline-admin",
        "redirect_uri": redirect_uri,
        "scope": "openid email",
        "state": "s1",
        "nonce": "n1",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    authorize_url, credentials = (f"{env.issuer}authorize", {"username": email, "password": "Pass-word-1"})

    def request_code() -> str:
        response = httpx.post(authorize_url, params=query, data=credentials)
        assert response.status_code == 302
        parameters = parse_qs(urlsplit(response.headers["location"]).query)
        assert parameters["state"] == ["s1"]
        return parameters["code"][0]

    def redeem_code(code: str, **overrides: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        client_credentials = {"client_id": "dutyline-admin", "client_secret": "local-admin-secret"}
        return httpx.post(f"{env.issuer}oauth/token", data={**form, **client_credentials, **overrides})

    foreign_redirect = {**query, "redirect_uri": "https://evil.example/"}
    assert httpx.get(authorize_url, params=foreign_redirect).status_code == 400
    wrong_password = httpx.post(authorize_url, params=query, data={**credentials, "password": "no"})
    assert wrong_password.status_code == 400
    used_code = request_code()
    token_response = redeem_code(used_code, code_verifier=verifier)
    assert token_response.status_code == 200
    identity = jwt.decode(token_response.json()["id_token"], options={"verify_signature": False})
    assert (identity["nonce"], identity["aud"]) == ("n1", "dutyline-admin")
    assert redeem_code(used_code, code_verifier=verifier).status_code == 403, "a code can be redeemed once"
    assert redeem_code(request_code(), code_verifier="other").status_code == 403
    assert redeem_code(request_code(), code_verifier=verifier, redirect_uri=redirect_uri + "x").status_code == 403
    userinfo = httpx.get(
        f"{env.issuer}userinfo", headers={"Authorization": f"Bearer {token_response.json()['access_token']}"}
    )
    assert userinfo.json()["email"] == email


def test_invalid_grants_are_rejected(env: Environment) -> None:
    assert request_machine_token(env, client_secret="wrong").status_code == 401
    assert request_machine_token(env, audience="https://other.example/").status_code == 403
    assert request_machine_token(env, grant_type="implicit").status_code == 403
    assert request_machine_token(env, **APP_CREDENTIALS).status_code == 403
    form = {"grant_type": "password", "username": "no@cast.example", "password": "x", **APP_CREDENTIALS}
    assert httpx.post(f"{env.issuer}oauth/token", data=form).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "oauth/token", b"{"),
        ("POST", "oauth/token", b"[]"),
        ("GET", "u/reset-verify", b""),
        ("POST", "u/reset-verify", b"password=long-enough"),
        ("TRACE", "oauth/token", b""),
        ("GET", "nowhere", b""),
        ("GET", "authorize", b""),
    ],
)
def test_malformed_requests_are_4xx(env: Environment, method: str, path: str, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = httpx.request(method, env.issuer + path, content=content, headers=headers)
    assert 400 <= response.status_code < 500


@pytest.mark.parametrize("module", ["auth0 --port 1", "mail --smtp 1 --page 1 --folder x"])
def test_emulators_refuse_production(module: str) -> None:
    command = [sys.executable, "-m", *f"tests.emulators.{module}".split()]
    environment = {**os.environ, "ENVIRONMENT": "production"}
    completed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert completed.returncode == 1
    assert "ENVIRONMENT=local" in completed.stderr
    Path(ROOT / "x").rmdir() if (ROOT / "x").is_dir() else None
