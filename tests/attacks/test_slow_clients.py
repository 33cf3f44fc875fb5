"""Slow clients and a database that hangs hold up nobody else, and not the liveness probe."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from config.dynamodb.client import BUDGET_SECONDS
from tests.attacks.processes import ProcessCost
from tests.attacks.slow_clients import SlowClients, slow_clients, status_of, time_request
from tests.support.environment import Environment, free_port
from tests.support.problems import check_document
from tests.support.users import UserFixtures

BODY_SECONDS = 3
MAX_SECONDS = 1.0
"""What a request may take while others are slow."""
RECORDING_BYTES = 20_000_000


@pytest.fixture(scope="module")
def hasty_web(test_users: UserFixtures, env: Environment) -> Iterator[str]:
    """A web process that waits for bodies for a short time only."""
    url = env.start_web("hasty", free_port(), BODY_SECONDS=str(BODY_SECONDS))
    assert time_request(f"{url}/user", test_users.cleo.token)[0] == 200
    yield url
    env.stop("hasty")


def assert_others_are_served(url: str, token: str) -> None:
    for path in ("/healthz", "/user", "/healthz", "/user"):
        status, seconds = time_request(url + path, token)
        assert status == 200, path
        assert seconds < MAX_SECONDS, path


@pytest.mark.parametrize("count", [40, 400])
def test_half_sent_bodies_hold_up_nobody(hasty_web: str, test_users: UserFixtures, count: int) -> None:
    """H3: 16 half-sent bodies stopped a web process for as long as they liked."""
    with slow_clients(hasty_web, count) as clients:
        assert_others_are_served(hasty_web, test_users.cleo.token)
        responses = clients.read_responses(BODY_SECONDS + 15)  # one thread answers all of them
    assert {status_of(response) for response in responses} == {408}


@pytest.mark.parametrize("count", [40, 400])
def test_dripping_bodies_hold_up_nobody(hasty_web: str, test_users: UserFixtures, count: int) -> None:
    """H3: one byte now and then does not extend the deadline."""
    with slow_clients(hasty_web, count) as clients:
        clients.drip()
        started_at = time.monotonic()
        assert_others_are_served(hasty_web, test_users.cleo.token)
        responses = clients.read_responses(BODY_SECONDS + 5)
        assert time.monotonic() - started_at < BODY_SECONDS + 4, "the connections are closed"
    assert {status_of(response) for response in responses} == {408}


def test_a_late_body_is_answered_with_a_problem(hasty_web: str) -> None:
    with slow_clients(hasty_web, 1) as clients:
        started_at = time.monotonic()
        (response,) = clients.read_responses(BODY_SECONDS + 5)
        seconds = time.monotonic() - started_at
    head, _, body = response.partition(b"\r\n\r\n")
    document = json.loads(body)
    check_document(document)
    assert BODY_SECONDS - 0.5 < seconds < BODY_SECONDS + MAX_SECONDS, "answered and closed"
    assert b"\r\nconnection: close" in head.lower()
    assert document["code"] == "request_timeout"
    assert f"{BODY_SECONDS} seconds" in document["detail"]


def test_a_body_that_ends_early_is_refused(hasty_web: str, test_users: UserFixtures) -> None:
    clients = SlowClients(hasty_web, 40, b"POST /user HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
    clients.close()
    assert_others_are_served(hasty_web, test_users.cleo.token)


def test_unread_recordings_hold_up_nobody(hasty_web: str, test_users: UserFixtures, env: Environment) -> None:
    """The same, by clients that do not read: each held a thread while a recording was sent."""
    call_id = test_users.recorded_call_id
    (file,) = (env.folder / "files/recordings" / call_id).iterdir()
    os.truncate(file, RECORDING_BYTES)
    head = f"GET /call/{call_id}/recording HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {test_users.ann.token}"
    process = ProcessCost(env.processes["hasty"].pid)
    memory = process.memory()
    with slow_clients(hasty_web, 40, f"{head}\r\n\r\n".encode()) as clients:
        time.sleep(1)
        assert_others_are_served(hasty_web, test_users.cleo.token)
        assert {status_of(connection.recv(65536)) for connection in clients.connections} == {200}
        assert process.memory() - memory < 100, "only what a client reads is read"
    headers = {"Authorization": f"Bearer {test_users.ann.token}"}
    whole = httpx.get(f"{hasty_web}/call/{call_id}/recording", headers=headers)
    assert whole.content == file.read_bytes(), "who reads gets all of it"


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does not run during the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_hanging_database_is_answered_in_time(hasty_web: str, test_users: UserFixtures, env: Environment) -> None:
    """Low finding: 503 after 8.9 s, and the liveness probe waited 4.6 s behind them."""
    token = test_users.cleo.token
    with stopped(env.processes["dynamodb"].pid), ThreadPoolExecutor(40) as clients:
        requests = [clients.submit(time_request, f"{hasty_web}/user", token) for _ in range(40)]
        time.sleep(0.5)
        probes = [time_request(f"{hasty_web}/healthz") for _ in range(5)]
        answers = [request.result() for request in requests]
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < BUDGET_SECONDS + MAX_SECONDS
    assert {status for status, _ in probes} == {200}
    assert max(seconds for _, seconds in probes) < MAX_SECONDS
    assert time_request(f"{hasty_web}/user", token)[0] == 200, "it is used again at once"
