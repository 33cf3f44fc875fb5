"""The web process: ``granian --interface asginl config.asgi:application``.

An event loop reads each request, and answers `/healthz` itself. Only complete requests reach the
threads that run Django, and a thread is free again as soon as it has computed the response. So
neither clients that send or read slowly, nor threads that all wait for a database, stop the
process from answering others or from showing that it lives.
"""

import os
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.utils.module_loading import import_string

from config import errors, telemetry, wsgi  # before the rest: wsgi sets up Django
from config.api import admission, concurrency, refusals
from config.api.customers_of_people import CustomersOfPeople
from config.api.middleware import READINESS_PATH, client_address
from config.backoffice import refusals as page_refusals
from config.environ import build_environ, read_headers
from config.request_ids import new_request_id
from config.stopping import GracefulStop
from config.web_requests import Client, Message, Receive, UnreadableBody, length_to_read, read_body
from config.web_threads import WebThreads, avoid_preemption, favor_event_loop

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LIVENESS_PATH = "/healthz"
_LIVENESS_HEADERS: Headers = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
if settings.SECURE_HSTS_SECONDS:
    _hsts = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
    _LIVENESS_HEADERS.append((b"strict-transport-security", _hsts.encode()))
_LAST_RESPONSE = (b"connection", b"close")
"""For a process that stops: a proxy that kept the connection might send a request as it closes."""
CALLS_PATH = "/telephony/voice"
"""Where the telephone service reports calls: the caller waits for the answer, too."""
CALL_SECONDS = 12.0
"""Seconds after which no thread begins with a call: the telephone service gives up after 15."""
MAX_DIGITS_OF_UNREAD = 4
"""Of the length of a body that is not read if the request is refused: such come in one piece."""
_READ_PATHS = (READINESS_PATH, CALLS_PATH, settings.ADMIN_PATH)
"""Of requests that are not refused like those for the API."""
_DECIDING_HEADERS = {
    b"authorization": "HTTP_AUTHORIZATION",
    b"content-length": "CONTENT_LENGTH",
    b"origin": "HTTP_ORIGIN",
    b"transfer-encoding": "HTTP_TRANSFER_ENCODING",
    b"x-forwarded-for": "HTTP_X_FORWARDED_FOR",
}
NICENESS = 3
"""Of the threads that answer the API: the event loop, calls and health checks go first.

On a busy core the loop gets about twice the share of time of such a thread when both want some.
"""
STREAM_CHUNK = 64 * 1024
"""Bytes of a streamed response that a thread reads at a time."""


class Lane:
    """Threads, and who may have them: see `config.api.admission`."""

    def __init__(
        self, name: str, count: int, max_computing: int, max_wait_milliseconds: int, *, niceness: int = 0
    ) -> None:
        self.threads = WebThreads(count, name, max_computing=max_computing, niceness=niceness)
        self.admission = admission.create_lane(name, count, max_wait_milliseconds / 1000, max_computing + 1)

    async def answer(
        self, environ: dict[str, Any], group: str, deadline: float, watch_client: concurrency.WatchClient
    ) -> wsgi.Response:
        """Answer a complete request in a thread, or refuse it. Raises `ClientGone`."""
        came_at, in_front, has_begun = time.monotonic(), self.admission.in_front(), False
        if refusal := await self.admission.enter(group, deadline, watch_client):
            return _refuse(environ, refusal)

        def answer() -> wsgi.Response:
            nonlocal has_begun
            has_begun = True
            self.admission.note_begun(time.monotonic() - came_at, in_front)
            return _answer_in_time(environ, deadline)

        try:
            return await self.threads.run(answer)
        finally:
            if not has_begun:  # and no thread will
                self.admission.note_begun()
            self.admission.leave(group)


class Application:
    """An ASGI application that runs Django's WSGI application in a fixed number of threads.

    Calls have threads of their own: a caller waits for nobody's requests. So do health checks, and
    the errors of bodies that did not arrive.
    """

    def __init__(self) -> None:
        self._lane = Lane(
            "web",
            settings.WEB_THREADS,
            settings.WEB_COMPUTING_THREADS,
            settings.WEB_QUEUE_MILLISECONDS,
            niceness=NICENESS,
        )
        call_threads = settings.WEB_CALL_THREADS
        self._calls = Lane("calls", call_threads, call_threads, settings.WEB_CALL_QUEUE_MILLISECONDS)
        self._probe_threads = WebThreads(1, "probes")
        self._cut_threads = WebThreads(1, "cut")
        verifier = import_string(settings.SIGN_IN_VERIFIER)()
        self._tokens = concurrency.TokenQueue(
            settings.REQUESTS_AT_ONCE_PER_TOKEN, verifier.verified_subject, self._lane.admission.refuse_if_crowded
        )
        self._customers = CustomersOfPeople()
        self._stop = GracefulStop(settings.STOP_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"The web process speaks HTTP only, not {scope['type']}.")
        self._stop.listen()
        if scope["path"] == LIVENESS_PATH:
            await _send_liveness(send)
            return
        if self._lane.admission.is_full() and (refusal := self._refuse_unread(scope)):
            await self._send(wsgi.Response(*refusal), send)
            return
        received_at = time.monotonic()
        environ = build_environ(scope)
        environ["dutyline.received_at"] = received_at
        if length := length_to_read(environ):
            environ["wsgi.input"] = await read_body(length, receive)
        client = Client(receive)
        try:
            response = await self._answer(scope, environ, client.watch)
        except concurrency.ClientGone:
            return
        finally:
            client.forget()
        await self._send(response, send)

    def _refuse_unread(self, scope: Scope) -> refusals.Refusal | None:
        """The answer to a request that may not even wait; nothing if others must go, or see it.

        At twice the load that a process can answer, it refuses more than it answers: so it reads
        the few headers that decide, and no body. The server drops a short body that has arrived.
        """
        if scope["method"] == "OPTIONS" or scope["path"].startswith(_READ_PATHS):
            return None
        environ = {"REMOTE_ADDR": (scope.get("client") or ("", 0))[0]}
        read_headers(environ, scope["headers"], _DECIDING_HEADERS.get)
        length = environ.get("CONTENT_LENGTH", "0")
        if len(length) > MAX_DIGITS_OF_UNREAD or "HTTP_TRANSFER_ENCODING" in environ:
            return None
        subject = self._tokens.subject(environ.get("HTTP_AUTHORIZATION", ""))
        group = self._customers.get(subject) or client_address(environ)
        error = self._lane.admission.refuse_beside(group)
        return refusals.answer(environ.get("HTTP_ORIGIN", ""), error) if error else None

    async def _send(self, response: wsgi.Response, send: Send) -> None:
        headers = [*response.headers, _LAST_RESPONSE] if self._stop.is_stopping else response.headers
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if response.stream is not None:
            await self._send_stream(response.stream, send)
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(
        self, scope: Scope, environ: dict[str, Any], watch_client: concurrency.WatchClient
    ) -> wsgi.Response:
        """Answer a complete request in a thread, when it has a place. Raises `ClientGone`."""
        path: str = scope["path"]
        if path == READINESS_PATH:
            if self._stop.is_stopping:
                return _refuse(environ, errors.Unavailable("This process is stopping.", retry_after=1))
            return await self._probe_threads.run(lambda: wsgi.answer(environ))
        if isinstance(environ["wsgi.input"], UnreadableBody):
            return await self._cut_threads.run(lambda: wsgi.answer(environ))  # which is an error, soon
        received_at: float = environ["dutyline.received_at"]
        if path.startswith(CALLS_PATH):
            return await self._calls.answer(environ, "", received_at + CALL_SECONDS, watch_client)
        deadline = received_at + concurrency.MAX_WAIT_SECONDS
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        token_place = self._tokens.place(scope["method"], authorization, deadline, watch_client)
        async with token_place as refusal:
            if isinstance(refusal, errors.Unavailable):
                return _refuse(environ, refusal)
            environ[concurrency.REFUSAL] = refusal
            group = self._customers.get(token_place.subject) or client_address(environ)
            response = await self._lane.answer(environ, group, deadline, watch_client)
            self._customers.note(token_place.subject, environ)
            return response

    async def _send_stream(self, stream: Any, send: Send) -> None:
        """Send a stream in chunks; while the client reads one, no thread waits."""
        chunks = iter(stream)
        try:
            while chunk := await self._lane.threads.run(lambda: _read_chunk(chunks)):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            await self._lane.threads.run(stream.close)


def _answer_in_time(environ: dict[str, Any], deadline: float) -> wsgi.Response:
    """Answer a request, unless it has waited too long for this thread."""
    if time.monotonic() > deadline:
        environ[concurrency.REFUSAL] = environ[concurrency.REFUSAL] or concurrency.late_refusal()
    return wsgi.answer(environ)


def _refuse(environ: dict[str, Any], error: errors.TooManyRequests | errors.Unavailable) -> wsgi.Response:
    if environ["PATH_INFO"].startswith(settings.ADMIN_PATH):
        return wsgi.Response(*page_refusals.answer(error))
    if environ["REQUEST_METHOD"] == "OPTIONS":
        return wsgi.Response(*refusals.answer_options(environ, error))
    return wsgi.Response(*refusals.answer(environ.get("HTTP_ORIGIN", ""), error))


async def _send_liveness(send: Send) -> None:
    request_id = (b"x-request-id", new_request_id().encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*_LIVENESS_HEADERS, request_id]})
    await send({"type": "http.response.body", "body": b'{"status":"ok"}'})


def _read_chunk(chunks: Iterator[bytes]) -> bytes:
    """The next chunks together, up to about `STREAM_CHUNK` bytes; nothing at the end."""
    collected = bytearray()
    for chunk in chunks:
        collected += chunk
        if len(collected) >= STREAM_CHUNK:
            break
    return bytes(collected)


avoid_preemption()
favor_event_loop()
wsgi.warm_up()
application = Application()
telemetry.start("config.status_metrics.collect")
