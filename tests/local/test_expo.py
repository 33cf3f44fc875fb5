"""The Expo stand-in says what Expo's documentation says that Expo says."""

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import httpx
import pytest

from accounts.clients import expo
from tests.support.environment import World

SEND, RECEIPTS = "/--/api/v2/push/send", "/--/api/v2/push/getReceipts"


def post(world: World, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(world.expo + path, content=json.dumps(body).encode(), headers=headers)


def message(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"to": f"ExponentPushToken[standin-{number}]", "title": "T", "body": "B", **more}


def code(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["code"])


def test_a_notification_gets_a_ticket_and_a_receipt(world: World) -> None:
    sent = post(world, SEND, [message(), message(2)])
    tickets = [ticket["id"] for ticket in sent.json()["data"]]
    told = post(world, RECEIPTS, {"ids": [*tickets, "unknown"]})

    assert [ticket["status"] for ticket in sent.json()["data"]] == ["ok", "ok"]
    assert told.json() == {"data": {ticket: {"status": "ok"} for ticket in tickets}}


def test_it_takes_gzip(world: World) -> None:
    packed = gzip.compress(json.dumps([message()]).encode())
    headers = {"Content-Encoding": "gzip"}

    good = httpx.post(world.expo + SEND, content=packed, headers=headers)
    bad = httpx.post(world.expo + SEND, content=b"no gzip", headers=headers)

    assert (good.status_code, bad.status_code) == (200, 400)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (SEND, [message(n) for n in range(101)], "PUSH_TOO_MANY_NOTIFICATIONS"),
        (RECEIPTS, {"ids": ["x"] * 1001}, "PUSH_TOO_MANY_RECEIPTS"),
        (SEND, [message(to="x")], "VALIDATION_ERROR"),
        (SEND, [message(colour="red")], "VALIDATION_ERROR"),
        (SEND, [message(data="text")], "VALIDATION_ERROR"),
        (SEND, [message(priority="urgent")], "VALIDATION_ERROR"),
        (SEND, [], "VALIDATION_ERROR"),
        (RECEIPTS, {"ids": "x"}, "VALIDATION_ERROR"),
        (SEND, [message(), message(to="ExpoPushToken[@a/b:1]")], "PUSH_TOO_MANY_EXPERIENCE_IDS"),
    ],
)
def test_what_expo_refuses_is_refused(world: World, path: str, body: Any, expected: str) -> None:
    answer = post(world, path, body)

    assert (answer.status_code, code(answer)) == (400, expected)


def test_a_message_that_is_too_big_gets_no_ticket(world: World) -> None:
    (ticket,) = post(world, SEND, [message(data={"x": "y" * 4096})]).json()["data"]

    assert ticket["details"] == {"error": "MessageTooBig"}


def test_the_page_shows_what_was_sent(world: World) -> None:
    post(world, SEND, [message(title="<b>Bold</b>")])

    page = httpx.get(world.expo)

    assert "&lt;b&gt;Bold&lt;/b&gt;" in page.text
    assert "ExponentPushToken[standin-1]" in page.text


def test_our_client_is_understood(world: World) -> None:
    """The product's client against it: order of outcomes, receipts, projects apart."""
    tokens = [f"ExpoPushToken[client-{n}]" for n in range(3)]
    httpx.post(f"{world.expo}/_local/devices", json={"token": tokens[1], "state": "gone"})

    outcomes = expo.send(tokens, {"title": "T", "body": "B"})
    tickets = [outcome.ticket for outcome in outcomes if outcome.ticket]
    with pytest.raises(expo.MixedProjects) as mixed:
        expo.send([tokens[0], "ExpoPushToken[@other/app:1]"], {"title": "T"})

    assert [outcome.error for outcome in outcomes] == ["", expo.GONE, ""]
    assert {o.error for o in expo.receipts(tickets).values()} == {""}
    assert sorted(map(sorted, mixed.value.groups)) == [
        ["ExpoPushToken[@other/app:1]"],
        [tokens[0]],
    ]


def test_a_peer_that_drips_holds_nobody_and_is_not_called_later(world: World) -> None:
    """Header by header, each in time: the whole call is bounded, and what waited is not made."""
    listener = socket.create_server(("127.0.0.1", 0))
    calls: list[bytes] = []

    def drip(client: socket.socket) -> None:
        calls.append(client.recv(65536))
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            for number in range(40):
                time.sleep(0.2)
                client.sendall(b"X-%d: y\r\n" % number)
        except OSError:
            client.close()  # they hung up, as they should

    def serve() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=drip, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    began = time.monotonic()

    def give_up(_: int) -> float:
        with pytest.raises((FutureTimeout, httpx.HTTPError, RuntimeError)):
            expo._call(address, b"x", {}, seconds=1)
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as pool:
        took = list(pool.map(give_up, range(4)))

    assert max(took) < 2.5
    time.sleep(2)
    assert len(calls) <= 2, "those that waited for a thread were never made"
    assert expo.send(["ExpoPushToken[after-a-drip]"], {"title": "T"})[0].ticket
