"""Texts with a language of their own: who speaks them, and what is refused."""

from typing import Any
from xml.etree import ElementTree

import pytest

from telephony.ivr import instructions, spoken_texts
from telephony.ivr.instructions import Prompt, VoiceReply
from telephony.twilio import voice
from tests.support.calls import LineFixture, PlayedCall, create_line, post_webhook
from tests.support.users import UserFixtures, parse_problem

WEEKDAYS = ("mo", "tu", "we", "th", "fr")
UNTIL_SIX = {"mode": "weekly", "weekly": {day: [["09:00", "18:00"]] for day in WEEKDAYS}}
SPANISH = {"say": "Estamos cerrados. Volvemos {nextOpening}.", "language": "es-US", "voice": "Polly.Lupe-Neural"}
SPANISH_VOICEMAIL = {"type": "say", "prompt": SPANISH, "then": {"type": "voicemail"}}


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A line that is closed in Spanish after six, with somebody on duty all day."""
    line = create_line(test_users)
    line.put_on_duty("2027-06-02T00:00", "2027-06-03T23:00")
    line.update_configuration(hours=UNTIL_SIX, voice="Polly.Joanna-Neural", closed=SPANISH_VOICEMAIL)
    return line


def read_first_reply(call: PlayedCall) -> list[ElementTree.Element]:
    """What the phone service is told to say at the beginning of a call, by the real webhook."""
    webhook = call.webhooks[0]
    response = post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]})
    return list(ElementTree.fromstring(response.content).iter("Say"))  # noqa: S314 - our own document


def test_after_six_a_spanish_voice_speaks(line: LineFixture) -> None:
    """The built-in sentence after a Spanish text is Spanish, too, and so is the time."""
    greeting, closed, voicemail = read_first_reply(line.call("2027-06-02T18:00:00-04:00"))

    english = {"language": "en-US", "voice": "Polly.Joanna-Neural"}
    spanish = {"language": "es-US", "voice": "Polly.Lupe-Neural"}
    assert (greeting.attrib, closed.attrib, voicemail.attrib) == (english, spanish, spanish)
    assert closed.text == "Estamos cerrados. Volvemos mañana a las nueve de la mañana."
    assert voicemail.text == "Por favor, deje un mensaje después de la señal."

    before_six = read_first_reply(line.call("2027-06-02T17:59:00-04:00"))
    assert [say.attrib for say in before_six] == [english]


def test_the_preview_names_the_language_of_each_text(line: LineFixture) -> None:
    path = f"/ivrConfiguration/{line.location.id}/preview"
    steps = line.test_users.ann.get(path, params={"at": "2027-06-02T19:00"}).json()["steps"]
    assert [(step["type"], step["language"]) for step in steps] == [
        ("say", "en-US"),
        ("say", "es-US"),
        ("voicemail", "es-US"),
    ]
    assert steps[-1]["text"] == "Por favor, deje un mensaje después de la señal."


@pytest.mark.parametrize(
    ("prompt", "attributes"),
    [
        (Prompt("x"), {"language": "en-US", "voice": "Polly.Joanna"}),
        (Prompt("x", language="en-US"), {"language": "en-US", "voice": "Polly.Joanna"}),
        (Prompt("x", voice="Polly.Kevin-Neural"), {"language": "en-US", "voice": "Polly.Kevin-Neural"}),
        (Prompt("x", language="es-MX"), {"language": "es-MX"}),
        (Prompt("x", language="es-MX", voice="Polly.Mia"), {"language": "es-MX", "voice": "Polly.Mia"}),
    ],
)
def test_a_voice_speaks_only_its_language(prompt: Prompt, attributes: dict[str, str]) -> None:
    document = voice.to_twiml(VoiceReply([prompt], "en-US", "Polly.Joanna"))
    (say,) = ElementTree.fromstring(document).iter("Say")  # noqa: S314 - our own document
    assert say.attrib == attributes


ENGLISH_MENU = {
    "type": "menu",
    "prompt": {"say": "Para español, oprima dos.", "language": "es-US"},
    "keys": {
        "1": {"type": "say", "prompt": {"say": "Hello."}, "then": {"type": "voicemail"}},
        "2": {"type": "callback"},
        "3": {"type": "say", "prompt": {"play": "https://x.example/a.mp3"}, "then": {"type": "voicemail"}},
    },
}


@pytest.mark.parametrize(
    ("path", "language"),
    [("open/keys/1/then", "en"), ("open/keys/2", "es"), ("open/keys/3/then", "es"), ("open/otherwise", "es")],
)
def test_built_in_sentences_follow_the_text_before_them(path: str, language: str) -> None:
    sentence = instructions.builtin_prompt("leave_message", {"language": "en-US", "open": ENGLISH_MENU}, path)["say"]
    assert sentence.startswith({"en": "Please leave", "es": "Por favor"}[language])


@pytest.mark.parametrize(
    ("prompt", "member", "detail"),
    [
        ({"say": "x", "language": "xx-XX"}, "/language", "Must be a language that can be spoken"),
        ({"say": "x", "language": "Spanish"}, "/language", "does not match"),
        ({"say": "x", "language": "es-US", "voice": "Polly.Joanna"}, "/voice", "Not a voice of es-US"),
        ({"say": "x", "voice": "Polly.Lupe"}, "/voice", "Not a voice of en-US"),
        ({"say": "{nextOpening}", "language": "fr-FR"}, "/say", "cannot be said in fr-FR"),
        ({"play": "https://x.example/a.mp3", "language": "es-US"}, "", "unexpected"),
    ],
)
def test_what_no_voice_could_say_is_refused(
    test_users: UserFixtures, prompt: dict[str, Any], member: str, detail: str
) -> None:
    location_id = test_users.boston_number.number.location_id
    path = f"/ivrConfiguration/{location_id}"
    stored = test_users.ann.get(path).json()["configuration"]
    configuration = {**stored, "closed": {"type": "say", "prompt": prompt}}
    refused = test_users.ann.request("PUT", path, json={"configuration": configuration})
    assert refused.status_code == 400
    (error,) = parse_problem(refused)["errors"]
    assert error["pointer"] == f"/configuration/closed/prompt{member}"
    assert detail in error["detail"]


def test_a_call_back_in_a_language_without_sentences_needs_a_text() -> None:
    french = {"type": "say", "prompt": {"say": "Bonjour.", "language": "fr-FR"}, "then": {"type": "callback"}}
    objections = list(spoken_texts.iter_objections({"language": "en-US", "open": french}))
    assert [(objection.path, "fr-FR" in objection.detail) for objection in objections] == [(("open", "then"), True)]
