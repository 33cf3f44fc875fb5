"""Instructions as TwiML, by the SDK's own builder."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

from telephony import ivr

if TYPE_CHECKING:
    from twilio.twiml.voice_response import VoiceResponse

TYPE = "text/xml; charset=utf-8"


def written(
    instructions: Iterable[ivr.Instruction], *, language: str = "en-US", voice: str | None = None
) -> bytes:
    """The document that Twilio follows; ``language`` and ``voice`` are of what is said."""
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    manner = {"language": language, **({"voice": voice} if voice else {})}
    for one in instructions:
        _write(response, one, manner)
    return str(response).encode()


def _write(response: "VoiceResponse", one: ivr.Instruction, manner: Mapping[str, str]) -> None:
    if isinstance(one, ivr.Prompt):
        _say(response, one, manner)
    elif isinstance(one, ivr.Ask):
        gather = response.gather(
            input="dtmf",
            num_digits=1,
            timeout=one.seconds,
            action=_url(one.then),
            method="POST",
            action_on_empty_result=True,
        )
        for prompt in one.prompts:
            _say(gather, prompt, manner)
    elif isinstance(one, ivr.GoOn):
        response.redirect(_url(one.then), method="POST")
    elif isinstance(one, ivr.Hangup):
        response.hangup()
    else:
        _connect(response, one)


def _connect(response: "VoiceResponse", one: ivr.Instruction) -> None:
    if isinstance(one, ivr.Ring):
        dial = response.dial(
            action=_url(one.then),
            method="POST",
            caller_id=one.caller_id,
            timeout=one.seconds,
            time_limit=one.most_seconds,
            answer_on_bridge=True,
            **_recorded(one.record),
        )
        dial.number(one.number, url=_url(one.screen), method="POST")
    elif isinstance(one, ivr.Join):
        dial = response.dial(
            action=_url(one.then), method="POST", time_limit=one.most_seconds, **_recorded("")
        )
        dial.conference(
            one.room,
            beep="false",
            start_conference_on_enter=True,
            end_conference_on_exit=True,
            max_participants=2,
            **_recorded(one.record, kind="record-from-start"),
        )
    elif isinstance(one, ivr.Record):
        response.record(
            max_length=one.seconds,
            play_beep=True,
            finish_on_key="#",
            action=_url(one.then),
            method="POST",
            recording_status_callback=_url(one.kept),
            recording_status_callback_event="completed",
            recording_status_callback_method="POST",
        )


def _recorded(where: str, *, kind: str = "record-from-answer-dual") -> dict[str, Any]:
    if not where:
        return {}
    return {
        "record": kind,
        "recording_status_callback": _url(where),
        "recording_status_callback_event": "completed",
        "recording_status_callback_method": "POST",
    }


def _say(where: Any, one: ivr.Prompt, manner: Mapping[str, str]) -> None:
    if one.play:
        where.play(one.play)
    else:
        where.say(one.say, **manner)


def _url(path: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/telephony/voice/{path}"
