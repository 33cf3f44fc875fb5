"""PostgreSQL and S3 that hang: each held all threads of a web process for as long as it hung."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.environment import Environment, free_port
from tests.support.silent_servers import SilentPostgres, SilentServer
from tests.support.users import UserFixtures

REQUESTS = 40
MOST_SECONDS = 8.0
"""To connect, or for a statement or a file, and what a loaded machine adds."""


@dataclass(frozen=True)
class HangingProcess:
    """A web process whose SQL and files hang."""

    url: str
    postgres: SilentPostgres
    files: SilentServer


@pytest.fixture(scope="module")
def hanging(env: Environment) -> Iterator[HangingProcess]:
    """Run one."""
    postgres, files = SilentPostgres(), SilentServer()
    settings: dict[str, Any] = {
        "DATABASE_URL": f"postgres://dutyline:secret@127.0.0.1:{postgres.port}/operators",
        "STORAGE_BUCKET": "dutyline-files",
        "STORAGE_ENDPOINT_URL": f"http://127.0.0.1:{files.port}",
        "STORAGE_FOLDER": "",
    }
    yield HangingProcess(env.start_web("web-hanging", free_port(), **settings), postgres, files)
    env.stop("web-hanging")
    postgres.close()
    files.close()


def open_back_office(web: str, key: str, number: int = 0) -> httpx.Response:
    """Open it from an address of one's own, with the cookie of a session that nobody has."""
    transport = httpx.HTTPTransport(local_address=f"127.0.9.{number + 1}")
    with httpx.Client(transport=transport, timeout=30) as client:
        return client.get(f"{web}/admin/", headers={"Cookie": f"dutyline-operator={key}"})


def request_together(
    hanging: HangingProcess, test_users: UserFixtures, ask: Callable[[int], httpx.Response]
) -> list[httpx.Response]:
    """The answers to many requests at once, while which others are answered at once."""
    headers = {"Authorization": f"Bearer {test_users.sam.token}"}  # who asks for nothing else
    assert httpx.get(f"{hanging.url}/user", headers=headers, timeout=30).status_code == 200  # knows the token now
    with ThreadPoolExecutor(REQUESTS) as pool:
        began_at = time.monotonic()
        answers = [pool.submit(ask, number) for number in range(REQUESTS)]
        time.sleep(0.7)
        asked_at = time.monotonic()
        assert httpx.get(f"{hanging.url}/user", headers=headers, timeout=30).status_code == 200
        assert httpx.get(f"{hanging.url}/healthz", timeout=30).status_code == 200
        assert time.monotonic() - asked_at < 1.5, "others do not wait"
        results = [answer.result() for answer in answers]
        assert time.monotonic() - began_at < MOST_SECONDS
        return results


def test_only_keys_of_sessions_reach_sql(hanging: HangingProcess) -> None:
    for key in ("not-a-key", "A" * 32, "a" * 31, "a" * 33):
        assert open_back_office(hanging.url, key).status_code == 302
    assert hanging.postgres.connections == 0


@pytest.mark.parametrize("lets_in", [False, True])
def test_a_hanging_postgresql_holds_few_threads(
    test_users: UserFixtures, hanging: HangingProcess, lets_in: bool
) -> None:
    hanging.postgres.lets_in, connections_before = lets_in, hanging.postgres.connections

    pages = request_together(hanging, test_users, lambda number: open_back_office(hanging.url, f"{number:032}", number))

    assert {page.status_code for page in pages} == {503}
    assert hanging.postgres.connections - connections_before <= 5, "four wait, and one tries again"
    assert {page.headers["Retry-After"] for page in pages} <= set("12345")
    assert {page.headers["Content-Type"] for page in pages} == {"text/html; charset=utf-8"}
    assert any("The operators&#x27; database is temporarily unavailable." in page.text for page in pages)


def test_hanging_files_hold_few_threads(test_users: UserFixtures, hanging: HangingProcess) -> None:
    path = f"{hanging.url}/call/{test_users.recorded_call_id}/recording"
    people = (test_users.ann, test_users.abe, test_users.mia)

    def ask(number: int) -> httpx.Response:
        token = people[number % len(people)].token
        return httpx.get(path, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    answers = request_together(hanging, test_users, ask)

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["Retry-After"] for answer in answers} <= set("12345")
    assert {answer.json()["title"] for answer in answers} == {"Temporarily unavailable"}
