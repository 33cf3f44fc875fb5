"""What calls cannot say of a configuration: objections to its language, voice and texts. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from telephony.ivr import placeholders, voices
from telephony.ivr.phrases import PHRASES
from telephony.ivr.schema import FaultPath

LANGUAGE: FaultPath = ("language",)
_BRACES = re.compile(r"\{([^{}]{1,40})\}")
_NAMES = {name.strip("{}").lower(): name for name in (placeholders.LOCATION, placeholders.NEXT_OPENING)}


class Objection(NamedTuple):
    """What is refused where it is new."""

    path: FaultPath
    detail: str
    depends_on: tuple[FaultPath, ...] = ()
    """What else makes it new, if that is."""


def iter_objections(configuration: Mapping[str, Any]) -> Iterator[Objection]:
    """What calls could not say, or would say as it is not meant."""
    language, voice = configuration["language"], configuration.get("voice")
    if language not in voices.LANGUAGES:
        yield Objection(LANGUAGE, f"Must be a language that can be spoken: {', '.join(voices.LANGUAGES)}.")
    elif voice is not None and not voices.can_speak(voice, language):
        yield Objection(("voice",), _describe_wrong_voice(language), (LANGUAGE,))
    for path, part in _iter_parts(configuration, ()):
        if "say" in part:
            yield from _iter_prompt_objections(path, part, language)
        elif part.get("type") == "callback" and "prompt" not in part:
            own_language = str(last_text(configuration, path).get("language", language))
            if _is_untranslated(own_language):
                detail = f"Without a `prompt`, callers would hear English, not {own_language}; add one."
                yield Objection(path, detail, (LANGUAGE,))


def last_text(configuration: Mapping[str, Any], path: Iterable[str | int]) -> Mapping[str, str]:
    """The last prompt with a text on the way to a path, and at it; empty if there is none."""
    node: Any = configuration
    prompt: Mapping[str, str] = {}
    for segment in path:
        node = node.get(segment) if isinstance(node, Mapping) else None
        if isinstance(node, Mapping) and "say" in node.get("prompt", ()):
            prompt = node["prompt"]
    return prompt


def iter_prompts(configuration: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every prompt, a text or an audio file, with the path of what it belongs to."""
    for path, part in _iter_parts(configuration, ()):
        if "say" in part or "play" in part:
            yield "/".join(str(name) for name in path if name not in ("prompt", "consentPrompt")), part


def _iter_prompt_objections(path: FaultPath, prompt: Mapping[str, Any], default_language: str) -> Iterator[Objection]:
    """The objections to the language, the voice and the text of one prompt."""
    language, voice = str(prompt.get("language", default_language)), prompt.get("voice")
    language_path = (*path, "language") if "language" in prompt else LANGUAGE
    if "language" in prompt and language not in voices.LANGUAGES:
        yield Objection(language_path, f"Must be a language that can be spoken: {', '.join(voices.LANGUAGES)}.")
    elif voice is not None and language in voices.LANGUAGES and not voices.can_speak(voice, language):
        yield Objection((*path, "voice"), _describe_wrong_voice(language), (language_path,))
    yield from _iter_text_objections((*path, "say"), str(prompt["say"]), language, language_path)


def _describe_wrong_voice(language: str) -> str:
    available = voices.describe_voices(language)
    return f"Not a voice of {language}. Available: {available}. Without a voice: the usual one."


def _is_untranslated(language: str) -> bool:
    """Whether a language can be spoken, but times and built-in sentences are not in it."""
    return language in voices.LANGUAGES and language[:2] not in PHRASES


def _iter_parts(value: Any, path: FaultPath) -> Iterator[tuple[FaultPath, Mapping[str, Any]]]:
    """Each object in a configuration, with its path."""
    if isinstance(value, Mapping):
        yield path, value
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from _iter_parts(member, (*path, name))


def _iter_text_objections(path: FaultPath, text: str, language: str, language_path: FaultPath) -> Iterator[Objection]:
    if placeholders.NEXT_OPENING in text and _is_untranslated(language):
        detail = f"`{placeholders.NEXT_OPENING}` cannot be said in {language}, only in en, de and es; leave it out."
        yield Objection(path, detail, (language_path,))
    for match in _BRACES.finditer(text):
        words = re.sub(r"[\s_-]", "", match[1]).lower()
        if match[0] not in _NAMES.values() and (names := get_close_matches(words, _NAMES, n=1, cutoff=0.75)):
            yield Objection(path, f"`{match[0]}` would be said as it is; did you mean `{_NAMES[names[0]]}`?")
            return
