"""Requests that two readers would read differently, overridden methods, log lines, odd paths."""

import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.environment import Environment
from tests.support.users import UserFixtures

SMUGGLED = "GET /nowhere-smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
AMBIGUOUS_HEADS = {
    "length and chunks": ["Content-Length: 4", "Transfer-Encoding: chunked"],
    "chunks and length": ["Transfer-Encoding: chunked", "Content-Length: 4"],
    "two lengths": ["Content-Length: 4", "Content-Length: 60"],
    "a list of lengths": ["Content-Length: 4, 60"],
    "a signed length": ["Content-Length: +4"],
    "a length in hexadecimal": ["Content-Length: 0x4"],
    "unknown coding": ["Transfer-Encoding: xchunked"],
    "chunked twice": ["Transfer-Encoding: chunked, chunked"],
    "space before the colon": ["Content-Length : 60"],
    "folded header": ["X-Folded: a", " Content-Length: 60"],
    "bare line feed in a name": ["X-A: b\nContent-Length: 60"],
}


def exchange(web: str, raw: bytes) -> bytes:
    """What a process answers to bytes, until it closes the connection or says no more."""
    parts = urlsplit(web)
    answer = b""
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2) as connection:
        connection.sendall(raw)
        try:
            while data := connection.recv(65_536):
                answer += data
        except TimeoutError:
            pass  # it keeps the connection open for another request
    return answer


@pytest.mark.parametrize("name", AMBIGUOUS_HEADS)
def test_ambiguous_lengths_smuggle_nothing(env: Environment, web: str, name: str) -> None:
    """ASVS 4.2.1: one request is answered, as an error or as one request; never a second one."""
    offset = len(env.read_log("web"))
    lines = ["POST /user HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *AMBIGUOUS_HEADS[name]]
    raw = "\r\n".join(lines) + "\r\n\r\n" + "0\r\n\r\n" + SMUGGLED
    answer = exchange(web, raw.encode())
    statuses = [line.split(b" ")[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    requests = [json.loads(line) for line in env.read_log("web")[offset:].splitlines() if line.startswith("{")]
    assert all(status in (b"400", b"401", b"404", b"411", b"501") for status in statuses), answer
    accepted = [line for line in requests if line.get("method") == "POST" and line["status"] < 400]
    assert accepted == []
    if b"404" in statuses:  # the body ended where every reader of HTTP/1.1 sees its end
        assert name in ("length and chunks", "chunks and length", "chunked twice", "unknown coding"), answer


def test_http2_in_clear_text_is_off(web: str) -> None:
    """Proxies speak HTTP/1.1; for HTTP/2 the server has no time limit of headers."""
    empty_settings = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    answer = exchange(web, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + empty_settings)
    assert answer[3:4] != b"\x04", "it answered with settings of its own"
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100]


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Http-Method-Override"]
)
def test_a_header_does_not_change_the_method(test_users: UserFixtures, header: str) -> None:
    """A body may be posted from a page of another origin; a deletion may not."""
    ann = test_users.ann
    for method in ("DELETE", "PATCH", "PUT"):
        assert ann.get("/user", headers={header: method}).json()["id"] == ann.id
        response = ann.post(
            "/location", {"name": f"{header} {method}", "timeZone": "America/New_York"}, headers={header: method}
        )
        assert response.status_code == 201
    assert ann.get("/user", params={"_method": "DELETE"}).status_code == 200
    assert ann.get("/user").json()["status"] == "active"


def test_what_clients_send_makes_no_log_lines(env: Environment, test_users: UserFixtures) -> None:
    """ASVS 16.4.1: each line of the log is one JSON object that we wrote."""
    offset = len(env.read_log("web"))
    forged = '{"level": "INFO", "message": "forged"}'
    for path in (f"/user/%0a{forged}", f"/user?x=%0d%0a{forged}", "/user/\u2028" + forged, "/%1b[2J"):
        test_users.ann.get(path)
    for value in (forged, "a\tb", "\x1b[31m", "\u2028"):
        test_users.ann.get("/user", headers={"User-Agent": value.encode(), "X-Request-Id": value.encode()})
    exchange(test_users.ann.web, b"M" * 5_000 + b" /user HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    lines = env.read_log("web")[offset:].splitlines()
    assert len(lines) >= 8
    for line in lines:
        if line.startswith("{"):
            assert "forged" not in json.loads(line)["message"]
            assert len(line) < 1_000, "one request writes a short line"
        else:
            assert "forged" not in line


@pytest.mark.parametrize(
    "path",
    [
        "/static/../config/settings/base.py",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/backoffice/",
        "/.git/config",
        "/.env",
        "/manage.py",
        "/docs/..%2f.git/config",
        "/legal/..%2f..%2fmanage.py",
        "/schemas/..%2f..%2fpyproject.toml",
        "/user/profile.css",
        "/user;x.css",
        "/user%3bx.js",
    ],
)
def test_only_published_files_are_served(test_users: UserFixtures, path: str) -> None:
    """ASVS 5.3.2, 13.4: no folder, no file of the project, no personal data as a style sheet."""
    request = httpx.Request(
        "GET", test_users.ann.web + path, headers={"Authorization": f"Bearer {test_users.ann.token}"}
    )
    with httpx.Client() as client:
        response = client.send(request)
    assert response.status_code == 404, response.text[:200]
    assert test_users.ann.id not in response.text
