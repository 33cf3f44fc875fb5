"""Proving that a person answers a phone: it is called and told a code, which they tell us.

Only proven phones are rung by calls to locations. A proof counts for the number it was made for:
who changes the number proves again.
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
from config import audit, dynamodb, errors, journal
from config.dynamodb import encryption, idempotency, unaudited
from telephony import dialing_rules, ivr, lines, usage
from telephony.ivr.phrases import SPOKEN, said
from telephony.models import Proof
from telephony.twilio import client

if TYPE_CHECKING:
    from accounts.models import User

VALID = timedelta(minutes=10)
"""For which a code can be told."""
TRIES = 5
RING_SECONDS = 30
LONGEST_SECONDS = 90
"""Of the call that tells a code."""


class NoPhone(errors.Conflict):
    """The profile has no phone."""

    code = "no_phone"


class NotCallable(errors.Conflict):
    """The phone in the profile may not be called."""

    code = "phone_not_callable"


class WrongCode(errors.Invalid):
    """The code is wrong, too old, or was tried too often."""

    code = "wrong_code"


@dataclass(frozen=True)
class State:
    """What is known of a person's phone."""

    phone: str | None
    is_verified: bool
    verified_at: datetime | None
    rings: bool
    """Whether it is rung by calls to where the person is on duty."""


def state(user: "User") -> State:
    """How it is."""
    return _state(user, dynamodb.get(Proof, user.id))


def _state(user: "User", proof: Proof | None) -> State:
    proven = bool(proof and user.phone and proof.phone == user.phone)
    rings = proven and preferences.wants_ringing(user.settings)
    return State(user.phone, proven, proof.verified_at if proof and proven else None, rings)


def ask(user: "User", *, actor: Actor, at: datetime, once: idempotency.Once | None = None) -> State:
    """Call one's own phone and tell a code; proven already is fine.

    Raises `NoPhone`, `NotCallable`, `errors.TooMany` or `errors.Unavailable`.
    """
    actor.require("self:update")
    proof = dynamodb.get(Proof, user.id)
    before = _state(user, proof)
    if not user.phone:
        raise NoPhone("Your profile has no phone; PATCH /user sets it.")
    if before.is_verified or _was_asked(once, at):
        return before
    _check_country(user)
    _check_limits(user, at)
    nonce = secrets.token_hex(16)
    unaudited.update(
        Proof(user.id),
        [
            Proof.customer_id.set(user.customer_id),
            Proof.asked_phone.set(user.phone),
            Proof.nonce.set(nonce),
            Proof.asked_at.set(at),
            Proof.tries.set(0),
        ],
        Proof.user_id.exists() | Proof.user_id.does_not_exist(),
    )
    where = ivr.step("code", u=user.id, v=nonce)
    try:
        client.ring(
            user.phone,
            caller_id=settings.TWILIO["caller_id"],
            url=f"{settings.PUBLIC_BASE_URL}/telephony/voice/{where}",
            seconds=RING_SECONDS,
            most=LONGEST_SECONDS,
        )
    except client.Refused as refusal:
        raise NotCallable("This phone cannot be called.") from refusal
    with suppress(idempotency.Seen):  # the same request at the same moment
        idempotency.remember(once, user.id, at, status=202)
    return before


def _was_asked(once: idempotency.Once | None, at: datetime) -> bool:
    seen = dynamodb.get(idempotency.Request, once.key) if once else None
    if once and seen and seen.expires_at >= at.timestamp():
        idempotency.check(once, seen, at)
        return True
    return False


def _check_country(user: "User") -> None:
    """A phone is of a country where its person's business has a location."""
    house = permissions.system(user.customer_id)
    places = locations.within_reach(house, limit=1000, start=None).records
    countries = {lines.allowed(dialing_rules.country(place.time_zone)) for place in places}
    reasons = {dialing_rules.why_not(str(user.phone), one) for one in countries if one}
    if "" not in reasons:
        worst = "kind_of_number" if "kind_of_number" in reasons else "other_country"
        reason = "no_number" if "no_number" in reasons else worst
        raise NotCallable(lines.WHY_NOT[reason])


def _check_limits(user: "User", at: datetime) -> None:
    limits = settings.TELEPHONY
    allowed = usage.use("proofs", user.id, at, most=limits["proofs"]) and usage.use(
        "proofs", user.customer_id, at, most=limits["customer_proofs"]
    )
    if not allowed:
        tomorrow = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0)
        raise errors.TooMany(
            "Your phone was called often enough today.",
            retry_after=int((tomorrow - at).total_seconds()) + 1,
        )


def told(user_id: str, nonce: str, phone: str, *, at: datetime) -> tuple[str, str] | None:
    """What is said to a phone that was called, and in what language; None: it was not."""
    proof = dynamodb.get(Proof, user_id)
    reader = recipients.get(user_id)
    if proof is None or reader is None or proof.nonce != nonce or proof.asked_phone != phone:
        return None
    if proof.asked_at is None or at - proof.asked_at > VALID:
        return None
    language = preferences.language(reader.user.settings, reader.customer.settings)
    spoken = ", ".join(_code(user_id, nonce, phone))
    return said("code", language).format(code=spoken), SPOKEN[language]


def _code(user_id: str, nonce: str, phone: str) -> str:
    key = encryption.house_key("phone code")
    digest = hmac.new(key, f"{user_id} {nonce} {phone}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06}"


def confirm(user: "User", code: str, *, actor: Actor, at: datetime) -> State:
    """Take the code that one's phone was told. Raises `WrongCode`."""
    actor.require("self:update")
    proof = dynamodb.get(Proof, user.id)
    before = _state(user, proof)
    if before.is_verified:
        return before
    if proof is None or proof.nonce is None or proof.asked_phone != user.phone:
        raise _wrong()
    counted = unaudited.update(
        proof,
        [Proof.tries.add(1)],
        (Proof.nonce == proof.nonce) & (Proof.tries < TRIES),
    )
    is_old = proof.asked_at is None or at - proof.asked_at > VALID
    wanted = _code(user.id, proof.nonce, str(user.phone))
    if counted is None or is_old or not hmac.compare_digest(wanted.encode(), code.encode()):
        raise _wrong()
    proven = Proof(
        user_id=user.id, customer_id=user.customer_id, phone=user.phone, verified_at=at, tries=0
    )
    with journal.write(
        actor=actor,
        action="phone.verified",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        changes=[audit.Change("phone", None, user.phone)],
    ) as write:
        write.put(proven, only_if=Proof.nonce == proof.nonce, refusal=_wrong())
    return _state(user, proven)


def _wrong() -> WrongCode:
    return WrongCode("This is not the code, or it is too old; ask for another.", pointer="/code")


def assume(user: "User", *, at: datetime) -> None:
    """Take a phone as proven without calling it: for the demo's people."""
    proven = Proof(user_id=user.id, customer_id=user.customer_id, phone=user.phone, verified_at=at)
    with journal.write(
        actor=permissions.system(user.customer_id),
        action="phone.verified",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        changes=[audit.Change("phone", None, user.phone)],
    ) as write:
        write.put(proven)


def of_person(user: "User") -> list[Proof]:
    """What is kept of a person's phone."""
    proof = dynamodb.get(Proof, user.id)
    return [proof] if proof else []
