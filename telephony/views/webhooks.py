"""Twilio's webhooks of a call. Nothing is read from the store before the signature is checked."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial, wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from config import errors
from config.api import problem_details, throttling
from telephony import phone_verification
from telephony.callbacks.bridge import webhooks
from telephony.calls import recordings
from telephony.calls.webhooks import ending, flow, ring_all, screening
from telephony.ivr.instructions import VoiceReply
from telephony.twilio import voice
from telephony.twilio.voice import CallWebhook

View = Callable[[HttpRequest], HttpResponse]
MAX_BODY_LENGTH, MAX_QUERY_LENGTH = 16 * 1024, 4 * 1024
"""Bytes of a webhook, checked before its parameters are read. Twilio's have two KiB, and a few more
for the names and headers that SIP callers choose; the query is ours."""


class InvalidSignature(errors.Forbidden):
    """The request is not from Twilio."""

    code = "invalid_signature"
    is_general = True


def signed_webhook(view: Callable[[HttpRequest], VoiceReply | None]) -> View:
    """Check Twilio's signature and answer with TwiML, or 204 without a reply."""

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            _check_signature(request)
            reply = view(request)
        except errors.DomainError as error:
            return problem_details.problem_response(request, error)
        if reply is None:
            return HttpResponse(status=204)
        return HttpResponse(voice.to_twiml(reply), content_type=voice.CONTENT_TYPE)

    wrapper.counts_callers = True  # type: ignore[attr-defined] # those without a valid signature
    return wrapper


def _check_signature(request: HttpRequest) -> None:
    if request.method != "POST":
        raise problem_details.MethodNotAllowed("Webhooks are POST requests.", allowed_methods=["POST"])
    if len(request.body) > MAX_BODY_LENGTH or len(request.META.get("QUERY_STRING", "")) > MAX_QUERY_LENGTH:
        throttling.get_limiter().count_request("anonymous", request.META["REMOTE_ADDR"])
        detail = f"A webhook has at most {MAX_BODY_LENGTH // 1024} KiB, its query {MAX_QUERY_LENGTH // 1024}."
        raise errors.PayloadTooLarge(detail)
    signature = request.headers.get("X-Twilio-Signature")
    is_signed = voice.is_signed_by_twilio(request.get_full_path(), request.GET, request.POST, signature)
    if not is_signed or voice.read_form(request.POST).get("AccountSid") != settings.TWILIO["account_sid"]:
        throttling.get_limiter().count_request("anonymous", request.META["REMOTE_ADDR"])
        raise InvalidSignature("The signature is not Twilio's.")


def _read_clock(request: HttpRequest) -> datetime:
    """The current time; the local call simulator may set another."""
    local_time = voice.read_form(request.POST).get("LocalTime", "")
    if not settings.LOCAL or not local_time:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(local_time).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise errors.InvalidRequest("`LocalTime` must be an RFC 3339 date-time with an offset.") from error


def call_webhook(handler: Callable[[CallWebhook], VoiceReply | None]) -> View:
    """The view of a webhook about one call."""

    def view(request: HttpRequest) -> VoiceReply | None:
        at = _read_clock(request)
        return handler(voice.parse_webhook(request.GET, voice.read_form(request.POST), at=at, now=datetime.now(UTC)))

    return signed_webhook(view)


@signed_webhook
def fallback(request: HttpRequest) -> VoiceReply:
    """Another webhook of the call failed."""
    return flow.handle_failure()


@signed_webhook
def code(request: HttpRequest) -> VoiceReply:
    """A phone that is being verified picked up."""
    user_id, nonce = request.GET.get("u", ""), request.GET.get("v", "")
    phone = voice.read_form(request.POST).get("To", "")
    return phone_verification.announce_code(user_id, nonce, phone, at=_read_clock(request))


incoming = call_webhook(flow.handle_incoming)
VIEWS: dict[str, View] = {
    "fallback": fallback,
    "key": call_webhook(flow.handle_key),
    # a phone rings in sequence
    "screen": call_webhook(screening.handle_pick_up),
    "screened": call_webhook(screening.handle_screening_key),
    "dialled": call_webhook(flow.handle_dial_ended),
    # all phones ring at once
    "wait": call_webhook(flow.handle_wait),
    "leg": call_webhook(ring_all.handle_leg_pick_up),
    "joined": call_webhook(ring_all.handle_join),
    "left": call_webhook(ring_all.handle_leg_ended),
    # recordings, and the end
    "message": call_webhook(partial(recordings.receive, kind="voicemail")),
    "recorded": call_webhook(partial(recordings.receive, kind="conversation")),
    "bye": call_webhook(flow.handle_bye),
    "ended": call_webhook(ending.handle_call_ended),
    "code": code,
    # the call of a call-back
    "back": call_webhook(webhooks.handle_pick_up),
    "back-key": call_webhook(webhooks.handle_key),
    "back-reached": call_webhook(webhooks.handle_caller_reached),
    "back-dialled": call_webhook(webhooks.handle_dial_ended),
    "back-ended": call_webhook(webhooks.handle_ended),
    "back-failed": call_webhook(webhooks.handle_failure),
}
"""By their path below ``/telephony/voice/``."""
