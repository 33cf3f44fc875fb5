"""A small HTTP server, the base of all vendor emulators.

An emulator listens on loopback, refuses to run in production, and can inject faults:
``POST /_local/faults {"method", "path", "fault", "times", "seconds"}`` with a fault of `FAULTS`;
``DELETE /_local/faults`` clears them.
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

FAULTS = ("400", "403", "409", "429", "500", "503", "503_after", "slow", "drop", "drop_after")
"""Statuses, a delay (``slow``) or disconnect (``drop``); ``_after``: after handling the request."""

MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True)
class EmulatorRequest:
    """A complete request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json_value(self) -> Any:
        """The body as JSON of any type. Raises ValueError."""
        return json.loads(self.body or b"{}")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ValueError."""
        value = self.json_value()
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - a malformed body, not a type
        return value

    def form(self) -> dict[str, str]:
        """The body as a form, or as JSON for a JSON content type. Raises ValueError."""
        if "json" in self.headers.get("content-type", ""):
            return {name: str(value) for name, value in self.json().items()}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True)
class EmulatorResponse:
    """A response."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(value: Any, status: int = 200, **headers: str) -> EmulatorResponse:
    """A JSON response."""
    response_headers = {name.replace("_", "-"): text for name, text in headers.items()}
    return EmulatorResponse(status, json.dumps(value).encode(), headers=response_headers)


def html_response(title: str, body: str, status: int = 200) -> EmulatorResponse:
    """An HTML page; ``body`` is trusted markup."""
    html = _PAGE_TEMPLATE.format(title=escape(title), body=body)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return EmulatorResponse(status, html.encode(), "text/html; charset=utf-8", headers)


def redirect(location: str) -> EmulatorResponse:
    """A redirect to a URL."""
    return EmulatorResponse(302, headers={"Location": location})


Handler = Callable[..., EmulatorResponse]


class Emulator:
    """Routes, faults and the server around them. Handlers take the request and path groups."""

    def __init__(
        self,
        malformed_response: Callable[[str], EmulatorResponse],
        fault_response: "Callable[[int], EmulatorResponse] | None" = None,
    ) -> None:
        self.fault_response = fault_response or _default_fault_response
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._faults: list[dict[str, Any]] = []
        self._malformed_response = malformed_response
        self._lock = threading.Lock()
        self.add_route("POST", "/_local/faults", self._add_fault)
        self.add_route("DELETE", "/_local/faults", self._clear_faults)

    def add_route(self, method: str, path: str, handler: Handler) -> None:
        """Handle ``method`` at ``path``, in which ``{name}`` matches a segment."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
        self._routes.append((method, re.compile(pattern), handler))

    def dispatch(self, request: EmulatorRequest) -> EmulatorResponse:
        """The response to a request, without faults."""
        allowed_methods = []
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                path_parameters = {name: unquote(text) for name, text in match.groupdict().items()}
                try:
                    return handler(request, **path_parameters)
                except ValueError:
                    return self._malformed_response("The request could not be read.")
            if match:
                allowed_methods.append(method)
        if allowed_methods:
            return json_response({"error": "method not allowed"}, 405, Allow=", ".join(allowed_methods))
        return json_response({"error": "not found"}, 404)

    def take_fault(self, request: EmulatorRequest) -> tuple[str, float]:
        """Consume the planned fault of a request: name and seconds, or ``("", 0)`` for none."""
        with self._lock:
            for planned_fault in self._faults:
                is_same_method = planned_fault["method"] in ("*", request.method)
                if is_same_method and re.fullmatch(planned_fault["path"], request.path) and planned_fault["times"] > 0:
                    planned_fault["times"] -= 1
                    return planned_fault["fault"], planned_fault["seconds"]
        return "", 0.0

    def _add_fault(self, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        if body.get("fault") not in FAULTS:
            raise ValueError("no such fault")
        planned_fault = {
            "method": str(body.get("method", "*")),
            "path": str(body.get("path", ".*")),
            "fault": str(body["fault"]),
            "times": int(body.get("times", 1)),
            "seconds": float(body.get("seconds", 6)),
        }
        re.compile(str(planned_fault["path"]))
        with self._lock:
            self._faults.append(planned_fault)
        return json_response(planned_fault, 201)

    def _clear_faults(self, request: EmulatorRequest) -> EmulatorResponse:
        with self._lock:
            self._faults.clear()
        return EmulatorResponse(204)


def create_server(service: Emulator, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server for an emulator, bound but not yet serving; port 0 takes a free one."""
    refuse_production()
    if host not in ("127.0.0.1", "localhost", "::1"):
        sys.exit("An emulator listens on loopback only.")

    class BoundHandler(_RequestHandler):
        emulator = service

    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 128
    return ThreadingHTTPServer((host, port), BoundHandler)


def refuse_production() -> None:
    """Exit unless ENVIRONMENT is local: an emulator must never replace the real service."""
    if os.environ.get("ENVIRONMENT", "local") != "local":
        sys.exit("Emulators run only with ENVIRONMENT=local.")


class _RequestHandler(BaseHTTPRequestHandler):
    emulator: Emulator
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 65_536  # send the response in one packet: two would wait 40 ms for an acknowledgement
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        request = self._read_request()
        if request is None:
            return
        fault, seconds = ("", 0.0)
        if not request.path.startswith("/_local/"):
            fault, seconds = self.emulator.take_fault(request)
        if fault == "drop":
            self._drop_connection()
            return
        if fault == "slow":
            time.sleep(seconds)
        if fault.isdigit():
            self._send_response(self.emulator.fault_response(int(fault)))
            return
        response = self.emulator.dispatch(request)
        if fault == "503_after":
            response = self.emulator.fault_response(503)
        if fault == "drop_after":
            self._drop_connection()
            return
        self._send_response(response)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815 - the library's names
    do_HEAD = do_OPTIONS = do_TRACE = _handle  # noqa: N815

    def _read_request(self) -> EmulatorRequest | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._send_response(json_response({"error": "too large"}, 413))
            return None
        parts = urlsplit(self.path)
        return EmulatorRequest(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )

    def _send_response(self, response: EmulatorResponse) -> None:
        self.send_response(response.status)
        if response.status != 204:
            self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _drop_connection(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, as paths contain tickets and codes."""


def _default_fault_response(status: int) -> EmulatorResponse:
    reset_at = str(int(time.time()) + 1)
    headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset_at}
    names = {409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error"}
    name = names.get(status, "Service Unavailable")
    body = {"statusCode": status, "error": name, "message": "As planned."}
    if status == 429:
        body["errorCode"] = "too_many_requests"
    content = json.dumps(body).encode()
    return EmulatorResponse(status, content, headers=headers if status == 429 else {})


_PAGE_TEMPLATE = """<!doctype html>
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
