"""Phone verification: we call the phone in a user's profile and say a code, which the user enters.

Calls to locations ring verified phones only. A verification is for one number: a user who changes
the number verifies again.
"""

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import locations, permissions, preferences
from accounts.notifications import recipients
from accounts.permissions import Actor
from config import audit, daily_limits, dynamodb, errors, journal
from config.dynamodb import encryption, idempotency, unaudited
from config.journal import write_set
from telephony import dialing_rules, lines
from telephony.ivr.instructions import Hangup, Prompt, VoiceReply
from telephony.ivr.phrases import LOCALES, get_phrase
from telephony.ivr.webhook_paths import webhook_path
from telephony.models import PhonePause, PhoneVerification
from telephony.numbers import inventory
from telephony.twilio import client

if TYPE_CHECKING:
    from accounts.models import User

CODE_LIFETIME = timedelta(minutes=10)
"""How long a code is valid."""
MAX_ATTEMPTS = 5
RING_SECONDS = 30
MAX_CALL_SECONDS = 90
"""Length of the call that says a code."""


class NoPhone(errors.Conflict):
    """The user's profile has no phone."""

    code = "no_phone"
    example_detail = "Your profile has no phone; set one with `PATCH /user`."


class PhoneNotCallable(errors.Conflict):
    """The phone in the user's profile may not be called."""

    code = "phone_not_callable"
    example_detail = "Only numbers in a location's own country can be called."


class WrongCode(errors.InvalidRequest):
    """The code is wrong or expired, or there were too many attempts."""

    code = "wrong_code"
    example_detail = "Wrong or expired code; request a new one."
    example_pointer = "/code"


@dataclass(frozen=True)
class PhoneVerificationState:
    """The phone of a user and whether it is verified."""

    phone: str | None
    is_verified: bool
    verified_at: datetime | None
    rings: bool
    """Whether calls to locations ring it while the user is on duty."""
    paused_until: datetime | None
    """When the user's break from calls ends; None: there is none."""


def get_state(user: "User", *, at: datetime) -> PhoneVerificationState:
    """Whether a user's phone is verified, and rings. One round trip."""
    records = dynamodb.batch_get(_record_keys(user))
    return _to_state(user, records.get(PhoneVerification, user.id), records, at)


def _record_keys(user: "User") -> list[dynamodb.RecordKey]:
    return [dynamodb.RecordKey(PhoneVerification, user.id), dynamodb.RecordKey(PhonePause, user.id)]


def _to_state(
    user: "User", verification: PhoneVerification | None, records: dynamodb.BatchResult, at: datetime
) -> PhoneVerificationState:
    is_verified = bool(verification and user.phone and verification.phone == user.phone)
    rings = is_verified and preferences.is_ringing_enabled(user.settings)
    pause = records.get(PhonePause, user.id)
    return PhoneVerificationState(
        user.phone,
        is_verified,
        verification.verified_at if verification and is_verified else None,
        rings,
        paused_until=pause.paused_until if pause and pause.is_current(at) else None,
    )


def start_verification(
    user: "User", *, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> PhoneVerificationState:
    """Call the user's phone and say a code, unless the phone is verified.

    Raises `NoPhone`, `PhoneNotCallable`, `daily_limits.DailyLimitReached` and `errors.Unavailable`.
    """
    actor.require("self:update")
    records = dynamodb.batch_get([*_record_keys(user), *idempotency.record_keys(idempotency_key)])
    current_state = _to_state(user, records.get(PhoneVerification, user.id), records, at)
    with suppress(idempotency.DuplicateRequest):
        idempotency.ensure_key_unused(idempotency_key, records, at)
        if not user.phone:
            raise NoPhone("Your profile has no phone; set one with `PATCH /user`.")
        if not current_state.is_verified:
            _call_with_code(user, at)
        idempotency.save_completed(idempotency_key, user.id, at, status=202)
    return current_state


def _call_with_code(user: "User", at: datetime) -> None:
    if inventory.is_own_number(str(user.phone)):
        raise PhoneNotCallable("This is a number of Dutyline; set a phone of your own with `PATCH /user`.")
    _check_country(user)
    _count_call(user, at)
    nonce = secrets.token_hex(16)
    unaudited.update(
        PhoneVerification(user.id),
        [
            PhoneVerification.customer_id.set(user.customer_id),
            PhoneVerification.asked_phone.set(user.phone),
            PhoneVerification.nonce.set(nonce),
            PhoneVerification.asked_at.set(at),
            PhoneVerification.tries.set(0),
        ],
        PhoneVerification.user_id.exists() | PhoneVerification.user_id.does_not_exist(),
    )
    callback_path = webhook_path("code", u=user.id, v=nonce)
    try:
        client.create_call(
            user.phone,
            caller_id=settings.TWILIO["caller_id"],
            url=f"{settings.PUBLIC_BASE_URL}/telephony/voice/{callback_path}",
            ring_seconds=RING_SECONDS,
            max_seconds=MAX_CALL_SECONDS,
        )
    except client.TwilioRejected as refusal:
        raise PhoneNotCallable("This phone cannot be called.") from refusal


def _check_country(user: "User") -> None:
    """A phone must be of a country where the customer has a location."""
    system_actor = permissions.system_actor(user.customer_id)
    customer_locations = locations.list_accessible_locations(system_actor, limit=1000, cursor=None).records
    countries = {
        lines.allowed_country(dialing_rules.country_of_location(location.time_zone)) for location in customer_locations
    }
    reasons = {dialing_rules.rejection_reason(str(user.phone), country) for country in countries if country}
    if "" not in reasons:
        reason = next((reason for reason in ("no_number", "kind_of_number") if reason in reasons), "other_country")
        raise PhoneNotCallable(lines.REJECTION_DETAILS[reason])


def _count_call(user: "User", at: datetime) -> None:
    """Count the call, unless it is refused. Raises `daily_limits.DailyLimitReached`.

    Of the calls to a number one person has fewer than all: whoever tries a number that is not
    theirs leaves a call to the person whose it is.
    """
    number, customer_id = daily_limits.pseudonym(str(user.phone)), str(user.customer_id)
    limits = [
        daily_limits.DailyLimit(
            name, owner, customer_id, f"At most {{quota}} verification calls per day to {whom}; retry tomorrow."
        )
        for name, owner, whom in (
            ("codes-to-number", number, "one number, whoever uses it"),
            ("codes-of-user-to-number", f"{user.id} {number}", "one number for one person"),
            ("codes-to-user", str(user.id), "a person"),
            ("codes-of-customer", customer_id, "the people of a customer"),
        )
    ]
    daily_limits.consume_all(limits, at)


def announce_code(user_id: str, nonce: str, phone: str, *, at: datetime) -> VoiceReply:
    """Say the code three times to the phone that was called for it; hang up on any other."""
    verification = dynamodb.get_record(PhoneVerification, user_id)
    recipient = recipients.get_recipient(user_id)
    if verification is None or recipient is None or verification.nonce != nonce or verification.asked_phone != phone:
        return VoiceReply([Hangup()])
    if verification.asked_at is None or at - verification.asked_at > CODE_LIFETIME:
        return VoiceReply([Hangup()])
    spaced_digits = ", ".join(_compute_codes(user_id, nonce, phone)[0])
    prompt = Prompt(say=get_phrase("code", recipient.language).format(code=spaced_digits))
    return VoiceReply([prompt, prompt, prompt, Hangup()], LOCALES[recipient.language])


def _compute_codes(user_id: str, nonce: str, phone: str) -> list[str]:
    """The code of a call, and those of earlier data keys, under which it may have been read out."""
    message = f"{user_id} {nonce} {phone}".encode()
    digests = [hmac.digest(key, message, hashlib.sha256) for key in encryption.application_keys("phone code")]
    return [f"{int.from_bytes(digest[:8]) % 1_000_000:06}" for digest in digests]


def confirm_code(
    user: "User", code: str, *, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> PhoneVerificationState:
    """Verify the user's phone with the code it was called with. Raises `WrongCode`."""
    actor.require("self:update")
    records = dynamodb.batch_get([*_record_keys(user), *idempotency.record_keys(idempotency_key)])
    verification = records.get(PhoneVerification, user.id)
    current_state = _to_state(user, verification, records, at)
    try:
        idempotency.ensure_key_unused(idempotency_key, records, at)
        if not current_state.is_verified:
            verification = _check_code(user, verification, code, actor=actor, at=at, idempotency_key=idempotency_key)
            return _to_state(user, verification, records, at)
        idempotency.save_completed(idempotency_key, user.id, at, status=200)
    except idempotency.DuplicateRequest:
        return get_state(user, at=at)
    return current_state


def _check_code(
    user: "User",
    verification: PhoneVerification | None,
    code: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
) -> PhoneVerification:
    if verification is None or verification.nonce is None or verification.asked_phone != user.phone:
        raise _wrong_code_error()
    counted_attempt = unaudited.update(
        verification,
        [PhoneVerification.tries.add(1)],
        (PhoneVerification.nonce == verification.nonce) & (PhoneVerification.tries < MAX_ATTEMPTS),
    )
    is_expired = verification.asked_at is None or at - verification.asked_at > CODE_LIFETIME
    expected_codes = _compute_codes(user.id, verification.nonce, str(user.phone))
    is_right = any(hmac.compare_digest(expected.encode(), code.encode()) for expected in expected_codes)
    if counted_attempt is None or is_expired or not is_right:
        raise _wrong_code_error()
    new_verification = PhoneVerification(
        user_id=user.id, customer_id=user.customer_id, phone=user.phone, verified_at=at, tries=0
    )
    with journal.write(
        actor, "phone.verified", user, at, changes=[audit.FieldChange("phone", None, user.phone)]
    ) as write:
        write.put(new_verification, only_if=PhoneVerification.nonce == verification.nonce, error=_wrong_code_error())
        write.record_response(idempotency_key, user.id, status=200)
    return new_verification


def _wrong_code_error() -> WrongCode:
    return WrongCode("Wrong or expired code; request a new one.", pointer="/code")


def unverify_phone(write: write_set.Write, user: "User", *, since: datetime) -> None:
    """End, in a write, a verification that was made ``since`` then."""
    verification = dynamodb.get_record(PhoneVerification, user.id)
    if verification is None or verification.verified_at is None or verification.verified_at < since:
        return
    write.remove(verification, only_if=PhoneVerification.verified_at == verification.verified_at)
    write.add_audit_event("phone.unverified", user, changes=[audit.FieldChange("phone", verification.phone, None)])


def mark_verified(user: "User", *, at: datetime) -> None:
    """Verify a phone without calling it: for the demo users."""
    verification = PhoneVerification(user_id=user.id, customer_id=user.customer_id, phone=user.phone, verified_at=at)
    with journal.write(
        permissions.system_actor(user.customer_id),
        "phone.verified",
        user,
        at,
        changes=[audit.FieldChange("phone", None, user.phone)],
    ) as write:
        write.put(verification)
