"""The middleware, routes and log lines of the API do what those of Django and libraries do."""

import io
import json
import logging
import re
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.test import RequestFactory, override_settings
from django.urls import Resolver404, get_resolver
from django.utils.module_loading import import_string
from ulid import ULID

from config.api import routes
from config.api.middleware import MAX_HEADER_LENGTH
from config.api.stack import is_page
from config.logging import JSONLogFormatter, JSONLogHandler, log_line
from config.request_ids import new_request_id
from tests.support.users import UserFixtures

ONE_PER_REQUEST = {"x-request-id", "ratelimit"}
APP = "https://app.dutyline.example"
REQUESTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a record": ("GET", "/user", {}),
    "only its headers": ("HEAD", "/user", {}),
    "a known record": ("GET", "/user", {"HTTP_IF_NONE_MATCH": "*"}),
    "a compressed record": ("GET", "/user", {"HTTP_ACCEPT_ENCODING": "br, gzip"}),
    "an app of another origin": ("GET", "/user", {"HTTP_ORIGIN": APP}),
    "an unknown origin": ("GET", "/user", {"HTTP_ORIGIN": "https://evil.example"}),
    "a preflight request": ("OPTIONS", "/user", {"HTTP_ORIGIN": APP, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PATCH"}),
    "over TLS": ("GET", "/user", {"wsgi.url_scheme": "https"}),
    "a list": ("GET", "/userManagement?limit=2", {}),
    "a table": ("GET", "/userManagement", {"HTTP_ACCEPT": "text/csv"}),
    "an unknown parameter": ("GET", "/user?page=2", {}),
    "no token": ("GET", "/user", {"HTTP_AUTHORIZATION": ""}),
    "a wrong token": ("GET", "/user", {"HTTP_AUTHORIZATION": "Bearer x.y.z"}),
    "a refused method": ("PUT", "/user", {}),
    "a method of our own": ("BREW", "/user", {}),
    "a refused method of a document": ("POST", "/openapi.json", {}),
    "an unknown path": ("GET", "/nowhere", {}),
    "an unknown path below": ("GET", "/location/x/y", {}),
    "a record of nobody": ("GET", "/location/loc_x", {}),
    "another host": ("GET", "/user", {"HTTP_HOST": "evil.example"}),
    "a long header": ("GET", "/user", {"HTTP_X": "x" * (MAX_HEADER_LENGTH + 1)}),
    "a long body": ("PATCH", "/user", {"CONTENT_LENGTH": "300000"}),
    "a body of another type": ("PATCH", "/user", {"CONTENT_TYPE": "text/plain", "body": "{}"}),
    "a body in another charset": ("PATCH", "/user", {"CONTENT_TYPE": "application/json; charset=utf-7", "body": "{}"}),
    "a body that is not JSON": ("PATCH", "/user", {"CONTENT_TYPE": "application/json", "body": "{"}),
    "no body": ("PATCH", "/user", {"CONTENT_TYPE": "text/plain"}),
    "an unsigned webhook": ("POST", "/telephony/voice", {}),
    "a schema": ("GET", "/schemas/ivr-1.json", {}),
    "a legal text": ("GET", "/legal/privacy-policy", {}),
    "the reference": ("GET", "/docs/", {}),
    "a redirection": ("GET", "/", {}),
    "the state": ("GET", "/readyz", {"HTTP_HOST": "10.0.0.7"}),
    "a feed of nobody": ("GET", "/calendar/usr_x/secret.ics", {}),
}


@pytest.fixture(scope="module")
def full_stack() -> WSGIHandler:
    """All middleware of pages, for every path."""
    with override_settings(MIDDLEWARE=settings.MIDDLEWARE[1:]):
        return WSGIHandler()


def build_request(method: str, path: str, meta: dict[str, str], token: str) -> WSGIRequest:
    body = meta.get("body", "").encode()
    environ = {"HTTP_AUTHORIZATION": f"Bearer {token}", "CONTENT_LENGTH": str(len(body)), **meta}
    factory: Any = RequestFactory(HTTP_HOST="127.0.0.1")
    request = factory.generic(method, path, body, **environ)
    request.environ["wsgi.input"] = io.BytesIO(body)
    return WSGIRequest({**request.environ, **environ})


def describe(response: Any) -> tuple[int, dict[str, str], Any]:
    """What two answers to the same request have in common."""
    headers = {name.lower(): value for name, value in response.items()}
    content = b"" if response.streaming else response.content
    if "problem+json" in headers.get("content-type", ""):
        content = orjson.loads(content) | {"requestId": ""}
    return response.status_code, {k: v for k, v in headers.items() if k not in ONE_PER_REQUEST}, content


@pytest.mark.parametrize("name", REQUESTS)
def test_the_api_is_answered_as_by_the_full_stack(test_users: UserFixtures, full_stack: WSGIHandler, name: str) -> None:
    method, path, meta = REQUESTS[name]
    answers: list[Any] = [
        handler.get_response(build_request(method, path, meta, test_users.ann.token))
        for handler in (full_stack, WSGIHandler())
    ]
    full, own = (describe(answer) for answer in answers)
    full[1].setdefault("x-frame-options", "DENY")  # of refusals before that middleware
    assert own == full
    assert own[0] < 500
    assert not answers[1].cookies
    assert ONE_PER_REQUEST & {header.lower() for header in answers[0].headers} == ONE_PER_REQUEST & {
        header.lower() for header in answers[1].headers
    }


def test_pages_alone_have_cookies_and_forms() -> None:
    assert [path for path in ("/admin", "/admin/", "/static/x.js", "/static") if is_page(path)] == [
        "/admin",
        "/admin/",
        "/static/x.js",
        "/static",
    ]
    assert not any(is_page(path) for path in ("", "/", "/user", "/administrator", "//admin/", "/user/admin"))
    assert not any("session" in name or "csrf" in name.lower() for name in settings.API_MIDDLEWARE)
    assert all(import_string(name) for name in settings.API_MIDDLEWARE)


def test_routes_are_those_that_django_finds() -> None:
    paths = ["", "user", "user/", "nowhere", "user/x/y/z", "admin/login/", "userManagement/purchase-phone-number"]
    for pattern in routes._iter_patterns(get_resolver().url_patterns):
        paths += [re.sub(r"<\w+:\w+>", value, str(pattern.pattern)) for value in ("x", "a/b", "verify")]
    assert len(paths) > 200
    for path in (f"/{path}" for path in paths):
        matches: list[Any] = []
        for resolve in (get_resolver().resolve, routes.resolve):
            try:
                match = resolve(path)
                matches.append((match.func, match.args, match.kwargs, match.route, match.url_name))
            except Resolver404:
                matches.append(None)
        assert matches[0] == matches[1], path


def test_request_ids_are_ulids() -> None:
    ids = [new_request_id() for _ in range(1000)]
    assert len(set(ids)) == len(ids)
    for id in ids:
        assert str(ULID.from_str(id)) == id
    assert ids[0][:8] == str(ULID())[:8], "of this time"


@pytest.mark.parametrize("text", ["plain", "é\u2028\u0085\x7f", "a\nb\x00", "\ud800", 2**70])
def test_a_log_line_is_one_line_of_ascii(text: Any) -> None:
    try:
        raise ValueError("secret")
    except ValueError as error:
        exc_info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("dutyline.x", logging.WARNING, __file__, 1, "to %s", (text,), exc_info)
    record.member = text

    line = JSONLogFormatter().format(record)

    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert "secret" not in line
    parsed = json.loads(line)
    assert (parsed["level"], parsed["logger"], parsed["message"]) == ("WARNING", "dutyline.x", f"to {text}")
    assert parsed["member"] == text
    assert parsed["exc_info"].endswith("builtins.ValueError")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", parsed["at"])


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_line_of_a_request_is_as_any_other(level: int) -> None:
    stream = io.StringIO()
    parent, logger = logging.getLogger("line_of_a_request"), logging.getLogger("line_of_a_request.web")
    parent.setLevel(level)
    parent.propagate = False
    handler = JSONLogHandler(stream)
    handler.setFormatter(JSONLogFormatter())
    parent.handlers = [handler]
    members = {"request_id": "01J", "status": 200, "client_request_id": None, "route": "caf\u00e9\u2028"}

    logger.info("request", extra=members)
    log_line(logger, "request", members)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    if level > logging.INFO:
        assert lines == []
        return
    times = [datetime.fromisoformat(line.pop("at")) for line in lines]
    assert abs(times[0] - times[1]) < timedelta(seconds=5)
    assert lines[0] == lines[1] == {"level": "INFO", "logger": logger.name, "message": "request", **members}


def test_line_of_a_request_reaches_other_handlers_and_filters(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    logger = logging.getLogger("line_of_a_request.elsewhere")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = JSONLogHandler(stream)
    handler.setFormatter(JSONLogFormatter())
    logger.handlers = [handler, caplog.handler]

    log_line(logger, "request", {"status": 200})

    assert json.loads(stream.getvalue())["status"] == 200
    assert [vars(record)["status"] for record in caplog.records] == [200]
    handler.addFilter(lambda record: vars(record)["status"] != 404)
    logger.removeHandler(caplog.handler)
    log_line(logger, "request", {"status": 404})
    assert len(stream.getvalue().splitlines()) == 1
