"""The operations that are measured, and their requests."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tests.emulators.twilio.phones import sign_webhook

START, END = "{start_of_the_shift}", "{end_of_the_shift_0}"
"""Placeholders, as long as the times that replace them."""

Data = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request of the person with a number."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """The request on the wire."""
        headers = {"host": "127.0.0.1", "accept": "application/json", **self.headers}
        if self.body:
            headers["content-length"] = str(len(self.body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.target} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


@dataclass(frozen=True)
class Operation:
    """An operation: how it is shown, and its request by the number of a person."""

    title: str
    build: Callable[[Data, int], Request]
    is_right: Callable[[str], bool]
    """Whether an answer is as large as the title says."""
    has_peers: bool = False
    requests_per_load: int = 0
    """How many different requests a load needs, if not one of each person."""
    restored_table: str = ""
    """The table that is as after the seed before each load; it would grow otherwise."""
    expected: str = ""
    """What each answer under load must contain: calls get 200 even if nobody can ring."""
    connections: int = 0
    """How many requests are sent at once, if not as many as of other operations."""

    def requests(self, data: Data) -> bytes:
        """The requests of one load, for `load.lua`."""
        numbers = range(self.requests_per_load or len(data["tokens"]))
        return b"\0".join(self.build(data, number).to_bytes() for number in numbers)


def _has_items(*counts: int) -> Callable[[str], bool]:
    return lambda text: len(json.loads(text)["items"]) in counts


def _authorization(data: Data, number: int) -> dict[str, str]:
    return {"authorization": f"Bearer {data['tokens'][number]}"}


def _get_user(data: Data, number: int) -> Request:
    return Request("GET", "/user", _authorization(data, number))


def _list_schedules(data: Data, number: int) -> Request:
    window = {"from": "2031-06-02T00:00:00Z", "to": "2031-06-09T12:00:00Z"}
    query = urlencode({"locationId": data["weekLocation"], **window, "limit": 150})
    return Request("GET", f"/staffSchedule?{query}", _authorization(data, number))


def _create_schedule(data: Data, number: int) -> Request:
    """A shift of another person, so that 16 requests at once concern different people."""
    people = len(data["tokens"])
    body = {
        "customerId": data["customerId"],
        "locationId": data["loadLocation"],
        "staffId": data["people"][(number + people // 2) % people],
        "startTime": START,
        "endTime": END,
    }
    headers = {**_authorization(data, number), "content-type": "application/json"}
    return Request("POST", "/staffSchedule", headers, json.dumps(body).encode())


def _list_people(data: Data, number: int) -> Request:
    return Request("GET", "/userManagement?limit=100", _authorization(data, number))


def _update_user(data: Data, number: int) -> Request:
    headers = {**_authorization(data, number), "content-type": "application/json"}
    return Request("PATCH", "/user", headers, json.dumps({"profileName": f"At {START}"}).encode())


def _list_audit_entries(data: Data, number: int) -> Request:
    path = f"/user/{quote(data['people'][0])}/audit-logs?limit=50"
    token = data["adminTokens"][number % len(data["adminTokens"])]
    return Request("GET", path, {"authorization": f"Bearer {token}"})


def _on_duty(data: Data, number: int) -> Request:
    return Request("GET", f"/location/{data['lineLocation']}/on-duty", _authorization(data, number))


def _incoming_call(data: Data, number: int) -> Request:
    """The first webhook of a new call, as Twilio signs it."""
    form = {
        "AccountSid": data["twilioAccount"],
        "CallSid": f"CA{uuid.uuid4().hex}",
        "To": data["number"],
        "From": f"+1617555{number % 10_000:04}",
        "CallStatus": "ringing",
        "Direction": "inbound",
    }
    signature = sign_webhook(data["webhook"], form, data["twilioToken"])
    headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    return Request("POST", "/telephony/voice", headers, urlencode(form).encode())


OPERATIONS = {
    "user": Operation("GET /user", _get_user, lambda text: '"settings"' in text, has_peers=True),
    "list": Operation("GET /staffSchedule (100)", _list_schedules, _has_items(100), has_peers=True),
    "post": Operation(
        "POST /staffSchedule",
        _create_schedule,
        lambda text: '"staffId"' in text,
        has_peers=True,
        restored_table="staff-busy",
    ),
    "people": Operation("GET /userManagement?limit=100", _list_people, _has_items(99, 100)),
    "patch": Operation("PATCH /user", _update_user, lambda text: '"At ' in text),
    "audit": Operation("GET /user/{id}/audit-logs (50)", _list_audit_entries, _has_items(50)),
    "duty": Operation("GET /location/{id}/on-duty (12)", _on_duty, _has_items(12)),
    "voice": Operation(
        "POST /telephony/voice (signed)",
        _incoming_call,
        lambda text: "<Dial" in text,
        requests_per_load=4000,
        restored_table="phone-usage",
        connections=2,  # of one customer, whose record of usage each call changes
        expected="<Dial",
    ),
}
PEER_OPERATIONS = [name for name, operation in OPERATIONS.items() if operation.has_peers]
RESTORED_TABLES = sorted({operation.restored_table for operation in OPERATIONS.values()} - {""})
OWN_OPERATIONS = [name for name, operation in OPERATIONS.items() if not operation.has_peers]
