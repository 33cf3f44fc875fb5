"""H1: no string of any request costs much, however it is composed; bounds come before the work.

New operations are included automatically.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import httpx
import orjson
import pytest
from django.conf import settings

from config.api import throttling
from telephony.views import webhooks
from tests.attacks.processes import ProcessCost
from tests.attacks.string_walk import PLACEHOLDER, iter_hostile_bodies
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import new_sid
from tests.support.environment import Environment
from tests.support.samples import SAMPLES, Operation, RequestSample, operations
from tests.support.users import SignedInUser, UserFixtures, parse_problem

MAX_CPU_SECONDS = 0.3
"""Of the web process, for one request."""
BYTES = 245_000
"""Of one string: a body has 256 KiB at most."""
URL_BYTES = 60_000
"""Of a string in a URL; the server refuses URLs of 64 KiB."""
MARKS, LIGATURE = "\u0f71\u0f72", "\ufdfa"
"""Marks that must be put in order, in quadratic time; a character that NFKC expands to 18."""
TEXTS = {
    "marks": MARKS * (BYTES // 6),
    "ligatures": LIGATURE * (BYTES // 3),
    "spaces": f"a{' ' * BYTES}b",
    "letters": "a" * BYTES,
    "digits": "9" * BYTES,
    "labels": f"a@{'a.' * (BYTES // 2)}",
    "quotes": "\\\"'\n\t" * (BYTES // 10),
    "invisible": "a\u200d\u202e" * (BYTES // 7),
}
JSON = {
    "brackets": "[" * BYTES,
    "nested arrays": "[" * (BYTES // 2) + "]" * (BYTES // 2),
    "nested objects": '{"a":' * (BYTES // 6) + "1" + "}" * (BYTES // 6),
    "exponent": '{"a":1e999999999}',
    "long exponent": '{"a":1e' + "9" * BYTES + "}",
    "long number": '{"a":' + "9" * BYTES + "}",
    "long fraction": '{"a":0.' + "9" * BYTES + "}",
    "many names": "{" + ",".join(f'"a{number}":1' for number in range(17_000)) + "}",
    "many items": "[" + "1," * (BYTES // 2) + "1]",
    "repeated names": "{" + ",".join(['"a":1'] * (BYTES // 6)) + "}",
    "surrogates": '{"a":"' + "\\ud800" * (BYTES // 6) + '"}',
    "escapes": '{"a":"' + "\\ud83d\\ude00" * (BYTES // 12) + '"}',
    "backslashes": '{"a":"' + "\\\\" * (BYTES // 2) + '"',
}
FORM_NAMES = (
    *("AccountSid", "CallSid", "To", "From", "Digits", "DialCallStatus", "CallStatus", "DialBridged", "CallDuration"),
    *("RecordingSid", "RecordingDuration", "LocalTime"),
)
QUERY_NAMES = ("c", "p", "n", "a", "k", "u", "v")
AUTH_TOKEN = "local-twilio-token"
HEADERS = (
    *("Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Content-Type", "Cookie", "Idempotency-Key"),
    *("If-Match", "If-None-Match", "If-Range", "Origin", "Range", "User-Agent", "X-Request-Id", "X-Forwarded-For"),
)
HEADER_REQUESTS = (
    *(("GET", "/user"), ("PATCH", "/user"), ("POST", "/user"), ("GET", "/userManagement")),
    *(("GET", "/openapi.json"), ("GET", "/user/export/my-data"), ("GET", "/admin/login/")),
)
HEADER_VALUES = {"letters": "a" * BYTES, "commas": 'a,"' * (BYTES // 3), "semicolons": "a;q=0.1," * (BYTES // 8)}


class Meter:
    """Sends requests as one client, and says what each costs the web process."""

    def __init__(self, env: Environment, web: str) -> None:
        self.client = httpx.Client(base_url=web, timeout=60)
        self._cost = ProcessCost(env.processes["web"].pid)
        self.requests, self.most, self.dearest = 0, 0.0, ""

    def request(self, name: str, method: str, url: str, **options: Any) -> httpx.Response:
        before = self._cost.cpu_seconds()
        target = {"target": url.encode()}  # as it is: httpx would take seconds to parse long ones
        response = self.client.request(method, "/", extensions=target, **options)
        seconds = self._cost.cpu_seconds() - before
        self.requests += 1
        if seconds > self.most:
            self.most, self.dearest = seconds, name
        assert response.status_code < 500, f"{name}: {response.text[:300]}"
        assert seconds < MAX_CPU_SECONDS, f"{name}: {seconds:.2f} CPU s"
        assert len(response.content) < 200_000, name
        return response

    def figure(self, subject: str) -> str:
        return f"{subject}: {self.requests} requests, at most {self.most:.2f} CPU s ({self.dearest})"


@pytest.fixture
def meter(env: Environment, web: str, test_users: UserFixtures) -> Iterator[Meter]:
    meter = Meter(env, web)
    meter.client.get("/user", headers=sign_in(test_users.ann))
    yield meter
    meter.client.close()


def sign_in(user: SignedInUser) -> dict[str, str]:
    """Headers of a user, whose limits are not what is tested."""
    names = ("read", "write", "costly", "export", "cost")
    granted = {(name, user.id): -settings.RATE_LIMITS[name] for name in names}
    throttling.get_limiter().counters.add({**granted, ("customer-cost", user.user.customer_id): -100_000})
    return {"Authorization": f"Bearer {user.token}"}


def assert_refused(name: str, response: httpx.Response) -> None:
    assert 400 <= response.status_code < 500, f"{name}: {response.status_code} {response.text[:300]}"
    parse_problem(response)


def test_a_long_name_of_marks(
    test_users: UserFixtures, env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """240 KB of marks took 5 CPU s, while no other request was served."""
    cost = ProcessCost(env.processes["web"].pid)
    test_users.sam.patch("/user", {})
    before = cost.cpu_seconds()
    response = test_users.sam.patch("/user", {"profileName": MARKS * 40_000})
    seconds = cost.cpu_seconds() - before
    record_figure(f"a name of 40,000 x U+0F71 U+0F72: {seconds:.2f} CPU s")
    assert parse_problem(response)["errors"][0]["pointer"] == "/profileName"
    assert seconds < 0.1


def test_strings_of_bodies(
    test_users: UserFixtures, openapi: dict[str, Any], meter: Meter, record_figure: Callable[[str], None]
) -> None:
    marks, *others = [(name, orjson.dumps(text)[1:-1]) for name, text in TEXTS.items()]
    other = itertools.cycle(others)
    for operation in operations(openapi):
        if "requestBody" not in operation.definition:
            continue
        sample = SAMPLES[operation.id](test_users)
        url, headers = operation.path(sample), sign_in(test_users.ann)
        for path, body in iter_hostile_bodies(operation, sample.body, openapi):
            for text_name, text in (marks, next(other)):
                name = f"{text_name} at {path} of {operation.id}"
                hostile = orjson.dumps(body).replace(PLACEHOLDER.encode(), text)
                response = meter.request(name, operation.method, url, content=hostile, headers=headers)
                assert_refused(name, response)
    record_figure(meter.figure("strings of bodies"))


def test_json_of_all_kinds(
    test_users: UserFixtures, openapi: dict[str, Any], meter: Meter, record_figure: Callable[[str], None]
) -> None:
    for operation in operations(openapi):
        if "requestBody" not in operation.definition:
            continue
        sample, headers = SAMPLES[operation.id](test_users), sign_in(test_users.ann)
        for json_name, text in JSON.items():
            name = f"{json_name} for {operation.id}"
            response = meter.request(
                name, operation.method, operation.path(sample), content=text.encode(), headers=headers
            )
            assert_refused(name, response)
    record_figure(meter.figure("bodies"))


def test_strings_of_urls(
    test_users: UserFixtures, openapi: dict[str, Any], meter: Meter, record_figure: Callable[[str], None]
) -> None:
    marks, *others = [(name, quote(text[: URL_BYTES // (3 if text.isascii() else 9)])) for name, text in TEXTS.items()]
    other = itertools.cycle(others)
    for operation in operations(openapi):
        sample, headers = SAMPLES[operation.id](test_users), sign_in(test_users.ann)
        parameters = [(p["in"], p["name"]) for p in operation.definition.get("parameters", ()) if p["in"] != "header"]
        for part, parameter in [*parameters, ("query", "unknown")]:
            for text_name, text in (marks, next(other)):
                url = hostile_url(operation, sample, part, parameter, text)
                name = f"{text_name} at {parameter} in the {part} of {operation.id}"
                response = meter.request(name, operation.method, url, headers=headers, json=sample.body)
                if parameter != "limit":  # is cut
                    assert_refused(name, response)
    record_figure(meter.figure("strings of URLs"))


def hostile_url(operation: Operation, sample: RequestSample, part: str, parameter: str, text: str) -> str:
    if part == "path":
        return operation.path(replace(sample, path={**sample.path, parameter: text}))
    others = {name: value for name, value in sample.query.items() if name != parameter}
    return f"{operation.path(sample)}?{urlencode(others)}&{parameter}={text}"


@pytest.mark.parametrize("length", [9_000, BYTES])
def test_headers(test_users: UserFixtures, meter: Meter, record_figure: Callable[[str], None], length: int) -> None:
    for header, (value_name, value) in itertools.product(HEADERS, HEADER_VALUES.items()):
        headers = {"Connection": "close", **sign_in(test_users.ann), header: value[:length]}
        for method, url in HEADER_REQUESTS:
            content = None if method == "GET" else b"{}"
            response = meter.request(
                f"{value_name} in {header} of {url}", method, url, headers=headers, content=content
            )
            assert response.status_code == 431
            assert length == BYTES or parse_problem(response)["code"] == "headers_too_large"
    record_figure(meter.figure(f"headers of {length:,} bytes"))


def test_strings_of_webhooks(test_users: UserFixtures, meter: Meter, record_figure: Callable[[str], None]) -> None:
    """Signed ones: Twilio hands on what callers send, and none is refused for its length."""
    number = test_users.boston_number.number.number
    account = settings.TWILIO["account_sid"]
    form = {"AccountSid": account, "CallSid": new_sid(), "To": number, "From": "+14155550111"}
    longest = webhooks.MAX_BODY_LENGTH - len(urlencode(form)) - len("&RecordingDuration=")
    texts = {name: cut_to_encoded(text, longest) for name, text in TEXTS.items()} | {"nothing": ""}
    for webhook, text_name in zip(["", *(f"/{name}" for name in webhooks.VIEWS)], itertools.cycle(texts)):
        for name in FORM_NAMES:
            text = texts[text_name]
            response = post_webhook(meter, f"{webhook} {text_name} at {name}", webhook, {}, {**form, name: text})
            assert response.status_code != 413
        for name in QUERY_NAMES:
            query = {name: cut_to_encoded(texts[text_name], webhooks.MAX_QUERY_LENGTH - len("c="))}
            post_webhook(meter, f"{webhook} {text_name} at ?{name}", webhook, query, form)
            post_webhook(meter, f"{webhook} {text_name} at ?{name}", webhook, {name: ""}, form)
    record_figure(meter.figure("strings of webhooks"))


def test_long_webhooks(test_users: UserFixtures, meter: Meter, record_figure: Callable[[str], None]) -> None:
    """Signed ones too: their parameters were read and signed before anything bounded them."""
    number = test_users.boston_number.number.number
    form = {"AccountSid": settings.TWILIO["account_sid"], "CallSid": new_sid(), "To": number}
    for query, added in (
        ({}, {"To": TEXTS["marks"][: BYTES // 9]}),
        ({}, {f"a{number}": "" for number in range(17_000)}),
        ({"p": "a" * URL_BYTES}, {}),
    ):
        response = post_webhook(meter, "a long webhook", "", query, {**form, **added})
        assert parse_problem(response)["code"] == "payload_too_large"
    record_figure(meter.figure("long webhooks"))
    assert meter.most < 0.1


def cut_to_encoded(text: str, length: int) -> str:
    """The beginning of a text that has at most this length in a query or form."""
    return text[: length * len(text) // max(1, len(quote_plus(text))) - 1]


def post_webhook(meter: Meter, name: str, webhook: str, query: dict[str, str], form: dict[str, str]) -> httpx.Response:
    """Post a signed webhook."""
    url = f"/telephony/voice{webhook}" + (f"?{urlencode(query)}" if query else "")
    signature = sign_webhook(settings.PUBLIC_BASE_URL + url, form, AUTH_TOKEN)
    return meter.request(name, "POST", url, data=form, headers={"X-Twilio-Signature": signature})
