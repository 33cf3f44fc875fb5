"""Texts of missed calls and call-backs: in each language, with the place and in words that fit."""

from typing import Any

import pytest
from django.template.loader import render_to_string

from accounts import preferences

EVENTS = ("call_missed", "callback_due", "callback_handed_over")
TOPICS = (("call_missed", "withheld"), ("callback_due", "held"), ("callback_due", "late"))


@pytest.mark.parametrize("language", preferences.LANGUAGES)
@pytest.mark.parametrize("event", EVENTS)
def test_texts_name_the_place_and_count_in_words(event: str, language: str) -> None:
    for count in (None, 1, 2):
        values: dict[str, Any] = {"customer": "Harbour Dental", "location": "Kai", "locations": "Kai"}
        values |= {"count": count} if count else {}  # a retry has none
        push = render_to_string(f"push/{event}.{language}.txt", values).strip()
        mail = render_to_string(f"email/{event}.{language}.txt", {**values, "called_at": "9:12"}).strip()
        title, _, body = push.partition("\n")
        assert title
        assert "Kai" in body
        assert "Kai" in mail.partition("\n")[0]
        assert "9:12" in mail
        assert ("2" in push) == ("2" in mail.replace("9:12", "")) == (count == 2)
        assert "None" not in push + mail
        assert "  " not in push
    without_place = render_to_string(f"push/{event}.{language}.txt", {"customer": "Harbour Dental"})
    assert "Harbour Dental" in without_place


@pytest.mark.parametrize("language", preferences.LANGUAGES)
@pytest.mark.parametrize(("event", "topic"), TOPICS)
def test_texts_of_a_topic_are_its_own(event: str, topic: str, language: str) -> None:
    values = {"customer": "Harbour Dental", "location": "Kai", "locations": "Kai", "count": 1, "called_at": "9:12"}
    for kind in ("push", "email"):
        template = f"{kind}/{event}.{language}.txt"
        text, usual = (render_to_string(template, values | extra).strip() for extra in ({"topic": topic}, {}))
        assert text.partition("\n")[2] != usual.partition("\n")[2]
        assert "Kai" in text
        assert "  " not in text
        assert ("9:12" in text) == (kind == "email")
