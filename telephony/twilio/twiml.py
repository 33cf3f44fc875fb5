"""Instructions as TwiML, by the SDK's own builder."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

from telephony import ivr

if TYPE_CHECKING:
    from twilio.twiml.voice_response import VoiceResponse

CONTENT_TYPE = "text/xml; charset=utf-8"


def to_twiml(instructions: Iterable[ivr.Instruction], *, language: str = "en-US", voice: str | None = None) -> bytes:
    """The document that Twilio follows; ``language`` and ``voice`` are of what is said."""
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    voice_options = {"language": language, **({"voice": voice} if voice else {})}
    for instruction in instructions:
        _append_instruction(response, instruction, voice_options)
    return str(response).encode()


def _append_instruction(
    response: "VoiceResponse", instruction: ivr.Instruction, voice_options: Mapping[str, str]
) -> None:
    if isinstance(instruction, ivr.Prompt):
        _append_prompt(response, instruction, voice_options)
    elif isinstance(instruction, ivr.GatherKey):
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
    elif isinstance(instruction, ivr.Redirect):
        response.redirect(_absolute_url(instruction.next_path), method="POST")
    elif isinstance(instruction, ivr.Hangup):
        response.hangup()
    else:
        _append_dial_or_record(response, instruction)


def _append_dial_or_record(response: "VoiceResponse", instruction: ivr.Instruction) -> None:
    if isinstance(instruction, ivr.DialNumber):
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
    elif isinstance(instruction, ivr.JoinConference):
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
    elif isinstance(instruction, ivr.RecordVoicemail):
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


def _append_prompt(parent: Any, prompt: ivr.Prompt, voice_options: Mapping[str, str]) -> None:
    if prompt.play:
        parent.play(prompt.play)
    else:
        parent.say(prompt.say, **voice_options)


def _absolute_url(path: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/telephony/voice/{path}"
