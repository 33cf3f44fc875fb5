"""A PostgreSQL that hangs: it held all threads of a web process for as long as it hung."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.support.environment import Environment, free_port
from tests.support.silent_servers import silent_postgres
from tests.support.users import UserFixtures

REQUESTS = 40
MOST_SECONDS = 6.0
"""To connect and to wait for a statement, and what a loaded machine adds."""


def open_back_office(web: str, key: str, number: int = 0) -> httpx.Response:
    """Open it from an address of one's own, with the cookie of a session that nobody has."""
    transport = httpx.HTTPTransport(local_address=f"127.0.9.{number + 1}")
    with httpx.Client(transport=transport, timeout=30) as client:
        return client.get(f"{web}/admin/", headers={"Cookie": f"dutyline-operator={key}"})


def test_a_hanging_postgresql_holds_few_threads_for_a_few_seconds(test_users: UserFixtures, env: Environment) -> None:
    with silent_postgres() as server, ThreadPoolExecutor(REQUESTS) as pool:
        url = f"postgres://dutyline:secret@127.0.0.1:{server.port}/operators"
        web = env.start_web("web-sql", free_port(), DATABASE_URL=url)
        try:
            assert open_back_office(web, "not-a-key-of-a-session").status_code == 302
            assert server.connections == 0, "only keys of the right form are looked up"
            for server.lets_in in (False, True):
                connections_before, began_at = server.connections, time.monotonic()
                pages = [pool.submit(open_back_office, web, f"{number:032}", number) for number in range(REQUESTS)]
                time.sleep(0.7)
                asked_at = time.monotonic()
                assert (
                    httpx.get(
                        f"{web}/user", headers={"Authorization": f"Bearer {test_users.ann.token}"}, timeout=30
                    ).status_code
                    == 200
                )
                assert httpx.get(f"{web}/healthz", timeout=30).status_code == 200
                assert time.monotonic() - asked_at < 1.5, "others do not wait"
                assert {page.result().status_code for page in pages} == {503}
                assert time.monotonic() - began_at < MOST_SECONDS
                assert server.connections - connections_before <= 5, "four wait, and one tries again"
            page = open_back_office(web, "0" * 32)
            assert (page.headers["Retry-After"], page.headers["Content-Type"]) == ("5", "text/html; charset=utf-8")
            assert "The operators&#x27; database is temporarily unavailable." in page.text
        finally:
            env.stop("web-sql")
