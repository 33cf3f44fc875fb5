"""Texts of holes and of phones that cannot be rung: in each language, with names and times."""

from typing import Any

import pytest
from django.template.loader import render_to_string

from accounts import preferences
from telephony import reasons

REASONS = ["no_phone", "ringing_off", "phone_not_verified", "on_a_break", "other_country"]
PLACE = {"customer": "Harbour Dental", "location": "Kai", "locations": "Kai"}


def render(event: str, language: str, **values: Any) -> tuple[str, str]:
    """The texts of a push and of an e-mail."""
    push, mail = (
        render_to_string(f"{kind}/{event}.{language}.txt", PLACE | values).strip() for kind in ("push", "email")
    )
    for text in (push, mail):
        assert "None" not in text
        assert "  " not in text
        assert "{" not in text
    return push, mail


@pytest.mark.parametrize("language", preferences.LANGUAGES)
def test_a_hole_has_place_time_and_reason(language: str) -> None:
    why = reasons.sentence("why_not", "ringing_off", "Sam", language)
    lines = [
        render_to_string(f"notifications/hole.{language}.txt", {"when": f"Day {day}", "why": why, "keys": keys}).strip()
        for day, keys in ((1, ""), (2, "1, 2"))
    ]
    assert lines[0] == f"Day 1. {why}"
    assert "1, 2" in lines[1]
    for count, more in ((1, 0), (2, 0), (2, 3)):
        push, mail = render("hole_found", language, lines=lines[:count], more=more)
        assert "Kai" in push
        assert "Kai" in mail.partition("\n")[0]
        assert "Sam" in push
        assert all(line in mail for line in lines[:count])
        assert ("3" in mail) == (more == 3)
    assert "Kai" in render_to_string(f"push/hole_found.{language}.txt", PLACE), "a retry has no values"


@pytest.mark.parametrize("language", preferences.LANGUAGES)
def test_people_learn_why_calls_do_not_ring_them(language: str) -> None:
    texts = set()
    for advice in ("", *(reasons.advice(reason, language) for reason in REASONS)):
        push, mail = render("not_ringable", language, topic="own", when="9:00", advice=advice, lines=[])
        assert advice in push
        assert advice in mail
        assert "9:00" in push
        assert "9:00" in mail
        assert "Kai" in push
        assert "Kai" in mail
        texts.add(push)
    assert len(texts) == 5, "phones are missing, or of another country"
    assert "Kai" in render_to_string(f"push/not_ringable.{language}.txt", PLACE), "a retry has no values"


@pytest.mark.parametrize("language", preferences.LANGUAGES)
def test_managers_learn_whom_calls_cannot_ring(language: str) -> None:
    lines = [reasons.sentence("why_not", reason, "Sam", language) for reason in REASONS]
    push, mail = render("not_ringable", language, topic="team", when="9:00", advice="", lines=lines, more=2)
    assert all(line in push and line in mail for line in lines)
    assert "Kai" in mail.partition("\n")[0]
    assert "2" in push
    assert "2" in mail
