"""One trace through web process, outbox, worker and vendors, as a real collector receives it."""

import httpx
import pytest

from config import env as env_settings
from config.dev import services
from tests.support.environment import Environment, free_port
from tests.support.trace_receiver import Span, receive_traces
from tests.support.users import UserFixtures, emails_to
from tests.support.waiting import wait_until


def test_a_request_and_its_tasks_are_one_trace(
    env: Environment, test_users: UserFixtures, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receive_traces() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        env.fork("worker_of_traces", services.worker_command(1))
        url = env.start_web("web_of_traces", free_port())
        body = test_users.user_body()
        foreign = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        headers = {"Authorization": f"Bearer {test_users.ann.token}", "traceparent": foreign}

        created = httpx.post(f"{url}/user", headers=headers, json=body, timeout=30)

        assert created.status_code == 201
        wait_until(lambda: emails_to(env, body["email"]))
        wait_until(lambda: has_span(receiver.trace_of("POST createUser"), "accounts.send_invitation"))
        env.stop("web_of_traces")
        env.stop("worker_of_traces")

        spans = receiver.trace_of("POST createUser")
        by_id = {span.id: span for span in spans}
        (request,) = [span for span in spans if not span.parent]
        (task,) = [span for span in spans if span.name == "accounts.send_invitation"]
        assert request.name == "POST createUser"
        assert request.trace not in foreign
        assert task.parent == request.id
        assert request.attributes["dutyline.request_id"] == created.headers["X-Request-Id"]
        assert task.attributes["dutyline.request_id"] == created.headers["X-Request-Id"]
        calls = {(by_id[span.parent].name, span.name) for span in spans if span.parent}
        assert ("POST createUser", "DynamoDB TransactWriteItems") in calls
        assert ("POST createUser", "sign-in service") in calls
        assert ("accounts.send_invitation", "DynamoDB GetItem") in calls or (
            "accounts.send_invitation",
            "DynamoDB BatchGetItem",
        ) in calls
        assert ("accounts.send_invitation", "mail server") in calls
        assert {span.service for span in receiver.spans} == {"dutyline"}
        assert body["email"] not in str(receiver.spans)
        assert test_users.ann.user.customer_id not in str(receiver.spans)


def has_span(spans: list[Span], name: str) -> bool:
    return any(span.name == name for span in spans)


def test_traces_are_off_without_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not env_settings.has_traces()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert env_settings.has_traces()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert not env_settings.has_traces()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(env_settings.Misconfigured):
        env_settings.has_traces()
