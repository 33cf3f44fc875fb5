"""Buying phone numbers, each exactly once.

`purchase_number` stores a pending number (`buying`), assigns it to the location's line, counts it
against the quota and enqueues the outbox message that finishes the purchase. `finish_purchase` then
buys exactly this number at Twilio, tagged with the purchase id, and one transaction makes it
`active`. Every attempt looks for the tag at Twilio before it buys. Where the number cannot be
bought, one transaction removes everything again. See `config.journal.two_phase`. A number that the
account has already (`telephony.numbers.adoption`) takes the same course, without being bought;
withdrawn, it is reserved again.
"""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pynamodb.expressions.condition import Condition

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency
from config.journal import two_phase
from config.journal.write_set import Write
from telephony import dialing_rules, ivr, line_test_messages
from telephony.ivr.phrases import LOCALE_BY_COUNTRY
from telephony.models import Line, NumberProfile, Orphan, PhoneNumber, Quota
from telephony.numbers import acquisition, profiles, requirements, reservation
from telephony.numbers.reservation import NumberNotPurchasable, NumberUnavailable, NumberWithLine

if TYPE_CHECKING:
    from accounts.models import Location

PURCHASE = two_phase.Flow("telephony.finish_purchase", prefix="purchase", withdrawal_action="number.refused")
ADOPTION = two_phase.Flow("telephony.finish_adoption", prefix="purchase", withdrawal_action="number.refused")
"""Has a task of its own: releases that do not know adoptions defer it instead of refusing."""
REFUSALS = (NumberUnavailable, NumberNotPurchasable, requirements.ProfileRequired)
"""Errors after which a purchase is withdrawn."""


def purchase_number(
    number: str,
    location_id: str,
    *,
    number_type: str = "local",
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> NumberWithLine:
    """Buy a number for a location; the same number and location are the same purchase.

    Toll-free numbers cost their owner more, so they are bought only as ``number_type`` tollFree.
    Raises `requirements.ProfileRequired`, the errors of `telephony.numbers.reservation`,
    `errors.NotFound` (the location), `errors.Forbidden`, or `errors.Unavailable`, after which the
    outbox finishes the purchase.
    """
    actor.require("phone:purchase")
    country = reservation.check_country(number)
    actual_type = dialing_rules.number_type(number)
    if actual_type is None or (actual_type == "tollFree") != (number_type == "tollFree"):
        raise NumberNotPurchasable(
            "Only geographic and mobile numbers can be purchased, and toll-free ones with `type` tollFree.",
            pointer="/phoneNumber",
        )
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.", pointer="/locationId")
    records = dynamodb.batch_get(
        [
            dynamodb.RecordKey(PhoneNumber, number),
            dynamodb.RecordKey(Orphan, number),
            dynamodb.RecordKey(Line, location_id),
            dynamodb.RecordKey(Quota, actor.customer_id),
            profiles.profile_key(actor.customer_id, country),
            locations.location_key(location_id),
            *journal.stream_keys([actor.stream, actor.customer_id]),
            *idempotency.record_keys(idempotency_key),
        ]
    )
    attempt = two_phase.Attempt(actor, at, idempotency_key, records)
    try:
        idempotency.ensure_key_unused(idempotency_key, records, at)
        location = locations.get_location_from(records, location_id, actor, pointer="/locationId")
        locations.check_access(actor, location_id)
        reservation.check_location(number, location)
        if existing_number := records.get(PhoneNumber, number):
            result = repeat_purchase(existing_number, location_id, actor=actor, at=at)
            idempotency.save_completed(idempotency_key, number, at, status=200)
            return result
        _check_not_reserved(records.get(Orphan, number), actor)
        pending_number = build_pending_number(number, location_id, actor.customer_id, at)
        quota = records.get(Quota, actor.customer_id)
        reservation.check_available(records.get(Line, location_id), quota)
        requirements.check_profile(country, actual_type, records.get(NumberProfile, actor.customer_id, country))
        with journal.write_intent(actor, at, prefetched=records) as write:
            write.begin_request(idempotency_key, number)
            is_unreserved = Orphan.reserved_for.does_not_exist()
            write.require(
                dynamodb.RecordKey(Orphan, number), is_unreserved, error=reservation.number_unavailable_error()
            )
            reserve_number(write, pending_number, quota, idempotency_key)
    except idempotency.DuplicateRequest as duplicate:
        pending_number = get_requested_number(duplicate, actor)
        if pending_number.status != "buying":
            return reservation.load_with_line(pending_number)
        idempotency.resume_request(duplicate, at)
        attempt = two_phase.Attempt(actor, at, idempotency_key)
    with two_phase.release_key_if_unavailable(idempotency_key):
        return finish_purchase(pending_number, attempt)


def _check_not_reserved(orphan: Orphan | None, actor: Actor) -> None:
    """A reserved number is in the Twilio account: it is adopted, and nobody can buy it."""
    if orphan and orphan.reserved_for == actor.customer_id:
        detail = "This number is reserved for you: get it with `POST /phoneNumber/adopt`."
        raise NumberUnavailable(detail, pointer="/phoneNumber")
    if orphan and orphan.reserved_for:
        raise reservation.number_unavailable_error()


def repeat_purchase(existing_number: PhoneNumber, location_id: str, *, actor: Actor, at: datetime) -> NumberWithLine:
    """The result of a purchase that was begun before; another use of the number is a conflict."""
    if existing_number.customer_id != actor.customer_id:
        raise reservation.number_unavailable_error()
    if existing_number.status == "releasing":
        raise reservation.NumberReleasing("This number is being released; restore it instead.", pointer="/phoneNumber")
    if existing_number.location_id != location_id:
        raise reservation.number_unavailable_error()
    if existing_number.status == "buying":
        return finish_purchase(existing_number, two_phase.Attempt(actor, at))
    return reservation.load_with_line(existing_number)


def get_requested_number(duplicate: idempotency.DuplicateRequest, actor: Actor) -> PhoneNumber:
    """The number that an earlier request with the key reserved; raises the refusal it met."""
    if duplicate.code == requirements.ProfileRequired.code:
        country = dialing_rules.country_of_number(duplicate.resource_id) or ""
        detail = f"Numbers of this country need an address or a bundle; see `GET /numberRequirement?country={country}`."
        raise requirements.ProfileRequired(duplicate.detail or detail, pointer="/phoneNumber")
    if duplicate.status == 400:
        raise NumberNotPurchasable("This number cannot be purchased.", pointer="/phoneNumber")
    phone_number = dynamodb.get_record(PhoneNumber, duplicate.resource_id)
    if duplicate.status == 409 or phone_number is None or phone_number.customer_id != actor.customer_id:
        raise reservation.number_unavailable_error()
    locations.check_access(actor, phone_number.location_id)
    return phone_number


def build_pending_number(
    number: str, location_id: str, customer_id: str, at: datetime, *, sid: str | None = None
) -> PhoneNumber:
    """A number to buy; with the ``sid`` of one that the Twilio account has, a number to adopt."""
    return PhoneNumber(
        number=number,
        customer_id=customer_id,
        location_id=location_id,
        status="buying",
        purchase_id=dynamodb.new_id("pur", at),
        sid=sid,
        created_at=at,
        updated_at=at,
    )


def reserve_number(
    write: Write, pending_number: PhoneNumber, quota: Quota | None, key: idempotency.IdempotencyKey | None = None
) -> None:
    """Store the intent: the number, the line, the quota, and the message that finishes it."""
    write.put(pending_number, only_if=PhoneNumber.number.does_not_exist(), error=reservation.number_unavailable_error())
    reservation.assign_to_line(write, pending_number)
    reservation.increment_held_count(write, pending_number, quota)
    locations.require_exists(write, pending_number.location_id, pointer="/locationId")
    arguments = {"number": pending_number.number, "purchase_id": pending_number.purchase_id}
    flow = ADOPTION if pending_number.sid else PURCHASE
    flow.enqueue_finisher(write, pending_number.purchase_id, key, **arguments)


@outbox.task(PURCHASE.task, lane="telephone")
@outbox.task(ADOPTION.task, lane="telephone")
def resume_purchase(
    number: str, purchase_id: str, *, job: outbox.TaskContext, once: dict[str, str] | None = None
) -> None:
    """Finish a purchase that its request left; ``once`` is the request's idempotency key."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None or phone_number.status != "buying" or phone_number.purchase_id != purchase_id:
        return
    with suppress(*REFUSALS):  # withdrawn and audited
        attempt = two_phase.Attempt.of_message(job, once)
        finish_purchase(phone_number, attempt.without_expired_key(phone_number.created_at))


def finish_purchase(pending_number: PhoneNumber, attempt: two_phase.Attempt) -> NumberWithLine:
    """Buy the number at Twilio, then make it active or withdraw the purchase.

    Where another process finished or withdrew it first, its result is the answer. Raises those of
    `REFUSALS` or `errors.Unavailable`.
    """
    try:
        owned_number = acquisition.acquire_number(pending_number, attempt)
    except REFUSALS as refusal:
        try:
            _withdraw_purchase(pending_number, refusal, attempt)
        except errors.Conflict:
            return _result_of_concurrent_attempt(pending_number, refusal)
        raise
    location_id = pending_number.location_id
    line_keys = [dynamodb.RecordKey(Line, location_id), locations.location_key(location_id)]
    records = attempt.records or dynamodb.batch_get(line_keys)
    line = records.get(Line, location_id)
    location = locations.find_location_in(records, location_id, pending_number.customer_id)
    configuration = (line.configuration if line else None) or _default_configuration(location)
    active_number = pending_number.with_changes(status="active", sid=owned_number.sid, updated_at=attempt.at)
    answering_line = Line(
        location_id=location_id,
        customer_id=pending_number.customer_id,
        number=pending_number.number,
        configuration=configuration,
        updated_at=attempt.at,
        version=int(line.version) if line else 1,
    )
    # The line may have been configured since it was read; that configuration stays.
    line_changes = [Line.configuration.set(Line.configuration | configuration), Line.updated_at.set(attempt.at)]
    changes = [audit.FieldChange("location", None, location_id)]
    action = "number.adopted" if pending_number.sid else "number.purchased"
    try:
        with PURCHASE.finish(pending_number.purchase_id, action, pending_number, attempt, changes=changes) as write:
            write.put(active_number, only_if=_is_pending(pending_number))
            write.update(answering_line, line_changes, only_if=Line.number == pending_number.number)
            line_test_messages.enqueue_planning(write, location_id)
    except errors.Conflict as conflict:
        return _result_of_concurrent_attempt(pending_number, conflict)
    return NumberWithLine(active_number, answering_line)


def _default_configuration(location: "Location | None") -> dict[str, Any]:
    """How a location answers at first, in the language of its country."""
    if location is None:
        return ivr.default_configuration("us")
    country = dialing_rules.country_of_location(location.time_zone) or ""
    return ivr.default_configuration(location.name, language=LOCALE_BY_COUNTRY.get(country, "en-US"))


def _withdraw_purchase(pending_number: PhoneNumber, refusal: errors.DomainError, attempt: two_phase.Attempt) -> None:
    """Undo what the intent stored. Raises `errors.Conflict` if it is not pending any more."""
    purchase_id, detail = pending_number.purchase_id, refusal.detail
    with PURCHASE.withdraw(purchase_id, pending_number, refusal, attempt, detail=detail) as write:
        write.remove(pending_number, only_if=_is_pending(pending_number))
        reservation.unassign_from_line(write, pending_number)
        reservation.decrement_held_count(write, pending_number)
        if pending_number.sid:
            _restore_reservation(write, pending_number)


def _restore_reservation(write: Write, pending_number: PhoneNumber) -> None:
    """Let the customer try to adopt the number again. Its tag at Twilio is not known any more."""
    write.update(
        Orphan(pending_number.number),
        [
            Orphan.sid.set(pending_number.sid),
            Orphan.tag.set(Orphan.tag | ""),
            Orphan.found_at.set(write.at),
            Orphan.reserved_for.set(pending_number.customer_id),
        ],
    )
    write.add_audit_event("number.reserved", pending_number)


def _is_pending(pending_number: PhoneNumber) -> Condition:
    is_same_purchase: Condition = PhoneNumber.purchase_id == pending_number.purchase_id
    is_pending: Condition = is_same_purchase & (PhoneNumber.status == "buying")
    return is_pending


def _result_of_concurrent_attempt(pending_number: PhoneNumber, cause: errors.DomainError) -> NumberWithLine:
    current = dynamodb.get_record(PhoneNumber, pending_number.number)
    if current is None or current.purchase_id != pending_number.purchase_id or current.status != "active":
        raise reservation.number_unavailable_error() from cause
    return reservation.load_with_line(current)


def retry_purchase(number: str, *, actor: Actor, at: datetime) -> None:
    """Finish or withdraw a purchase of the actor's customer now.

    Raises `errors.NotFound`, or `errors.Unavailable` where it is not possible yet.
    """
    actor.require("phone:purchase")
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None or phone_number.customer_id != actor.customer_id:
        raise errors.NotFound("Phone number not found.")
    journal.write_audit_event(actor, "number.purchase_retried", phone_number, at)
    complete_purchase(number, at=at)


def complete_purchase(number: str, *, at: datetime) -> None:
    """Finish a purchase now if it is unfinished. Raises `errors.Unavailable`."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number and phone_number.status == "buying":
        PURCHASE.finish_now(phone_number.purchase_id, at=at)
