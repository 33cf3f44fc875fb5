"""The Twilio emulator: conformance to Twilio's published specification, and behavior."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from telephony.twilio import available_numbers, client
from tests.support.environment import Environment
from tests.support.proxy import Exchange
from tests.support.twilio_specification import SPECIFICATION, SpecificationValidator
from tests.support.users import UserFixtures, free_number, simulate_call

ACCOUNT_SID, AUTH_TOKEN = "AC" + "10ca1" * 6 + "00", "local-twilio-token"


def request_api(env: Environment, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request with the account's credentials."""
    url = f"{env.twilio}/2010-04-01/Accounts/{ACCOUNT_SID}/{path}"
    return httpx.request(method, url, auth=(ACCOUNT_SID, AUTH_TOKEN), **options)


def error_status_and_code(response: httpx.Response) -> tuple[int, int]:
    error = response.json()
    assert set(error) == {"code", "message", "more_info", "status"}
    assert error["status"] == response.status_code
    return response.status_code, error["code"]


def test_requests_and_responses_match_the_specification(env: Environment, record_figure: Callable[[str], None]) -> None:
    """Search, buy, list, update, release and all rejections, through our client."""
    start = len(env.exchanges("twilio"))
    number = available_numbers.search_numbers("US", area_code=415, prefix=None)[0].number
    available_numbers.search_numbers("GB", area_code=None, prefix="+4420")
    owned = client.buy_number(number, tag="dl:pur_specified")
    assert client.find_owned_numbers(number) == [owned]
    assert owned in client.list_owned_numbers()
    client.retag_number(owned.sid, tag="dl:pur_again")
    for unavailable_number in ("+15005550000", "+15005550001"):
        with pytest.raises(client.TwilioRejected):
            client.buy_number(unavailable_number, tag="dl:x")
    with pytest.raises(client.TwilioRejected):
        available_numbers.search_numbers("ZZ", area_code=None, prefix="+1")
    client.release_number(owned.sid)
    client.release_number(owned.sid)

    exchanges = env.exchanges("twilio")[start:]
    assert len(exchanges) == 11
    if not SPECIFICATION.exists():
        record_figure("Twilio's specification is missing: calls were not checked")
        return
    validator = SpecificationValidator()
    assert [violation for exchange in exchanges for violation in validator.violations(exchange)] == []
    assert all(validator.find_operation(exchange) for exchange in exchanges)
    record_figure(f"Twilio's specification: {len(exchanges)} exchanges of one test, no violations")


def with_response_value(exchange: Exchange, path: list[str], value: Any) -> Exchange:
    """An exchange with a value of its response replaced; None removes it."""
    document = json.loads(exchange.response_body)
    node = document
    for step in path[:-1]:
        node = node[int(step) if isinstance(node, list) else step]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return replace(exchange, response_body=json.dumps(document))


@pytest.mark.parametrize(
    ("what", "path", "value"),
    [
        ("a wrong type", ["capabilities", "voice"], "yes"),
        ("a wrong SID", ["sid"], "PN123"),
        ("a SID of another kind", ["sid"], "CA" + "0" * 32),
        ("a wrong enum", ["address_requirements"], "perhaps"),
        ("a wrong enum", ["voice_receive_mode"], "smoke signals"),
        ("an unknown name", ["phoneNumber"], "+14155550123"),
        ("a missing member", ["trunk_sid"], None),
        ("a wrong method", ["voice_method"], "SHOUT"),
    ],
)
def test_planted_violations_are_detected(
    env: Environment, what: str, path: list[str], value: Any, record_figure: Callable[[str], None]
) -> None:
    owned = client.buy_number(free_number(), tag="dl:pur_planted")
    assert owned.tag == "dl:pur_planted"
    if not SPECIFICATION.exists():
        record_figure("Twilio's specification is missing: planted violations were not tested")
        return
    purchase_exchange = next(e for e in reversed(env.exchanges("twilio")) if e.method == "POST")
    validator = SpecificationValidator()
    assert validator.violations(purchase_exchange) == []
    assert validator.violations(with_response_value(purchase_exchange, path, value)), what
    assert validator.violations(
        replace(purchase_exchange, request_body=purchase_exchange.request_body + "&Colour=blue")
    )
    assert validator.violations(replace(purchase_exchange, status=202))
    rejected = replace(purchase_exchange, status=400, response_body='{"error": "no"}')
    assert validator.violations(rejected)
    client.release_number(owned.sid)


def test_documented_errors_are_returned(env: Environment) -> None:
    unauthenticated = httpx.get(f"{env.twilio}/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json")
    assert error_status_and_code(unauthenticated) == (401, 20003)
    other_account_url = f"{env.twilio}/2010-04-01/Accounts/AC{'0' * 32}/IncomingPhoneNumbers.json"
    assert error_status_and_code(httpx.get(other_account_url, auth=(ACCOUNT_SID, AUTH_TOKEN))) == (404, 20404)
    numbers = "IncomingPhoneNumbers.json"
    assert error_status_and_code(request_api(env, "POST", numbers, data={"PhoneNumber": "415"})) == (400, 21421)
    assert error_status_and_code(request_api(env, "POST", numbers, data={"AreaCode": "533"})) == (400, 21452)
    assert error_status_and_code(request_api(env, "GET", f"IncomingPhoneNumbers/PN{'0' * 32}.json")) == (404, 20404)
    local = "AvailablePhoneNumbers/US/Local.json"
    assert error_status_and_code(request_api(env, "GET", local, params={"AreaCode": "41"})) == (400, 21451)
    calls = "Calls.json"
    url = {"Url": "http://127.0.0.1:1/"}
    assert error_status_and_code(request_api(env, "POST", calls, data={"To": "x", "From": "+1", **url})) == (400, 21211)
    foreign_call = {"To": "+16175550100", "From": "+16175550101", **url}
    assert error_status_and_code(request_api(env, "POST", calls, data=foreign_call)) == (400, 21210)


def test_a_released_number_cannot_be_purchased_again(env: Environment) -> None:
    number = free_number()
    owned = client.buy_number(number, tag="dl:pur_cool")
    assert client.buy_number(number, tag="dl:pur_other").sid == owned.sid, "buying again updates the number"
    client.release_number(owned.sid)
    with pytest.raises(client.TwilioRejected) as refusal:
        client.buy_number(number, tag="dl:pur_cool")
    assert refusal.value.code == client.NOT_AVAILABLE_CODE


def test_first_phone_to_answer_a_dial_wins_even_a_mailbox(env: Environment) -> None:
    """Why our ringing must not rely on the first answer."""
    number = free_number()
    owned = client.buy_number(number, tag="dl:pur_dial")
    number_nouns = "<Number>+16175550110</Number><Number>+16175550111</Number>"
    twiml = f"<Response><Dial>{number_nouns}</Dial></Response>"
    url = f"{env.twilio}/_local/twiml"
    httpx.post(url, json={"twiml": twiml}).raise_for_status()
    request_api(
        env, "POST", f"IncomingPhoneNumbers/{owned.sid}.json", data={"VoiceUrl": url, "StatusCallback": ""}
    ).raise_for_status()

    transcript = "\n".join(
        simulate_call(number, phones={"+16175550110": "mailbox", "+16175550111": "nothing"})["lines"]
    )

    assert "+16175550110   picks up (mailbox)" in transcript
    assert "hangs up +16175550111" in transcript
    assert "talks with +16175550110" in transcript
    client.release_number(owned.sid)


def test_a_failing_webhook_uses_the_fallback(env: Environment, test_users: UserFixtures) -> None:
    purchased = test_users.purchase_number()
    request_api(
        env, "POST", f"IncomingPhoneNumbers/{purchased.number.sid}.json", data={"VoiceUrl": f"{env.web}/nowhere"}
    ).raise_for_status()

    transcript = "\n".join(simulate_call(purchased.number.number)["lines"])

    assert "requests the fallback" in transcript
    assert "We cannot connect your call right now." in transcript
    assert "speaks for" in transcript
