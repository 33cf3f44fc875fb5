"""Processes are replaced while people and callers are served: no request and no task is lost."""

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from django.conf import settings

from config import outbox
from config.dev import services
from tests.attacks.slow_clients import insecure_context
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, create_line, new_sid
from tests.support.crash_harness import scan_items
from tests.support.environment import Environment, free_port
from tests.support.nginx import Nginx
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, emails_to, process_outbox
from tests.support.waiting import wait_until

PAUSE_SECONDS = 0.02
"""Between two requests of one client."""
_numbers = itertools.count(1)


class Clients:
    """Threads that send requests one after another until they are stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.statuses: list[int] = []
        self.errors: list[str] = []

    def add(self, send: Callable[[], httpx.Response]) -> None:
        self._threads.append(threading.Thread(target=self._run, args=(send,)))
        self._threads[-1].start()

    def _run(self, send: Callable[[], httpx.Response]) -> None:
        while not self._stopped.is_set():
            try:
                response = send()
                self.statuses.append(response.status_code)
                if response.status_code >= 400:
                    self.errors.append(f"{response.request.method} {response.url}: {response.text[:300]}")
            except httpx.HTTPError as error:
                self.errors.append(repr(error))
            time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def pair(env: Environment, test_users: UserFixtures) -> Iterator["Pair"]:
    """Two web processes behind nginx with the configuration that the repository ships."""
    running = Pair(env)
    yield running
    for name in ("nginx-of-pair", "first", "second"):
        if name in env.processes:
            env.stop(name)


class Pair:
    """Two web processes behind nginx."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.ports = {"first": free_port(), "second": free_port()}
        first, second = (f"127.0.0.1:{port}" for port in self.ports.values())
        changes = {f"server {first};": f"server {first}; server {second};"}
        self.nginx = Nginx(env, f"http://{first}", name="nginx-of-pair", changes=changes)
        for name in self.ports:
            self.start(name)

    def start(self, name: str) -> None:
        self._env.start_web(
            name, self.ports[name], PUBLIC_BASE_URL=self.nginx.url, TRUSTED_PROXIES="127.0.0.1/32", STOP_SECONDS="1"
        )

    def replace(self, name: str) -> None:
        """Stop a process as its supervisor does, and start another one in its place."""
        process = self._env.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        self.start(name)


def test_no_request_fails_while_a_web_process_is_replaced(pair: Pair, test_users: UserFixtures) -> None:
    line = create_line(test_users)
    created: list[str] = []
    with ExitStack() as stack:

        def client() -> httpx.Client:
            headers = {"Authorization": f"Bearer {test_users.ann.token}"}
            return stack.enter_context(
                httpx.Client(base_url=pair.nginx.url, verify=insecure_context(), timeout=30, headers=headers)
            )

        def create(of: httpx.Client) -> httpx.Response:
            body = {"name": f"Replaced {next(_numbers)}", "timeZone": "America/Denver"}
            response = of.post("/location", json=body)
            created.append(response.json().get("id", ""))
            return response

        clients = Clients()
        stack.callback(clients.stop)
        for _ in range(2):
            reader, writer = client(), client()
            clients.add(lambda reader=reader: reader.get("/user"))  # type: ignore[misc]
            clients.add(lambda writer=writer: create(writer))  # type: ignore[misc]
        telephone = client()

        def call() -> httpx.Response:
            url = f"{pair.nginx.url}/telephony/voice"
            form = {"AccountSid": settings.TWILIO["account_sid"], "CallSid": new_sid(), "To": line.number}
            form |= {"From": "+16175550199", "LocalTime": WEDNESDAY_NOON.isoformat()}
            signature = {"X-Twilio-Signature": sign_webhook(url, form, settings.TWILIO["auth_token"])}
            return telephone.post(url, data=form, headers=signature)

        clients.add(call)
        wait_until(lambda: len(clients.statuses) > 30)
        pair.replace("first")
        answered = len(clients.statuses)
        wait_until(lambda: len(clients.statuses) > answered + 20)
        clients.stop()
    assert clients.errors == []
    ids = [item["id"] for page in _pages(test_users) for item in page if item["name"].startswith("Replaced")]
    assert sorted(ids) == sorted(created), "each was created once"


def _pages(test_users: UserFixtures) -> Iterator[list[dict[str, Any]]]:
    path = "/location?limit=100"
    while path:
        response = test_users.ann.get(path)
        yield response.json()["items"]
        path = response.links.get("next", {}).get("url", "")


def test_a_worker_that_stops_in_the_middle_of_tasks_loses_none(test_users: UserFixtures, env: Environment) -> None:
    process_outbox()
    people = [test_users.create_user() for _ in range(6)]
    with env.apply_plan(FaultPlan(latency=0.15)):
        process = env.spawn("stopped-worker", services.worker_command(), env.process_environment(proxied=True))
        outbox.notify_worker(outbox.SHARDS)
        wait_until(lambda: any(emails_to(env, person.email) for person in people), 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
        env.processes.pop("stopped-worker")
    in_time = [person for person in people if emails_to(env, person.email)]
    process_outbox(seconds_ahead=90)  # another worker, once the leases have ended
    assert {len(emails_to(env, person.email)) for person in people} == {1}, f"{len(in_time)} were sent by the first"
    messages = [outbox.OutboxMessage.from_item(item) for item in scan_items(outbox.OutboxMessage)]
    ids = {person.id for person in people}
    assert [message.task for message in messages if message.arguments.get("user_id") in ids] == []
