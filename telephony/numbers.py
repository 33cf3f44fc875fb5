"""Numbers: finding, buying, giving back. Bought once and never twice, whatever breaks.

The claim (the record, `buying`), the location's line, the quota and the errand that finishes it
are stored first; only then Twilio is asked, for exactly this number and tagged with the purchase.
Whoever finds the claim unfinished looks at Twilio first: a number with our tag is ours.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pynamodb.expressions.condition import Condition

from accounts import actors, locations
from accounts.actors import Actor
from config import audit, decisions, dynamo, errands, errors, idempotency, ids, journal, listing
from config.writes import Write
from telephony import destinations, ivr
from telephony.models import Line, PhoneNumber, Quota
from telephony.phrases import OF_COUNTRY
from telephony.twilio import api

if TYPE_CHECKING:
    from accounts.models import Location

GRACE = timedelta(days=7)
"""For which a number that was given up can be restored."""
LAST_MOMENT = timedelta(minutes=1)
"""Before its release a number is not restored any more."""
CERTAIN = timedelta(minutes=15)
"""After which Twilio's list is believed when it does not show a purchase."""
MOST_SHOWN = 30


class Taken(errors.Conflict):
    """Somebody has the number, or it cannot be bought any more."""

    code = "number_taken"


class HasNumber(errors.Conflict):
    """The location has a number already."""

    code = "location_has_number"


class QuotaReached(errors.Conflict):
    """The customer holds as many numbers as it may."""

    code = "number_quota_reached"


class Releasing(errors.Conflict):
    """The number was given up; it can be restored until it is released."""

    code = "number_releasing"


class NotBuyable(errors.Invalid):
    """Numbers of this kind cannot be bought here."""

    code = "number_not_available"


@dataclass(frozen=True)
class Held:
    """A number, and how its location answers."""

    number: PhoneNumber
    line: Line | None


@dataclass(frozen=True)
class Begun:
    """What was read to begin a purchase: the place, its line, and heads of the audit."""

    place: "Location | None"
    found: dynamo.Found
    heads: dynamo.Found | None = None
    """What `journal.keys` asks for, where it was read."""


# --- finding --------------------------------------------------------------------------------------
def search(country: str, area_code: str, *, actor: Actor) -> list[api.Available]:
    """Numbers that can be bought: of a country (ISO 3166) with an area code.

    Raises `errors.Invalid` for what is no country or area code, and `errors.Unavailable`.
    """
    actor.require("phone:search")
    code = destinations.calling_code(country)
    if code is None:
        raise errors.Invalid("There is no such country.", pointer="/country")
    is_american = country in destinations.NORTH_AMERICA
    if not area_code.isascii() or not area_code.isdigit() or not _fits(area_code, is_american):
        raise _senseless()
    try:
        found = api.search(
            country,
            area_code=int(area_code) if is_american else None,
            prefix=None if is_american else f"+{code}{area_code.lstrip('0')}",
        )
    except api.Refused as refusal:
        if refusal.status == 404:
            told = "The telephone service has no numbers of this country."
            raise errors.Invalid(told, pointer="/country") from refusal
        raise _senseless() from refusal
    return [one for one in found if one.capabilities.get("voice")][:MOST_SHOWN]


def _fits(area_code: str, is_american: bool) -> bool:  # noqa: FBT001 - private
    if is_american:
        return len(area_code) == 3 and area_code[0] in "23456789"
    return 1 <= len(area_code) <= 6 and bool(area_code.strip("0"))


def _senseless() -> errors.Invalid:
    return errors.Invalid("This is no area code of the country.", pointer="/areaCode")


# --- buying ---------------------------------------------------------------------------------------
def purchase(
    number: str,
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None = None,
) -> Held:
    """Buy a number for a location. Repeating it for the same two is the same purchase.

    Raises `Taken`, `HasNumber`, `QuotaReached`, `Releasing`, `NotBuyable`, `errors.NotFound` (the
    location), or `errors.Unavailable`, after which the outbox finishes what was begun.
    """
    actor.require("phone:purchase")
    seen_before = [dynamo.Key(idempotency.Request, once.key)] if once else []
    found = dynamo.fetch(
        [
            dynamo.Key(PhoneNumber, number),
            dynamo.Key(Line, location_id),
            dynamo.Key(Quota, actor.customer_id),
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
            same = _same_purchase(before, location_id, actor)
            idempotency.remember(once, number, at, status=200)
            return _finished(same, actor=actor, at=at)
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
        raise _taken()
    if before.status == "releasing":
        raise Releasing("This number was given up; restore it.", pointer="/phoneNumber")
    if before.location_id != location_id:
        raise _taken()
    return before


def _finished(number: PhoneNumber, *, actor: Actor, at: datetime) -> Held:
    if number.status == "buying":
        return finish(number, actor=actor, at=at)
    return Held(number, dynamo.get(Line, number.location_id))


def _check_room(found: dynamo.Found, location_id: str, actor: Actor) -> None:
    """What the transaction holds as well; here it saves the attempt."""
    line, quota = found.get(Line, location_id), found.get(Quota, actor.customer_id)
    if line and line.number:
        raise _has_number()
    if int(quota.held if quota else 0) >= _most(quota):
        raise _full(quota)


def _most(quota: Quota | None) -> int:
    allowed = quota.most if quota else None
    return int(settings.TELEPHONY["numbers"] if allowed is None else allowed)


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
    write.put(claim, only_if=PhoneNumber.number.does_not_exist(), refusal=_taken())
    _take_line(write, claim)
    write.update(
        Quota(claim.customer_id),
        [Quota.held.add(1)],
        only_if=Quota.held.does_not_exist() | (Quota.held < _most(quota)),
        refusal=_full(quota),
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


def _take_line(write: Write, number: PhoneNumber) -> None:
    write.update(
        Line(number.location_id),
        [
            Line.customer_id.set(number.customer_id),
            Line.number.set(number.number),
            Line.version.set(Line.version | 1),
            Line.updated_at.set(write.at),
        ],
        only_if=Line.number.does_not_exist(),
        refusal=_has_number(),
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
    found = dynamo.get(PhoneNumber, number)
    if found is None or found.status != "buying" or found.purchase_id != purchase_id:
        return
    with suppress(Taken, NotBuyable):  # it is settled and audited then
        finish(found, actor=actor, at=at, once=once)


def finish(
    claim: PhoneNumber,
    *,
    actor: audit.Author,
    at: datetime,
    once: idempotency.Once | None = None,
    begun: Begun | None = None,
) -> Held:
    """The second half of a purchase: ask Twilio, then keep the number or give the claim back.

    ``begun``: this process has just begun it, and Twilio was not asked yet. Otherwise a number that
    "is not available" may be our own, bought by an attempt whose answer was lost: only after
    `CERTAIN` it is a verdict.
    """
    once = once if at - claim.created_at < idempotency.KEPT else None  # the key may be another's
    try:
        owned = _bought(claim, at, is_first=begun is not None)
    except (Taken, NotBuyable) as refusal:
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
    return Held(active, kept)


def _default(place: "Location | None") -> dict[str, Any]:
    """How a place answers at first, in what is spoken in its country."""
    if place is None:
        return ivr.default("us")
    country = destinations.country(place.time_zone) or ""
    return ivr.default(place.name, language=OF_COUNTRY.get(country, "en-US"))


def _begun(claim: PhoneNumber) -> Begun:
    found = dynamo.fetch([dynamo.Key(Line, claim.location_id), locations.key(claim.location_id)])
    return Begun(locations.in_found(found, claim.location_id, claim.customer_id), found)


def _bought(claim: PhoneNumber, at: datetime, *, is_first: bool) -> api.Owned:
    """The number at Twilio, bought now or before. Raises `Taken` or `NotBuyable`."""
    tag = api.TAG + str(claim.purchase_id)
    there = api.find(claim.number)
    for one in there:
        if one.tag == tag:
            return one
    if there:
        raise _taken()  # ours, but not for this: buying it again would take it over
    try:
        return api.buy(claim.number, tag=tag)
    except api.Refused as refusal:
        if refusal.code in api.NEVER:
            raise NotBuyable("This number cannot be bought.", pointer="/phoneNumber") from refusal
        if refusal.code != api.NOT_AVAILABLE:
            raise errors.Unavailable("The telephone service refuses the purchase.") from refusal
        if is_first or at - claim.created_at > CERTAIN:
            raise _taken() from refusal
        raise errors.Unavailable(
            "Whether the number was bought is not known yet.", retry_after=30
        ) from refusal


def _as_another_hand_left_it(claim: PhoneNumber, cause: errors.Refusal) -> Held:
    left = dynamo.get(PhoneNumber, claim.number)
    if left is None or left.purchase_id != claim.purchase_id or left.status != "active":
        raise _taken() from cause
    return Held(left, dynamo.get(Line, left.location_id))


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
            _free_line(write, claim)
            _give_room(write, claim)
            write.settle(_finisher(claim))
            write.conclude(once, claim.number, status=refusal.status, code=refusal.code)
    except errors.Conflict:
        return False
    return True


def _is_still(claim: PhoneNumber) -> Condition:
    same: Condition = PhoneNumber.purchase_id == claim.purchase_id
    still: Condition = same & (PhoneNumber.status == "buying")
    return still


def _free_line(write: Write, number: PhoneNumber) -> None:
    write.update(
        Line(number.location_id),
        [Line.number.remove(), Line.updated_at.set(write.at)],
        only_if=Line.number == number.number,
    )


def _give_room(write: Write, number: PhoneNumber) -> None:
    write.update(Quota(number.customer_id), [Quota.held.add(-1)], only_if=Quota.held > 0)


def _again(
    seen: idempotency.Seen,
    number: str,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None,
) -> Held:
    """What a repeated purchase is told: the same number, or the same refusal."""
    if seen.status == 400:
        raise NotBuyable("This number cannot be bought.", pointer="/phoneNumber")
    found = dynamo.get(PhoneNumber, seen.resource_id)
    if seen.status == 409 or found is None or found.customer_id != actor.customer_id:
        raise _taken()
    if found.status != "buying":
        return Held(found, dynamo.get(Line, found.location_id))
    if once:
        idempotency.take_over(once, seen, at)
    try:
        return finish(found, actor=actor, at=at, once=once)
    except errors.Unavailable:
        _let_go(once)
        raise


def _finisher(claim: PhoneNumber) -> str:
    return f"purchase-{claim.purchase_id}"


def _taken() -> Taken:
    return Taken("This number is not available any more.", pointer="/phoneNumber")


def _has_number() -> HasNumber:
    return HasNumber("This location has a number already.", pointer="/locationId")


def _full(quota: Quota | None) -> QuotaReached:
    return QuotaReached(f"You may hold {_most(quota)} numbers; support can raise that.")


# --- holding and giving back ----------------------------------------------------------------------
def of_customer(
    actor: Actor, *, limit: int, start: listing.Place | None
) -> listing.Page[PhoneNumber]:
    """The customer's numbers; who is confined sees those of their locations.

    A page may hold fewer than ``limit`` before the list ends.
    """
    actor.require("phone:search")
    of = {":of": {"S": actor.customer_id}}
    condition = "#customer_id = :of"
    page = listing.page(PhoneNumber, "byCustomer", condition, of, limit=limit, start=start)
    return listing.Page([n for n in page.records if actor.reaches([n.location_id])], page.next)


def give_up(number: str, *, actor: Actor, at: datetime) -> PhoneNumber:
    """Stop answering a number; it is released after `GRACE`, and can be restored until then."""
    actor.require("phone:release")

    def decide() -> PhoneNumber:
        before, found = _target(number, actor)
        if before.status == "releasing":
            return before
        if before.status == "buying":
            raise Taken("This number is still being bought; ask again in a moment.")
        after = before.changed(status="releasing", release_at=at + GRACE, updated_at=at)
        with journal.write(
            actor=actor,
            action="number.given_up",
            subject=before.party,
            at=at,
            customer_id=before.customer_id,
            changes=[audit.Change("location", before.location_id, None)],
            found=found,
        ) as write:
            as_read = PhoneNumber.version == before.version
            write.put(after, only_if=as_read, refusal=decisions.changed())
            _free_line(write, before)
            write.later(
                "telephony.release_number",
                id=_releaser(before),
                due=after.release_at,
                number=before.number,
                purchase_id=before.purchase_id,
            )
        return after

    return decisions.repeated(decide)


def restore(number: str, *, actor: Actor, at: datetime) -> Held:
    """Answer a number again that was given up.

    Raises `Releasing`, `HasNumber` or `errors.NotFound`.
    """
    actor.require("phone:release")

    def decide() -> PhoneNumber:
        before, found = _target(number, actor)
        if before.status != "releasing":
            return before
        if before.release_at and before.release_at <= at + LAST_MOMENT:
            raise Releasing("This number is being released; it cannot be restored any more.")
        after = before.changed(status="active", release_at=None, updated_at=at)
        with journal.write(
            actor=actor,
            action="number.restored",
            subject=before.party,
            at=at,
            customer_id=before.customer_id,
            changes=[audit.Change("location", None, before.location_id)],
            found=found,
        ) as write:
            as_read = PhoneNumber.version == before.version
            write.put(after, only_if=as_read, refusal=decisions.changed())
            _take_line(write, after)
            locations.require_there(write, before.location_id, pointer="")
            write.settle(_releaser(before))
        return after

    kept = decisions.repeated(decide)
    return Held(kept, dynamo.get(Line, kept.location_id))


def release(number: str, purchase_id: str, *, actor: audit.Author, at: datetime) -> None:
    """Give a number back for good whose time has come."""
    found = dynamo.get(PhoneNumber, number)
    if found is None or found.purchase_id != purchase_id or found.status != "releasing":
        return
    if found.release_at is None or found.release_at > at:
        return
    api.release(str(found.sid))
    with journal.write(
        actor=actor,
        action="number.released",
        subject=found.party,
        at=at,
        customer_id=found.customer_id,
        changes=[audit.Change("number", number, None)],
    ) as write:
        write.remove(found, only_if=PhoneNumber.version == found.version)
        _give_room(write, found)


def _releaser(number: PhoneNumber) -> str:
    return f"release-{number.purchase_id}"


def _target(number: str, actor: Actor) -> tuple[PhoneNumber, dynamo.Found]:
    streams = journal.keys([actor.stream, actor.customer_id])
    found = dynamo.fetch([dynamo.Key(PhoneNumber, number[:32]), *streams])
    target = found.get(PhoneNumber, number)
    if target is None or target.customer_id != actor.customer_id:
        raise errors.NotFound("There is no such number.")
    locations.check_reach(actor, target.location_id)
    return target, found


def at_location(location_id: str) -> str | None:
    """The number that a location answers, or that is being bought for it."""
    line = dynamo.get(Line, location_id)
    return line.number if line else None


# --- what operators do ----------------------------------------------------------------------------
def allow(customer_id: str, most: int, *, at: datetime) -> None:
    """Let a customer hold so many numbers."""
    before = dynamo.get(Quota, customer_id)
    with journal.write(
        actor=actors.system(customer_id),
        action="quota.changed",
        subject=audit.Party("customer", customer_id, "", customer_id),
        at=at,
        customer_id=customer_id,
        changes=[audit.Change("numbers", _most(before), most)],
    ) as write:
        write.update(Quota(customer_id), [Quota.most.set(most)])


def adopt(owned: api.Owned, location_id: str, customer_id: str, *, at: datetime) -> Held:
    """Make a number of ours that no record explains a location's.

    Raises what `purchase` raises. If we die in the middle, the claim is withdrawn by itself and
    the number is unexplained as before.
    """
    actor = actors.system(customer_id)
    claim = _claim(owned.number, location_id, customer_id, at)
    found = dynamo.fetch([dynamo.Key(Quota, customer_id), locations.key(location_id)])
    locations.among(found, location_id, actor)
    with journal.intend(actor=actor, at=at) as write:
        _begin(write, claim, found.get(Quota, customer_id), None)
    api.retag(owned.sid, tag=api.TAG + str(claim.purchase_id))
    return finish(claim, actor=actor, at=at)


def unexplained(owned: Sequence[api.Owned]) -> list[api.Owned]:
    """Those of our numbers at Twilio that no record explains."""
    found = dynamo.fetch(dynamo.Key(PhoneNumber, one.number) for one in owned)
    explained = {
        (one.number, api.TAG + str(record.purchase_id))
        for one in owned
        if (record := found.get(PhoneNumber, one.number))
    }
    return [one for one in owned if (one.number, one.tag) not in explained]


def settle(number: str, *, at: datetime) -> None:
    """Have a purchase that was begun finished now. Raises `errors.Unavailable`."""
    found = dynamo.get(PhoneNumber, number)
    if found and found.status == "buying":
        errands.run_now(_finisher(found), clock=lambda: at)
