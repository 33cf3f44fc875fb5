"""Metrics of real web processes and workers, as Prometheus reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from config import env as env_settings
from config.dev import services
from telephony.models import CALL_OUTCOMES
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import PlayedCall, create_line, local_times_around, new_sid
from tests.support.environment import Environment, free_port, wait_for_port
from tests.support.users import UserFixtures, emails_to, now
from tests.support.waiting import wait_until

ALLOWED_LABELS = re.compile(r"[A-Za-z0-9 _.:/<>,+'-]*")
IDS = re.compile(r"(usr|cus|loc|sch)_[0-9A-Za-z]{8,}|@|\+[0-9]{6,}|[0-9A-HJKMNP-TV-Z]{26}")
"""What no label may have."""


@dataclass
class Samples:
    """What a process serves on its port."""

    port: int

    def read(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        response = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10).raise_for_status()
        assert response.headers["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(response.text)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels."""
        return sum(
            value
            for (sample, sample_labels), value in self.read().items()
            if sample == name and labels.items() <= dict(sample_labels).items()
        )


@pytest.fixture(scope="module")
def processes(env: Environment) -> Iterator[tuple[str, Samples, Samples]]:
    """The URL and the metrics of a web process, and the metrics of a worker."""
    first = free_port()
    ports = f"{first}-{first + 1}"
    url = env.start_web("web_of_metrics", free_port(), METRICS_PORTS=ports)
    wait_for_port(first)
    environment = {**env.process_environment(proxied=False), "METRICS_PORTS": ports}
    env.fork("worker_of_metrics", services.worker_command(1), environment)
    wait_for_port(first + 1)
    yield url, Samples(first), Samples(first + 1)
    env.stop("worker_of_metrics")
    env.stop("web_of_metrics")


def test_requests_and_their_calls_are_counted(
    env: Environment, test_users: UserFixtures, processes: tuple[str, Samples, Samples]
) -> None:
    url, web, worker = processes
    token = {"Authorization": f"Bearer {test_users.ann.token}"}
    body = test_users.user_body()
    own = {"operation": "getCurrentUser", "method": "GET"}
    before = web.sum("dutyline_request_seconds_count", **own, status="2xx")

    assert httpx.get(f"{url}/user", headers=token).status_code == 200
    assert httpx.get(f"{url}/user").status_code == 401
    assert httpx.get(f"{url}/user/{'x' * 20}/secret").status_code == 404
    assert httpx.post(f"{url}/user", headers=token, json=body, timeout=20).status_code == 201
    wait_until(lambda: emails_to(env, body["email"]))

    assert web.sum("dutyline_request_seconds_count", **own, status="2xx") == before + 1
    assert web.sum("dutyline_request_seconds_count", **own, status="4xx") >= 1
    assert web.sum("dutyline_request_seconds_count", operation="unknown", status="4xx") >= 1
    assert web.sum("dutyline_queue_seconds_count", lane="web") >= 4
    assert web.sum("dutyline_dynamodb_seconds_count", action="TransactWriteItems", outcome="ok") >= 1
    assert web.sum("dutyline_dependency_seconds_count", dependency="sign-in service", outcome="ok") >= 1
    assert web.sum("process_cpu_seconds_total") > 0
    assert web.sum("process_resident_memory_bytes") > 10_000_000
    wait_until(lambda: worker.sum("dutyline_task_seconds_count", task="accounts.send_invitation", outcome="done"))
    assert worker.sum("dutyline_dependency_seconds_count", dependency="mail server", outcome="ok") >= 1


def test_scrapes_show_the_shared_state(processes: tuple[str, Samples, Samples]) -> None:
    _, web, _ = processes
    samples = web.read()
    assert samples["dutyline_store_up", frozenset()] == 1
    assert samples["dutyline_data_keys_right", frozenset()] == 1
    assert samples["dutyline_data_key", frozenset({("key", "legacy"), ("encrypts", "yes")})] == 1
    assert ("dutyline_outbox_dead", frozenset()) in samples
    assert samples["dutyline_outbox_oldest_seconds", frozenset()] >= 0


def test_labels_are_bounded(processes: tuple[str, Samples, Samples]) -> None:
    """After the requests of the tests before, if any: no ids, addresses or paths."""
    url, web, worker = processes
    for path in ("/user/usr_01J8ZQ4N3V5M7K9T2R6W8Y0XAB", "/calendar/secret.ics", "/telephony/voice"):
        httpx.request("MKCOL", url + path)
        httpx.get(url + path)
    for name, labels in {**web.read(), **worker.read()}:
        for label, value in labels:
            assert ALLOWED_LABELS.fullmatch(value), (name, label, value)
            assert not IDS.search(value), (name, label, value)
            assert "secret" not in value, (name, label, value)


def test_public_ports_serve_no_metrics(processes: tuple[str, Samples, Samples]) -> None:
    url, _, _ = processes
    assert httpx.get(f"{url}/metrics").status_code == 404


@pytest.mark.parametrize(
    ("value", "ports"), [("", range(0)), ("9464", range(9464, 9465)), ("9464-9471", range(9464, 9472))]
)
def test_ports_are_a_range(value: str, ports: range, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PORTS", value)
    assert env_settings.port_range("METRICS_PORTS") == ports


@pytest.mark.parametrize("value", ["x", "0", "9471-9464", "9464-", "70000", "1-60000", "-1"])
def test_other_ports_are_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PORTS", value)
    with pytest.raises(env_settings.Misconfigured):
        env_settings.port_range("METRICS_PORTS")


def replay(call: PlayedCall, env: Environment, url: str) -> None:
    """Post the webhooks of a call to another web process, as those of a new call."""
    sid = new_sid()
    for webhook in call.webhooks:
        path = webhook["url"].removeprefix(env.web).replace(call.id, sid)
        form = {name: value.replace(call.id, sid) for name, value in webhook["form"].items()}
        signature = sign_webhook(f"{env.web}{path}", form, "local-twilio-token")
        response = httpx.post(f"{url}{path}", data=form, headers={"X-Twilio-Signature": signature}, timeout=30)
        assert response.status_code in (200, 204), response.text


def test_calls_are_counted_by_outcome_and_by_the_time_to_their_answer(
    env: Environment, test_users: UserFixtures, web: str, processes: tuple[str, Samples, Samples]
) -> None:
    """As docs/operations/signals.md says; the second webhook of an end counts nothing more."""
    url, samples, _ = processes
    line = create_line(test_users)
    answered_before = samples.sum("dutyline_call_answer_seconds_count")
    before = {outcome: samples.sum("dutyline_calls_total", outcome=outcome) for outcome in CALL_OUTCOMES}

    voicemail = line.call(now())
    _, phone = line.put_on_duty(*local_times_around(now()))
    answered = line.call(now(), phones={phone: "answers"})
    for call in (voicemail, answered, answered):
        replay(call, env, url)

    wait_until(lambda: samples.sum("dutyline_calls_total", outcome="answered") == before["answered"] + 2)
    counted = {outcome: samples.sum("dutyline_calls_total", outcome=outcome) for outcome in CALL_OUTCOMES}
    assert counted == {**before, "voicemail": before["voicemail"] + 1, "answered": before["answered"] + 2}
    assert samples.sum("dutyline_call_answer_seconds_count") == answered_before + 2
