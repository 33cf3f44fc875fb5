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
from telephony.calls.flow import Spoken
from telephony.twilio import twiml, webhook_signature

Door = Callable[[HttpRequest], HttpResponse]


class Unsigned(errors.Forbidden):
    """Not from Twilio."""

    code = "bad_signature"


def signed(door: Callable[[HttpRequest, datetime], Spoken | None]) -> Door:
    """Let only Twilio in; answers as TwiML, nothing where there is nothing to say."""

    @csrf_exempt
    @wraps(door)
    def guarded(request: HttpRequest) -> HttpResponse:
        try:
            _check(request)
            spoken = door(request, _now(request))
        except errors.Refusal as refusal:
            return problem_details.respond(request, refusal)
        if spoken is None:
            return HttpResponse(status=204)
        text = twiml.written(spoken.instructions, language=spoken.language, voice=spoken.voice)
        return HttpResponse(text, content_type=twiml.TYPE)

    return guarded


def _check(request: HttpRequest) -> None:
    if request.method != "POST":
        raise problem_details.MethodNotAllowed("Webhooks are POSTs.")
    signature = request.headers.get("X-Twilio-Signature")
    genuine = webhook_signature.is_genuine(request.get_full_path(), request.POST, signature)
    if not genuine or request.POST.get("AccountSid") != settings.TWILIO["account_sid"]:
        throttling.limiter().spend("stranger", request.META["REMOTE_ADDR"])
        raise Unsigned("This request does not carry Twilio's signature.")


def _now(request: HttpRequest) -> datetime:
    """The clock of this door; the local call simulator may name another time."""
    given = request.POST.get("LocalTime", "")
    if not settings.LOCAL or not given:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise errors.Invalid("LocalTime is no moment.") from error


def _call_id(request: HttpRequest, given: str | None = None) -> str:
    id = given if given is not None else request.POST.get("CallSid", "")
    if not call_record.is_id(id):
        raise errors.Invalid("CallSid names no call.")
    return id


def _whole(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _seconds(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _caller(request: HttpRequest) -> str:
    """Who calls; empty where they withhold it."""
    return dialing_rules.normal(request.POST.get("From", "")) or ""


@signed
def incoming(request: HttpRequest, at: datetime) -> Spoken:
    """Somebody calls."""
    return flow.incoming(
        _call_id(request),
        caller=_caller(request),
        number=request.POST.get("To", ""),
        at=at,
    )


@signed
def fallback(request: HttpRequest, at: datetime) -> Spoken:
    """Another webhook of a call failed: take a message at least."""
    return Spoken(ivr.last_resort(None, "open"))


@signed
def key(request: HttpRequest, at: datetime) -> Spoken:
    """A key of a menu."""
    path, attempt = request.GET.get("p", ""), _whole(request, "a")
    return flow.key(_call_id(request), path, attempt, request.POST.get("Digits", ""), at=at)


@signed
def screen(request: HttpRequest, at: datetime) -> Spoken:
    """Somebody who was rung picked up."""
    call_id = _call_id(request, request.GET.get("c", ""))
    return flow.screen(call_id, request.GET.get("p", ""), _whole(request, "n"))


@signed
def screened(request: HttpRequest, at: datetime) -> Spoken:
    """What they pressed."""
    call_id = _call_id(request, request.GET.get("c", ""))
    where = (call_id, request.GET.get("p", ""), _whole(request, "n"))
    return flow.screened(*where, request.POST.get("Digits", ""), at=at)


@signed
def dialled(request: HttpRequest, at: datetime) -> Spoken:
    """Ringing somebody is over."""
    return flow.dialled(
        _call_id(request),
        request.GET.get("p", ""),
        _whole(request, "n"),
        status=request.POST.get("DialCallStatus", ""),
        is_bridged=request.POST.get("DialBridged") == "true",
        at=at,
    )


@signed
def wait(request: HttpRequest, at: datetime) -> Spoken:
    """The caller waits for the first to press 1."""
    path = request.GET.get("p", "")
    return flow.wait(_call_id(request), path, _whole(request, "k"), at=at)


@signed
def leg(request: HttpRequest, at: datetime) -> Spoken:
    """One of those who were rung at once picked up."""
    call_id = _call_id(request, request.GET.get("c", ""))
    call = flow.soon(lambda: call_record.get(call_id))
    if call is None:
        return Spoken([ivr.Hangup()])
    language = str(call_record.line_of(call).configuration["language"])
    where = (request.GET.get("p", ""), _whole(request, "n"))
    return Spoken(ring_all.leg(call, *where), language)


@signed
def joined(request: HttpRequest, at: datetime) -> Spoken:
    """What they pressed."""
    call_id = _call_id(request, request.GET.get("c", ""))
    where = (call_id, request.GET.get("p", ""), _whole(request, "n"))
    pressed = request.POST.get("Digits", "")
    return Spoken(ring_all.joined(*where, pressed, at=at, due=datetime.now(UTC)))


@signed
def left(request: HttpRequest, at: datetime) -> None:
    """One of those who were rung at once is not rung any more."""
    call_id = _call_id(request, request.GET.get("c", ""))
    where = (call_id, request.GET.get("p", ""), _whole(request, "n"))
    ring_all.left(*where, status=request.POST.get("CallStatus", ""), at=at)


@signed
def bye(request: HttpRequest, at: datetime) -> Spoken:
    """There is nothing more to say; of a message that was just recorded we hear here too."""
    if request.GET.get("p") and request.POST.get("RecordingSid"):
        flow.soon(lambda: _take(request, "voicemail"))
    return Spoken([ivr.Hangup()])


@signed
def message(request: HttpRequest, at: datetime) -> None:
    """A message was recorded."""
    _take(request, "voicemail")


@signed
def recorded(request: HttpRequest, at: datetime) -> None:
    """A conversation was recorded."""
    _take(request, "conversation")


def _take(request: HttpRequest, kind: str) -> None:
    """By the real clock: what follows is work for now, whenever the call pretends to be."""
    sid = request.POST.get("RecordingSid", "")
    if len(sid) != 34 or not sid.startswith("RE") or not sid.isalnum():
        raise errors.Invalid("RecordingSid names no recording.")
    recordings.take(
        _call_id(request, request.GET.get("c")),
        sid,
        kind=kind,
        path=request.GET.get("p", ""),
        number=request.POST.get("To", ""),
        caller=_caller(request),
        seconds=_seconds(request, "RecordingDuration"),
        at=datetime.now(UTC),
    )


@signed
def ended(request: HttpRequest, at: datetime) -> None:
    """A call is over."""
    seconds = _seconds(request, "CallDuration")
    flow.ended(_call_id(request), seconds=seconds, at=at, due=datetime.now(UTC))


@signed
def code(request: HttpRequest, at: datetime) -> Spoken:
    """A phone that is to be proven picked up."""
    told = phone_verification.told(
        request.GET.get("u", ""),
        request.GET.get("v", ""),
        request.POST.get("To", ""),
        at=at,
    )
    if told is None:
        return Spoken([ivr.Hangup()])
    text, language = told
    return Spoken([*[ivr.Prompt(say=text)] * 3, ivr.Hangup()], language)
