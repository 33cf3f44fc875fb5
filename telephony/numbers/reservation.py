"""What a number takes: itself, the line of its location, and room in the customer's quota.

Each is held by a condition in the transaction that takes it, so nobody has what somebody has.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from accounts import permissions
from config import audit, dynamodb, errors, journal
from config.journal.write_set import Write
from telephony.models import Line, PhoneNumber, Quota


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


def most(quota: Quota | None) -> int:
    """How many numbers a customer may hold."""
    allowed = quota.most if quota else None
    return int(settings.TELEPHONY["numbers"] if allowed is None else allowed)


def take_line(write: Write, number: PhoneNumber) -> None:
    """Let the location answer this number, if it answers none. Raises `HasNumber` at the commit."""
    write.update(
        Line(number.location_id),
        [
            Line.customer_id.set(number.customer_id),
            Line.number.set(number.number),
            Line.version.set(Line.version | 1),
            Line.updated_at.set(write.at),
        ],
        only_if=Line.number.does_not_exist(),
        refusal=has_number(),
    )


def free_line(write: Write, number: PhoneNumber) -> None:
    """Let the location answer this number no more."""
    write.update(
        Line(number.location_id),
        [Line.number.remove(), Line.updated_at.set(write.at)],
        only_if=Line.number == number.number,
    )


def give_room(write: Write, number: PhoneNumber) -> None:
    """Count one number less."""
    write.update(Quota(number.customer_id), [Quota.held.add(-1)], only_if=Quota.held > 0)


def taken() -> Taken:
    """The refusal of a number that somebody has."""
    return Taken("This number is not available any more.", pointer="/phoneNumber")


def has_number() -> HasNumber:
    """The refusal of a second number."""
    return HasNumber("This location has a number already.", pointer="/locationId")


def full(quota: Quota | None) -> QuotaReached:
    """The refusal of one number more."""
    return QuotaReached(f"You may hold {most(quota)} numbers; support can raise that.")


def allow(many: int, *, actor: permissions.Actor, at: datetime) -> None:
    """Let the customer that one acts for hold so many numbers."""
    actor.require("numbers:adopt")
    customer_id = actor.customer_id
    before = dynamodb.get(Quota, customer_id)
    with journal.write(
        actor=actor,
        action="quota.changed",
        subject=audit.Party("customer", customer_id, "", customer_id),
        at=at,
        customer_id=customer_id,
        changes=[audit.Change("numbers", most(before), many)],
    ) as write:
        write.update(Quota(customer_id), [Quota.most.set(many)])
