"""What a number needs: to be free, a location without a number, and room in the customer's quota.

Conditions in the transaction that assigns a number make each of them certain.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import permissions
from config import audit, dynamodb, errors, journal
from config.journal.write_set import Write
from telephony import dialing_rules
from telephony.models import Line, PhoneNumber, Quota

if TYPE_CHECKING:
    from accounts.models import Location


class NumberUnavailable(errors.Conflict):
    """The number is taken or no longer for sale."""

    code = "number_taken"
    example_detail = "This number is no longer available."
    example_pointer = "/phoneNumber"


class NumberBeingPurchased(errors.Conflict):
    """The number is still being purchased; retry in a moment."""

    code = "number_being_purchased"


class LocationHasNumber(errors.Conflict):
    """The location has a number already."""

    code = "location_has_number"


class NumberQuotaReached(errors.Conflict):
    """The customer cannot have more numbers; support can raise the limit."""

    code = "number_quota_reached"


class NumberReleasing(errors.Conflict):
    """The number was given up; it can be restored until it is released."""

    code = "number_releasing"
    example_detail = "This number is being released; restore it instead."
    example_pointer = "/phoneNumber"


class NumberNotPurchasable(errors.InvalidRequest):
    """Numbers of this kind cannot be bought here."""

    code = "number_not_purchasable"
    example_detail = "Only geographic and mobile numbers can be purchased."
    example_pointer = "/phoneNumber"


@dataclass(frozen=True)
class NumberWithLine:
    """A number and the line of its location."""

    number: PhoneNumber
    line: Line | None


def load_with_line(phone_number: PhoneNumber) -> NumberWithLine:
    """A number with the line of its location."""
    return NumberWithLine(phone_number, dynamodb.get_record(Line, phone_number.location_id))


def check_country(number: str) -> str:
    """The country of a number. Raises `NumberNotPurchasable` for one without our numbers."""
    country = dialing_rules.country_of_number(number)
    if country is None or country not in settings.CALL_COUNTRIES:
        raise NumberNotPurchasable("Numbers of this country cannot be used here.", pointer="/phoneNumber")
    return country


def check_location(number: str, location: "Location") -> None:
    """A number is of the location's own country, if its time zone tells one.

    Toll-free numbers of North America are of its countries alike.
    """
    country, own_country = (
        dialing_rules.country_of_number(number),
        dialing_rules.country_of_location(location.time_zone),
    )
    is_shared = dialing_rules.number_type(number) == "tollFree" and country in dialing_rules.NORTH_AMERICA
    if own_country not in (None, country) and not (is_shared and own_country in dialing_rules.NORTH_AMERICA):
        raise NumberNotPurchasable("A location has a number of its own country only.", pointer="/phoneNumber")


def check_available(line: Line | None, quota: Quota | None) -> None:
    """Raise at once what the transaction would raise: `LocationHasNumber`, `NumberQuotaReached`."""
    if line and line.number:
        raise location_has_number_error()
    if int(quota.held if quota else 0) >= number_limit(quota):
        raise quota_reached_error(quota)


def number_limit(quota: Quota | None) -> int:
    """How many numbers a customer may have."""
    custom_limit = quota.most if quota else None
    return int(settings.TELEPHONY["numbers"] if custom_limit is None else custom_limit)


def assign_to_line(write: Write, phone_number: PhoneNumber) -> None:
    """Let the location answer this number. Raises `LocationHasNumber` at the commit."""
    write.update(
        Line(phone_number.location_id),
        [
            Line.customer_id.set(phone_number.customer_id),
            Line.number.set(phone_number.number),
            Line.version.set(Line.version | 1),
            Line.updated_at.set(write.at),
        ],
        only_if=Line.number.does_not_exist(),
        error=location_has_number_error(),
    )


def unassign_from_line(write: Write, phone_number: PhoneNumber) -> None:
    """Stop the location from answering this number."""
    write.update(
        Line(phone_number.location_id),
        [Line.number.remove(), Line.updated_at.set(write.at)],
        only_if=Line.number == phone_number.number,
    )


def increment_held_count(write: Write, phone_number: PhoneNumber, quota: Quota | None) -> None:
    """Count one more number. Raises `NumberQuotaReached` at the commit."""
    write.update(
        Quota(phone_number.customer_id),
        [Quota.held.add(1)],
        only_if=Quota.held.does_not_exist() | (Quota.held < number_limit(quota)),
        error=quota_reached_error(quota),
    )


def decrement_held_count(write: Write, phone_number: PhoneNumber) -> None:
    """Count one number fewer."""
    write.update(Quota(phone_number.customer_id), [Quota.held.add(-1)], only_if=Quota.held > 0)


def number_unavailable_error() -> NumberUnavailable:
    """The error for a number that is taken."""
    return NumberUnavailable("This number is no longer available.", pointer="/phoneNumber")


def location_has_number_error() -> LocationHasNumber:
    """The error for a second number of a location."""
    return LocationHasNumber("This location already has a phone number.", pointer="/locationId")


def quota_reached_error(quota: Quota | None) -> NumberQuotaReached:
    """The error for a number beyond the limit."""
    return NumberQuotaReached(f"You may hold {number_limit(quota)} numbers; contact support to raise the limit.")


def set_number_limit(limit: int, *, actor: permissions.Actor, at: datetime) -> None:
    """Set how many numbers the actor's customer may have."""
    actor.require("numbers:adopt")
    customer_id = actor.customer_id
    quota = dynamodb.get_record(Quota, customer_id)
    with journal.write(
        actor,
        "quota.changed",
        audit.Party("customer", customer_id, "", customer_id, customer_id),
        at,
        changes=[audit.FieldChange("numbers", number_limit(quota), limit)],
    ) as write:
        write.update(Quota(customer_id), [Quota.most.set(limit)])
