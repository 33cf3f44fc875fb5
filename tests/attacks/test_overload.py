"""S1-1: more requests than can be answered took the telephone down, and were done for nobody."""

import http.client
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.attacks.test_requests_at_once import begin_call
from tests.support.calls import create_line
from tests.support.environment import Environment, free_port
from tests.support.problems import check_error
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures
from tests.support.waiting import wait_until

THREADS = 4
LATENCY_SECONDS = 0.6
MAX_SECONDS = 0.3
"""Of a refusal, on a machine that runs other tests too; `deploy.load` measures it."""
ORIGIN = "https://app.dutyline.example"


@pytest.fixture(scope="module")
def small_web(env: Environment) -> Iterator[str]:
    """A web process with few threads."""
    port = free_port()
    own_url = f"http://127.0.0.1:{port}"
    threads = str(THREADS)
    yield env.start_web(
        "small", port, PUBLIC_BASE_URL=own_url, WEB_THREADS=threads, WEB_QUEUE_MILLISECONDS="100", STOP_SECONDS="2"
    )
    if "small" in env.processes:
        env.stop("small")


@pytest.fixture
def patient_web(env: Environment) -> Iterator[str]:
    """A web process with few threads, for which requests may wait."""
    yield env.start_web("patient", free_port(), WEB_THREADS=str(THREADS), WEB_QUEUE_MILLISECONDS="5000")
    env.stop("patient")


def send(person: SignedInUser, web: str, method: str = "GET", path: str = "/user", **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {person.token}", **options.pop("headers", {})}
    return httpx.request(method, web + path, headers=headers, timeout=20, **options)


def lanes(web: str) -> dict[str, Any]:
    response = httpx.get(f"{web}/readyz", timeout=5)
    assert response.status_code == 200, "a busy process stays ready: all others are as small_web"
    return dict(response.json()["saturation"])


def send_half_a_body(person: SignedInUser, web: str) -> tuple[bytes, bytes]:
    """The answer to a request of which half of the body does not come, and what comes after it.

    The other half, which comes once it is answered, looks like a request.
    """
    host, port = web.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=MAX_SECONDS) as connection:
        head = f"POST /user HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {person.token}\r\nContent-Length: 100"
        connection.sendall(f"{head}\r\n\r\n{' ' * 50}".encode())
        answer, later = connection.recv(4096), b""
        connection.settimeout(1)
        with suppress(TimeoutError, ConnectionError):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost12345678\r\n\r\n")
            while part := connection.recv(4096):
                later += part
        return answer, later


def send_twice(person: SignedInUser, web: str) -> list[int]:
    """The answers to two requests with short bodies, over one connection."""
    host, port = web.removeprefix("http://").split(":")
    head = f"POST /user HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {person.token}\r\nContent-Length: 100"
    statuses = []
    with socket.create_connection((host, int(port)), timeout=MAX_SECONDS) as connection:
        for _ in range(2):
            connection.sendall(f"{head}\r\n\r\n{' ' * 100}".encode())  # at once: the body has arrived, too
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            response.read()
            statuses.append(response.status)
            assert not response.will_close
    return statuses


def test_what_is_too_much_is_refused_at_once_and_calls_are_answered(
    test_users: UserFixtures, env: Environment, small_web: str
) -> None:
    line = create_line(test_users)
    people = [test_users.ann, test_users.abe, test_users.mia, test_users.cleo]
    for person in people:
        assert send(person, small_web).status_code == 200
    with env.apply_plan(FaultPlan(latency=LATENCY_SECONDS)), ThreadPoolExecutor(16) as connections:
        accepted = [connections.submit(send, people[number % 4], small_web) for number in range(8)]
        time.sleep(LATENCY_SECONDS / 2)  # nothing has moved for longer than anybody may wait
        refused = [send(person, small_web, headers={"Origin": ORIGIN}) for person in people]
        preflight = httpx.options(
            f"{small_web}/user", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
        )
        (unread, later), statuses = send_half_a_body(people[0], small_web), send_twice(people[0], small_web)
        saturation = lanes(small_web)
        call = connections.submit(begin_call, f"{small_web}/telephony/voice", line.number)
        alive = httpx.get(f"{small_web}/healthz")
        assert {answer.result().status_code for answer in accepted} == {200}
        assert call.result().status_code == 200
    for response in refused:
        check_error(response)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert response.elapsed.total_seconds() < MAX_SECONDS
        assert 1 <= int(response.headers["Retry-After"]) <= 4
        assert response.headers["X-Request-Id"] == response.json()["requestId"]
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN, "apps in browsers can read it"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert unread.startswith(b"HTTP/1.1 503 "), "it does not wait for the body"
    assert b"HTTP/1.1 " not in later, "what comes of the body is no request"
    assert statuses == [503, 503]
    assert len({response.json()["requestId"] for response in refused}) == len(refused)
    assert (preflight.status_code, alive.status_code) == (200, 200)
    expected = {"status": "saturated", "atWork": THREADS, "places": THREADS, "waiting": 4, "refused": 8}
    assert {name: saturation["web"][name] for name in expected} == expected
    assert saturation["calls"]["status"] == "ok"
    assert "requests are refused: more arrive than can be answered" in env.read_log("small")
    assert send(test_users.ann, small_web).status_code == 200, "it recovers at once"


def test_nobody_works_for_clients_that_are_gone_while_they_waited_for_a_thread(
    test_users: UserFixtures, env: Environment, patient_web: str
) -> None:
    ann, people = test_users.ann, [test_users.abe, test_users.mia, test_users.cleo, test_users.sam]

    def create(number: int) -> None:
        body = {"name": f"Left {number}", "address": "2 Long Wharf, Boston", "timeZone": "America/New_York"}
        with suppress(httpx.TimeoutException):
            headers = {"Authorization": f"Bearer {ann.token}"}
            httpx.post(f"{patient_web}/location", json=body, headers=headers, timeout=0.3)

    for person in [ann, *people]:
        assert send(person, patient_web).status_code == 200  # the tokens are verified
    plan = FaultPlan(latency=2 * LATENCY_SECONDS)
    with env.apply_plan(plan), ThreadPoolExecutor(THREADS + 3) as connections:
        others = [connections.submit(send, person, patient_web) for person in people]
        wait_until(lambda: sum(call.service == "dynamodb" for call in plan.calls) >= THREADS)  # all are taken
        list(connections.map(create, range(3)))
        assert {answer.result().status_code for answer in others} == {200}
    assert lanes(patient_web)["web"]["abandoned"] >= 3
    names = [item["name"] for item in send(ann, patient_web, path="/location?limit=100").json()["items"]]
    assert not [name for name in names if name.startswith("Left")]


def test_a_process_that_stops_fails_its_readiness_first(
    test_users: UserFixtures, env: Environment, small_web: str
) -> None:
    assert httpx.get(f"{small_web}/readyz").status_code == 200
    process = env.processes["small"]
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 1
    while (ready := httpx.get(f"{small_web}/readyz")).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (ready.status_code, ready.json()["detail"]) == (503, "This process is stopping.")
    answer = send(test_users.ann, small_web)
    assert answer.status_code == 200, "requests are still answered"
    assert answer.headers["Connection"] == "close", "a proxy sends nothing more on this connection"
    assert process.wait(20) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{small_web}/healthz")
