"""The Expo emulator responds as Expo documents, and our client works with it."""

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from accounts.clients import expo
from config import bulkhead, errors
from tests.support.environment import Environment

SEND_PATH, RECEIPTS_PATH = "/--/api/v2/push/send", "/--/api/v2/push/getReceipts"


def post(env: Environment, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(env.expo + path, content=json.dumps(body).encode(), headers=headers)


def message(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"to": f"ExponentPushToken[standin-{number}]", "title": "T", "body": "B", **fields}


def error_code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["code"])


def test_a_notification_gets_a_ticket_and_a_receipt(env: Environment) -> None:
    sent = post(env, SEND_PATH, [message(), message(2)])
    tickets = [ticket["id"] for ticket in sent.json()["data"]]
    receipts = post(env, RECEIPTS_PATH, {"ids": [*tickets, "unknown"]})

    assert [ticket["status"] for ticket in sent.json()["data"]] == ["ok", "ok"]
    assert receipts.json() == {"data": {ticket: {"status": "ok"} for ticket in tickets}}


def test_gzip_bodies_are_accepted(env: Environment) -> None:
    compressed = gzip.compress(json.dumps([message()]).encode())
    headers = {"Content-Encoding": "gzip"}

    accepted = httpx.post(env.expo + SEND_PATH, content=compressed, headers=headers)
    rejected = httpx.post(env.expo + SEND_PATH, content=b"no gzip", headers=headers)

    assert (accepted.status_code, rejected.status_code) == (200, 400)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (SEND_PATH, [message(n) for n in range(101)], "PUSH_TOO_MANY_NOTIFICATIONS"),
        (RECEIPTS_PATH, {"ids": ["x"] * 1001}, "PUSH_TOO_MANY_RECEIPTS"),
        (SEND_PATH, [message(to="x")], "VALIDATION_ERROR"),
        (SEND_PATH, [message(colour="red")], "VALIDATION_ERROR"),
        (SEND_PATH, [message(data="text")], "VALIDATION_ERROR"),
        (SEND_PATH, [message(priority="urgent")], "VALIDATION_ERROR"),
        (SEND_PATH, [], "VALIDATION_ERROR"),
        (RECEIPTS_PATH, {"ids": "x"}, "VALIDATION_ERROR"),
        (SEND_PATH, [message(), message(to="ExpoPushToken[@a/b:1]")], "PUSH_TOO_MANY_EXPERIENCE_IDS"),
    ],
)
def test_invalid_requests_are_rejected_like_expo(env: Environment, path: str, body: Any, expected: str) -> None:
    response = post(env, path, body)

    assert (response.status_code, error_code(response)) == (400, expected)


def test_a_message_that_is_too_big_gets_no_ticket(env: Environment) -> None:
    (ticket,) = post(env, SEND_PATH, [message(data={"x": "y" * 4096})]).json()["data"]

    assert ticket["details"] == {"error": "MessageTooBig"}


def test_the_index_shows_sent_messages(env: Environment) -> None:
    post(env, SEND_PATH, [message(title="<b>Bold</b>")])

    response = httpx.get(env.expo)

    assert "&lt;b&gt;Bold&lt;/b&gt;" in response.text
    assert "ExponentPushToken[standin-1]" in response.text


def test_our_client_works_with_the_emulator(env: Environment) -> None:
    """Outcomes keep their order, receipts are returned, and mixed projects are reported."""
    tokens = [f"ExpoPushToken[client-{n}]" for n in range(3)]
    httpx.post(f"{env.expo}/_local/devices", json={"token": tokens[1], "state": "gone"})

    outcomes = expo.send_message(tokens, {"title": "T", "body": "B"})
    tickets = [outcome.ticket for outcome in outcomes if outcome.ticket]
    with pytest.raises(expo.MixedProjects) as mixed_projects:
        expo.send_message([tokens[0], "ExpoPushToken[@other/app:1]"], {"title": "T"})

    assert [outcome.error for outcome in outcomes] == ["", expo.DEVICE_NOT_REGISTERED, ""]
    assert {o.error for o in expo.get_receipts(tickets).values()} == {""}
    assert sorted(map(sorted, mixed_projects.value.groups)) == [["ExpoPushToken[@other/app:1]"], [tokens[0]]]


def test_a_slow_server_is_bounded_and_queued_calls_are_dropped(env: Environment) -> None:
    """A server that sends one header at a time: the budget limits the whole call."""
    listener = socket.create_server(("127.0.0.1", 0))
    calls: list[bytes] = []

    def send_slowly(client: socket.socket) -> None:
        calls.append(client.recv(65536))
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            for number in range(40):
                time.sleep(0.2)
                client.sendall(b"X-%d: y\r\n" % number)
        except OSError:
            client.close()  # the client disconnected, as expected

    def accept_clients() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=send_slowly, args=(client,), daemon=True).start()

    threading.Thread(target=accept_clients, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    slow_vendor = bulkhead.Bulkhead(
        "A slow vendor", max_concurrent=2, budget_seconds=1, on_timeout=expo.close_http_client
    )
    started_at = time.monotonic()

    def timed_call(_: int) -> float:
        with pytest.raises((errors.Unavailable, httpx.HTTPError, RuntimeError)):
            slow_vendor.call(lambda: expo.http_client().post(url))
        return time.monotonic() - started_at

    with ThreadPoolExecutor(4) as pool:
        durations = list(pool.map(timed_call, range(4)))

    assert max(durations) < 2.5
    time.sleep(2)
    assert len(calls) <= 2, "queued calls must not be made"
    assert slow_vendor.call(lambda: "called") == "called", "the threads must be free again"
    assert expo.send_message(["ExpoPushToken[after-a-drip]"], {"title": "T"})[0].ticket
