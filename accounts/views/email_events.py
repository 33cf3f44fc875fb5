"""What the mail service reports of e-mails: a webhook that a relay of the operator signs.

Nothing is read from the store before the signature is checked. docs/operations/email-events.md
says what it takes.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.notifications import delivery
from accounts.notifications.delivery import DeliveryEvent
from config import errors, strict_json
from config.api import problem_details

MAX_BODY_LENGTH = 8 * 1024
MAX_TEXT_LENGTHS = {"messageId": 500, "recipient": 320, "event": 20, "reason": 2_000, "at": 40}
"""Characters of each member."""
SIGNATURE_LIFETIME = timedelta(minutes=5)
_SECONDS = re.compile(r"[0-9]{1,12}")


class InvalidEventSignature(errors.DomainError):
    """The report of the mail service is not signed, or was signed too long ago."""

    status = 401
    code = "invalid_event_signature"
    title = "Authentication required"
    is_general = True


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    """Store what is reported of one e-mail: 204, also if no e-mail is known by that name."""
    try:
        if request.method != "POST":
            raise problem_details.MethodNotAllowed("Reports are POST requests.", allowed_methods=["POST"])
        now = datetime.now(UTC)
        body = _read_signed_body(request, now)
        delivery.record_event(_parse_event(strict_json.loads(body), now), at=now)
    except errors.DomainError as error:
        response = problem_details.problem_response(request, error)
        if error.status == InvalidEventSignature.status:
            response["WWW-Authenticate"] = "Dutyline-Signature"
        return response
    return HttpResponse(status=204)


def _read_signed_body(request: HttpRequest, now: datetime) -> bytes:
    if len(request.body) > MAX_BODY_LENGTH:
        raise errors.PayloadTooLarge(f"A report has at most {MAX_BODY_LENGTH // 1024} KiB.")
    seconds, signature = (request.headers.get(f"Dutyline-{name}", "") for name in ("Timestamp", "Signature"))
    if not _SECONDS.fullmatch(seconds) or abs(now.timestamp() - int(seconds)) > SIGNATURE_LIFETIME.total_seconds():
        raise InvalidEventSignature("`Dutyline-Timestamp` must be the present time in seconds.")
    signed = f"{seconds}.".encode() + request.body
    expected = [
        f"v1={hmac.digest(secret.encode(), signed, hashlib.sha256).hex()}" for secret in settings.EMAIL_EVENTS_SECRETS
    ]
    if not any(hmac.compare_digest(signature.encode(), one.encode()) for one in expected):
        raise InvalidEventSignature("`Dutyline-Signature` must be v1= and the HMAC of timestamp, dot and body.")
    return request.body


def _parse_event(body: Any, now: datetime) -> DeliveryEvent:
    """The report in a body. Raises `errors.InvalidRequest`."""
    if not isinstance(body, dict):
        raise errors.InvalidRequest("The body must be an object.", pointer="")
    faults = [
        errors.FieldError(f"/{name}"[:100], errors.INVALID_FIELD, "Must be a member of the report, and a short text.")
        for name, value in body.items()
        if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTHS.get(name, -1)
    ]
    if faults:
        detail = "Some members are unknown or invalid; see `errors`."
        raise errors.InvalidRequest(detail, field_errors=faults[: errors.MAX_FIELD_ERRORS + 1])
    if not body.get("messageId") and not body.get("recipient"):
        raise errors.InvalidRequest("A report needs a `messageId` or a `recipient`.", pointer="/messageId")
    if body.get("event") not in delivery.EVENTS:
        raise errors.InvalidRequest(f"Must be one of {', '.join(delivery.EVENTS)}.", pointer="/event")
    return DeliveryEvent(
        event=body["event"],
        at=_parse_time(body.get("at", ""), now),
        message_id=body.get("messageId", ""),
        recipient=body.get("recipient", ""),
        reason=body.get("reason", ""),
    )


def _parse_time(text: str, now: datetime) -> datetime:
    malformed = errors.InvalidRequest("Must be an RFC 3339 date-time with an offset.", pointer="/at")
    try:
        parsed = datetime.fromisoformat(text)
        at = parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise malformed from error
    if parsed.tzinfo is None:
        raise malformed
    if not now - delivery.RETENTION <= at <= now + delivery.CLOCK_DIFFERENCE:
        raise errors.InvalidRequest("Must be a time of the last 30 days.", pointer="/at")
    return at
