"""The operations that are measured, and their requests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

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
    has_peers: bool = False

    def requests(self, data: Data) -> bytes:
        """The requests of all people who are signed in, for `load.lua`."""
        return b"\0".join(self.build(data, number).to_bytes() for number in range(len(data["tokens"])))


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
    return Request("GET", path, {"authorization": f"Bearer {data['ownerToken']}"})


def _on_duty(data: Data, number: int) -> Request:
    return Request("GET", f"/location/{data['lineLocation']}/on-duty", _authorization(data, number))


OPERATIONS = {
    "user": Operation("GET /user", _get_user, has_peers=True),
    "list": Operation("GET /staffSchedule (100)", _list_schedules, has_peers=True),
    "post": Operation("POST /staffSchedule", _create_schedule, has_peers=True),
    "people": Operation("GET /userManagement?limit=100", _list_people),
    "patch": Operation("PATCH /user", _update_user),
    "audit": Operation("GET /user/{id}/audit-logs (50)", _list_audit_entries),
    "duty": Operation("GET /location/{id}/on-duty (12)", _on_duty),
}
PEER_OPERATIONS = [name for name, operation in OPERATIONS.items() if operation.has_peers]
OWN_OPERATIONS = [name for name, operation in OPERATIONS.items() if not operation.has_peers]
