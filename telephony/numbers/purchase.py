"""Buying numbers: once and never twice, whatever breaks.

The claim (the record, `buying`), the location's line, the quota and the errand that finishes it
are stored first; only then Twilio is asked, for exactly this number and tagged with the purchase.
Whoever finds the claim unfinished looks at Twilio first: a number with our tag is ours.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pynamodb.expressions.condition import Condition

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency, ids
from config.journal.write_set import Write
from config.outbox import worker
from telephony import dialing_rules, ivr
from telephony.ivr.phrases import OF_COUNTRY
from telephony.models import Line, PhoneNumber, Quota
from telephony.numbers import reservation
from telephony.twilio import client

if TYPE_CHECKING:
    from accounts.models import Location

CERTAIN = timedelta(minutes=15)
"""After which Twilio's list is believed when it does not show a purchase."""


@dataclass(frozen=True)
class Begun:
    """What was read to begin a purchase: the place, its line, and heads of the audit."""

    place: "Location | None"
    found: dynamodb.Found
    heads: dynamodb.Found | None = None
    """What `journal.keys` asks for, where it was read."""


def purchase(
    number: str,
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None = None,
) -> reservation.Held:
    """Buy a number for a location. Repeating it for the same two is the same purchase.

    Raises the refusals of `telephony.numbers.reservation`, `errors.NotFound` (the
    location), or `errors.Unavailable`, after which the outbox finishes what was begun.
    """
    actor.require("phone:purchase")
    if dialing_rules.why_not(number, dialing_rules.country_of_number(number)):
        told = "Only ordinary local and mobile numbers can be bought."
        raise reservation.NotBuyable(told, pointer="/phoneNumber")
    if not ids.is_id("loc", location_id):
        raise errors.NotFound("There is no such location.", pointer="/locationId")
    seen_before = [dynamodb.Key(idempotency.Request, once.key)] if once else []
    found = dynamodb.fetch(
        [
            dynamodb.Key(PhoneNumber, number),
            dynamodb.Key(Line, location_id),
            dynamodb.Key(Quota, actor.customer_id),
            locations.key(location_id),
            *journal.keys([actor.stream, actor.customer_id]),
            *seen_before,
        ]
    )
    try:
        idempotency.check_unseen(once, found, at)
        place = locations.among(found, location_id, actor, pointer="/locationId")
        locations.check_reach(actor, location_id)
        before = found.get(PhoneNumber, number)
        if before is not None:
            held = _finished(_same_purchase(before, location_id, actor), actor=actor, at=at)
            idempotency.remember(once, number, at, status=200)
            return held
        _check_room(found, location_id, actor)
        claim = _claim(number, location_id, actor.customer_id, at)
        with journal.intend(actor=actor, at=at, found=found) as write:
            write.begin(once, number)
            _begin(write, claim, found.get(Quota, actor.customer_id), once)
    except idempotency.Seen as seen:
        return _again(seen, number, actor=actor, at=at, once=once)
    try:
        return finish(claim, actor=actor, at=at, once=once, begun=Begun(place, found, found))
    except errors.Unavailable:
        _let_go(once)
        raise


def _let_go(once: idempotency.Once | None) -> None:
    if once:
        with suppress(errors.Unavailable):
            idempotency.release(once)


def _same_purchase(before: PhoneNumber, location_id: str, actor: Actor) -> PhoneNumber:
    if before.customer_id != actor.customer_id:
        raise reservation.taken()
    if before.status == "releasing":
        raise reservation.Releasing("This number was given up; restore it.", pointer="/phoneNumber")
    if before.location_id != location_id:
        raise reservation.taken()
    return before


def _finished(number: PhoneNumber, *, actor: Actor, at: datetime) -> reservation.Held:
    if number.status == "buying":
        return finish(number, actor=actor, at=at)
    return reservation.Held(number, dynamodb.get(Line, number.location_id))


def _check_room(found: dynamodb.Found, location_id: str, actor: Actor) -> None:
    """What the transaction holds as well; here it saves the attempt."""
    line, quota = found.get(Line, location_id), found.get(Quota, actor.customer_id)
    if line and line.number:
        raise reservation.has_number()
    if int(quota.held if quota else 0) >= reservation.most(quota):
        raise reservation.full(quota)


def _claim(number: str, location_id: str, customer_id: str, at: datetime) -> PhoneNumber:
    return PhoneNumber(
        number=number,
        customer_id=customer_id,
        location_id=location_id,
        status="buying",
        purchase_id=ids.new("pur", at),
        created_at=at,
        updated_at=at,
    )


def _begin(
    write: Write, claim: PhoneNumber, quota: Quota | None, once: idempotency.Once | None
) -> None:
    write.put(claim, only_if=PhoneNumber.number.does_not_exist(), refusal=reservation.taken())
    reservation.take_line(write, claim)
    write.update(
        Quota(claim.customer_id),
        [Quota.held.add(1)],
        only_if=Quota.held.does_not_exist() | (Quota.held < reservation.most(quota)),
        refusal=reservation.full(quota),
    )
    locations.require_there(write, claim.location_id, pointer="/locationId")
    write.later(
        "telephony.finish_purchase",
        id=_finisher(claim),
        due=write.at + journal.FINISHER_DELAY,
        number=claim.number,
        purchase_id=claim.purchase_id,
        once=asdict(once) if once else None,
    )


def resume(
    number: str,
    purchase_id: str,
    *,
    actor: audit.Author,
    at: datetime,
    once: idempotency.Once | None = None,
) -> None:
    """Finish a purchase that was left behind."""
    found = dynamodb.get(PhoneNumber, number)
    if found is None or found.status != "buying" or found.purchase_id != purchase_id:
        return
    with suppress(reservation.Taken, reservation.NotBuyable):  # it is settled and audited then
        finish(found, actor=actor, at=at, once=once)


def finish(
    claim: PhoneNumber,
    *,
    actor: audit.Author,
    at: datetime,
    once: idempotency.Once | None = None,
    begun: Begun | None = None,
) -> reservation.Held:
    """The second half of a purchase: ask Twilio, then keep the number or give the claim back.

    ``begun``: this process has just begun it, and Twilio was not asked yet. Otherwise a number that
    "is not available" may be our own, bought by an attempt whose answer was lost: only after
    `CERTAIN` it is a verdict.
    """
    once = once if at - claim.created_at < idempotency.KEPT else None  # the key may be another's
    try:
        owned = _bought(claim, at, is_first=begun is not None)
    except (reservation.Taken, reservation.NotBuyable) as refusal:
        if _withdraw(claim, refusal, actor=actor, at=at, once=once):
            raise
        return _as_another_hand_left_it(claim, refusal)
    begun = begun or _begun(claim)
    line, place = begun.found.get(Line, claim.location_id), begun.place
    answers = (line.configuration if line else None) or _default(place)
    active = claim.changed(status="active", sid=owned.sid, updated_at=at)
    kept = Line(
        location_id=claim.location_id,
        customer_id=claim.customer_id,
        number=claim.number,
        configuration=answers,
        updated_at=at,
        version=int(line.version) if line else 1,
    )
    try:
        with journal.write(
            actor=actor,
            action="number.purchased",
            subject=claim.party,
            at=at,
            customer_id=claim.customer_id,
            changes=[audit.Change("location", None, claim.location_id)],
            found=begun.heads,
        ) as write:
            write.put(active, only_if=_is_still(claim))
            write.update(
                kept,
                [
                    Line.configuration.set(Line.configuration | answers),  # it may have one
                    Line.updated_at.set(at),
                ],
                only_if=Line.number == claim.number,
            )
            write.settle(_finisher(claim))
            write.conclude(once, claim.number, status=200)
    except errors.Conflict as conflict:
        return _as_another_hand_left_it(claim, conflict)
    return reservation.Held(active, kept)


def _default(place: "Location | None") -> dict[str, Any]:
    """How a place answers at first, in what is spoken in its country."""
    if place is None:
        return ivr.default("us")
    country = dialing_rules.country(place.time_zone) or ""
    return ivr.default(place.name, language=OF_COUNTRY.get(country, "en-US"))


def _begun(claim: PhoneNumber) -> Begun:
    found = dynamodb.fetch(
        [dynamodb.Key(Line, claim.location_id), locations.key(claim.location_id)]
    )
    return Begun(locations.in_found(found, claim.location_id, claim.customer_id), found)


def _bought(claim: PhoneNumber, at: datetime, *, is_first: bool) -> client.Owned:
    """The number at Twilio, bought now or before. Raises `claims.Taken` or `claims.NotBuyable`."""
    tag = client.TAG + str(claim.purchase_id)
    there = client.find(claim.number)
    for one in there:
        if one.tag == tag:
            return one
    if there:
        raise reservation.taken()  # ours, but not for this: buying it again would take it over
    try:
        return client.buy(claim.number, tag=tag)
    except client.Refused as refusal:
        if refusal.code in client.NEVER:
            raise reservation.NotBuyable(
                "This number cannot be bought.", pointer="/phoneNumber"
            ) from refusal
        if refusal.code != client.NOT_AVAILABLE:
            raise errors.Unavailable("The telephone service refuses the purchase.") from refusal
        if is_first or at - claim.created_at > CERTAIN:
            raise reservation.taken() from refusal
        raise errors.Unavailable(
            "Whether the number was bought is not known yet.", retry_after=30
        ) from refusal


def _as_another_hand_left_it(claim: PhoneNumber, cause: errors.Refusal) -> reservation.Held:
    left = dynamodb.get(PhoneNumber, claim.number)
    if left is None or left.purchase_id != claim.purchase_id or left.status != "active":
        raise reservation.taken() from cause
    return reservation.Held(left, dynamodb.get(Line, left.location_id))


def _withdraw(
    claim: PhoneNumber,
    refusal: errors.Refusal,
    *,
    actor: audit.Author,
    at: datetime,
    once: idempotency.Once | None,
) -> bool:
    """It will never be ours: take back what the intent stored. False: another hand was quicker."""
    try:
        with journal.write(
            actor=actor,
            action="number.refused",
            subject=claim.party,
            at=at,
            customer_id=claim.customer_id,
            changes=[audit.Change("reason", None, refusal.code)],
        ) as write:
            write.remove(claim, only_if=_is_still(claim))
            reservation.free_line(write, claim)
            reservation.give_room(write, claim)
            write.settle(_finisher(claim))
            write.conclude(once, claim.number, status=refusal.status, code=refusal.code)
    except errors.Conflict:
        return False
    return True


def _is_still(claim: PhoneNumber) -> Condition:
    same: Condition = PhoneNumber.purchase_id == claim.purchase_id
    still: Condition = same & (PhoneNumber.status == "buying")
    return still


def _again(
    seen: idempotency.Seen,
    number: str,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None,
) -> reservation.Held:
    """What a repeated purchase is told: the same number, or the same refusal."""
    if seen.status == 400:
        raise reservation.NotBuyable("This number cannot be bought.", pointer="/phoneNumber")
    found = dynamodb.get(PhoneNumber, seen.resource_id)
    if seen.status == 409 or found is None or found.customer_id != actor.customer_id:
        raise reservation.taken()
    if found.status != "buying":
        return reservation.Held(found, dynamodb.get(Line, found.location_id))
    if once:
        idempotency.take_over(once, seen, at)
    try:
        return finish(found, actor=actor, at=at, once=once)
    except errors.Unavailable:
        _let_go(once)
        raise


def _finisher(claim: PhoneNumber) -> str:
    return f"purchase-{claim.purchase_id}"


def retry(number: str, *, actor: Actor, at: datetime) -> None:
    """Have a purchase of the customer's finished or withdrawn now, because somebody asks.

    Raises `errors.NotFound`, or `errors.Unavailable` where it cannot be yet.
    """
    actor.require("phone:purchase")
    found = dynamodb.get(PhoneNumber, number)
    if found is None or found.customer_id != actor.customer_id:
        raise errors.NotFound("There is no such number.")
    journal.note(
        actor=actor,
        action="number.purchase_retried",
        subject=found.party,
        at=at,
        customer_id=found.customer_id,
    )
    settle(number, at=at)


def settle(number: str, *, at: datetime) -> None:
    """Have a purchase that was begun finished now. Raises `errors.Unavailable`."""
    found = dynamodb.get(PhoneNumber, number)
    if found and found.status == "buying":
        worker.run_now(_finisher(found), clock=lambda: at)


def adopt(owned: client.Owned, location_id: str, *, actor: Actor, at: datetime) -> reservation.Held:
    """Make a number of ours that no record explains a location's.

    Raises what `purchase` raises. If we die in the middle, the claim is withdrawn by itself and
    the number is unexplained as before.
    """
    actor.require("numbers:adopt")
    customer_id = actor.customer_id
    claim = _claim(owned.number, location_id, customer_id, at)
    found = dynamodb.fetch([dynamodb.Key(Quota, customer_id), locations.key(location_id)])
    locations.among(found, location_id, actor)
    with journal.intend(actor=actor, at=at) as write:
        _begin(write, claim, found.get(Quota, customer_id), None)
    client.retag(owned.sid, tag=client.TAG + str(claim.purchase_id))
    return finish(claim, actor=actor, at=at)
