"""Twilio's webhooks of a call. Nothing is read from the store before the signature is checked."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from config import errors
from config.api import problem_details, throttling
from telephony import dialing_rules, phone_verification
from telephony.calls import flow, queries, recordings, ring_all
from telephony.calls.call_record import CallRecording
from telephony.ivr.instructions import VoiceReply
from telephony.twilio import voice


class InvalidSignature(errors.Forbidden):
    """The request is not from Twilio."""

    code = "bad_signature"


class Webhook:
    """A signed request: ``p``, ``n``, ``a`` and ``k`` say where the call is, ``c`` which call."""

    def __init__(self, request: HttpRequest) -> None:
        self.query, self.form = request.GET, request.POST
        self.at = _clock(request)
        self.now = datetime.now(UTC)
        """Work in the background follows the real clock, whenever a simulated call takes place."""
        self.path = self.query.get("p", "")
        self.digit = self.form.get("Digits", "")
        self.number = self.form.get("To", "")
        self.caller = dialing_rules.normalize_number(self.form.get("From", "")) or ""
        """Empty if the number is withheld."""

    @property
    def call_id(self) -> str:
        """The caller's call; the request itself may be about a leg."""
        call_id = self.query.get("c", self.form.get("CallSid", ""))
        if not queries.is_call_sid(call_id):
            raise errors.InvalidRequest("`CallSid` is not the id of a call.")
        return call_id

    def query_int(self, name: str) -> int:
        """A small number in the query string; 0 if it is none."""
        return _to_int(self.query.get(name, ""), max_digits=4)

    def seconds(self, name: str) -> int:
        """A duration in the form; 0 if it is none."""
        return _to_int(self.form.get(name, ""), max_digits=6)

    def recording(self, kind: str) -> CallRecording:
        """The recording that the request reports."""
        seconds = self.seconds("RecordingDuration")
        return CallRecording(self.form.get("RecordingSid", ""), kind, seconds, self.now, self.path)


def _to_int(text: str, *, max_digits: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= max_digits else 0


def _clock(request: HttpRequest) -> datetime:
    """The current time; the local call simulator may set another."""
    local_time = request.POST.get("LocalTime", "")
    if not settings.LOCAL or not local_time:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(local_time).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise errors.InvalidRequest("`LocalTime` must be an RFC 3339 date-time with an offset.") from error


def signed_webhook(view: Callable[[Webhook], VoiceReply | None]) -> Callable[[HttpRequest], HttpResponse]:
    """Check Twilio's signature and answer with TwiML, or 204 without a reply."""

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            _check_signature(request)
            reply = view(Webhook(request))
        except errors.DomainError as error:
            return problem_details.problem_response(request, error)
        if reply is None:
            return HttpResponse(status=204)
        return HttpResponse(voice.to_twiml(reply), content_type=voice.CONTENT_TYPE)

    return wrapper


def _check_signature(request: HttpRequest) -> None:
    if request.method != "POST":
        raise problem_details.MethodNotAllowed("Webhooks are POST requests.")
    signature = request.headers.get("X-Twilio-Signature")
    is_signed = voice.is_signed_by_twilio(request.get_full_path(), request.POST, signature)
    if not is_signed or request.POST.get("AccountSid") != settings.TWILIO["account_sid"]:
        throttling.get_limiter().count_request("stranger", request.META["REMOTE_ADDR"])
        raise InvalidSignature("The signature is not Twilio's.")


@signed_webhook
def incoming(webhook: Webhook) -> VoiceReply:
    """Somebody calls."""
    return flow.handle_incoming(webhook.call_id, caller=webhook.caller, number=webhook.number, at=webhook.at)


@signed_webhook
def fallback(webhook: Webhook) -> VoiceReply:
    """Another webhook of the call failed."""
    return flow.handle_failure()


@signed_webhook
def key(webhook: Webhook) -> VoiceReply:
    """The caller pressed a key of a menu."""
    return flow.handle_key(webhook.call_id, webhook.path, webhook.query_int("a"), webhook.digit, at=webhook.at)


@signed_webhook
def screen(webhook: Webhook) -> VoiceReply:
    """A phone that is rung in sequence picked up."""
    return flow.handle_pick_up(webhook.call_id, webhook.path, webhook.query_int("n"), next_webhook="screened")


@signed_webhook
def screened(webhook: Webhook) -> VoiceReply:
    """The person who picked up pressed a key."""
    index = webhook.query_int("n")
    return flow.handle_screening_key(webhook.call_id, webhook.path, index, webhook.digit, at=webhook.at)


@signed_webhook
def dialled(webhook: Webhook) -> VoiceReply:
    """Ringing one phone ended."""
    return flow.handle_dial_ended(
        webhook.call_id,
        webhook.path,
        webhook.query_int("n"),
        status=webhook.form.get("DialCallStatus", ""),
        is_bridged=webhook.form.get("DialBridged") == "true",
        at=webhook.at,
    )


@signed_webhook
def wait(webhook: Webhook) -> VoiceReply:
    """The caller waits while everybody is rung at once."""
    return flow.handle_wait(webhook.call_id, webhook.path, webhook.query_int("k"), at=webhook.at)


@signed_webhook
def leg(webhook: Webhook) -> VoiceReply:
    """A phone that is rung with the others picked up."""
    return flow.handle_pick_up(webhook.call_id, webhook.path, webhook.query_int("n"), next_webhook="joined")


@signed_webhook
def joined(webhook: Webhook) -> VoiceReply:
    """The person who picked up pressed a key."""
    index = webhook.query_int("n")
    return ring_all.handle_join(webhook.call_id, webhook.path, index, webhook.digit, at=webhook.at, due=webhook.now)


@signed_webhook
def left(webhook: Webhook) -> None:
    """A leg ended."""
    status = webhook.form.get("CallStatus", "")
    ring_all.handle_leg_ended(webhook.call_id, webhook.path, webhook.query_int("n"), status=status, at=webhook.at)


@signed_webhook
def bye(webhook: Webhook) -> VoiceReply:
    """A voicemail or a conference ended."""
    recording = webhook.recording("voicemail")
    return flow.handle_bye(webhook.call_id, recording, number=webhook.number, caller=webhook.caller)


@signed_webhook
def message(webhook: Webhook) -> None:
    """A voicemail was recorded."""
    recording = webhook.recording("voicemail")
    recordings.receive(webhook.call_id, recording, number=webhook.number, caller=webhook.caller)


@signed_webhook
def recorded(webhook: Webhook) -> None:
    """A conversation was recorded."""
    recording = webhook.recording("conversation")
    recordings.receive(webhook.call_id, recording, number=webhook.number, caller=webhook.caller)


@signed_webhook
def ended(webhook: Webhook) -> None:
    """The caller's call ended."""
    seconds = webhook.seconds("CallDuration")
    flow.handle_call_ended(webhook.call_id, seconds=seconds, at=webhook.at, due=webhook.now)


@signed_webhook
def code(webhook: Webhook) -> VoiceReply:
    """A phone that is being verified picked up."""
    user_id, nonce = webhook.query.get("u", ""), webhook.query.get("v", "")
    return phone_verification.announce_code(user_id, nonce, webhook.number, at=webhook.at)
