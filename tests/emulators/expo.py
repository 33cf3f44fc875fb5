"""An emulator of Expo's push service: accepts notifications, returns tickets and receipts.

``python -m tests.emulators.expo --port 8003``. Besides the faults of all emulators, single devices
can fail: ``POST /_local/devices {"token", "state"}`` with a state of `DEVICE_STATES`.
``GET /messages`` lists what was sent, newest first; ``?to=`` and ``?limit=`` narrow it.
"""

import argparse
import gzip
import json
import os
import re
import threading
import uuid
import zlib
from collections import deque
from datetime import UTC, datetime
from html import escape
from itertools import islice
from typing import Any

from tests.emulators.server import (
    Emulator,
    EmulatorRequest,
    EmulatorResponse,
    create_server,
    html_response,
    json_response,
)

DEVICE_STATES = {
    "ok": ("", ""),
    "gone": ("DeviceNotRegistered", ""),
    "gone later": ("", "DeviceNotRegistered"),
    "too fast": ("MessageRateExceeded", ""),
    "too fast later": ("", "MessageRateExceeded"),
    "no credentials": ("", "InvalidCredentials"),
    "silent": ("", "none"),
}
"""Errors of the ticket and of the receipt, by state (none: no receipt yet)."""
PUSH_TOKEN = re.compile(r"(?i:[a-z\d]{8}(-[a-z\d]{4}){3}-[a-z\d]{12})|(ExponentPushToken|ExpoPushToken)\[[^\]]+\]")
MESSAGE_FIELDS = {
    *("to", "title", "subtitle", "body", "data", "sound", "badge", "ttl", "expiration"),
    *("priority", "channelId", "categoryId", "mutableContent", "interruptionLevel"),
    *("richContent", "collapseId", "tag", "icon", "_contentAvailable"),
}
MAX_MESSAGE_BYTES = 4096
"""Maximum size of one notification."""


class ExpoEmulator:
    """The sent notifications and the states of the devices."""

    def __init__(self, access_token: str = "") -> None:
        self._access_token = access_token
        self._messages: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._device_states: dict[str, str] = {}
        self._receipts: dict[str, dict[str, Any] | None] = {}
        self._request_sizes: list[int] = []
        self._lock = threading.Lock()

    def register_routes(self, emulator: Emulator) -> None:
        emulator.add_route("POST", "/--/api/v2/push/send", self.send)
        emulator.add_route("POST", "/--/api/v2/push/getReceipts", self.get_receipts)
        emulator.add_route("POST", "/_local/devices", self.set_device_state)
        emulator.add_route("GET", "/messages", self.list_messages)
        emulator.add_route("GET", "/requests", self.list_request_sizes)
        emulator.add_route("GET", "/", self.index)

    def send(self, request: EmulatorRequest) -> EmulatorResponse:
        error = self._authorization_error(request)
        if error:
            return error
        body = _parse_body(request)
        messages = body if isinstance(body, list) else [body]
        if len(messages) > 100:
            return _error_response("PUSH_TOO_MANY_NOTIFICATIONS", "At most 100 notifications at once.")
        if not messages or any(_validation_error(message) for message in messages):
            return _error_response(
                "VALIDATION_ERROR", str([_validation_error(m) for m in messages if _validation_error(m)][:3])
            )
        projects: dict[str, list[str]] = {}
        for message in messages:
            projects.setdefault(_project_name(message["to"]), []).append(message["to"])
        if "@refused/app" in projects and len(projects) == 1:
            return _error_response("PROJECT_REFUSED", "This project accepts no notifications.")
        if len(projects) > 1:
            error_message = "All notifications of a request must be of one project."
            return _error_response("PUSH_TOO_MANY_EXPERIENCE_IDS", error_message, details=projects)
        with self._lock:
            self._request_sizes.append(len(messages))
            return json_response({"data": [self._create_ticket(message) for message in messages]})

    def _create_ticket(self, message: dict[str, Any]) -> dict[str, Any]:
        ticket_error, receipt_error = DEVICE_STATES[self._device_states.get(message["to"], "ok")]
        if len(json.dumps(message).encode()) > MAX_MESSAGE_BYTES:
            ticket_error = "MessageTooBig"
        ticket_id = str(uuid.uuid4())
        sent_at = datetime.now(UTC).isoformat(" ", timespec="seconds")
        self._messages.appendleft(
            {**message, "at": sent_at, "ticket": ticket_id, "error": ticket_error or receipt_error}
        )
        if ticket_error:
            return _error_result(ticket_error)
        self._receipts[ticket_id] = (
            None if receipt_error == "none" else _error_result(receipt_error) if receipt_error else {"status": "ok"}
        )
        return {"status": "ok", "id": ticket_id}

    def get_receipts(self, request: EmulatorRequest) -> EmulatorResponse:
        error = self._authorization_error(request)
        if error:
            return error
        body = _parse_body(request)
        ids = body.get("ids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            return _error_response("VALIDATION_ERROR", '"ids" must be a list of strings.')
        if len(ids) > 1000:
            return _error_response("PUSH_TOO_MANY_RECEIPTS", "At most 1000 receipts at once.")
        with self._lock:
            receipts = {id: receipt for id in ids if (receipt := self._receipts.get(id))}
        return json_response({"data": receipts})

    def _authorization_error(self, request: EmulatorRequest) -> EmulatorResponse | None:
        expected = f"Bearer {self._access_token}"
        if self._access_token and request.headers.get("authorization") != expected:
            return _error_response("UNAUTHORIZED", "Insufficient permissions.", status=401)
        return None

    def set_device_state(self, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        if body.get("state") not in DEVICE_STATES:
            return json_response({"error": f"state must be one of {', '.join(DEVICE_STATES)}"}, 400)
        with self._lock:
            self._device_states[str(body.get("token"))] = str(body["state"])
        return EmulatorResponse(204)

    def list_messages(self, request: EmulatorRequest) -> EmulatorResponse:
        token, limit = request.query.get("to"), int(request.query.get("limit", 10_000))
        with self._lock:
            matching = (m for m in self._messages if token in (None, m["to"]))
            return json_response(list(islice(matching, limit)))

    def list_request_sizes(self, request: EmulatorRequest) -> EmulatorResponse:
        """How many notifications each request carried, in order."""
        with self._lock:
            return json_response(self._request_sizes)

    def index(self, request: EmulatorRequest) -> EmulatorResponse:
        with self._lock:
            rows = "".join(_html_row(message) for message in list(self._messages)[:200])
        table = f"<table><tr><th>When<th>Device<th>What<th>Outcome</tr>{rows}</table>"
        empty_hint = '<p class="hint">Nothing was sent yet.</p>'
        body = f'<main class="wide"><h1>Notifications</h1>{table if rows else empty_hint}</main>'
        return html_response("Notifications", body)


def _parse_body(request: EmulatorRequest) -> Any:
    raw = request.body
    if request.headers.get("content-encoding") == "gzip":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError("not gzip") from error
    return json.loads(raw)


def _validation_error(message: Any) -> str:
    """The error of an invalid notification, or an empty string."""
    if not isinstance(message, dict) or set(message) - MESSAGE_FIELDS:
        return "unknown members"
    to = message.get("to")
    if not isinstance(to, str) or not PUSH_TOKEN.fullmatch(to):
        return f'"to" is not a push token: {to!r}'
    if not all(isinstance(message.get(name, ""), str) for name in ("title", "body")):
        return "title and body must be strings"
    if not isinstance(message.get("data", {}), dict):
        return "data must be an object"
    if message.get("priority", "default") not in ("default", "normal", "high"):
        return "priority must be default, normal or high"
    return ""


def _project_name(token: str) -> str:
    """The project of a token, which may name one here: ``ExponentPushToken[@other/app:…]``."""
    match = re.match(r"\w+\[(@[^:\]]+):", token)
    return match[1] if match else "@dutyline/app"


def _error_result(error: str) -> dict[str, Any]:
    return {"status": "error", "message": f"As planned: {error}", "details": {"error": error}}


def _error_response(code: str, message: str, status: int = 400, **details: Any) -> EmulatorResponse:
    return json_response({"errors": [{"code": code, "message": message, **details}]}, status)


def _html_row(message: dict[str, Any]) -> str:
    content = f"<b>{escape(message.get('title', ''))}</b><br>{escape(message.get('body', ''))}"
    outcome = escape(message["error"] or "delivered")
    return f"<tr><td>{message['at']}<td>{escape(message['to'])}<td>{content}<td>{outcome}</tr>"


def main() -> None:
    """Serve until the process receives a signal."""
    parser = argparse.ArgumentParser(prog="tests.emulators.expo", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    emulator = Emulator(malformed_response=lambda text: _error_response("VALIDATION_ERROR", text))
    ExpoEmulator(os.environ.get("EXPO_ACCESS_TOKEN", "")).register_routes(emulator)
    create_server(emulator, arguments.port).serve_forever()


if __name__ == "__main__":
    main()
