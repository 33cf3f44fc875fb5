"""Signed webhooks with odd parameters: whatever Twilio sends, no webhook answers 5xx."""

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from telephony.twilio.voice import CallWebhook, parse_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, PlayedCall, create_line, local_times_around
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now

AUTH_TOKEN = "local-twilio-token"
POSITION = ("c", "p", "n")
RECORDING = ("RecordingSid", "RecordingDuration")
PARAMETERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "": ((), ("CallSid", "To", "From", "LocalTime")),
    "/fallback": ((), ("CallSid",)),
    "/key": (("p", "a"), ("CallSid", "Digits", "LocalTime")),
    "/screen": (POSITION, ("CallSid",)),
    "/screened": (POSITION, ("Digits",)),
    "/dialled": (POSITION, ("DialCallStatus", "DialBridged", "DialCallDuration")),
    "/wait": (("p", "k"), ("CallSid",)),
    "/leg": (POSITION, ("CallSid",)),
    "/joined": (POSITION, ("Digits",)),
    "/left": (POSITION, ("CallStatus", "CallDuration")),
    "/message": (("p",), ("CallSid", "To", "From", *RECORDING)),
    "/recorded": (("c",), ("To", *RECORDING)),
    "/bye": (("p",), ("CallSid", *RECORDING)),
    "/ended": ((), ("CallSid", "CallDuration", "LocalTime")),
    "/code": (("u", "v"), ("To", "LocalTime")),
}
"""The parameters of query and form that each webhook reads."""
PATHS = tuple(PARAMETERS)
FOREIGN_SID = "CA" + "f" * 32
ODD_VALUES = ("", "-1", "9" * 40, "\x00", "é" * 34, "open then/../../x", "x" * 5_000, FOREIGN_SID)
"""Every parameter gets each of them: empty, foreign, huge, and what is no number, key or id."""


class Parameters(dict[str, list[str]]):
    """Parameters that may be given twice, as Twilio's SDK reads them."""

    getlist = dict.__getitem__


@pytest.fixture(scope="module")
def call(test_users: UserFixtures) -> PlayedCall:
    """A call that left a voicemail after one phone rang."""
    line: LineFixture = create_line(test_users)
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    return line.call(phones={phone: "nothing"})


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as http_client:
        yield http_client


def post_signed(
    client: httpx.Client, url: str, form: dict[str, str], doubled: tuple[tuple[str, str], ...] = ()
) -> httpx.Response:
    """Post a form, signed as Twilio signs; ``doubled`` parameters follow those of the form."""
    body = urlencode([*form.items(), *doubled])
    headers = {
        "X-Twilio-Signature": RequestValidator(AUTH_TOKEN).compute_signature(
            url, Parameters(parse_qs(body, keep_blank_values=True))
        ),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return client.post(url, content=body, headers=headers)


def valid_parameters(call: PlayedCall, path: str) -> tuple[dict[str, str], dict[str, str]]:
    """The query and the form of a webhook in which everything is given."""
    form = {
        **{name: value for name, value in call.webhooks[0]["form"].items() if name != "LocalTime"},
        "Digits": "1",
        "CallStatus": "completed",
        "DialCallStatus": "completed",
        "DialBridged": "false",
        "DialCallDuration": "3",
        "CallDuration": "5",
        "RecordingSid": "RE" + "a" * 32,
        "RecordingDuration": "0" if path in ("/message", "/bye", "/recorded") else "5",
        "LocalTime": now().isoformat(),
    }
    query = {"c": call.id, "p": "open", "n": "0"} if path else {}
    return ({"u": "usr_x", "v": "y"} if path == "/code" else query), form


@pytest.mark.parametrize("path", PATHS)
def test_no_parameter_gives_a_server_error(
    call: PlayedCall, client: httpx.Client, test_users: UserFixtures, env: Environment, path: str
) -> None:
    """LOW: ``/telephony/voice/code?u=`` gave 500, as an empty key was read from the store."""
    query, form = valid_parameters(call, path)
    base = f"{env.web}/telephony/voice{path}"
    offset = len(env.read_log("web"))
    failures: list[str] = []

    def post(query: dict[str, str], form: dict[str, str], doubled: tuple[tuple[str, str], ...] = ()) -> None:
        url = base + ("?" + urlencode(query) if query else "")
        response = post_signed(client, url, form, doubled)
        if response.status_code >= 500 or response.status_code == 403:
            failures.append(f"{response.status_code}: {url[:200]} {response.text[:200]}")

    post(query, form)
    query_names, form_names = PARAMETERS[path]
    for name in query_names:
        post({key: value for key, value in query.items() if key != name}, form)
        for value in ODD_VALUES:
            post({**query, name: value}, form)
    for name in form_names:
        post(query, {key: value for key, value in form.items() if key != name})
        post(query, form, doubled=((name, "2"),))
        for value in ODD_VALUES:
            post(query, {**form, name: value})
        post(query, {**form, name: "9" * 200_000})
    assert not failures, "\n".join(failures)
    assert '"level":"ERROR"' not in env.read_log("web")[offset:], env.read_log("web")[offset:][-2000:]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", "&".join(f"a{n}=1" for n in range(1_500))),
        ("application/x-www-form-urlencoded; charset=utf-16", "CallSid=1"),
        ("multipart/form-data", "CallSid=1"),
        ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"),
        ("application/json", "{}"),
        ("text/plain", "\x00"),
    ],
)
def test_bodies_that_are_no_forms_are_refused(
    client: httpx.Client, env: Environment, content_type: str, body: str
) -> None:
    for path in PATHS:
        headers = {"X-Twilio-Signature": "x", "Content-Type": content_type}
        response = client.post(f"{env.web}/telephony/voice{path}", content=body, headers=headers)
        assert 400 <= response.status_code < 500, (path, response.text)


def test_paths_are_odd_too(call: PlayedCall, client: httpx.Client, env: Environment) -> None:
    form = call.webhooks[0]["form"]
    for path in ("/%00", "/code/", "/" + quote("é" * 50), "/ended%2f..%2fcode", "/unknown", "//code"):
        url = f"{env.web}/telephony/voice{path}"
        assert post_signed(client, url, form).status_code == 404


def test_parameters_are_bounded_before_they_are_used() -> None:
    """What a webhook says ends up in the record of the call, which has a size."""

    def parse(**form: str) -> CallWebhook:
        return parse_webhook({}, {"CallSid": FOREIGN_SID, **form}, at=now(), now=now())

    assert parse(Digits="1").digit == "1"
    assert parse(Digits="1" * 1_000).digit == "", "more than one key is none of ours"
    assert parse(Digits="\x00").digit == ""
    assert parse(CallDuration="9" * 7).call_seconds == 0
