"""What a browser can be made to do: redirects, cookies, headers of every response, cached pages."""

import json
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest

from config.dev.check import PRODUCTION_ENVIRONMENT
from tests.emulators.auth0 import operators
from tests.support.environment import ROOT, Environment, free_port
from tests.support.operators import create_operator, open_operator_session

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "\x09//evil.example/",
    "http://127.0.0.1@evil.example/",
)
PRODUCTION_SCRIPT = """
import json
import django
django.setup()
from django.conf import settings
from django.test import Client
proxied = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}
client = Client(raise_request_exception=False, SERVER_NAME="api.dutyline.example", **proxied)
paths = ["/user", "/nowhere", "/static/backoffice/style.css", "/openapi.json", "/legal/x", "/docs/"]
answers = {path: client.get(path) for path in paths}
answers["unknown host"] = client.get("/user", SERVER_NAME="evil.example")
answers["refused method"] = client.put("/user")
answers["large body"] = client.post("/user", "x" * 300_000, content_type="application/json")
answers["catalog"] = client.get("/docs/errors")
other = {**proxied, "HTTP_X_FORWARDED_FOR": "192.0.2.2"}
login = Client(SERVER_NAME="api.dutyline.example", **other).get("/admin/login/")
answers["login"] = login
print(json.dumps({
    "answers": {name: [answer.status_code, dict(answer.items())] for name, answer in answers.items()},
    "cookies": [morsel.OutputString() for morsel in login.cookies.values()],
    "session cookie": [settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_SECURE,
        settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE, settings.SESSION_COOKIE_DOMAIN],
    "database": settings.DATABASES["default"]["OPTIONS"],
    "local passwords": [name for name in settings.AUTHENTICATION_BACKENDS if "ModelBackend" in name],
}))
"""


@pytest.fixture(scope="module")
def production(env: Environment) -> dict[str, Any]:
    """What a process with production's settings answers; its Redis is unreachable."""
    settings = {**PRODUCTION_ENVIRONMENT, "TRUSTED_PROXIES": "10.0.0.0/8", "REDIS_URL": f"unix://{env.folder}/nothing"}
    completed = subprocess.run(
        [sys.executable, "-c", PRODUCTION_SCRIPT],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings", **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return dict(json.loads(completed.stdout.splitlines()[-1]))


def test_all_responses_have_security_headers(production: dict[str, Any]) -> None:
    """ASVS 3.4: refusals before Django's security middleware had none of its headers."""
    statuses = {name: status for name, (status, _) in production["answers"].items()}
    assert statuses["unknown host"] == 400
    assert statuses["login"] == 200
    for name, (_, headers) in production["answers"].items():
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Referrer-Policy"] in ("no-referrer", "same-origin"), name
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], name
        assert "base-uri 'none'" in headers["Content-Security-Policy"], name
        assert "default-src 'none'" in headers["Content-Security-Policy"], name
        assert "charset=" in headers["Content-Type"] or "text/" not in headers["Content-Type"], name


def test_cookies_belong_to_this_host_alone(production: dict[str, Any]) -> None:
    """ASVS 3.3.1, 3.3.3: another host of the domain could set cookies of the back office."""
    assert production["session cookie"] == ["__Host-dutyline-operator", "/", True, True, "Lax", None]
    (form_cookie,) = production["cookies"]
    assert form_cookie.startswith("__Host-dutyline-form=")
    attributes = {part.strip().partition("=")[0] for part in form_cookie.split(";")}
    assert attributes >= {"Secure", "HttpOnly", "SameSite", "Path"}
    assert "Domain" not in attributes


def test_production_talks_to_its_servers_over_tls_only(production: dict[str, Any]) -> None:
    """ASVS 12.3: PostgreSQL's library falls back to clear text unless it is told otherwise."""
    assert production["database"].items() >= {"sslmode": "verify-full", "sslrootcert": "system"}.items()
    assert production["local passwords"] == [], "nor takes it passwords of its own"


def test_no_redirect_leads_elsewhere(env: Environment, backoffice_url: str) -> None:
    """ASVS 3.7.2: before and after sign-in and sign-out, and for sessions to be renewed."""
    email = create_operator(env, "rhea", ["support"])
    for target in ELSEWHERE:
        with open_operator_session(backoffice_url) as operator:
            operator.client.follow_redirects = False
            operator.get("/admin/login/", params={"next": target})
            renewed = operator.get("/admin/sign-in/renew/", params={"next": target})
            assert httpx.URL(renewed.headers["location"]).path == "/admin/login/"
            assert "evil.example" not in renewed.headers["location"]
            begun = operator.post("/admin/sign-in/begin/", next=target)
            assert begun.headers["location"].startswith(f"{env.issuer}authorize?")
            operator.client.follow_redirects = True
            page = operator.client.post(begun.headers["location"], data={"username": email, "password": "x"})
            page = operator.client.post(str(page.url), data={"username": email, "password": operators.PASSWORD})
            assert page.status_code == 200, (target, page.text[:300])
            visited = [str(step.url) for step in [*page.history, page]]
            assert all(url.startswith((backoffice_url, env.issuer)) for url in visited), (target, visited)
            operator.client.follow_redirects = False
            ended = operator.post("/admin/logout/", next=target)
            assert ended.headers["location"].startswith(f"{env.issuer}v2/logout?")
            assert "evil.example" not in ended.headers["location"]
            assert ended.headers["clear-site-data"] == '"cache", "storage"'


def test_a_session_is_new_after_sign_in_and_dead_after_sign_out(env: Environment, backoffice_url: str) -> None:
    """ASVS 7.2.4, 7.4.1: neither a planted nor a copied session is good for anything."""
    email = create_operator(env, "sven", ["support"])
    planted = "a" * 32
    with open_operator_session(backoffice_url) as operator, open_operator_session(backoffice_url) as thief:
        operator.client.cookies.set("dutyline-operator", planted, domain="127.0.0.1", path="/admin/")
        assert "/admin/logout/" in operator.sign_in(email).text, "signing out is in the menu"
        keys = {cookie.value for cookie in operator.client.cookies.jar if cookie.name == "dutyline-operator"}
        assert planted not in keys
        thief.client.cookies.set("dutyline-operator", planted, domain="127.0.0.1", path="/admin/")
        assert str(thief.get("/admin/").url).startswith(f"{backoffice_url}/admin/login/")
        (copied,) = keys
        operator.post("/admin/logout/")
        thief.client.cookies.clear()
        thief.client.cookies.set("dutyline-operator", copied or "", domain="127.0.0.1", path="/admin/")
        assert str(thief.get("/admin/").url).startswith(f"{backoffice_url}/admin/login/")


def test_a_host_name_from_outside_appears_nowhere(env: Environment) -> None:
    """ASVS 4.1.3: links and redirects follow the settings, whatever Host and its relatives say."""
    web = env.start_web("hosts", free_port(), ALLOWED_HOSTS="127.0.0.1")
    names = ("Host", "X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Server")
    try:
        for name in names:
            value = "host=evil.example" if name == "Forwarded" else "evil.example"
            for path in ("/", "/admin", "/admin/", "/docs/", "/legal/", "/user"):
                response = httpx.get(web + path, headers={name: value})
                assert name != "Host" or response.status_code == 400
                assert "evil.example" not in response.text + str(response.headers), (name, path)
    finally:
        env.stop("hosts")
