"""Numbers: finding some that can be bought, listing one's own, giving them up and back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import optimistic, pagination
from telephony import dialing_rules
from telephony.models import Line, PhoneNumber
from telephony.numbers import reservation
from telephony.twilio import client

GRACE = timedelta(days=7)
"""For which a number that was given up can be restored."""
LAST_MOMENT = timedelta(minutes=1)
"""Before its release a number is not restored any more."""
MOST_SHOWN = 30


def search(country: str, area_code: str, *, actor: Actor) -> list[client.Available]:
    """Numbers that can be bought: of a country (ISO 3166) with an area code.

    Raises `errors.Invalid` for what is no country or area code, and `errors.Unavailable`.
    """
    actor.require("phone:search")
    code = dialing_rules.calling_code(country)
    if code is None:
        raise errors.Invalid("There is no such country.", pointer="/country")
    is_american = country in dialing_rules.NORTH_AMERICA
    if not area_code.isascii() or not area_code.isdigit() or not _fits(area_code, is_american):
        raise _senseless()
    try:
        found = client.search(
            country,
            area_code=int(area_code) if is_american else None,
            prefix=None if is_american else f"+{code}{area_code.lstrip('0')}",
        )
    except client.Refused as refusal:
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


def of_customer(
    actor: Actor, *, limit: int, start: pagination.Place | None
) -> pagination.Page[PhoneNumber]:
    """The customer's numbers; who is confined sees those of their locations.

    A page may hold fewer than ``limit`` before the list ends.
    """
    actor.require("phone:search")
    of = {":of": {"S": actor.customer_id}}
    condition = "#customer_id = :of"
    page = pagination.page(PhoneNumber, "byCustomer", condition, of, limit=limit, start=start)
    return pagination.Page([n for n in page.records if actor.reaches([n.location_id])], page.next)


def give_up(number: str, *, actor: Actor, at: datetime) -> PhoneNumber:
    """Stop answering a number; it is released after `GRACE`, and can be restored until then."""
    actor.require("phone:release")

    def decide() -> PhoneNumber:
        before, found = _target(number, actor)
        if before.status == "releasing":
            return before
        if before.status == "buying":
            raise reservation.Taken("This number is still being bought; ask again in a moment.")
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
            write.put(after, only_if=as_read, refusal=optimistic.changed())
            reservation.free_line(write, before)
            write.later(
                "telephony.release_number",
                id=_releaser(before),
                due=after.release_at,
                number=before.number,
                purchase_id=before.purchase_id,
            )
        return after

    return optimistic.repeated(decide)


def restore(number: str, *, actor: Actor, at: datetime) -> reservation.Held:
    """Answer a number again that was given up.

    Raises `claims.Releasing`, `claims.HasNumber` or `errors.NotFound`.
    """
    actor.require("phone:release")

    def decide() -> PhoneNumber:
        before, found = _target(number, actor)
        if before.status != "releasing":
            return before
        if before.release_at and before.release_at <= at + LAST_MOMENT:
            raise reservation.Releasing(
                "This number is being released; it cannot be restored any more."
            )
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
            write.put(after, only_if=as_read, refusal=optimistic.changed())
            reservation.take_line(write, after)
            locations.require_there(write, before.location_id, pointer="")
            write.settle(_releaser(before))
        return after

    kept = optimistic.repeated(decide)
    return reservation.Held(kept, dynamodb.get(Line, kept.location_id))


def release(number: str, purchase_id: str, *, actor: audit.Author, at: datetime) -> None:
    """Give a number back for good whose time has come."""
    found = dynamodb.get(PhoneNumber, number)
    if found is None or found.purchase_id != purchase_id or found.status != "releasing":
        return
    if found.release_at is None or found.release_at > at:
        return
    client.release(str(found.sid))
    with journal.write(
        actor=actor,
        action="number.released",
        subject=found.party,
        at=at,
        customer_id=found.customer_id,
        changes=[audit.Change("number", number, None)],
    ) as write:
        write.remove(found, only_if=PhoneNumber.version == found.version)
        reservation.give_room(write, found)


def _releaser(number: PhoneNumber) -> str:
    return f"release-{number.purchase_id}"


def _target(number: str, actor: Actor) -> tuple[PhoneNumber, dynamodb.Found]:
    streams = journal.keys([actor.stream, actor.customer_id])
    found = dynamodb.fetch([dynamodb.Key(PhoneNumber, number[:32]), *streams])
    target = found.get(PhoneNumber, number)
    if target is None or target.customer_id != actor.customer_id:
        raise errors.NotFound("There is no such number.")
    locations.check_reach(actor, target.location_id)
    return target, found


def at_location(location_id: str) -> str | None:
    """The number that a location answers, or that is being bought for it."""
    line = dynamodb.get(Line, location_id)
    return line.number if line else None


def unexplained(owned: Sequence[client.Owned]) -> list[client.Owned]:
    """Those of our numbers at Twilio that no record explains."""
    found = dynamodb.fetch(dynamodb.Key(PhoneNumber, one.number) for one in owned)
    explained = {
        (one.number, client.TAG + str(record.purchase_id))
        for one in owned
        if (record := found.get(PhoneNumber, one.number))
    }
    return [one for one in owned if (one.number, one.tag) not in explained]
