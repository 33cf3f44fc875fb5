"""The form of IVR configurations: it keeps what it is sent back, and says what is wrong."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from telephony import ivr
from telephony.admin.ivr import json_text, languages
from telephony.admin.ivr.builder import ConfigurationBuilder
from telephony.admin.ivr.fields import FormFields
from telephony.admin.ivr.form_parts import Field, StepForm
from telephony.admin.ivr.hours import parse_periods
from telephony.admin.ivr.values import field_of_pointer, to_values
from tests.backoffice.ivr.samples import DEFAULT, MENU, SAMPLES, USER, WEEKLY


def build(stored: dict[str, Any], **changes: str | list[str]) -> ConfigurationBuilder:
    entered = {name: [value] if isinstance(value, str) else value for name, value in changes.items()}
    builder = ConfigurationBuilder({**to_values(stored), **entered}, stored)
    builder.configuration = builder.build()  # type: ignore[attr-defined]
    return builder


def configuration_of(stored: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    builder = build(stored, **changes)
    assert builder.faults == {}
    return dict(builder.configuration)  # type: ignore[attr-defined]


def iter_rendered(stored: dict[str, Any]) -> list[Field]:
    """All fields that the form shows."""
    form = FormFields(to_values(stored), {})
    fields = [*form.general(), *form.general_more(), *form.hours(), *form.holidays(), *form.public_holidays()]
    steps: list[StepForm] = []
    for language, step in form.branches():
        fields.append(language)
        steps.append(step)
    while steps:
        step = steps.pop()
        fields += [step.kind, *step.fields, *step.more, *step.new_key]
        steps += step.following
    return fields


@pytest.mark.parametrize("stored", SAMPLES, ids=range(len(SAMPLES)))
def test_what_is_sent_back_unchanged_changes_nothing(stored: dict[str, Any]) -> None:
    """Also what a browser sends: only what the page shows, with its line breaks."""
    assert configuration_of(stored, {}) == stored
    sent: dict[str, list[str]] = {}
    for field in iter_rendered(stored):
        if field.widget == "checks":
            sent.setdefault(field.name, []).extend(field.values)
        elif field.widget != "check" or field.value:
            sent.setdefault(field.name, []).append(field.value.replace("\n", "\r\n"))
    builder = ConfigurationBuilder(sent, stored)
    rebuilt = builder.build()
    assert builder.faults == {}
    assert rebuilt == stored


@pytest.mark.parametrize("stored", SAMPLES, ids=range(len(SAMPLES)))
def test_a_reviewed_change_is_the_same_when_it_is_sent_again(stored: dict[str, Any]) -> None:
    change = {"greeting:say": "New.", "closed:type": "voicemail", "holidays:date": ["2027-01-01"], "mode": "always"}
    first = configuration_of(stored, change)
    builder = ConfigurationBuilder(to_values(first), stored)
    assert (builder.build(), builder.faults) == (first, {})
    assert first["greeting"]["say"] == "New."


@pytest.mark.parametrize("stored", [DEFAULT, {**DEFAULT, "open": MENU}])
def test_labels_of_the_form_are_unique(stored: dict[str, Any]) -> None:
    ids = [field.id for field in iter_rendered(stored)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("text", "periods"),
    [
        ("", []),
        ("closed", []),
        ("9-18", [["09:00", "18:00"]]),
        ("9:00 – 12:30, 13.15 to 18", [["09:00", "12:30"], ["13:15", "18:00"]]),
        ("9am-6:30 p.m.", [["09:00", "18:30"]]),
        ("12am-12pm", [["00:00", "12:00"]]),
        ("0-24", [["00:00", "24:00"]]),
        ("21:00–02:00", [["21:00", "02:00"]]),
        ("25-26", None),
        ("9", None),
        ("9-18;", None),
        ("9:60-18", None),
        ("13pm-15pm", None),
        ("24:30-3", None),
        ("٩-١٨", None),
        ("all day", None),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, periods: list[list[str]] | None) -> None:
    assert parse_periods(text) == periods


CHANGES: list[tuple[dict[str, str | list[str]], str, Any]] = [
    ({"mode": "weekly", "weekly:mo": "9-18"}, "hours/weekly", {"mo": [["09:00", "18:00"]]}),
    ({"holidays:date": ["2026-12-24", "", "2026-12-24"]}, "hours/holidays", {"dates": ["2026-12-24"]}),
    ({"holidays:country": "us"}, "hours/holidays", {"country": "US"}),
    ({"closed/then:language": "es-US"}, "closed/then/prompt/language", "es-US"),
    ({"closed:type": "voicemail"}, "closed/then", None),
    ({"closed/then:type": ""}, "closed/then", None),
    ({"open/otherwise:tell": "managers"}, "open/otherwise/notify", {"onDuty": False, "managers": True}),
    ({"open/otherwise:max": ""}, "open/otherwise/maxSeconds", None),
    ({"open:strategy": "all", "open:most": "60"}, "open/strategy", "all"),
    ({"open:most": "60"}, "open/maxRingSeconds", 60),
    (
        {"open:target": "numbers", "open:numbers": "+1 617 555 0100\n+16175550101"},
        "open/target/numbers",
        ["+16175550100", "+16175550101"],
    ),
    ({"open:target": "users", "open:user": [USER, "", USER[:-1] + "1"]}, "open/target/users", [USER, USER[:-1] + "1"]),
    (
        {"open:role": ["staff"], "open:skills": "x-ray, ", "open:last": "on", "open:grace": "5"},
        "open/target/onDuty",
        {"graceMinutes": 5, "roles": ["staff"], "skills": ["x-ray"], "first": "last_spoken"},
    ),
    (
        {"open:type": "menu", "open:say": "Press 1.", "open:newkey": "1", "open:newkeytype": "hangup"},
        "open/keys",
        {"1": {"type": "hangup"}},
    ),
    ({"holiday:type": "hangup", "holidays:date": ["2026-12-24"]}, "holiday", {"type": "hangup"}),
    ({"recording": "on", "consent:say": "Recorded."}, "recording/consentPrompt", {"say": "Recorded."}),
    ({"callerId": "caller"}, "callerId", "caller"),
    ({"greeting:say": "", "greeting:play": "https://x.example/a.mp3"}, "greeting", {"play": "https://x.example/a.mp3"}),
]


@pytest.mark.parametrize(("changes", "path", "value"), CHANGES, ids=["+".join(changes) for changes, _, _ in CHANGES])
def test_changes_are_built(changes: dict[str, str | list[str]], path: str, value: Any) -> None:
    configuration = configuration_of(DEFAULT, changes)
    part: Any = configuration
    for name in path.split("/"):
        part = part.get(name) if part else None
    assert part == value
    assert ivr.validate_configuration(configuration) == configuration


FAULTS: list[tuple[dict[str, str | list[str]], str, str]] = [
    ({"greeting:say": " "}, "greeting:say", "Enter what callers hear first."),
    ({"greeting:say": "x" * 1001}, "greeting:say", "at most 1,000"),
    ({"greeting:play": "https://x.example/"}, "greeting:play", "not both"),
    ({"greeting:say": "", "greeting:play": "http://x.example/a"}, "greeting:play", "begins with https://"),
    ({"greeting:voice": "a b"}, "greeting:voice", "name of a voice"),
    ({"mode": "weekly", "weekly:tu": "late"}, "weekly:tu", "Tuesday: Enter hours such as 09:00–12:00"),
    ({"weekly:tu": "9-18"}, "mode", "would be ignored: choose “at fixed hours”"),
    ({"holidays:date": ["2026-02-30"]}, "holidays:date", "days that exist"),
    ({"holidays:date": ["tomorrow"]}, "holidays:date", "days that exist"),
    ({"holidays:country": "USA"}, "holidays:country", "two letters"),
    ({"holidays:subdivision": "MA"}, "holidays:country", "country of this state"),
    ({"holidays:country": "US", "holidays:subdivision": "M-A"}, "holidays:subdivision", "short form"),
    ({"open:type": ""}, "open:type", "Choose what happens."),
    ({"open:type": "dance"}, "open:type", "Choose what happens."),
    ({"open:seconds": "3"}, "open:seconds", "whole number from 5 to 60"),
    ({"open:seconds": "²"}, "open:seconds", "whole number from 5 to 60"),
    ({"open:seconds": "9" * 5000}, "open:seconds", "whole number from 5 to 60"),
    ({"open:target": "users"}, "open:user", "at least one person"),
    ({"open:target": "numbers"}, "open:numbers", "at least one phone number"),
    ({"open:target": "numbers", "open:numbers": "12"}, "open:numbers", "“12” is not a phone number with country code"),
    ({"open:type": "menu", "open:say": "x"}, "open:newkey", "at least one key"),
    ({"open:type": "menu", "open:newkey": "1"}, "open:say", "names the keys"),
    ({"open:type": "say"}, "open:say", "Enter what is said."),
    ({"recording": "on"}, "consent:say", "told that the call is recorded"),
]


@pytest.mark.parametrize(("changes", "field", "sentence"), FAULTS, ids=["+".join(changes) for changes, _, _ in FAULTS])
def test_faults_are_sentences_at_their_fields(changes: dict[str, str | list[str]], field: str, sentence: str) -> None:
    faults = build(DEFAULT, **changes).faults
    assert sentence in faults.get(field, ""), faults


def test_steps_that_are_too_deep_are_refused() -> None:
    path, values = "open", dict[str, str]()
    for _ in range(40):
        values |= {f"{path}:type": "say", f"{path}:say": "x"}
        path += "/then"
    assert "levels deep" in next(iter(build(DEFAULT, **values).faults.values()))


@pytest.mark.parametrize(
    ("pointer", "field"),
    [
        ("", ""),
        ("/", ""),
        ("/greeting/say", "greeting:say"),
        ("/language", "language"),
        ("/hours/weekly/mo/0", "weekly:mo"),
        ("/hours/holidays", "holidays:country"),
        ("/hours/holidays/dates/3", "holidays:date"),
        ("/open", "open:type"),
        ("/open/keys/1/target/users/0", "open/keys/1:user"),
        ("/open/keys/1", "open/keys/1:type"),
        ("/closed/then/prompt/language", "closed/then:language"),
        ("/holiday/otherwise/maxSeconds", "holiday/otherwise:max"),
        ("/recording/consentPrompt/say", "consent:say"),
        ("/unknown", ""),
    ],
)
def test_errors_of_the_domain_are_shown_at_their_fields(pointer: str, field: str) -> None:
    assert field_of_pointer(f"/configuration{pointer}") == field


def test_the_language_of_a_branch_is_that_of_all_its_texts() -> None:
    """Usual sentences become those of the language; a text of one's own is for the operator."""
    stored = {**deepcopy(DEFAULT), "holiday": {"type": "voicemail"}}
    stored["open"] = {
        "type": "say",
        "prompt": {"say": "My own.", "voice": "Polly.Joanna"},
        "then": {"type": "callback"},
    }
    values = {"closed:all": ["es-US"], "open:all": ["es-MX"], "holiday:all": ["de-DE"]}

    changed = languages.set_branch_languages(stored, values)
    changed, notes = languages.translate_usual_sentences(changed, stored, "Boston")

    assert changed["closed"]["prompt"] == {
        "say": "En este momento no hay nadie disponible. Volveremos a atenderle {nextOpening}.",
        "language": "es-US",
    }
    assert changed["closed"]["then"]["prompt"]["say"] == "Por favor, deje un mensaje para Boston después de la señal."
    assert changed["open"] == {
        "type": "say",
        "prompt": {"say": "My own.", "language": "es-MX"},
        "then": {"type": "callback"},
    }
    assert changed["holiday"]["prompt"]["say"].startswith("Bitte hinterlassen")
    assert notes == [
        "“My own.”: a voice of Spanish (Mexico) will read a text that was English (United States). Check the text."
    ]
    assert languages.translate_usual_sentences(stored, stored, "Boston") == (stored, [])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "Line 1, column 2: this is not valid JSON"),
        ('{\n "version": 1,\n "open": }', "Line 3, column 10: this is not valid JSON"),
        ('{"a": 1, "a": 2}', "A member occurs twice"),
        ("[" * 50_000, "is not"),
        ('"\\ud800"', ""),
        ("NaN", "NaN is not JSON"),
    ],
)
def test_faults_of_json_name_the_line(text: str, sentence: str) -> None:
    with pytest.raises(json_text.MalformedText) as excinfo:
        json_text.parse(text)
    assert sentence in str(excinfo.value) or "deep" in str(excinfo.value)


def test_the_line_of_a_pointer() -> None:
    text = '{\n"open": {\n  "keys": {"1": {\n    "type": "say",\n\t"x": [1,\n2]}}}}'
    assert json_text.locate(text, "/configuration/open/keys/1/type") == 4
    assert json_text.locate(text, "/configuration/open/keys/9") == 3
    assert json_text.locate('{"a": 1}', "/configuration") == 1
    assert json_text.locate('{"a": "\ud800"}', "/configuration/a") is None


def test_weekly_hours_without_effect_are_dropped_when_the_mode_changes() -> None:
    stored = {**DEFAULT, "hours": {"mode": "weekly", "weekly": WEEKLY}}
    assert configuration_of(stored, {"mode": "schedule"})["hours"] == {"mode": "schedule"}
