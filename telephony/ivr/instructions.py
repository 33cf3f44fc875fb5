"""Instructions for a call: what the phone service does next, in our own terms. Pure.

`telephony.twilio.voice` writes them as TwiML. An action leads to the next webhook by its path in
the configuration, so the query string of a webhook says where the call is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from telephony.ivr.configuration import VOICEMAIL_SECONDS, IvrAction, IvrConfiguration, action_at, is_recording_enabled
from telephony.ivr.phrases import get_phrase
from telephony.ivr.spoken_texts import last_text
from telephony.ivr.webhook_paths import webhook_path

UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold. Configurations from before they were refused may have them;
their calls say the rest."""
SPOKEN_NUMBER, SPOKEN_DIGITS = re.compile(r"\+?\d+", re.ASCII), 4
"""Of a caller with a number: with an extension, the digits before it. Addresses are not spoken."""
MENU_SECONDS, SCREENING_SECONDS = 5, 5
"""How long we wait for a key."""


@dataclass(frozen=True)
class Prompt:
    """Say a text, or play a sound."""

    say: str = ""
    play: str = ""
    has_placeholders: bool = False
    """Whether the text is one of a configuration, with placeholders to be filled in."""
    language: str = ""
    """Of the text; empty: that of the reply."""
    voice: str = ""
    """Empty: that of the reply if the language is the same, else the phone service's own."""


@dataclass(frozen=True)
class GatherKey:
    """Say prompts and wait for one key; ``next_path`` is also called when no key is pressed."""

    prompts: tuple[Prompt, ...]
    seconds: int
    next_path: str


@dataclass(frozen=True)
class DialNumber:
    """Ring one number; ``screen_path`` is called when it picks up, ``next_path`` at the end."""

    number: str
    caller_id: str
    seconds: int
    screen_path: str
    next_path: str
    max_seconds: int
    recording_path: str = ""


@dataclass(frozen=True)
class JoinConference:
    """Join the conference of this name; it ends when either party leaves."""

    conference: str
    next_path: str
    max_seconds: int
    recording_path: str = ""


@dataclass(frozen=True)
class RecordVoicemail:
    """Record the caller."""

    seconds: int
    next_path: str
    recording_path: str


@dataclass(frozen=True)
class Redirect:
    """Call the next webhook."""

    next_path: str


@dataclass(frozen=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True)
class Reject:
    """Do not answer the call: the caller hears the busy tone, and nobody pays for it."""


@dataclass(frozen=True)
class ConnectCall:
    """Connect the person who picked up with the caller."""


Instruction = (
    Prompt | GatherKey | DialNumber | JoinConference | RecordVoicemail | Redirect | Hangup | Reject | ConnectCall
)


@dataclass(frozen=True)
class VoiceReply:
    """The reply to a webhook: instructions, and the language and voice of their texts."""

    instructions: Sequence[Instruction]
    language: str = "en-US"
    voice: str | None = None


def get_voice(configuration: IvrConfiguration) -> str | None:
    """The voice of a configuration; None for the phone service's own of the language."""
    return str(configuration.get("voice", "")).strip() or None


def get_language(configuration: IvrConfiguration) -> str:
    """The language of a configuration; English if the configuration could not be loaded."""
    return str(configuration.get("language", "en-US")).strip()


def to_prompt(prompt_json: Mapping[str, str]) -> Prompt:
    """A prompt of a configuration; of stored ones, only what a document for the phone can hold."""
    say, play = (UNSPEAKABLE.sub("", prompt_json.get(name, "")) for name in ("say", "play"))
    return Prompt(say, play, "{" in say, prompt_json.get("language", ""), prompt_json.get("voice", ""))


def builtin_prompt(phrase: str, configuration: IvrConfiguration, path: str) -> dict[str, str]:
    """A built-in sentence as a prompt, in the language and voice of the text before it."""
    prompt_json = last_text(configuration, path.split("/"))
    spoken_as = {name: prompt_json[name] for name in ("language", "voice") if prompt_json.get(name)}
    language = spoken_as.get("language") or get_language(configuration)
    return {"say": get_phrase(phrase, language), **spoken_as}


def greeting(configuration: IvrConfiguration) -> list[Instruction]:
    """Greet the caller, and announce the recording if calls are recorded."""
    instructions: list[Instruction] = [to_prompt(configuration["greeting"])]
    if is_recording_enabled(configuration):
        instructions.append(to_prompt(configuration["recording"]["consentPrompt"]))
    return instructions


def menu(action: IvrAction, path: str, attempt: int) -> list[Instruction]:
    """Ask for a key."""
    next_path = webhook_path("key", action=path, a=attempt)
    return [GatherKey((to_prompt(action["prompt"]),), int(action.get("timeoutSeconds", MENU_SECONDS)), next_path)]


def callback_prompt(action: IvrAction, configuration: IvrConfiguration, path: str) -> Mapping[str, str]:
    """What a caller hears who is going to be called back."""
    return dict(action.get("prompt") or builtin_prompt("callback_promise", configuration, path))


def voicemail_prompt(action: IvrAction, configuration: IvrConfiguration, path: str) -> Mapping[str, str]:
    """What a caller hears before they leave a voicemail."""
    return dict(action.get("prompt") or builtin_prompt("leave_message", configuration, path))


def voicemail(action: IvrAction, path: str, configuration: IvrConfiguration) -> list[Instruction]:
    """Take a voicemail."""
    return [
        to_prompt(voicemail_prompt(action, configuration, path)),
        RecordVoicemail(
            int(action.get("maxSeconds", VOICEMAIL_SECONDS)),
            next_path=webhook_path("bye", action=path),
            recording_path=webhook_path("message", action=path),
        ),
        Hangup(),
    ]


def fallback(configuration: IvrConfiguration, path: str) -> list[Instruction]:
    """Take a voicemail if the action failed: the next one after ``path``, or a default one."""
    current_path = path
    while action := action_at(configuration, current_path):
        if action["type"] == "voicemail":
            return voicemail(action, current_path, configuration)
        current_path = f"{current_path}/otherwise" if "otherwise" in action else f"{current_path}/then"
    return [to_prompt(builtin_prompt("sorry", configuration, path)), *voicemail({}, path, configuration)]


def screening(
    configuration: IvrConfiguration,
    location_name: str,
    next_path: str,
    *,
    caller: str | None,
    pause_minutes: int | None,
) -> list[Instruction]:
    """Ask the person who picked up to press 1, which a mailbox does not do.

    ``caller``: who calls, of whose number the last digits are said; None: not known.
    ``pause_minutes``: how long the key 2 leaves them alone; None: it does not.
    """
    language = get_language(configuration)
    texts = [_announcement(language, location_name, caller)]
    texts += [get_phrase("recorded", language)] if is_recording_enabled(configuration) else []
    keys = get_phrase("press_1_or_2" if pause_minutes else "press_1", language)
    texts += [keys.format(minutes=pause_minutes)] * 2
    return [GatherKey(tuple(map(Prompt, texts)), SCREENING_SECONDS, next_path)]


def connection_notice(configuration: IvrConfiguration) -> list[Instruction]:
    """What somebody hears who is connected without a key."""
    return [Prompt(get_phrase("recorded", get_language(configuration)))] if is_recording_enabled(configuration) else []


def _announcement(language: str, location_name: str, caller: str | None) -> str:
    """What the call is: for which location, and of which number, digit by digit."""
    if caller == "":
        return get_phrase("call_from_withheld", language).format(location=location_name)
    if caller is None or not (number := SPOKEN_NUMBER.match(caller)):
        return get_phrase("call_for", language).format(location=location_name)
    digits = " ".join(number[0][-SPOKEN_DIGITS:])
    return get_phrase("call_from_number", language).format(location=location_name, digits=digits)
