"""A small HTTP server for stand-ins: vendors that live on this machine.

A stand-in listens on loopback, refuses production, and can be told to misbehave:
``POST /_local/faults {"method", "path", "fault", "times", "seconds"}`` with a fault of `FAULTS`;
``DELETE /_local/faults`` makes it behave again.
"""

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

FAULTS = ("409", "429", "500", "503", "503_after", "slow", "drop", "drop_after")
"""Answer so, before or after doing what was asked; answer late; cut the connection, likewise."""

LARGEST = 1_000_000


@dataclass(frozen=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ValueError."""
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - a malformed body, not a type
        return value

    def form(self) -> dict[str, str]:
        """The body as a form, or as JSON where it says so. Raises ValueError."""
        if "json" in self.headers.get("content-type", ""):
            return {name: str(value) for name, value in self.json().items()}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), headers=named)


def as_page(title: str, body: str, status: int = 200) -> Answer:
    """An HTML page; ``body`` is trusted markup."""
    text = _PAGE.format(title=escape(title), body=body)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return Answer(status, text.encode(), "text/html; charset=utf-8", headers)


def redirect(address: str) -> Answer:
    """Go there instead."""
    return Answer(302, headers={"Location": address})


Handler = Callable[..., Answer]


class StandIn:
    """Routes, faults and the server around them. Handlers take the request and path groups."""

    def __init__(
        self,
        malformed: Callable[[str], Answer],
        failure: "Callable[[int], Answer] | None" = None,
    ) -> None:
        self.failure = failure or _failure
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._faults: list[dict[str, Any]] = []
        self._malformed = malformed
        self._lock = threading.Lock()
        self.add("POST", "/_local/faults", self._plan)
        self.add("DELETE", "/_local/faults", self._behave)

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Answer ``method`` at ``path``; ``{name}`` in it matches one part."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
        self._routes.append((method, re.compile(pattern), handler))

    def answer(self, request: Request) -> Answer:
        """What to say to a request, faults aside."""
        methods = []
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                parts = {name: unquote(text) for name, text in match.groupdict().items()}
                try:
                    return handler(request, **parts)
                except ValueError:
                    return self._malformed("The request could not be read.")
            if match:
                methods.append(method)
        if methods:
            return as_json({"error": "method not allowed"}, 405, Allow=", ".join(methods))
        return as_json({"error": "not found"}, 404)

    def fault(self, request: Request) -> tuple[str, float]:
        """The planned fault for this request, used up once; ('', 0) mostly."""
        with self._lock:
            for plan in self._faults:
                same = plan["method"] in ("*", request.method)
                if same and re.fullmatch(plan["path"], request.path) and plan["times"] > 0:
                    plan["times"] -= 1
                    return plan["fault"], plan["seconds"]
        return "", 0.0

    def _plan(self, request: Request) -> Answer:
        given = request.json()
        if given.get("fault") not in FAULTS:
            raise ValueError("no such fault")
        plan = {
            "method": str(given.get("method", "*")),
            "path": str(given.get("path", ".*")),
            "fault": str(given["fault"]),
            "times": int(given.get("times", 1)),
            "seconds": float(given.get("seconds", 6)),
        }
        re.compile(str(plan["path"]))
        with self._lock:
            self._faults.append(plan)
        return as_json(plan, 201)

    def _behave(self, request: Request) -> Answer:
        with self._lock:
            self._faults.clear()
        return Answer(204)


def server(standin: StandIn, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server for a stand-in, bound but not yet serving; port 0 takes a free one."""
    refuse_production()
    if host not in ("127.0.0.1", "localhost", "::1"):
        sys.exit("A stand-in listens on loopback only.")

    class Conversation(_Conversation):
        house = standin

    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 128
    return ThreadingHTTPServer((host, port), Conversation)


def refuse_production() -> None:
    """Stop where a stand-in would stand in for the real thing."""
    if os.environ.get("ENVIRONMENT", "local") != "local":
        sys.exit("Stand-ins run only with ENVIRONMENT=local.")


class _Conversation(BaseHTTPRequestHandler):
    house: StandIn
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 65_536  # an answer in one packet: in two it would wait 40 ms for an acknowledgement
    disable_nagle_algorithm = True

    def _any(self) -> None:
        request = self._read()
        if request is None:
            return
        fault, seconds = ("", 0.0)
        if not request.path.startswith("/_local/"):
            fault, seconds = self.house.fault(request)
        if fault == "drop":
            self._cut()
            return
        if fault == "slow":
            time.sleep(seconds)
        if fault.isdigit():
            self._send(self.house.failure(int(fault)))
            return
        answer = self.house.answer(request)
        if fault == "503_after":
            answer = self.house.failure(503)
        if fault == "drop_after":
            self._cut()
            return
        self._send(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815 - the library's names
    do_HEAD = do_OPTIONS = do_TRACE = _any  # noqa: N815

    def _read(self) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST:
            self.close_connection = True
            self._send(as_json({"error": "too large"}, 413))
            return None
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: paths hold tickets and codes."""


def _failure(status: int) -> Answer:
    moment = str(int(time.time()) + 1)
    headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": moment}
    names = {409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error"}
    name = names.get(status, "Service Unavailable")
    body = {"statusCode": status, "error": name, "message": "As planned."}
    if status == 429:
        body["errorCode"] = "too_many_requests"
    text = json.dumps(body).encode()
    return Answer(status, text, headers=headers if status == 429 else {})


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #16302b; background: #f3f6f4; margin: 0 }}
main {{ max-width: 26rem; margin: 8vh auto; background: #fff; padding: 2rem; border-radius: 12px;
  box-shadow: 0 1px 3px #0002 }}
main.wide {{ max-width: 60rem; margin: 3vh auto }}
h1 {{ font-size: 1.4rem; margin: 0 0 1rem }} .hint {{ color: #52675f; font-size: .9rem }}
label {{ display: block; font-weight: 600; margin: 1rem 0 .3rem }}
input {{ width: 100%; box-sizing: border-box; font: inherit; padding: .6rem; border-radius: 8px;
  border: 1px solid #9db3aa }}
button {{ font: inherit; font-weight: 600; margin-top: 1.4rem; width: 100%; padding: .7rem;
  border: 0; border-radius: 8px; background: #0b6e5d; color: #fff; cursor: pointer }}
.error {{ background: #fdecea; color: #8c1d18; padding: .6rem .8rem; border-radius: 8px }}
table {{ width: 100%; border-collapse: collapse }} td, th {{ text-align: left; padding: .5rem;
  border-bottom: 1px solid #e0e8e4 }}
iframe {{ width: 100%; height: 36rem; border: 1px solid #cdd9d4 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere }}
</style></head><body>{body}</body></html>"""
