"""The shipped nginx configuration in front of a web process: slow clients, forged headers, http."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.attacks.slow_clients import insecure_context, slow_clients, status_of, time_request
from tests.support.environment import Environment, free_port
from tests.support.nginx import Nginx
from tests.support.problems import check_document
from tests.support.users import UserFixtures

MAX_SECONDS = 1.0
CLIENT_SECONDS = 10
"""How long the configuration lets a client send nothing."""
STATIC_FILE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


@pytest.fixture(scope="module")
def nginx(test_users: UserFixtures, env: Environment) -> Iterator[Nginx]:
    """nginx, in front of a web process that trusts it."""
    web = env.start_web("proxied", free_port(), TRUSTED_PROXIES="127.0.0.1/32")
    assert time_request(f"{web}/user", test_users.cleo.token)[0] == 200
    running = Nginx(env, web)
    yield running
    env.stop("nginx")
    if "proxied" in env.processes:
        env.stop("proxied")


def send(nginx: Nginx, method: str, path: str, **options: Any) -> httpx.Response:
    return httpx.request(method, nginx.url + path, verify=insecure_context(), timeout=20, **options)


def assert_others_are_served(nginx: Nginx, token: str) -> None:
    for path in ("/healthz", "/user", "/healthz", "/user"):
        status, seconds = time_request(nginx.url + path, token)
        assert status == 200, path
        assert seconds < MAX_SECONDS, path


def test_half_sent_bodies_hold_up_nobody(nginx: Nginx, test_users: UserFixtures) -> None:
    """H3, through the proxy: an address has at most 100 of them, the others are refused."""
    with slow_clients(nginx.url, 400) as clients:
        assert_others_are_served(nginx, test_users.cleo.token)
        started_at = time.monotonic()
        responses = clients.read_responses(CLIENT_SECONDS + 5)
        assert time.monotonic() - started_at < CLIENT_SECONDS + 4, "the connections are closed"
    refused = [response for response in responses if status_of(response)]
    assert {status_of(response) for response in refused} <= {429}
    assert len(refused) == 300


@pytest.mark.parametrize("beginning", [None, b"GET /user HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_dripping_requests_hold_up_nobody(
    nginx: Nginx, test_users: UserFixtures, env: Environment, beginning: bytes | None
) -> None:
    """H3: bodies and headers of which a byte comes now and then; the web process sees none."""
    requests = env.read_log("proxied").count('"message":"request"')
    with slow_clients(nginx.url, 40, *([beginning] if beginning else [])) as clients:
        clients.drip()
        time.sleep(1.5)
        assert_others_are_served(nginx, test_users.cleo.token)
    assert env.read_log("proxied").count('"message":"request"') == requests + 2


def test_unread_responses_hold_up_nobody(nginx: Nginx, test_users: UserFixtures) -> None:
    request = f"GET {STATIC_FILE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with slow_clients(nginx.url, 40, request):
        time.sleep(0.5)
        assert_others_are_served(nginx, test_users.cleo.token)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X_Forwarded_For", "x_forwarded-for"])
def test_forwarding_headers_of_clients_are_not_passed_on(nginx: Nginx, test_users: UserFixtures, name: str) -> None:
    """Item 10: with the address of another, a client evades limits and falsifies the audit."""
    headers = {"Authorization": f"Bearer {test_users.ann.token}", name: "192.0.2.9", "X-Forwarded-Host": "evil.example"}
    response = send(nginx, "POST", "/user", json=test_users.user_body(), headers=headers)
    assert response.status_code == 201, response.text
    entry = test_users.ann.get(f"/user/{response.json()['id']}/audit-logs").json()["items"][0]
    assert entry["ip"] == "127.0.0.1"


def test_clients_behind_a_load_balancer_have_their_own_address(
    nginx: Nginx, test_users: UserFixtures, env: Environment
) -> None:
    """Otherwise all of them share one limit and one address in the audit."""
    balanced = Nginx(
        env,
        nginx.web,
        name="balanced",
        changes={
            "#set_real_ip_from 10.0.0.0/16": "set_real_ip_from 127.0.0.0/8",
            "#real_ip_header": "real_ip_header",
            "ssl http2;": "ssl http2 proxy_protocol;",
        },
    )
    body = json.dumps(test_users.user_body()).encode()
    head = f"POST /user HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {test_users.ann.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", balanced.tls_port)) as connection:
        connection.sendall(b"PROXY TCP4 203.0.113.7 127.0.0.1 5555 443\r\n")
        with insecure_context().wrap_socket(connection, server_hostname="localhost") as client:
            client.sendall(head.encode() + body)
            response = b"".join(iter(lambda: client.recv(65536), b""))
    env.stop("balanced")

    assert status_of(response) == 201
    user = json.loads(response.partition(b"\r\n\r\n")[2])
    assert test_users.ann.get(f"/user/{user['id']}/audit-logs").json()["items"][0]["ip"] == "203.0.113.7"


def test_large_bodies_are_refused_with_a_problem(nginx: Nginx) -> None:
    largest, too_large = (send(nginx, "POST", "/user", content=b" " * size) for size in (256 * 1024, 256 * 1024 + 1))
    assert largest.status_code == 401, "the web process answers"
    assert too_large.status_code == 413
    check_document(too_large.json())


def test_clear_text_is_redirected_for_pages_only(nginx: Nginx, test_users: UserFixtures) -> None:
    page = httpx.get(f"{nginx.plain_url}/docs/")
    assert (page.status_code, page.headers["Location"]) == (301, "https://localhost/docs/")
    headers = {"Authorization": f"Bearer {test_users.ann.token}"}
    assert httpx.get(f"{nginx.plain_url}/user", headers=headers).status_code == 403
    with pytest.raises(httpx.TransportError):
        httpx.get(nginx.plain_url, headers={"Host": "evil.example"})
    assert send(nginx, "GET", "/readyz").status_code == 404


def test_answers_of_nginx_have_security_headers_once(nginx: Nginx) -> None:
    """ASVS 3.4: refusals of the proxy are responses too. Local web processes send no HSTS."""
    for path, options in (("/user", {}), ("/readyz", {}), ("/user", {"content": b" " * (256 * 1024 + 1)})):
        headers = send(nginx, "POST", path, **options).headers
        assert headers.get_list("Strict-Transport-Security") == ["max-age=31536000; includeSubDomains; preload"]
        assert headers.get_list("X-Content-Type-Options") == ["nosniff"]


@pytest.mark.parametrize("cipher", ["AES256-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(nginx: Nginx, cipher: str) -> None:
    """ASVS 12.1.2, with TLS 1.2; TLS 1.3 has none."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    with (
        socket.create_connection(("127.0.0.1", nginx.tls_port)) as connection,
        pytest.raises(ssl.SSLError, match="HANDSHAKE"),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_paths_are_not_logged(nginx: Nginx) -> None:
    path = "/calendar/usr_logged/secret-of-a-feed.ics"
    assert send(nginx, "GET", path).status_code == 404
    assert nginx.wait_for_log(" GET 404 ")
    assert "secret-of-a-feed" not in nginx.read_logs()


def test_calls_have_a_process_of_their_own_and_the_others_while_it_is_away(nginx: Nginx, env: Environment) -> None:
    apart = env.start_web("telephony", free_port(), TRUSTED_PROXIES="127.0.0.1/32")
    with_calls = Nginx(env, nginx.web, telephony=apart, name="with-calls")

    def answered_by(path: str) -> str:
        request_id = send(with_calls, "POST", path).headers["X-Request-Id"]
        (name,) = [name for name in ("telephony", "proxied") if f'"{request_id}"' in env.read_log(name)]
        return name

    for path in ("/telephony/voice", "/telephony/voice/status"):
        assert answered_by(path) == "telephony"
    assert answered_by("/user") == "proxied"
    env.stop("telephony")
    assert answered_by("/telephony/voice") == "proxied"
    env.stop("with-calls")


def test_a_stopped_web_process_is_reported_with_a_problem(nginx: Nginx, env: Environment) -> None:
    env.stop("proxied")
    for path in ("/user", "/calendar/usr_logged/secret-of-a-feed.ics"):
        response = send(nginx, "GET", path)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
        check_document(response.json())
    assert "secret-of-a-feed" not in nginx.read_logs()
