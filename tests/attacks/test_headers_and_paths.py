"""Large headers, long and odd paths, other codings: answered cheaply, and never with 5xx."""

import gzip
from collections.abc import Callable

import httpx
import pytest

from tests.attacks.processes import ProcessCost
from tests.support.environment import Environment, free_port
from tests.support.users import UserFixtures

SIZE = 30_000
MARKS = "\u0f71\u0f72"
HEADERS = {
    "Accept": "a/b;q=0.1,",
    "Accept-Encoding": "gzip;q=0.1,",
    "Accept-Language": "de;q=0.1,",
    "Authorization": "Bearer a.",
    "Cookie": "a=b; ",
    "Content-Type": "application/json; a=b;",
    "Forwarded": "for=10.0.0.1,",
    "Idempotency-Key": "k",
    "If-Match": '"1",',
    "If-Modified-Since": "Sat, ",
    "If-None-Match": 'W/"1.a",',
    "If-Range": '"1",',
    "Origin": "https://a.",
    "Range": "bytes=0-1,",
    "User-Agent": "Mozilla/5.0 (",
    "X-Forwarded-For": "10.0.0.1,",
    "X-Forwarded-Host": "a.",
    "X-Forwarded-Proto": "https,",
    "X-Request-Id": "a-",
    "X-Twilio-Signature": "a=",
}
PATHS = ("/user", "/openapi.json", "/admin/login/", "/telephony/voice", "/nowhere")


@pytest.fixture(scope="module")
def trusting(env: Environment) -> str:
    """A web process behind a proxy, so that it reads all headers."""
    return env.start_web("headers", free_port(), TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8,192.0.2.0/24")


def test_large_headers_are_cheap(
    test_users: UserFixtures, env: Environment, trusting: str, record_figure: Callable[[str], None]
) -> None:
    cost = ProcessCost(env.processes["headers"].pid)
    costs: dict[tuple[str, str], float] = {}
    with httpx.Client(base_url=trusting, timeout=20) as client:
        for path in PATHS:
            client.get(path)
        for name, part in HEADERS.items():
            headers = {"Authorization": f"Bearer {test_users.ann.token}", name: (part * SIZE)[:SIZE].strip()}
            for path in PATHS:
                before = cost.cpu_seconds()
                response = client.get(path, headers=headers)
                costs[name, path] = cost.cpu_seconds() - before
                assert response.status_code < 500, (name, path, response.text[:200])
    worst = max(costs, key=lambda case: costs[case])
    record_figure(f"headers of {SIZE // 1000} KB: at most {costs[worst]:.2f} CPU s ({worst[0]} at {worst[1]})")
    assert costs[worst] < 0.3, sorted(costs.items(), key=lambda item: -item[1])[:5]


@pytest.mark.parametrize(
    "template",
    [
        "/static/{}",
        "/static/backoffice/{}.css",
        "/legal/{}",
        "/schemas/{}.json",
        "/calendar/usr_x/{}.ics",
        "/calendar/{}/x.ics",
        "/user/{}/audit-logs",
        "/location/{}/on-duty",
        "/staffSchedule/{}",
        "/ivrConfiguration/{}",
        "/admin/accounts/user/{}/change/",
        "/admin/sign-in/complete/{}/",
        "/docs/{}",
        "/{}",
    ],
)
def test_odd_paths_are_no_defects(test_users: UserFixtures, env: Environment, template: str) -> None:
    cost = ProcessCost(env.processes["web"].pid)
    values = ("a" * 5_000, "%00", "a%00b", "%ff", "%c0%af", "..%00/", "%0d%0aX-A:%20b", "a" * 300 + "/", MARKS * 900)
    before = cost.cpu_seconds()
    for value in values:
        for method in ("GET", "DELETE", "POST"):
            response = test_users.ann.request(method, template.format(value))
            assert 400 <= response.status_code < 500 or response.is_redirect, (method, value[:20], response.text[:300])
            assert "X-A" not in response.headers
    assert cost.cpu_seconds() - before < 3, "27 requests"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json; charset=utf-16", ""),
        ("application/json; charset=utf-7", ""),
        ("application/json; charset=x-unknown", ""),
        ("application/json", "gzip"),
        ("application/x-www-form-urlencoded", ""),
        ("multipart/form-data; boundary=x", ""),
        ("application/xml", ""),
        ("text/plain", ""),
        ("", ""),
    ],
)
def test_other_bodies_than_json_in_utf8_change_nothing(
    test_users: UserFixtures, content_type: str, encoding: str
) -> None:
    """ASVS 3.5.2, 5.2.3: nothing that a form can send, and nothing that grows when unpacked."""
    bomb = gzip.compress(b'{"name": "' + b" " * 20_000_000 + b'"}')
    body = bomb if encoding else '{"profileName": "\u00e9"}'.encode("utf-16" if "utf-16" in content_type else "latin-1")
    headers = {name: value for name, value in (("Content-Type", content_type), ("Content-Encoding", encoding)) if value}
    name = test_users.sam.get("/user").json()["profileName"]

    response = test_users.sam.request("PATCH", "/user", content=body, headers=headers)

    assert response.status_code in (400, 413, 415), response.text
    assert test_users.sam.get("/user").json()["profileName"] == name
