"""M2: headers that only look like those of the proxy are dropped; clients do not choose our ids."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from tests.support.environment import Environment, free_port
from tests.support.users import UserFixtures

OUR_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
FORGED_FOR = [
    ("X_Forwarded_For: 6.6.6.6", "X-Forwarded-For: 192.0.2.9"),
    ("X-Forwarded-For: 192.0.2.9", "X_Forwarded_For: 6.6.6.6"),
    ("x_forwarded-for: 6.6.6.6", "X-Forwarded-For: 192.0.2.9", "X-Forwarded_For: 6.6.6.6"),
    ("X-Forwarded-For: 6.6.6.6, 192.0.2.9", "X_FORWARDED_FOR: 127.0.0.1"),
    ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 192.0.2.9"),
]
FORGED_OTHERS = [
    "X_Forwarded_Host: evil.example",
    "X_Forwarded_Proto: ftp",
    "Transfer_Encoding: chunked",
    "Content_Length: 7",
    "X_Request_Id: forged-id",
]


@dataclass
class RawResponse:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def trusting_web(env: Environment) -> Iterator[str]:
    """A web process behind a proxy on this machine."""
    yield env.start_web("behind-proxy", free_port(), TRUSTED_PROXIES="127.0.0.0/8")
    env.stop("behind-proxy")


def send_raw(web: str, request_line: str, headers: list[str], body: bytes = b"") -> RawResponse:
    """Send exactly these bytes: HTTP clients may change names."""
    host = urlsplit(web).netloc
    lines = [f"{request_line} HTTP/1.1", f"Host: {host}", "Connection: close", f"Content-Length: {len(body)}", *headers]
    with socket.create_connection((host.split(":")[0], int(host.split(":")[1])), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, content = received.partition(b"\r\n\r\n")
    status_line, *header_lines = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in header_lines)
    return RawResponse(int(status_line.split()[1]), {name.lower(): value for name, _, value in pairs}, content)


def create_person(web: str, test_users: UserFixtures, headers: list[str]) -> tuple[RawResponse, dict[str, Any]]:
    """Create a person with these headers; the response, and the entry of the audit log."""
    body = orjson.dumps(test_users.user_body())
    own_headers = [f"Authorization: Bearer {test_users.ann.token}", "Content-Type: application/json"]
    response = send_raw(web, "POST /user", [*own_headers, *headers], body)
    assert response.status == 201, response.body
    id = orjson.loads(response.body)["id"]
    return response, test_users.ann.get(f"/user/{id}/audit-logs").json()["items"][0]


@pytest.mark.parametrize("headers", FORGED_FOR)
def test_underscores_do_not_replace_the_address(
    trusting_web: str, test_users: UserFixtures, headers: tuple[str, ...]
) -> None:
    """WSGI has one name for both; the address of the audit log and of limits could be chosen."""
    _, entry = create_person(trusting_web, test_users, list(headers))
    assert entry["ip"] == "192.0.2.9"


def test_underscores_alone_are_nothing(trusting_web: str, test_users: UserFixtures) -> None:
    response, entry = create_person(trusting_web, test_users, ["X_Forwarded_For: 6.6.6.6", *FORGED_OTHERS])
    assert entry["ip"] == "127.0.0.1"
    assert OUR_ID.fullmatch(response.headers["x-request-id"])


def test_underscores_do_not_stand_for_other_headers(trusting_web: str, test_users: UserFixtures) -> None:
    authorization = f"Authorization: Bearer {test_users.sam.token}"
    response = send_raw(trusting_web, "GET /user", [authorization, "If_None_Match: *"])
    assert response.status == 200


@pytest.mark.parametrize("client_id", ["abc-1", "01J00000000000000000000000"])
def test_request_ids_of_clients_are_logged_beside_ours(
    web: str, env: Environment, test_users: UserFixtures, client_id: str
) -> None:
    response, entry = create_person(web, test_users, [f"X-Request-Id: {client_id}"])
    our_id = response.headers["x-request-id"]
    assert OUR_ID.fullmatch(our_id)
    assert our_id != client_id
    assert entry["requestId"] == our_id
    lines = [json.loads(line) for line in env.read_log("web").splitlines() if our_id in line and '"route"' in line]
    assert [(line["request_id"], line["client_request_id"]) for line in lines] == [(our_id, client_id)]


@pytest.mark.parametrize("client_id", ["a b", "-a", "a" * 65, "{}", "a\\n", "é", ""])
def test_other_ids_of_clients_are_ignored(web: str, env: Environment, client_id: str) -> None:
    response = send_raw(web, "GET /user", [f"X-Request-Id: {client_id}"])
    our_id = response.headers["x-request-id"]
    assert response.status == 401
    assert OUR_ID.fullmatch(our_id)
    assert orjson.loads(response.body)["requestId"] == our_id
    lines = [json.loads(line) for line in env.read_log("web").splitlines() if our_id in line]
    assert [line["client_request_id"] for line in lines if "route" in line] == [None]
