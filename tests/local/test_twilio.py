"""The Twilio stand-in against Twilio's published specification, and in its own right."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from telephony.twilio import client
from tests.conftest import Cast, free_number, ring
from tests.support.environment import World
from tests.support.proxy import Exchange
from tests.support.twilio_specification import SPECIFICATION, Judge

SID, TOKEN = "AC" + "10ca1" * 6 + "00", "local-twilio-token"


def ask(world: World, method: str, path: str, **given: Any) -> httpx.Response:
    """A request as the account."""
    address = f"{world.twilio}/2010-04-01/Accounts/{SID}/{path}"
    return httpx.request(method, address, auth=(SID, TOKEN), **given)


def code(answer: httpx.Response) -> tuple[int, int]:
    told = answer.json()
    assert set(told) == {"code", "message", "more_info", "status"}
    assert told["status"] == answer.status_code
    return answer.status_code, told["code"]


def test_everything_we_ask_and_it_answers_follows_the_specification(
    world: World, say: Callable[[str], None]
) -> None:
    """Search, buy, list, update, release, and every refusal, through our own client."""
    first = len(world.exchanges("twilio"))
    number = client.search("US", area_code=415, prefix=None)[0].number
    client.search("GB", area_code=None, prefix="+4420")
    owned = client.buy(number, tag="dl:pur_specified")
    assert client.find(number) == [owned]
    assert owned in client.tagged()
    client.retag(owned.sid, tag="dl:pur_again")
    for refused in ("+15005550000", "+15005550001"):
        with pytest.raises(client.Refused):
            client.buy(refused, tag="dl:x")
    with pytest.raises(client.Refused):
        client.search("ZZ", area_code=None, prefix="+1")
    client.release(owned.sid)
    client.release(owned.sid)

    made = world.exchanges("twilio")[first:]
    assert len(made) == 11
    if not SPECIFICATION.exists():
        say("Twilio's specification is not at hand: calls were made unchecked")
        return
    judge = Judge()
    assert [fault for one in made for fault in judge.faults(one)] == []
    assert all(judge.operation(one) for one in made)
    say(f"Twilio's specification: {len(made)} exchanges of one test, no violation")


def changed(exchange: Exchange, path: list[str], value: Any) -> Exchange:
    """The exchange with another value somewhere in its answer; None removes it."""
    answer = json.loads(exchange.answer)
    at = answer
    for step in path[:-1]:
        at = at[int(step) if isinstance(at, list) else step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return replace(exchange, answer=json.dumps(answer))


@pytest.mark.parametrize(
    ("what", "path", "value"),
    [
        ("a wrong type", ["capabilities", "voice"], "yes"),
        ("a wrong sid", ["sid"], "PN123"),
        ("a sid of another kind", ["sid"], "CA" + "0" * 32),
        ("a wrong enum", ["address_requirements"], "perhaps"),
        ("a wrong enum", ["voice_receive_mode"], "smoke signals"),
        ("a wrong name", ["phoneNumber"], "+14155550123"),
        ("a missing member", ["trunk_sid"], None),
        ("a wrong method", ["voice_method"], "SHOUT"),
    ],
)
def test_planted_wrongs_are_caught(
    world: World, what: str, path: list[str], value: Any, say: Callable[[str], None]
) -> None:
    owned = client.buy(free_number(), tag="dl:pur_planted")
    assert owned.tag == "dl:pur_planted"
    if not SPECIFICATION.exists():
        say("Twilio's specification is not at hand: planted wrongs were not tried")
        return
    bought = next(e for e in reversed(world.exchanges("twilio")) if e.method == "POST")
    judge = Judge()
    assert judge.faults(bought) == []
    assert judge.faults(changed(bought, path, value)), what
    assert judge.faults(replace(bought, body=bought.body + "&Colour=blue"))
    assert judge.faults(replace(bought, status=202))
    refused = replace(bought, status=400, answer='{"error": "no"}')
    assert judge.faults(refused)
    client.release(owned.sid)


def test_documented_errors(world: World) -> None:
    bad = httpx.get(f"{world.twilio}/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers.json")
    assert code(bad) == (401, 20003)
    other = f"{world.twilio}/2010-04-01/Accounts/AC{'0' * 32}/IncomingPhoneNumbers.json"
    assert code(httpx.get(other, auth=(SID, TOKEN))) == (404, 20404)
    numbers = "IncomingPhoneNumbers.json"
    assert code(ask(world, "POST", numbers, data={"PhoneNumber": "415"})) == (400, 21421)
    assert code(ask(world, "POST", numbers, data={"AreaCode": "533"})) == (400, 21452)
    assert code(ask(world, "GET", f"IncomingPhoneNumbers/PN{'0' * 32}.json")) == (404, 20404)
    local = "AvailablePhoneNumbers/US/Local.json"
    assert code(ask(world, "GET", local, params={"AreaCode": "41"})) == (400, 21451)
    calls = "Calls.json"
    url = {"Url": "http://127.0.0.1:1/"}
    assert code(ask(world, "POST", calls, data={"To": "x", "From": "+1", **url})) == (400, 21211)
    foreign = {"To": "+16175550100", "From": "+16175550101", **url}
    assert code(ask(world, "POST", calls, data=foreign)) == (400, 21210)


def test_a_number_cools_down_after_it_was_released(world: World) -> None:
    number = free_number()
    owned = client.buy(number, tag="dl:pur_cool")
    assert client.buy(number, tag="dl:pur_other").sid == owned.sid, "buying again updates"
    client.release(owned.sid)
    with pytest.raises(client.Refused) as refusal:
        client.buy(number, tag="dl:pur_cool")
    assert refusal.value.code == client.NOT_AVAILABLE


def test_of_phones_in_one_dial_the_first_to_pick_up_wins_even_a_mailbox(world: World) -> None:
    """What our own ringing must not rely on."""
    number = free_number()
    owned = client.buy(number, tag="dl:pur_dial")
    rung = "<Number>+16175550110</Number><Number>+16175550111</Number>"
    twiml = f"<Response><Dial>{rung}</Dial></Response>"
    address = f"{world.twilio}/_local/twiml"
    httpx.post(address, json={"twiml": twiml}).raise_for_status()
    ask(
        world,
        "POST",
        f"IncomingPhoneNumbers/{owned.sid}.json",
        data={"VoiceUrl": address, "StatusCallback": ""},
    ).raise_for_status()

    heard = "\n".join(
        ring(number, phones={"+16175550110": "mailbox", "+16175550111": "nothing"})["lines"]
    )

    assert "+16175550110   picks up (mailbox)" in heard
    assert "hangs up +16175550111" in heard
    assert "talks with +16175550110" in heard
    client.release(owned.sid)


def test_a_failing_webhook_leads_to_the_fallback(world: World, cast: Cast) -> None:
    held = cast.bought()
    ask(
        world,
        "POST",
        f"IncomingPhoneNumbers/{held.number.sid}.json",
        data={"VoiceUrl": f"{world.web}/nowhere"},
    ).raise_for_status()

    heard = "\n".join(ring(held.number.number)["lines"])

    assert "asks the fallback" in heard
    assert "We cannot put you through just now." in heard
    assert "speaks for" in heard
