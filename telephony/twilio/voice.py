"""Twilio's voice webhooks: their signature, what they report, and TwiML in reply.

Docs: https://www.twilio.com/docs/usage/webhooks/webhooks-security and /docs/voice/twiml
"""

import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from django.conf import settings

from config import costs, errors
from telephony import callers
from telephony.ivr import instructions as ivr
from telephony.ivr import webhook_paths

if TYPE_CHECKING:
    from twilio.request_validator import RequestValidator
    from twilio.twiml.voice_response import VoiceResponse

CONTENT_TYPE = "text/xml; charset=utf-8"
KEYS = "0123456789*#"
ANSWER_SECONDS = 2.0
"""What all lookups of one webhook may take together: a caller hears nothing meanwhile."""
MIN_ANSWER_SECONDS = 1.6
"""What they may take at least, of a webhook that has waited for a thread: the rota a second of it.

Twilio waits for 15 s. A caller who waits longer is better off than one whom nobody is called for.
"""
_SURROGATE = re.compile(r"&#\d{5};")
"""How the library writes what UTF-8 cannot hold."""
_FINAL_STATUSES = ("completed", "busy", "failed", "no-answer", "canceled")
_END_REASONS = {"no-answer": "no_answer", "busy": "busy", "completed": "not_pressed"}


@dataclass
class Owner:
    """For whose calls a webhook takes threads; their number is limited by owner."""

    id: str
    """A location; before it is known, the number or the call."""


@dataclass(frozen=True)
class CallWebhook:
    """What Twilio reports of a call. The query string is ours: it says where the call is."""

    call_id: str
    """The caller's call, also where the report is about a leg."""
    path: str
    """Of the action in the configuration."""
    number: int
    """Position in the ring plan, attempt at a menu, or count of polls."""
    digit: str
    """The key pressed; empty for none."""
    called_number: str
    caller: str
    """As `callers.normalize_caller`: a number or an address; empty if withheld."""
    end_reason: str
    """Why ringing a phone ended: one of `reasons.NOT_TAKEN`."""
    is_bridged: bool
    """Whether the person talked with the caller."""
    is_unbridged: bool
    """Whether the report says that they did not."""
    is_over: bool
    """Whether the call that the report is about is over."""
    call_seconds: int
    """Of the call, or of the phone that was rung."""
    recording_sid: str
    recording_seconds: int
    since: datetime | None
    """When the phones of the action began to ring, as far as it is known."""
    at: datetime
    """The time for the rota and the record; a simulated call may take place at another."""
    now: datetime
    """The real time, for work in the background."""
    deadline: float
    """When whoever waits for the answer must get it, on the monotonic clock."""
    owner: Owner


def parse_webhook(query: Mapping[str, str], form: Mapping[str, str], *, at: datetime, now: datetime) -> CallWebhook:
    """Read a webhook about a call. Raises `errors.InvalidRequest` if it names none."""
    call_id = query.get("c", form.get("CallSid", ""))
    if not is_call_sid(call_id):
        raise errors.InvalidRequest("`CallSid` is not the id of a call.")
    return CallWebhook(
        call_id=call_id,
        path=webhook_paths.decode_action_path(query.get("p", "")),
        number=_to_int(query.get("n") or query.get("a") or query.get("k"), max_digits=4),
        digit=_to_key(form.get("Digits", "")),
        called_number=form.get("To", ""),
        caller=callers.normalize_caller(form.get("From", "")),
        end_reason=_END_REASONS.get(form.get("DialCallStatus", form.get("CallStatus", "")), "failed"),
        is_bridged=form.get("DialBridged") == "true",
        is_unbridged=form.get("DialBridged") == "false",
        is_over=form.get("CallStatus") in _FINAL_STATUSES,
        call_seconds=_to_int(form.get("DialCallDuration", form.get("CallDuration")), max_digits=6),
        recording_sid=form.get("RecordingSid", ""),
        recording_seconds=_to_int(form.get("RecordingDuration"), max_digits=6),
        since=_to_instant(query.get("t")),
        at=at,
        now=now,
        deadline=time.monotonic() + max(MIN_ANSWER_SECONDS, ANSWER_SECONDS - costs.seconds_since_arrival()),
        owner=Owner(query.get("c") or form.get("To") or call_id),
    )


def is_call_sid(call_sid: str) -> bool:
    """Whether this has the form of Twilio's id of a call."""
    return len(call_sid) == 34 and call_sid.startswith("CA") and call_sid[2:].isalnum() and call_sid.isascii()


def _to_key(text: str) -> str:
    """The key pressed; empty for none and for what is not one key."""
    return text if len(text) == 1 and text in KEYS else ""


def _to_int(text: str | None, *, max_digits: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= max_digits else 0


def _to_instant(text: str | None) -> datetime | None:
    milliseconds = _to_int(text, max_digits=14)
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def is_signed_by_twilio(path: str, query: Any, form: Any, signature: str | None) -> bool:
    """Whether Twilio signed a request: with our token, or with the old one during its rotation.

    ``path`` includes the query string; ``query`` and ``form`` are QueryDicts. The signature is that
    of the URL as it was given to Twilio. A service on the way may have sorted its query or encoded
    it anew, so the query as we write it counts too: its parameters are those of the request.
    """
    if not signature or not signature.isascii():
        return False
    base_urls = _base_urls(settings.PUBLIC_BASE_URL)
    paths = [path]
    if query:
        pairs = ((name, value) for name, values in query.lists() for value in values)
        paths.append(f"{path.partition('?')[0]}?{webhook_paths.encode_query(pairs)}")
    return any(  # the likeliest first: which one matches is no secret, and the first one saves the others
        hmac.compare_digest(validator.compute_signature(base_url + path, form), signature)
        for validator in _validators()
        for path in dict.fromkeys(paths)
        for base_url in base_urls
    )


def sign(url: str, form: Mapping[str, str]) -> str:
    """The signature that Twilio would send with a webhook."""
    return str(_validators()[0].compute_signature(url, form))


@cache
def _base_urls(public_base_url: str) -> list[str]:
    """Twilio signs URLs with or without the port, mostly as they were given to it."""
    from twilio.request_validator import add_port, remove_port

    parsed_url = urlparse(public_base_url)
    return list(dict.fromkeys([public_base_url, *(change(parsed_url) for change in (add_port, remove_port))]))


def read_form(form: Any) -> dict[str, str]:
    """The parameters of a webhook from a QueryDict.

    Signatures cover the different values of a parameter, not their order: the first one counts.
    """
    return {name: min(values) for name, values in form.lists()}


@cache
def _validators() -> "list[RequestValidator]":
    from twilio.request_validator import RequestValidator

    tokens = (settings.TWILIO["auth_token"], settings.TWILIO["old_auth_token"])
    return [RequestValidator(token) for token in tokens if token]


class MalformedTwiml(ValueError):
    """A defect: the reply has a character that XML 1.0 cannot hold."""


def to_twiml(reply: ivr.VoiceReply) -> bytes:
    """The TwiML document of a reply. Raises MalformedTwiml instead of one that is not XML."""
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    voice_options = {"language": reply.language, **({"voice": reply.voice} if reply.voice else {})}
    for instruction in reply.instructions:
        _append_instruction(response, instruction, voice_options)
    document = str(response)
    for unspeakable in (ivr.UNSPEAKABLE.search(document), _SURROGATE.search(document)):
        if unspeakable:
            raise MalformedTwiml(f"TwiML cannot hold {unspeakable[0]!r}.")
    return document.encode()


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
    elif isinstance(instruction, ivr.Reject):
        response.reject(reason="busy")
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
    elif prompt.say:
        parent.say(prompt.say, **_voice_options(prompt, voice_options))


def _voice_options(prompt: ivr.Prompt, reply_options: Mapping[str, str]) -> dict[str, str]:
    """The language and voice of a text: a voice of the reply speaks no other language."""
    language = prompt.language or reply_options["language"]
    voice = prompt.voice or (reply_options.get("voice", "") if language == reply_options["language"] else "")
    return {"language": language, **({"voice": voice} if voice else {})}


def _absolute_url(path: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/telephony/voice/{path}"
