"""The Auth0 stand-in against Auth0's published specification, and our own use of it."""

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
from config import errors
from config.dynamodb import ids
from tests.conftest import now
from tests.support.environment import ROOT, World

SPECIFICATION = ROOT.parent / "shared/specs/auth0-management-subset.json"
APP = {"client_id": "dutyline-app", "client_secret": "local-app-secret"}
BACK = "http://127.0.0.1:9/complete/"


def machine(world: World, **more: str) -> httpx.Response:
    """Ask for a machine token."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "dutyline-machine",
        "client_secret": "local-machine-secret",
        "audience": f"{world.issuer}api/v2/",
        **more,
    }
    return httpx.post(f"{world.issuer}oauth/token", json=form)


class Tenant:
    """Calls the Management API, checking each request and answer against the specification."""

    def __init__(self, world: World) -> None:
        self.base = world.issuer.rstrip("/")
        token = machine(world).json()["access_token"]
        self.headers = {"authorization": f"Bearer {token}"}
        self.checked = 0
        self.specification = _specification(world)

    def call(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        answer = httpx.request(
            method,
            f"{self.base}/api/v2{path}",
            json=body,
            params=query,
            headers=self.headers,
        )
        if self.specification:
            self._check(method, path, body, query, answer)
        return answer

    def _check(
        self, method: str, path: str, body: Any, query: dict[str, str], answer: httpx.Response
    ) -> None:
        assert self.specification
        request = MockRequest(
            self.base,
            method.lower(),
            f"/api/v2{path}",
            args=query,
            headers=self.headers,
            data=json.dumps(body).encode() if body is not None else None,
            content_type="application/json",
        )
        response = MockResponse(
            answer.content,
            status_code=answer.status_code,
            content_type=answer.headers.get("content-type", "application/json"),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if answer.status_code < 400:
                self.specification.validate_request(request)
            self.specification.validate_response(request, response)
        self.checked += 1


def _specification(world: World) -> Any:
    """Auth0's own document; without the shared folder the calls are made unchecked."""
    if not SPECIFICATION.exists():
        return None
    document = json.loads(SPECIFICATION.read_text())
    document["servers"] = [{"url": f"{world.issuer}api/v2"}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return OpenAPI.from_dict(document)


def new_user(**more: Any) -> dict[str, Any]:
    """A body that creates a user."""
    number = time.time_ns()
    return {
        "connection": "Username-Password-Authentication",
        "email": f"standin{number}@cast.example",
        "password": "Pass-word-1",
        "name": "Stand In",
        **more,
    }


def test_users_tickets_and_errors_follow_the_specification(
    world: World, say: Callable[[str], None]
) -> None:
    tenant = Tenant(world)
    body = new_user(user_id=ids.new("usr", now()), app_metadata={"customer_id": "c"})

    made = tenant.call("POST", "/users", body)
    id = made.json()["user_id"]

    assert (made.status_code, id) == (201, f"auth0|{body['user_id']}")
    assert "password" not in made.text
    again = tenant.call("POST", "/users", body)
    assert (again.status_code, again.json()["message"]) == (409, "The user already exists.")
    for wrong in ({"bogus": 1}, {"email": "x"}, {"connection": "none"}, {"password": "short"}):
        assert tenant.call("POST", "/users", {**new_user(), **wrong}).status_code == 400
    assert tenant.call("POST", "/users", {"email": "a@b.example"}).status_code == 400
    assert tenant.call("GET", f"/users/{id}").json()["email"] == body["email"]
    assert tenant.call("GET", "/users/auth0|none").status_code == 404
    assert tenant.call("GET", "/users-by-email", email=body["email"]).json()[0]["user_id"] == id
    assert tenant.call("POST", "/users", new_user()).status_code == 201
    assert len(tenant.call("GET", "/users", per_page="2").json()) == 2
    changed = tenant.call("PATCH", f"/users/{id}", {"blocked": True, "app_metadata": {"x": 1}})
    assert changed.json()["blocked"] is True
    assert changed.json()["app_metadata"] == {"customer_id": "c", "x": 1}
    assert tenant.call("PATCH", "/users/auth0|none", {"blocked": True}).status_code == 404
    ticket = tenant.call("POST", "/tickets/password-change", {"user_id": id, "ttl_sec": 60})
    assert ticket.json()["ticket"].startswith(world.issuer)
    missing = tenant.call("POST", "/tickets/password-change", {"user_id": "auth0|none"})
    assert missing.status_code == 404
    assert tenant.call("POST", f"/users/{id}/revoke-access", {}).status_code == 202
    assert tenant.call("POST", f"/users/{id}/revoke-access", {"x": 1}).status_code == 400
    assert tenant.call("DELETE", f"/users/{id}").status_code == 204
    assert tenant.call("DELETE", f"/users/{id}").status_code == 204
    tenant.headers = {"authorization": "Bearer x"}
    assert tenant.call("GET", "/users").status_code == 401
    if SPECIFICATION.exists():
        assert tenant.checked >= 20
    say(f"Auth0 stand-in: {tenant.checked} calls checked against the published specification")


def test_a_scope_that_is_missing_is_403(world: World) -> None:
    token = world.tenant().sign(
        {
            "iss": world.issuer,
            "aud": f"{world.issuer}api/v2/",
            "sub": "x@clients",
            "scope": "read:users",
            "exp": int(time.time()) + 60,
        }
    )
    answer = httpx.post(
        f"{world.issuer}api/v2/users",
        json=new_user(),
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "insufficient_scope")


def test_our_gateway_speaks_through_the_official_sdk(world: World) -> None:
    id, email = ids.new("usr", now()), f"gate{time.time_ns()}@cast.example"

    auth0.create_user(user_id=id, email=email, name="Gate", customer_id="c")
    auth0.create_user(user_id=id, email=email, name="Gate", customer_id="c")

    with pytest.raises(auth0.EmailTaken):
        auth0.create_user(user_id=ids.new("usr", now()), email=email, name="G", customer_id="c")
    with pytest.raises(auth0.EmailRefused):
        auth0.create_user(user_id=ids.new("usr", now()), email="x", name="G", customer_id="c")
    assert auth0.password_ticket(user_id=id, seconds=60).startswith(world.issuer)
    auth0.change_email(user_id=id, email=f"new.{email}")
    with pytest.raises(auth0.EmailRefused):
        auth0.change_email(user_id=id, email="x")
    auth0.update_user(user_id=id, name="Gateway", blocked=True)
    account = world.tenant().user(auth0.subject(id)) or {}
    assert (account["email"], account["name"]) == (f"new.{email}", "Gateway")
    assert account["blocked"] is True
    auth0.delete_user(id)
    auth0.delete_user(id)
    assert world.tenant().user(auth0.subject(id)) is None
    with pytest.raises(auth0.NoSignIn):
        auth0.password_ticket(user_id=id, seconds=60)
    with pytest.raises(auth0.NoSignIn):
        auth0.update_user(user_id=id, name="Gateway", blocked=False)


@pytest.mark.parametrize("fault", ["429", "500", "503", "drop", "drop_after", "slow"])
def test_faults_become_one_call_and_unavailable(world: World, fault: str) -> None:
    plan = {"path": "/api/v2/users", "method": "POST", "fault": fault, "times": 9, "seconds": 6}
    httpx.post(f"{world.issuer}_local/faults", json=plan).raise_for_status()
    id, email = ids.new("usr", now()), f"fault{time.time_ns()}@cast.example"
    began = time.monotonic()

    with world.plan() as calls, pytest.raises(errors.Unavailable) as caught:
        auth0.create_user(user_id=id, email=email, name="Fault", customer_id="c")
    httpx.delete(f"{world.issuer}_local/faults")

    assert time.monotonic() - began < 5
    assert 1 <= caught.value.retry_after <= 30
    posts = [call for call in calls.calls if call.what == "POST /api/v2/users"]
    assert len(posts) == 1, "a write is never repeated by the SDK"
    auth0.create_user(user_id=id, email=email, name="Fault", customer_id="c")


def test_a_conflict_that_nobody_explains_is_no_verdict(world: World) -> None:
    plan = {"path": "/api/v2/users", "method": "POST", "fault": "409"}
    httpx.post(f"{world.issuer}_local/faults", json=plan).raise_for_status()
    id, email = ids.new("usr", now()), f"ghost{time.time_ns()}@cast.example"

    with pytest.raises(errors.Unavailable):
        auth0.create_user(user_id=id, email=email, name="Ghost", customer_id="c")

    auth0.create_user(user_id=id, email=email, name="Ghost", customer_id="c")


def test_the_code_flow_checks_pkce_nonce_and_callback(world: World) -> None:
    id, email = ids.new("usr", now()), f"code{time.time_ns()}@cast.example"
    auth0.create_user(user_id=id, email=email, name="Code", customer_id="c")
    link = auth0.password_ticket(user_id=id, seconds=60)
    httpx.post(link, data={"password": "Pass-word-1"}).raise_for_status()
    verifier = "v" * 50
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": "dutyline-admin",
        "redirect_uri": BACK,
        "scope": "openid email",
        "state": "s1",
        "nonce": "n1",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    address, credentials = (
        f"{world.issuer}authorize",
        {"username": email, "password": "Pass-word-1"},
    )

    def code() -> str:
        back = httpx.post(address, params=query, data=credentials)
        assert back.status_code == 302
        found = parse_qs(urlsplit(back.headers["location"]).query)
        assert found["state"] == ["s1"]
        return found["code"][0]

    def redeem(code: str, **more: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        admin = {"client_id": "dutyline-admin", "client_secret": "local-admin-secret"}
        return httpx.post(f"{world.issuer}oauth/token", data={**form, **admin, **more})

    evil = {**query, "redirect_uri": "https://evil.example/"}
    assert httpx.get(address, params=evil).status_code == 400
    wrong = httpx.post(address, params=query, data={**credentials, "password": "no"})
    assert wrong.status_code == 400
    once = code()
    good = redeem(once, code_verifier=verifier)
    assert good.status_code == 200
    identity = jwt.decode(good.json()["id_token"], options={"verify_signature": False})
    assert (identity["nonce"], identity["aud"]) == ("n1", "dutyline-admin")
    assert redeem(once, code_verifier=verifier).status_code == 403, "a code works once"
    assert redeem(code(), code_verifier="other").status_code == 403
    assert redeem(code(), code_verifier=verifier, redirect_uri=BACK + "x").status_code == 403
    userinfo = httpx.get(
        f"{world.issuer}userinfo",
        headers={"Authorization": f"Bearer {good.json()['access_token']}"},
    )
    assert userinfo.json()["email"] == email


def test_grants_refuse_what_they_must(world: World) -> None:
    assert machine(world, client_secret="wrong").status_code == 401
    assert machine(world, audience="https://other.example/").status_code == 403
    assert machine(world, grant_type="implicit").status_code == 403
    assert machine(world, **APP).status_code == 403
    form = {"grant_type": "password", "username": "no@cast.example", "password": "x", **APP}
    assert httpx.post(f"{world.issuer}oauth/token", data=form).status_code == 403


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
def test_odd_requests_are_4xx(world: World, method: str, path: str, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.request(method, world.issuer + path, content=content, headers=headers)
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("module", ["auth0 --port 1", "mail --smtp 1 --page 1 --folder x"])
def test_stand_ins_refuse_production(module: str) -> None:
    command = [sys.executable, "-m", *f"tests.emulators.{module}".split()]
    environment = {**os.environ, "ENVIRONMENT": "production"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "ENVIRONMENT=local" in done.stderr
    Path(ROOT / "x").rmdir() if (ROOT / "x").is_dir() else None
