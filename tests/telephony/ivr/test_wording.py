"""IVR configurations and their changes in words."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from telephony import ivr
from telephony.ivr import voices, wording
from telephony.ivr.language_names import describe_language
from telephony.ivr.wording import Difference

DEFAULT = ivr.default_configuration("Boston")
NAMES = {"usr_1": "Abe Atwood", "loc_1": "Denver"}
SENTENCE = "Take a voicemail; says “Please leave a message after the tone.”; language English (United States)"
TOLD = "longest 115 seconds; tells people on duty and managers"


def set_rota_target(configuration: dict[str, Any], target: dict[str, Any]) -> None:
    configuration["open"]["target"] = target


DIFFERENCES: list[tuple[Callable[[dict[str, Any]], object], list[Difference]]] = [
    (lambda c: c, []),
    (
        lambda c: c["greeting"].update(say="Hello."),
        [Difference("All calls", "Greeting", "“Thank you for calling Boston.”", "“Hello.”")],
    ),
    (
        lambda c: c["hours"].update(holidays={"dates": ["2026-12-24"]}),
        [
            Difference("Opening hours", "Closed day", "", "Thu 24 Dec 2026"),
            Difference(
                "Opening hours", "On these days", "", "open only while somebody is planned on purpose for that day"
            ),
        ],
    ),
    (
        lambda c: c["closed"]["prompt"].update(language="es-US", voice="Polly.Lupe"),
        [
            Difference("When closed", "Language", "English (United States)", "Spanish (United States)"),
            Difference("When closed", "Voice", "", "Polly.Lupe"),
        ],
    ),
    (lambda c: c.update(holiday={"type": "voicemail"}), [Difference("On holidays", "", "", f"{SENTENCE}; {TOLD}")]),
    (
        lambda c: set_rota_target(c, {"users": ["usr_1", "usr_2"]}),
        [
            Difference(
                "When open", "Rings", "the people on duty", "Abe Atwood, then somebody whose account is deleted"
            ),
            Difference("When open", "After their shift", "for 10 minutes more", ""),
        ],
    ),
    (
        lambda c: c["open"]["target"]["onDuty"].update(locations=["loc_1"]),
        [Difference("When open", "Then rings", "", "the people on duty at Denver")],
    ),
    (
        lambda c: c["open"].update(
            otherwise={**c["open"]["otherwise"], "notify": {"onDuty": False, "managers": False}}
        ),
        [Difference("When open › if nobody answers", "Tells", "people on duty and managers", "nobody")],
    ),
    (
        lambda c: c["open"].pop("otherwise"),
        [
            Difference(
                "When open › if nobody answers",
                "Says",
                "“Please leave a message for Boston after the tone.”",
                "“Please leave a message after the tone.”",
            )
        ],
    ),
]


@pytest.mark.parametrize(("change", "differences"), DIFFERENCES)
def test_changes_are_described_in_words(
    change: Callable[[dict[str, Any]], object], differences: list[Difference]
) -> None:
    changed = deepcopy(DEFAULT)
    change(changed)
    assert wording.list_differences(DEFAULT, changed, NAMES) == differences
    back = wording.list_differences(changed, DEFAULT, NAMES)
    assert {(item.before, item.after) for item in back} == {(item.after, item.before) for item in differences}


def test_a_removed_key_is_one_difference() -> None:
    menu = {"type": "menu", "prompt": {"say": "Press."}, "keys": {"1": {"type": "hangup"}, "*": {"type": "hangup"}}}
    before = {**DEFAULT, "open": menu}
    after = {**DEFAULT, "open": {**menu, "keys": {"1": {"type": "hangup"}}}}
    assert wording.list_differences(before, after, {}) == [Difference("When open › key *", "", "End the call", "")]


def test_all_languages_have_names() -> None:
    names = {code: describe_language(code) for code in voices.LANGUAGES}
    assert [code for code, name in names.items() if name == code] == []
    assert len(set(names.values())) == len(names)
    assert (names["es-US"], names["da-DK"]) == ("Spanish (United States)", "Danish")
    assert describe_language("xx-XX") == "xx-XX"
