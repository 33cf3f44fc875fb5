"""M8: texts of IVR configurations are texts like all others; TwiML is XML whatever is stored."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings

from config import dynamodb
from telephony import ivr
from telephony.ivr import schema
from telephony.ivr.instructions import DialNumber, Prompt, VoiceReply
from telephony.models import Line
from telephony.twilio import voice
from tests.support.calls import post_webhook
from tests.support.users import UserFixtures, parse_problem, simulate_call

DEFAULT = ivr.default_configuration("Boston")
REFUSED_TEXTS = ["x\x00\x08y", "x\x7f", "\x1b[2J", "\ufffe", "\u3164", "\u2800", "a\u202eb", " \n "]


def with_greeting(text: str) -> dict[str, Any]:
    return {**deepcopy(DEFAULT), "greeting": {"say": text}}


def put(test_users: UserFixtures, configuration: Mapping[str, Any]) -> Any:
    location_id = test_users.boston_number.number.location_id
    return test_users.ann.request("PUT", f"/ivrConfiguration/{location_id}", json={"configuration": configuration})


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_texts_that_nobody_can_say_are_refused(test_users: UserFixtures, text: str) -> None:
    response = put(test_users, with_greeting(text))
    assert response.status_code == 400
    assert [error["pointer"] for error in parse_problem(response)["errors"]] == ["/configuration/greeting/say"]


def test_texts_are_stored_in_normal_form(test_users: UserFixtures) -> None:
    physician, persian = "\U0001f469\u200d\u2695\ufe0f", "\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645"
    response = put(test_users, with_greeting(f"  Gru\u0308n {physician}\r\n{persian} "))
    assert response.status_code == 200
    assert response.json()["configuration"]["greeting"]["say"] == f"Gr\u00fcn {physician}\n{persian}"


def test_faults_of_texts_are_bounded() -> None:
    keys = {key: {"type": "say", "prompt": {"say": "\x00"}} for key in "1234567890"}
    menu = {"type": "menu", "prompt": {"say": "\x00"}, "keys": keys, "otherwise": {"type": "hangup"}}
    hours = {"mode": "schedule", "holidays": {"country": "US"}}
    configuration = {**DEFAULT, "hours": hours, "open": menu, "closed": menu, "holiday": menu}
    with pytest.raises(ivr.InvalidConfiguration) as refusal:
        ivr.validate_configuration(configuration)
    assert len(refusal.value.field_errors) == 21


def iter_patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for child in node.values():
            yield from iter_patterns(child)
    elif isinstance(node, list):
        for child in node:
            yield from iter_patterns(child)


def parse_xml(document: str | bytes) -> ElementTree.Element:
    return ElementTree.fromstring(document)  # noqa: S314 - our own document


MATCHES: tuple[str, ...] = (
    "en-US",
    "Polly.Joanna",
    "https://x.example/a.mp3",
    "09:00",
    "24:00",
    "US",
    "CA",
    "2026-12-24",
    "1",
)
MATCHES += ("usr_" + "0" * 26, "loc_" + "0" * 26, "+14155550123")


@pytest.mark.parametrize("pattern", sorted(set(iter_patterns(schema.SCHEMA))))
def test_patterns_match_to_the_end(pattern: str) -> None:
    """In Python, `$` also matches before a line break: a number with one passed for another."""
    matching = [text for text in MATCHES if not list(schema._check_pattern(None, pattern, text, {}))]
    assert matching, "add an example to MATCHES"
    for text in matching:
        for end in ("\n", "\r", "\u2028", "x\n"):
            assert list(schema._check_pattern(None, pattern, f"{text}{end}", {})), repr(text + end)
    assert re.compile(pattern).pattern.startswith("^"), "and from the beginning"


@pytest.mark.parametrize(
    "part",
    [
        {"language": "en-US\n"},
        {"voice": "Polly.Joanna\n"},
        {"closed": {"type": "ring", "target": {"numbers": ["+14155550123\n"]}, "otherwise": {"type": "hangup"}}},
    ],
)
def test_line_breaks_at_the_end_are_refused(test_users: UserFixtures, part: dict[str, Any]) -> None:
    assert put(test_users, {**deepcopy(DEFAULT), **part}).status_code == 400


def test_calls_with_configurations_from_before_say_the_rest(test_users: UserFixtures) -> None:
    """Stored before the texts were checked: the call must not end for it."""
    location_id = test_users.boston_number.number.location_id
    line = dynamodb.get_record(Line, location_id)
    assert line is not None
    prompt = {"say": "Hel\x00lo\x08 \uffffthere"}
    stored = {**deepcopy(DEFAULT), "language": "en-US\n", "voice": "Polly.Joanna\n", "greeting": prompt}
    stored["open"] = {"type": "say", "prompt": {"say": "\x01"}}
    line.configuration = {**stored, "closed": stored["open"]}
    dynamodb.call("PutItem", TableName=Line.table_name(), Item=line.serialize())

    call = simulate_call(test_users.boston_number.number.number)

    webhook = call["posted"][0]
    response = post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]})
    document = parse_xml(response.content)
    (greeting,) = document.iter("Say")
    assert greeting.text == "Hello there"
    assert greeting.attrib == {"language": "en-US", "voice": "Polly.Joanna"}


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_twiml_is_never_malformed(character: str) -> None:
    dial = DialNumber(f"+1{character}", settings.TWILIO["caller_id"], 20, "screen", "dialled", 60)
    for instruction in (Prompt(say=f"a{character}b"), Prompt(play=f"https://x.example/{character}"), dial):
        with pytest.raises(voice.MalformedTwiml):
            voice.to_twiml(VoiceReply([instruction]))


def test_twiml_holds_all_other_characters() -> None:
    text = "\t\n\r <&>\"'\x7f\x85\u2028\ud7ff\ue000\ufffd\U00010000\U0010ffff"
    (say,) = parse_xml(voice.to_twiml(VoiceReply([Prompt(say=text)]))).iter("Say")
    assert say.text == text.replace("\r", "\n")
