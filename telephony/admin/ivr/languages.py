"""What the form does about languages: of a whole branch, and of usual sentences. Pure."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from telephony.admin.ivr.values import Values, text_of
from telephony.ivr import IvrConfiguration, action_at, iter_actions
from telephony.ivr.instructions import get_language
from telephony.ivr.language_names import describe_language
from telephony.ivr.phrases import PHRASES
from telephony.ivr.spoken_texts import last_text
from telephony.ivr.voices import can_speak

USUAL = {"voicemail": "leave_message", "callback": "callback_promise"}
TRANSLATED = ("greeting", "nobody_there", "leave_message_for", "leave_message", "callback_promise")
"""The phrases that configurations hold as texts."""


BRANCHES = ("open", "closed", "holiday")


def branch_values(configuration: IvrConfiguration) -> dict[str, list[str]]:
    """The language of each whole branch, if all its texts have the same one of their own."""
    values: dict[str, list[str]] = {}
    for branch in BRANCHES:
        parts = {branch: configuration[branch]} if branch in configuration else {}
        prompts = [action.get("prompt") or {} for _, action in iter_actions(parts)]
        languages = {str(prompt.get("language", "")) for prompt in prompts if "say" in prompt}
        values[f"{branch}:all"] = values[f"{branch}:all-before"] = [languages.pop() if len(languages) == 1 else ""]
    return values


def set_branch_languages(configuration: dict[str, Any], values: Values) -> dict[str, Any]:
    """The configuration with the language that is chosen for a whole branch at its texts.

    One that the form showed already is not chosen: a text of the branch may have got another.
    """
    changed = deepcopy(configuration)
    for branch in BRANCHES:
        language = text_of(values, f"{branch}:all")
        if branch in changed and language and language != text_of(values, f"{branch}:all-before"):
            _set_language(changed, branch, language)
    return changed


def _set_language(configuration: dict[str, Any], branch: str, language: str) -> None:
    for path, action in iter_actions({branch: configuration[branch]}):
        if "prompt" not in action and action["type"] in USUAL and not last_text(configuration, path.split("/")):
            phrases = PHRASES.get(language[:2], PHRASES["en"])
            action["prompt"] = {"say": phrases[USUAL[action["type"]]]}  # type: ignore[index]
        prompt = action.get("prompt", {})
        if "say" not in prompt:
            continue
        prompt["language"] = language
        if "voice" in prompt and not can_speak(prompt["voice"], language):
            del prompt["voice"]


def translate_usual_sentences(
    configuration: dict[str, Any], stored: IvrConfiguration, location_name: str
) -> tuple[dict[str, Any], list[str]]:
    """The configuration with usual sentences in their new languages, and what to look at.

    A text of the operator's own that has got another language is for them to translate.
    """
    changed, notes = deepcopy(configuration), []
    for text_place, prompt, stored_prompt in _iter_texts(changed, stored):
        language = str(prompt.get("language") or get_language(changed))
        before = str((stored_prompt or {}).get("language") or get_language(stored))
        is_same_text = stored_prompt is not None and stored_prompt.get("say") == prompt["say"]
        if language[:2] == before[:2] and stored_prompt is not None:
            continue
        if translation := _translate(prompt["say"], language, location_name):
            prompt["say"] = translation
        elif is_same_text:
            names = describe_language(language), describe_language(before)
            notes.append(f"{text_place}: a voice of {names[0]} will read a text that was {names[1]}. Check the text.")
    return changed, notes


def _iter_texts(
    configuration: dict[str, Any], stored: IvrConfiguration
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """Place, prompt and stored prompt of each text."""
    if "say" in (configuration.get("greeting") or ()):
        yield "Greeting", configuration["greeting"], stored.get("greeting")
    for path, action in iter_actions(configuration):
        if "say" in (action.get("prompt") or ()):
            stored_action = action_at(stored, path) or {}
            yield f"“{action['prompt']['say'][:40]}”", action["prompt"], stored_action.get("prompt")


def _translate(text: str, language: str, location_name: str) -> str | None:
    """A usual sentence in a language; None if the text is none, or is in it already."""
    target = PHRASES.get(language[:2])
    for phrases in PHRASES.values():
        for name in TRANSLATED:
            for location in (location_name, "{location}"):
                if target and phrases is not target and phrases[name].replace("{location}", location) == text:
                    return target[name].replace("{location}", location)
    return None
