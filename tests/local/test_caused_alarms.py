"""Alarms that a real Prometheus raises over a real web process, each for its cause.

`test_alarms.py` tests all alarms, and how long they wait; here they do not wait.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from config import dynamodb, errors, journal, outbox
from config.dynamodb import unaudited
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import new_sid
from tests.support.crash_harness import scan_items
from tests.support.environment import IS_SCALE_RUN, ROOT, Environment, free_port, wait_for_port
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now, process_outbox
from tests.support.waiting import wait_until


@outbox.task("test.waits_for_alarm")
def unavailable_task() -> None:
    """Waits for a vendor."""
    raise errors.Unavailable("away", cause="oracle: timeout")


@outbox.task("test.dies_for_alarm")
def rejected_task() -> None:
    """Becomes a dead letter at once."""
    raise dynamodb.CallRejected("Query", "no table", "ValidationException")


@pytest.fixture(autouse=True)
def remove_messages(env: Environment) -> Iterator[None]:
    """No other process has these tasks: to them the messages would never end."""
    yield
    for message in map(outbox.OutboxMessage.from_item, scan_items(outbox.OutboxMessage)):
        if message.task.startswith("test."):
            unaudited.remove(message, outbox.OutboxMessage.id.exists())


class Monitored:
    """A web process of one thread, and the Prometheus that watches it."""

    def __init__(self, env: Environment, folder: Path) -> None:
        self._env = env
        self.metrics_port, self.port = free_port(), free_port()
        self.url = env.start_web(
            "web_of_alarms",
            free_port(),
            METRICS_PORTS=str(self.metrics_port),
            WEB_THREADS="1",
            WEB_QUEUE_MILLISECONDS="10",
            TAKEN_ADDRESSES_PER_USER="1",
        )
        rules = (ROOT / "deploy/prometheus/alarms.yaml").read_text()
        (folder / "alarms.yaml").write_text(re.sub(r"for: \w+", "for: 0s", rules))
        job = {"job_name": "dutyline", "static_configs": [{"targets": [f"127.0.0.1:{self.metrics_port}"]}]}
        intervals = {"scrape_interval": "2s", "evaluation_interval": "1s"}
        configuration = {"global": intervals, "rule_files": ["alarms.yaml"], "scrape_configs": [job]}
        (folder / "prometheus.yaml").write_text(json.dumps(configuration))  # which is YAML, too
        wait_for_port(self.metrics_port)
        options = ["--config.file", str(folder / "prometheus.yaml"), "--storage.tsdb.path", str(folder / "data")]
        env.spawn("prometheus", ["prometheus", *options, "--web.listen-address", f"127.0.0.1:{self.port}"])
        wait_for_port(self.port)
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{self.port}/-/ready").status_code == 200)

    def firing(self) -> set[str]:
        """The alarms that fire now."""
        response = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/alerts")
        return {alert["labels"]["alertname"] for alert in response.json()["data"]["alerts"]}

    def wait_for_alarm(self, *alarms: str) -> None:
        wait_until(lambda: set(alarms) <= self.firing(), seconds=30)

    def stop(self) -> None:
        for name in ("prometheus", "web_of_alarms"):
            if name in self._env.processes:
                self._env.stop(name)


@pytest.fixture
def monitored(env: Environment, tmp_path: Path) -> Iterator[Monitored]:
    monitored = Monitored(env, tmp_path)
    yield monitored
    monitored.stop()


def many(request: Callable[[], httpx.Response], count: int) -> set[int]:
    """The statuses of requests that are made at once."""
    with ThreadPoolExecutor(count) as threads:
        return {future.result().status_code for future in [threads.submit(request) for _ in range(count)]}


def test_causes_raise_alarms(env: Environment, test_users: UserFixtures, monitored: Monitored) -> None:
    headers = {"Authorization": f"Bearer {test_users.ann.token}"}

    def read() -> httpx.Response:
        return httpx.get(f"{monitored.url}/user", headers=headers, timeout=30)

    def create(**changes: str) -> httpx.Response:
        body = {**test_users.user_body(), **changes}
        return httpx.post(f"{monitored.url}/user", headers=headers, json=body, timeout=30)

    def post_webhook(token: str) -> httpx.Response:
        form = {
            "AccountSid": settings.TWILIO["account_sid"],
            "CallSid": new_sid(),
            "From": "+16175550123",
            "To": "+16175550199",
            "CallStatus": "ringing",
        }
        signature = sign_webhook(f"{env.web}/telephony/voice", form, token)
        url = f"{monitored.url}/telephony/voice"
        return httpx.post(url, data=form, headers={"X-Twilio-Signature": signature}, timeout=30)

    assert read().status_code == 200
    assert post_webhook("local-twilio-token").status_code == 200
    monitored.wait_for_alarm("DutylineBeatSilent")
    process_outbox(seconds_ahead=73 * 3600)
    quiet = monitored.firing()
    assert not quiet & {"DutylineErrors", "DutylineSaturated", "DutylineWebhooksFail", "DutylineStoreDown"}

    with journal.write(test_users.ann.actor, "test.happened", test_users.sam.user, now()) as write:
        write.enqueue("test.waits_for_alarm", due=now() - timedelta(minutes=10))
        write.enqueue("test.dies_for_alarm", due=now() - timedelta(minutes=10))
    monitored.wait_for_alarm("DutylineNoWorker", "DutylineOutboxLate")
    process_outbox()
    monitored.wait_for_alarm("DutylineTasksDeferred", "DutylineDeadLetters")

    if not IS_SCALE_RUN:
        return  # the rest takes another half a minute

    assert {post_webhook("wrong").status_code for _ in range(4)} == {403}
    monitored.wait_for_alarm("DutylineWebhooksFail")

    with env.apply_plan(FaultPlan(latency=0.2)):
        assert 503 in many(read, 30)
    monitored.wait_for_alarm("DutylineSaturated")

    with env.apply_plan(FaultPlan(always={"identity": "503"})):
        assert {create().status_code for _ in range(7)} == {503}
    monitored.wait_for_alarm("DutylineDependencyFails", "DutylineErrors")

    with env.apply_plan(FaultPlan(always={"dynamodb": "throttle"})):
        read()
        read()
    monitored.wait_for_alarm("DutylineDatabaseThrottles")

    with env.apply_plan(FaultPlan(always={"dynamodb": "hang"})):
        post_webhook("local-twilio-token")
        read()
        monitored.wait_for_alarm("DutylineStoreDown", "DutylineCallsSlow")

    with env.apply_plan(FaultPlan(always={"dynamodb": "denied"})):
        assert {read().status_code for _ in range(7)} == {503}
    monitored.wait_for_alarm("DutylineDatabaseFails")

    taken = {"email": test_users.sam.user.email}
    assert [create(**taken).status_code for _ in range(2)] == [409, 429]
    monitored.wait_for_alarm("DutylineLimitReached")

    env.stop("web_of_alarms")
    monitored.wait_for_alarm("DutylineProcessGone")


def test_the_prometheus_of_debian_is_there() -> None:
    completed = subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=True)  # noqa: S607
    assert "prometheus, version 2." in completed.stdout + completed.stderr
