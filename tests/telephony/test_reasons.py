"""The table of reasons has every code that calls give, and no code has texts anywhere else."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from django.conf import settings

from accounts import preferences
from staffing.schedules import on_duty
from telephony import lines, mends, reasons
from telephony.ivr.wording import KINDS
from tests.test_openapi import document

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "accounts", "staffing", "telephony")
JUDGES = {"filter_reason", "skip_reason", "rejection_reason", "_rejection_of_unknown"}
"""Functions that return the code of why somebody does not ring."""
COMPONENTS = {"RingReason": "why", "RingExclusion": "why_not", "NotTakenReason": "not_taken"}
TEXTS_OF_ERRORS = {("telephony/lines.py", "_REJECTION_CODES"), ("telephony/lines.py", "REJECTION_DETAILS")}
"""They say what a request has to send instead, and are described in docs/errors.md."""


def codes(kind: str) -> set[str]:
    return {reason.code for reason in reasons.REASONS if reason.kind == kind}


@cache
def modules() -> dict[str, ast.Module]:
    """The source of the product by path, without the table itself."""
    paths = (path for app in APPS for path in sorted((ROOT / app).rglob("*.py")))
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    del sources["telephony/reasons.py"], sources["telephony/mends.py"]
    return {path: ast.parse(source) for path, source in sources.items()}


def values(node: ast.AST | None) -> Iterator[str]:
    """The texts that an expression can have, not those that it compares."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from [*values(node.body), *values(node.orelse)]
    elif isinstance(node, ast.BoolOp):
        yield from (value for part in node.values for value in values(part))


def produced(name: str) -> set[str]:
    """The texts that modules of calls assign to a name, pass as it, or return as a judge of it."""
    found_codes: set[str] = set()
    for path, tree in modules().items():
        if not path.startswith("telephony/") or path.startswith("telephony/admin/"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.keyword):
                target = node.arg if isinstance(node, ast.keyword) else getattr(node.targets[0], "id", "")
                found_codes |= set(values(node.value)) if target == name else set()
            elif name == "why_not" and isinstance(node, ast.FunctionDef) and node.name in JUDGES:
                returns = (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
                found_codes |= {value for part in returns for value in values(part)}
            elif isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                position = {("why_not", "without_phones"): 0, ("why", "RingCandidate"): 2, ("why", "_Match"): 1}
                index = position.get((name, called))
                found_codes |= set(values(node.args[index])) if index is not None and len(node.args) > index else set()
    return found_codes


def test_the_table_has_each_code_that_calls_give_and_no_other() -> None:
    assert produced("why") | set(on_duty.REASONS) == codes("why")
    assert produced("why_not") == codes("why_not")
    assert set(reasons.ON_DUTY) == set(on_duty.REASONS)


def test_the_table_has_each_way_in_which_ringing_ends() -> None:
    assigned = [node for node in modules()["telephony/twilio/voice.py"].body if isinstance(node, ast.Assign)]
    ends = next(node.value for node in assigned if getattr(node.targets[0], "id", "") == "_END_REASONS")
    assert isinstance(ends, ast.Dict)
    end_codes = {value for part in ends.values for value in values(part)}
    assert end_codes | {"failed", "on_a_break"} == codes("not_taken"), "the others: Twilio's, and a break by key"


def test_the_table_has_what_callers_get_instead_and_no_other() -> None:
    assert codes("ends") == set(KINDS) - {"ring", "menu", "say"}, "the actions that end a call without anybody"


def test_each_code_that_is_put_in_words_is_in_the_table() -> None:
    named: set[tuple[str, ...]] = set()
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("words", "sentence", "list_mends"):
                arguments = [str(argument.value) for argument in node.args[:2] if isinstance(argument, ast.Constant)]
                named |= (
                    {tuple(arguments)} if getattr(getattr(node.func, "value", None), "id", "") == "reasons" else set()
                )
    kinds, pairs = {item[0] for item in named if item}, {item for item in named if len(item) == 2}
    assert kinds <= set(get_args(reasons.Kind))
    assert pairs <= {(reason.kind, reason.code) for reason in reasons.REASONS}
    assert {code for kind, code in pairs if kind == "hole"} == codes("hole")


@pytest.mark.parametrize("reason", reasons.REASONS, ids=lambda reason: f"{reason.kind}-{reason.code}")
def test_each_reason_has_texts_in_each_language_and_known_mends(reason: reasons.Reason) -> None:
    assert mends.Text._fields == preferences.LANGUAGES
    assert reason.kind in get_args(reasons.Kind)
    for language in preferences.LANGUAGES:
        words, sentence = reason.words.get(language), reason.sentence.get(language)
        assert words
        assert words[-1] not in ".:,"
        assert sentence.endswith(".")
        assert set(re.findall(r"\{\w*\}", words + sentence)) <= {"{name}"}
        assert "{" not in reasons.sentence(reason.kind, reason.code, "Sam Reed", language)
    assert len(set(reason.sentence)) == len(preferences.LANGUAGES), "translated"
    assert set(reason.mends) <= set(mends.MENDS)
    is_passing = reason.kind == "why_not" and reason.code in reasons.PASSING
    assert reason.mends or is_passing or reason.kind not in ("why_not", "hole")


def test_each_mend_has_texts_and_mends_something() -> None:
    assert {code for reason in reasons.REASONS for code in reason.mends} == set(mends.MENDS)
    for mend in mends.MENDS.values():
        assert mend.by in get_args(mends.MendedBy)
        texts = {reasons.mend_sentence(mend.code, "Sam Reed", language) for language in preferences.LANGUAGES}
        assert len(texts) == len(preferences.LANGUAGES)
        assert all(text.endswith(".") and "{" not in text for text in texts)
        assert all(("Sam Reed" in text) == (mend.of == "person") for text in texts)
        assert (mend.advice is not None) == (mend.by == "person")
        assert mend.advice is None or len(set(mend.advice)) == len(preferences.LANGUAGES)


def test_each_code_is_one_of_its_kind() -> None:
    keys = [(reason.kind, reason.code) for reason in reasons.REASONS]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("component", "kind"), COMPONENTS.items())
def test_the_api_describes_each_code(component: str, kind: reasons.Kind) -> None:
    schema = document()["components"]["schemas"][component]
    assert set(schema["enum"]) == codes(kind)
    for code in codes(kind):
        assert f"- `{code}`: {reasons.words(kind, code)}" in schema["description"]


def test_no_other_module_has_texts_of_a_code() -> None:
    texts = {text for reason in reasons.REASONS for text in (*reason.words, *reason.sentence) if text.count(" ") > 2}
    for path, tree in modules().items():
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.Constant) and node.value in texts), (path, node.lineno)
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if (path, getattr(target, "id", "")) in TEXTS_OF_ERRORS:
                    continue
                keys = {getattr(key, "value", None) for key in node.value.keys}
                kinds = set(get_args(reasons.Kind)) - {"ends"}  # its codes are actions, which have names too
                assert not [kind for kind in kinds if len(keys & codes(kind)) > 1], (path, keys)
    rejections = set(lines.REJECTION_DETAILS) - {"own_number"}
    assert rejections <= codes("why_not"), "the same codes"


def test_no_mail_or_push_has_texts_of_a_code() -> None:
    folders = [ROOT / "templates/email", ROOT / "templates/push"]
    templates = "".join(path.read_text() for folder in folders for path in sorted(folder.glob("*.txt")))
    assert not [code for code in codes("why_not") | codes("hole") if re.search(rf"[\"']{code}[\"']", templates)]


def test_unknown_codes_are_read_as_words() -> None:
    assert reasons.words("why_not", "of_a_later_release") == "of a later release"
    assert reasons.list_mends("why_not", "of_a_later_release") == []
    assert reasons.words("why_not", "no_phone", "fr") == reasons.words("why_not", "no_phone")


def test_changes_name_the_person_or_the_reason() -> None:
    assert reasons.list_changes("phone_not_verified", "usr_1") == ["verify:usr_1"]
    assert reasons.list_changes("other_skill", "usr_1") == ["shift:other_skill", "ivr:other_skill"]
    assert reasons.list_changes("no_number", "+15550101234") == ["ivr:no_number"]
    assert reasons.list_changes("on_a_call", "usr_1") == []


def test_the_settings_take_their_enums_from_the_table() -> None:
    sources = {name: source for name, (source, _) in settings.OPENAPI_ENUMS.items() if name in COMPONENTS}
    assert set(sources.values()) == {
        "telephony.reasons.WHY",
        "telephony.reasons.WHY_NOT",
        "telephony.reasons.NOT_TAKEN",
    }
