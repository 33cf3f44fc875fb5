"""Adopting numbers: one of the Twilio account that is nobody's becomes the number of a location.

The account holds numbers of other customers and of other systems, so a customer can adopt a number
only after an operator reserved it for them. The reservation is used up in the transaction that
claims the number: of two customers, or two requests, one gets it. From then on an adoption is a
purchase (`telephony.numbers.purchase`) of a number whose sid is known: instead of buying it, the
finisher sets its tag and webhooks, which is safe to repeat.
"""

from datetime import datetime

from django.conf import settings
from pynamodb.expressions.condition import Condition

from accounts import customers, locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency, unaudited
from config.journal import two_phase
from telephony import dialing_rules
from telephony.models import Line, Orphan, PhoneNumber, Quota
from telephony.numbers import purchase, reservation
from telephony.numbers.reservation import NumberWithLine
from telephony.twilio import client


def adopt_number(
    number: str,
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> NumberWithLine:
    """Make a number that is reserved for the actor's customer the number of a location.

    Raises `errors.NotFound` for every number that is not reserved for them, whosever it is, and
    else what `purchase.purchase_number` raises.
    """
    actor.require("phone:purchase")
    reservation.check_country(number)
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.", pointer="/locationId")
    records = _load_records(number, location_id, actor, idempotency_key)
    attempt = two_phase.Attempt(actor, at, idempotency_key, records)
    try:
        idempotency.ensure_key_unused(idempotency_key, records, at)
        location = locations.get_location_from(records, location_id, actor, pointer="/locationId")
        locations.check_access(actor, location_id)
        existing_number, orphan = records.get(PhoneNumber, number), records.get(Orphan, number)
        if orphan is not None and orphan.reserved_for != actor.customer_id:
            orphan = None
        if existing_number is None and orphan is None:
            # Records are not read in one moment: the number may have been adopted in between.
            existing_number = dynamodb.get_record(PhoneNumber, number)
        if existing_number and existing_number.customer_id == actor.customer_id:
            result = purchase.repeat_purchase(existing_number, location_id, actor=actor, at=at)
            idempotency.save_completed(idempotency_key, number, at, status=200)
            return result
        if orphan is None:
            raise _not_reserved_error()
        reservation.check_location(number, location)
        reservation.check_available(records.get(Line, location_id), records.get(Quota, actor.customer_id))
        pending_number = _claim_number(orphan, location_id, attempt)
    except idempotency.DuplicateRequest as duplicate:
        pending_number = purchase.get_requested_number(duplicate, actor)
        if pending_number.status != "buying":
            return reservation.load_with_line(pending_number)
        idempotency.resume_request(duplicate, at)
        attempt = two_phase.Attempt(actor, at, idempotency_key)
    with two_phase.release_key_if_unavailable(idempotency_key):
        return purchase.finish_purchase(pending_number, attempt)


def assign_number(number: str, location_id: str, *, actor: Actor, at: datetime) -> NumberWithLine:
    """Make an unassigned number the number of a location; for operators.

    Raises `errors.NotFound`, `errors.Conflict` if it is reserved for another customer, or what a
    purchase raises.
    """
    actor.require("numbers:adopt")
    records = _load_records(number, location_id, actor)
    orphan = get_orphan(records.get(Orphan, number))
    locations.get_location_from(records, location_id, actor)
    attempt = two_phase.Attempt(actor, at, None, records)
    return purchase.finish_purchase(_claim_number(orphan, location_id, attempt), attempt)


def _load_records(
    number: str, location_id: str, actor: Actor, idempotency_key: idempotency.IdempotencyKey | None = None
) -> dynamodb.BatchResult:
    return dynamodb.batch_get(
        [
            dynamodb.RecordKey(PhoneNumber, number),
            dynamodb.RecordKey(Orphan, number),
            dynamodb.RecordKey(Line, location_id),
            dynamodb.RecordKey(Quota, actor.customer_id),
            locations.location_key(location_id),
            *journal.stream_keys([actor.stream, actor.customer_id]),
            *idempotency.record_keys(idempotency_key),
        ]
    )


def _claim_number(orphan: Orphan, location_id: str, attempt: two_phase.Attempt) -> PhoneNumber:
    """Store the intent and use up the reservation. Raises what `purchase.reserve_number` raises."""
    customer_id = attempt.actor.customer_id
    pending_number = purchase.build_pending_number(orphan.number, location_id, customer_id, attempt.at, sid=orphan.sid)
    quota = attempt.records.get(Quota, customer_id) if attempt.records else None
    is_free = _is_free_for(customer_id, orphan.sid, is_reserved=bool(orphan.reserved_for))
    is_unchanged = (Orphan.sid == orphan.sid) & is_free
    with journal.write_intent(attempt.actor, attempt.at, prefetched=attempt.records) as write:
        write.begin_request(attempt.idempotency_key, orphan.number)
        purchase.reserve_number(write, pending_number, quota, attempt.idempotency_key)
        write.remove(orphan, only_if=is_unchanged, error=reservation.number_unavailable_error())
    return pending_number


def reserve_number(number: str, *, actor: Actor, at: datetime) -> Orphan:
    """Let the customer that the operator acts for adopt a number of the Twilio account.

    Raises `errors.NotFound` for one that is not in the account, `errors.Conflict` for one that is
    somebody's, `reservation.NumberNotPurchasable` for one that no location can have, and
    `errors.Unavailable`.
    """
    actor.require("numbers:adopt")
    customers.get_customer(actor.customer_id)
    normalized_number = dialing_rules.normalize_number(number[:32])
    if normalized_number is None:
        raise errors.InvalidRequest("This is not a phone number with country code.")
    reservation.check_country(normalized_number)
    if normalized_number == settings.TWILIO["caller_id"]:
        raise errors.Conflict("This is the number that Dutyline calls from.")
    owned_numbers = client.find_owned_numbers(normalized_number)
    if not owned_numbers:
        raise errors.NotFound("This number is not in the Twilio account.")
    owned_number = owned_numbers[0]
    orphan = Orphan(normalized_number)
    taken = errors.Conflict("This number belongs to a customer, is reserved for another one, or is being released.")
    changes = [audit.FieldChange("number", None, normalized_number)]
    party = _party(normalized_number, actor.customer_id)
    with journal.write(actor, "number.reserved", party, at, changes=changes) as write:
        write.require(
            dynamodb.RecordKey(PhoneNumber, normalized_number), PhoneNumber.number.does_not_exist(), error=taken
        )
        write.update(
            orphan,
            [
                Orphan.sid.set(owned_number.sid),
                Orphan.tag.set(owned_number.tag),
                Orphan.found_at.set(at),
                Orphan.reserved_for.set(actor.customer_id),
            ],
            only_if=_is_free_for(actor.customer_id, owned_number.sid),
            error=taken,
        )
    return get_orphan(dynamodb.get_record(Orphan, normalized_number))


def withdraw_reservation(number: str, *, actor: Actor, at: datetime) -> None:
    """End a reservation. Raises `errors.NotFound`, `errors.Conflict` if it was used meanwhile."""
    actor.require("numbers:adopt")
    orphan = get_orphan(dynamodb.get_record(Orphan, number))
    if not orphan.reserved_for:
        return
    customer_id = str(orphan.reserved_for)
    changes = [audit.FieldChange("number", number, None)]
    is_unchanged = Orphan.reserved_for == customer_id
    with journal.write(
        actor, "number.reservation_withdrawn", _party(number, customer_id), at, changes=changes
    ) as write:
        write.update(orphan, [Orphan.reserved_for.remove()], only_if=is_unchanged)
    if not orphan.tag.startswith(client.NUMBER_TAG_PREFIX):  # of another system: not to be listed
        unaudited.remove(orphan, Orphan.reserved_for.does_not_exist() & (Orphan.sid == orphan.sid))


def get_orphan(orphan: Orphan | None) -> Orphan:
    """An unassigned number. Raises `errors.NotFound` if there is none."""
    if orphan is None:
        raise errors.NotFound("This number is not in the list of unassigned numbers.")
    return orphan


def _is_free_for(customer_id: str, sid: str, *, is_reserved: bool = False) -> Condition:
    """The condition that a number is reserved for this customer, or, unless it is, for nobody.

    Nor is it being released.
    """
    is_staying = Orphan.releasing_sid.does_not_exist() | (Orphan.releasing_sid != sid)
    is_own: Condition = Orphan.reserved_for == customer_id
    is_own_or_free: Condition = is_own | Orphan.reserved_for.does_not_exist()
    is_free: Condition = is_staying & (is_own if is_reserved else is_own_or_free)
    return is_free


def _not_reserved_error() -> errors.NotFound:
    detail = "This number is not reserved for you; ask support to reserve a number that you brought."
    return errors.NotFound(detail, pointer="/phoneNumber")


def _party(number: str, customer_id: str) -> audit.Party:
    return audit.Party("phone number", number, number, customer_id, customer_id)
