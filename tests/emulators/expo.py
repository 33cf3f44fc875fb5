"""A stand-in for Expo's push service: takes notifications, gives tickets and receipts, shows both.

``python -m tests.emulators.expo --port 8003``. Beside the faults of every
stand-in, single devices can be told to misbehave: ``POST /_local/devices {"token", "state"}`` with a state of `STATES`.
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

from tests.emulators.server import Answer, Request, StandIn, as_json, as_page, server

STATES = {
    "ok": ("", ""),
    "gone": ("DeviceNotRegistered", ""),
    "gone later": ("", "DeviceNotRegistered"),
    "too fast": ("MessageRateExceeded", ""),
    "too fast later": ("", "MessageRateExceeded"),
    "no credentials": ("", "InvalidCredentials"),
    "silent": ("", "none"),
}
"""What a device answers: the error of the ticket, and of the receipt (none: no receipt yet)."""
TOKEN = re.compile(r"(ExponentPushToken|ExpoPushToken)\[[^\]]+\]")
MEMBERS = {
    *("to", "title", "subtitle", "body", "data", "sound", "badge", "ttl", "expiration"),
    *("priority", "channelId", "categoryId", "mutableContent", "interruptionLevel"),
    *("richContent", "collapseId", "tag", "icon", "_contentAvailable"),
}
LONGEST = 4096
"""Bytes of one notification."""


class Expo:
    """What was sent, and what its devices do."""

    def __init__(self, access_token: str = "") -> None:
        self._access_token = access_token
        self._messages: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._states: dict[str, str] = {}
        self._receipts: dict[str, dict[str, Any] | None] = {}
        self._requests: list[int] = []
        self._lock = threading.Lock()

    def add_to(self, standin: StandIn) -> None:
        standin.add("POST", "/--/api/v2/push/send", self.send)
        standin.add("POST", "/--/api/v2/push/getReceipts", self.receipts)
        standin.add("POST", "/_local/devices", self.set_state)
        standin.add("GET", "/messages", self.messages)
        standin.add("GET", "/requests", self.requests)
        standin.add("GET", "/", self.page)

    def send(self, request: Request) -> Answer:
        refusal = self._refusal(request)
        if refusal:
            return refusal
        given = _body(request)
        messages = given if isinstance(given, list) else [given]
        if len(messages) > 100:
            return _error("PUSH_TOO_MANY_NOTIFICATIONS", "At most 100 notifications at once.")
        if not messages or any(_fault(message) for message in messages):
            return _error("VALIDATION_ERROR", str([_fault(m) for m in messages if _fault(m)][:3]))
        projects: dict[str, list[str]] = {}
        for message in messages:
            projects.setdefault(_project(message["to"]), []).append(message["to"])
        if "@refused/app" in projects and len(projects) == 1:
            return _error("PROJECT_REFUSED", "This project takes no notifications.")
        if len(projects) > 1:
            text = "All notifications of a request must be of one project."
            return _error("PUSH_TOO_MANY_EXPERIENCE_IDS", text, details=projects)
        with self._lock:
            self._requests.append(len(messages))
            return as_json({"data": [self._ticket(message) for message in messages]})

    def _ticket(self, message: dict[str, Any]) -> dict[str, Any]:
        now, later = STATES[self._states.get(message["to"], "ok")]
        if len(json.dumps(message).encode()) > LONGEST:
            now = "MessageTooBig"
        ticket = str(uuid.uuid4())
        at = datetime.now(UTC).isoformat(" ", timespec="seconds")
        self._messages.appendleft({**message, "at": at, "ticket": ticket, "error": now or later})
        if now:
            return _failed(now)
        self._receipts[ticket] = (
            None if later == "none" else _failed(later) if later else {"status": "ok"}
        )
        return {"status": "ok", "id": ticket}

    def receipts(self, request: Request) -> Answer:
        refusal = self._refusal(request)
        if refusal:
            return refusal
        given = _body(request)
        ids = given.get("ids") if isinstance(given, dict) else None
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            return _error("VALIDATION_ERROR", '"ids" must be a list of strings.')
        if len(ids) > 1000:
            return _error("PUSH_TOO_MANY_RECEIPTS", "At most 1000 receipts at once.")
        with self._lock:
            found = {id: receipt for id in ids if (receipt := self._receipts.get(id))}
        return as_json({"data": found})

    def _refusal(self, request: Request) -> Answer | None:
        wanted = f"Bearer {self._access_token}"
        if self._access_token and request.headers.get("authorization") != wanted:
            return _error("UNAUTHORIZED", "Insufficient permissions.", status=401)
        return None

    def set_state(self, request: Request) -> Answer:
        given = request.json()
        if given.get("state") not in STATES:
            return as_json({"error": f"state must be one of {', '.join(STATES)}"}, 400)
        with self._lock:
            self._states[str(given.get("token"))] = str(given["state"])
        return Answer(204)

    def messages(self, request: Request) -> Answer:
        wanted, most = request.query.get("to"), int(request.query.get("limit", 10_000))
        with self._lock:
            found = (m for m in self._messages if wanted in (None, m["to"]))
            return as_json(list(islice(found, most)))

    def requests(self, request: Request) -> Answer:
        """How many notifications each request carried, in order."""
        with self._lock:
            return as_json(self._requests)

    def page(self, request: Request) -> Answer:
        with self._lock:
            rows = "".join(_row(message) for message in list(self._messages)[:200])
        table = f"<table><tr><th>When<th>Device<th>What<th>Outcome</tr>{rows}</table>"
        empty = '<p class="hint">Nothing was sent yet.</p>'
        body = f'<main class="wide"><h1>Notifications</h1>{table if rows else empty}</main>'
        return as_page("Notifications", body)


def _body(request: Request) -> Any:
    raw = request.body
    if request.headers.get("content-encoding") == "gzip":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError("no gzip") from error
    return json.loads(raw)


def _fault(message: Any) -> str:
    """What is wrong with a notification, or nothing."""
    if not isinstance(message, dict) or set(message) - MEMBERS:
        return "unknown members"
    to = message.get("to")
    if not isinstance(to, str) or not TOKEN.fullmatch(to):
        return f'"to" is no push token: {to!r}'
    if not all(isinstance(message.get(name, ""), str) for name in ("title", "body")):
        return "title and body must be strings"
    if not isinstance(message.get("data", {}), dict):
        return "data must be an object"
    if message.get("priority", "default") not in ("default", "normal", "high"):
        return "priority must be default, normal or high"
    return ""


def _project(token: str) -> str:
    """A token says nothing of its project; here one may: ``ExponentPushToken[@other/app:…]``."""
    found = re.match(r"\w+\[(@[^:\]]+):", token)
    return found[1] if found else "@dutyline/app"


def _failed(error: str) -> dict[str, Any]:
    return {"status": "error", "message": f"As planned: {error}", "details": {"error": error}}


def _error(code: str, message: str, status: int = 400, **more: Any) -> Answer:
    return as_json({"errors": [{"code": code, "message": message, **more}]}, status)


def _row(message: dict[str, Any]) -> str:
    text = f"<b>{escape(message.get('title', ''))}</b><br>{escape(message.get('body', ''))}"
    outcome = escape(message["error"] or "delivered")
    return f"<tr><td>{message['at']}<td>{escape(message['to'])}<td>{text}<td>{outcome}</tr>"


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(prog="tests.emulators.expo", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    standin = StandIn(malformed=lambda text: _error("VALIDATION_ERROR", text))
    Expo(os.environ.get("EXPO_ACCESS_TOKEN", "")).add_to(standin)
    server(standin, given.port).serve_forever()


if __name__ == "__main__":
    main()
