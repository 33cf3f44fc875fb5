"""Twilio's voice webhooks: their signature, and instructions as TwiML in reply.

Docs: https://www.twilio.com/docs/usage/webhooks/webhooks-security and /docs/voice/twiml
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from telephony.ivr.instructions import (
    DialNumber,
    GatherKey,
    Hangup,
    Instruction,
    JoinConference,
    Prompt,
    RecordVoicemail,
    Redirect,
    VoiceReply,
)

if TYPE_CHECKING:
    from twilio.request_validator import RequestValidator
    from twilio.twiml.voice_response import VoiceResponse

CONTENT_TYPE = "text/xml; charset=utf-8"


def is_signed_by_twilio(path: str, form: Any, signature: str | None) -> bool:
    """Whether Twilio signed a request: with our token, or with the old one during its rotation.

    ``path`` includes the query string; ``form`` is a QueryDict.
    """
    if not signature or not signature.isascii():
        return False
    url = settings.PUBLIC_BASE_URL + path
    return any(validator.validate(url, form, signature) for validator in _validators())


@cache
def _validators() -> "list[RequestValidator]":
    from twilio.request_validator import RequestValidator

    tokens = (settings.TWILIO["auth_token"], settings.TWILIO["old_auth_token"])
    return [RequestValidator(token) for token in tokens if token]


def to_twiml(reply: VoiceReply) -> bytes:
    """The TwiML document of a reply."""
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    voice_options = {"language": reply.language, **({"voice": reply.voice} if reply.voice else {})}
    for instruction in reply.instructions:
        _append_instruction(response, instruction, voice_options)
    return str(response).encode()


def _append_instruction(response: "VoiceResponse", instruction: Instruction, voice_options: Mapping[str, str]) -> None:
    if isinstance(instruction, Prompt):
        _append_prompt(response, instruction, voice_options)
    elif isinstance(instruction, GatherKey):
        gather = response.gather(
            input="dtmf",
            num_digits=1,
            timeout=instruction.seconds,
            action=_absolute_url(instruction.next_path),
            method="POST",
            action_on_empty_result=True,
        )
        for prompt in instruction.prompts:
            _append_prompt(gather, prompt, voice_options)
    elif isinstance(instruction, Redirect):
        response.redirect(_absolute_url(instruction.next_path), method="POST")
    elif isinstance(instruction, Hangup):
        response.hangup()
    else:
        _append_dial_or_record(response, instruction)


def _append_dial_or_record(response: "VoiceResponse", instruction: Instruction) -> None:
    if isinstance(instruction, DialNumber):
        dial = response.dial(
            action=_absolute_url(instruction.next_path),
            method="POST",
            caller_id=instruction.caller_id,
            timeout=instruction.seconds,
            time_limit=instruction.max_seconds,
            answer_on_bridge=True,
            **_recording_options(instruction.recording_path),
        )
        dial.number(instruction.number, url=_absolute_url(instruction.screen_path), method="POST")
    elif isinstance(instruction, JoinConference):
        dial = response.dial(
            action=_absolute_url(instruction.next_path),
            method="POST",
            time_limit=instruction.max_seconds,
            **_recording_options(""),
        )
        dial.conference(
            instruction.conference,
            beep="false",
            start_conference_on_enter=True,
            end_conference_on_exit=True,
            max_participants=2,
            **_recording_options(instruction.recording_path, record_mode="record-from-start"),
        )
    elif isinstance(instruction, RecordVoicemail):
        response.record(
            max_length=instruction.seconds,
            play_beep=True,
            finish_on_key="#",
            action=_absolute_url(instruction.next_path),
            method="POST",
            recording_status_callback=_absolute_url(instruction.recording_path),
            recording_status_callback_event="completed",
            recording_status_callback_method="POST",
        )


def _recording_options(callback_path: str, *, record_mode: str = "record-from-answer-dual") -> dict[str, Any]:
    if not callback_path:
        return {}
    return {
        "record": record_mode,
        "recording_status_callback": _absolute_url(callback_path),
        "recording_status_callback_event": "completed",
        "recording_status_callback_method": "POST",
    }


def _append_prompt(parent: Any, prompt: Prompt, voice_options: Mapping[str, str]) -> None:
    if prompt.play:
        parent.play(prompt.play)
    else:
        parent.say(prompt.say, **voice_options)


def _absolute_url(path: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/telephony/voice/{path}"
