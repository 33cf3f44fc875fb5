"""What Twilio asks us while a call is on. Nothing is read before the signature is checked."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from config import errors
from config.api import problem_details, throttling
from telephony import dialing_rules, ivr, phone_verification
from telephony.calls import call_record, flow, recordings, ring_all
from telephony.calls.flow import VoiceReply
from telephony.twilio import twiml, webhook_signature

WebhookView = Callable[[HttpRequest], HttpResponse]


class InvalidSignature(errors.Forbidden):
    """Not from Twilio."""

    code = "bad_signature"


def require_signature(view: Callable[[HttpRequest, datetime], VoiceReply | None]) -> WebhookView:
    """Let only Twilio in; answers as TwiML, nothing where there is nothing to say."""

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            _check_signature(request)
            reply = view(request, _now(request))
        except errors.DomainError as refusal:
            return problem_details.problem_response(request, refusal)
        if reply is None:
            return HttpResponse(status=204)
        document = twiml.to_twiml(reply.instructions, language=reply.language, voice=reply.voice)
        return HttpResponse(document, content_type=twiml.CONTENT_TYPE)

    return wrapper


def _check_signature(request: HttpRequest) -> None:
    if request.method != "POST":
        raise problem_details.MethodNotAllowed("Webhooks are POSTs.")
    signature = request.headers.get("X-Twilio-Signature")
    is_genuine = webhook_signature.is_signed_by_twilio(request.get_full_path(), request.POST, signature)
    if not is_genuine or request.POST.get("AccountSid") != settings.TWILIO["account_sid"]:
        throttling.get_limiter().count_request("stranger", request.META["REMOTE_ADDR"])
        raise InvalidSignature("This request does not carry Twilio's signature.")


def _now(request: HttpRequest) -> datetime:
    """The clock of this door; the local call simulator may name another time."""
    local_time = request.POST.get("LocalTime", "")
    if not settings.LOCAL or not local_time:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(local_time).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise errors.InvalidRequest("LocalTime is no moment.") from error


def _call_id(request: HttpRequest, value: str | None = None) -> str:
    id = value if value is not None else request.POST.get("CallSid", "")
    if not call_record.is_call_sid(id):
        raise errors.InvalidRequest("CallSid names no call.")
    return id


def _query_int(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _form_seconds(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _caller_number(request: HttpRequest) -> str:
    """Who calls; empty where they withhold it."""
    return dialing_rules.normalize_number(request.POST.get("From", "")) or ""


@require_signature
def incoming(request: HttpRequest, at: datetime) -> VoiceReply:
    """Somebody calls."""
    return flow.handle_incoming(
        _call_id(request), caller=_caller_number(request), number=request.POST.get("To", ""), at=at
    )


@require_signature
def fallback(request: HttpRequest, at: datetime) -> VoiceReply:
    """Another webhook of a call failed: take a message at least."""
    return VoiceReply(ivr.fallback_instructions(None, "open"))


@require_signature
def key(request: HttpRequest, at: datetime) -> VoiceReply:
    """A key of a menu."""
    path, attempt = request.GET.get("p", ""), _query_int(request, "a")
    return flow.handle_key(_call_id(request), path, attempt, request.POST.get("Digits", ""), at=at)


@require_signature
def screen(request: HttpRequest, at: datetime) -> VoiceReply:
    """Somebody who was rung picked up."""
    call_id = _call_id(request, request.GET.get("c", ""))
    return flow.handle_pick_up(call_id, request.GET.get("p", ""), _query_int(request, "n"))


@require_signature
def screened(request: HttpRequest, at: datetime) -> VoiceReply:
    """What they pressed."""
    call_id = _call_id(request, request.GET.get("c", ""))
    leg_reference = (call_id, request.GET.get("p", ""), _query_int(request, "n"))
    return flow.handle_screening_key(*leg_reference, request.POST.get("Digits", ""), at=at)


@require_signature
def dialled(request: HttpRequest, at: datetime) -> VoiceReply:
    """Ringing somebody is over."""
    return flow.handle_dial_ended(
        _call_id(request),
        request.GET.get("p", ""),
        _query_int(request, "n"),
        status=request.POST.get("DialCallStatus", ""),
        is_bridged=request.POST.get("DialBridged") == "true",
        at=at,
    )


@require_signature
def wait(request: HttpRequest, at: datetime) -> VoiceReply:
    """The caller waits for the first to press 1."""
    path = request.GET.get("p", "")
    return flow.handle_wait(_call_id(request), path, _query_int(request, "k"), at=at)


@require_signature
def leg(request: HttpRequest, at: datetime) -> VoiceReply:
    """One of those who were rung at once picked up."""
    call_id = _call_id(request, request.GET.get("c", ""))
    call = flow.try_within_budget(lambda: call_record.get_call(call_id))
    if call is None:
        return VoiceReply([ivr.Hangup()])
    language = str(call_record.pinned_line(call).configuration["language"])
    leg_reference = (request.GET.get("p", ""), _query_int(request, "n"))
    return VoiceReply(ring_all.screen_leg(call, *leg_reference), language)


@require_signature
def joined(request: HttpRequest, at: datetime) -> VoiceReply:
    """What they pressed."""
    call_id = _call_id(request, request.GET.get("c", ""))
    leg_reference = (call_id, request.GET.get("p", ""), _query_int(request, "n"))
    digit = request.POST.get("Digits", "")
    return VoiceReply(ring_all.handle_join(*leg_reference, digit, at=at, due=datetime.now(UTC)))


@require_signature
def left(request: HttpRequest, at: datetime) -> None:
    """One of those who were rung at once is not rung any more."""
    call_id = _call_id(request, request.GET.get("c", ""))
    leg_reference = (call_id, request.GET.get("p", ""), _query_int(request, "n"))
    ring_all.handle_leg_ended(*leg_reference, status=request.POST.get("CallStatus", ""), at=at)


@require_signature
def bye(request: HttpRequest, at: datetime) -> VoiceReply:
    """There is nothing more to say; of a message that was just recorded we hear here too."""
    if request.GET.get("p") and request.POST.get("RecordingSid"):
        flow.try_within_budget(lambda: _receive_recording(request, "voicemail"))
    return VoiceReply([ivr.Hangup()])


@require_signature
def message(request: HttpRequest, at: datetime) -> None:
    """A message was recorded."""
    _receive_recording(request, "voicemail")


@require_signature
def recorded(request: HttpRequest, at: datetime) -> None:
    """A conversation was recorded."""
    _receive_recording(request, "conversation")


def _receive_recording(request: HttpRequest, kind: str) -> None:
    """By the real clock: what follows is work for now, whenever the call pretends to be."""
    recording_sid = request.POST.get("RecordingSid", "")
    if len(recording_sid) != 34 or not recording_sid.startswith("RE") or not recording_sid.isalnum():
        raise errors.InvalidRequest("RecordingSid names no recording.")
    recordings.receive_recording(
        _call_id(request, request.GET.get("c")),
        recording_sid,
        kind=kind,
        path=request.GET.get("p", ""),
        number=request.POST.get("To", ""),
        caller=_caller_number(request),
        seconds=_form_seconds(request, "RecordingDuration"),
        at=datetime.now(UTC),
    )


@require_signature
def ended(request: HttpRequest, at: datetime) -> None:
    """A call is over."""
    seconds = _form_seconds(request, "CallDuration")
    flow.handle_call_ended(_call_id(request), seconds=seconds, at=at, due=datetime.now(UTC))


@require_signature
def code(request: HttpRequest, at: datetime) -> VoiceReply:
    """A phone that is to be proven picked up."""
    announcement = phone_verification.build_code_announcement(
        request.GET.get("u", ""), request.GET.get("v", ""), request.POST.get("To", ""), at=at
    )
    if announcement is None:
        return VoiceReply([ivr.Hangup()])
    text, language = announcement
    return VoiceReply([*[ivr.Prompt(say=text)] * 3, ivr.Hangup()], language)
