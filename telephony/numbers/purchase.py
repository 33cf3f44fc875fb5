"""Buying phone numbers, each exactly once.

`purchase_number` stores a pending number (`buying`), assigns it to the location's line, counts it
against the quota and enqueues the outbox message that finishes the purchase. `finish_purchase` then
buys exactly this number at Twilio, tagged with the purchase id, and one transaction makes it
`active`. Every attempt looks for the tag at Twilio before it buys. Where the number cannot be
bought, one transaction removes everything again. See `config.journal.two_phase`.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pynamodb.expressions.condition import Condition

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency
from config.journal import two_phase
from config.journal.write_set import Write
from telephony import dialing_rules, ivr
from telephony.ivr.phrases import LOCALE_BY_COUNTRY
from telephony.models import Line, PhoneNumber, Quota
from telephony.numbers import reservation
from telephony.numbers.reservation import NumberNotPurchasable, NumberUnavailable, NumberWithLine
from telephony.twilio import client

if TYPE_CHECKING:
    from accounts.models import Location

PURCHASE = two_phase.Flow("telephony.finish_purchase", prefix="purchase", withdrawal_action="number.refused")
TWILIO_LIST_LAG = timedelta(minutes=15)
"""How long Twilio's list may not show a number that was bought."""


def purchase_number(
    number: str,
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> NumberWithLine:
    """Buy a number for a location; the same number and location are the same purchase.

    Raises the errors of `telephony.numbers.reservation`, `errors.NotFound` (the location),
    `errors.Forbidden`, or `errors.Unavailable`, after which the outbox finishes the purchase.
    """
    actor.require("phone:purchase")
    country = dialing_rules.country_of_number(number)
    if dialing_rules.rejection_reason(number, country):
        raise NumberNotPurchasable("Only geographic and mobile numbers can be purchased.", pointer="/phoneNumber")
    if country not in settings.CALL_COUNTRIES:
        raise NumberNotPurchasable("Numbers of this country cannot be purchased.", pointer="/phoneNumber")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.", pointer="/locationId")
    records = dynamodb.batch_get(
        [
            dynamodb.RecordKey(PhoneNumber, number),
            dynamodb.RecordKey(Line, location_id),
            dynamodb.RecordKey(Quota, actor.customer_id),
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
        _check_country(country, location)
        if existing_number := records.get(PhoneNumber, number):
            result = _repeat_purchase(existing_number, location_id, actor=actor, at=at)
            idempotency.save_completed(idempotency_key, number, at, status=200)
            return result
        pending_number = _build_pending_number(number, location_id, actor.customer_id, at)
        quota = records.get(Quota, actor.customer_id)
        reservation.check_available(records.get(Line, location_id), quota)
        with journal.write_intent(actor, at, prefetched=records) as write:
            write.begin_request(idempotency_key, number)
            _reserve_number(write, pending_number, quota, idempotency_key)
    except idempotency.DuplicateRequest as duplicate:
        pending_number = _get_requested_number(duplicate, actor)
        if pending_number.status != "buying":
            return reservation.load_with_line(pending_number)
        idempotency.resume_request(duplicate, at)
        attempt = two_phase.Attempt(actor, at, idempotency_key)
    with two_phase.release_key_if_unavailable(idempotency_key):
        return finish_purchase(pending_number, attempt)


def _check_country(country: str | None, location: "Location") -> None:
    """A number is of the location's own country, if its time zone tells one."""
    if dialing_rules.country_of_location(location.time_zone) not in (None, country):
        raise NumberNotPurchasable(
            "Only numbers of the location's own country can be purchased.", pointer="/phoneNumber"
        )


def _repeat_purchase(existing_number: PhoneNumber, location_id: str, *, actor: Actor, at: datetime) -> NumberWithLine:
    if existing_number.customer_id != actor.customer_id:
        raise reservation.number_unavailable_error()
    if existing_number.status == "releasing":
        raise reservation.NumberReleasing("This number is being released; restore it instead.", pointer="/phoneNumber")
    if existing_number.location_id != location_id:
        raise reservation.number_unavailable_error()
    if existing_number.status == "buying":
        return finish_purchase(existing_number, two_phase.Attempt(actor, at))
    return reservation.load_with_line(existing_number)


def _get_requested_number(duplicate: idempotency.DuplicateRequest, actor: Actor) -> PhoneNumber:
    """The number that an earlier request with the key reserved; raises the refusal it met."""
    if duplicate.status == 400:
        raise NumberNotPurchasable("This number cannot be purchased.", pointer="/phoneNumber")
    phone_number = dynamodb.get_record(PhoneNumber, duplicate.resource_id)
    if duplicate.status == 409 or phone_number is None or phone_number.customer_id != actor.customer_id:
        raise reservation.number_unavailable_error()
    locations.check_access(actor, phone_number.location_id)
    return phone_number


def _build_pending_number(number: str, location_id: str, customer_id: str, at: datetime) -> PhoneNumber:
    return PhoneNumber(
        number=number,
        customer_id=customer_id,
        location_id=location_id,
        status="buying",
        purchase_id=dynamodb.new_id("pur", at),
        created_at=at,
        updated_at=at,
    )


def _reserve_number(
    write: Write, pending_number: PhoneNumber, quota: Quota | None, key: idempotency.IdempotencyKey | None = None
) -> None:
    write.put(pending_number, only_if=PhoneNumber.number.does_not_exist(), error=reservation.number_unavailable_error())
    reservation.assign_to_line(write, pending_number)
    reservation.increment_held_count(write, pending_number, quota)
    locations.require_exists(write, pending_number.location_id, pointer="/locationId")
    arguments = {"number": pending_number.number, "purchase_id": pending_number.purchase_id}
    PURCHASE.enqueue_finisher(write, pending_number.purchase_id, key, **arguments)


@outbox.task(PURCHASE.task)
def resume_purchase(
    number: str, purchase_id: str, *, job: outbox.TaskContext, once: dict[str, str] | None = None
) -> None:
    """Finish a purchase that its request left; ``once`` is the request's idempotency key."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None or phone_number.status != "buying" or phone_number.purchase_id != purchase_id:
        return
    with suppress(NumberUnavailable, NumberNotPurchasable):  # withdrawn and audited
        attempt = two_phase.Attempt.of_message(job, once)
        finish_purchase(phone_number, attempt.without_expired_key(phone_number.created_at))


def finish_purchase(pending_number: PhoneNumber, attempt: two_phase.Attempt) -> NumberWithLine:
    """Buy the number at Twilio, then make it active or withdraw the purchase.

    Where another process finished or withdrew it first, its result is the answer. Raises
    `NumberUnavailable`, `NumberNotPurchasable` or `errors.Unavailable`.
    """
    try:
        owned_number = _find_or_buy(pending_number, attempt)
    except (NumberUnavailable, NumberNotPurchasable) as refusal:
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
    try:
        with PURCHASE.finish(
            pending_number.purchase_id, "number.purchased", pending_number, attempt, changes=changes
        ) as write:
            write.put(active_number, only_if=_is_pending(pending_number))
            write.update(answering_line, line_changes, only_if=Line.number == pending_number.number)
    except errors.Conflict as conflict:
        return _result_of_concurrent_attempt(pending_number, conflict)
    return NumberWithLine(active_number, answering_line)


def _find_or_buy(pending_number: PhoneNumber, attempt: two_phase.Attempt) -> client.OwnedNumber:
    """The number at Twilio, bought now or by an earlier attempt.

    Raises `NumberUnavailable`, `NumberNotPurchasable` or `errors.Unavailable`. After an attempt
    whose answer was lost, "not available" may mean that the number is ours already: a later attempt
    believes it only after `TWILIO_LIST_LAG`.
    """
    tag = client.NUMBER_TAG_PREFIX + str(pending_number.purchase_id)
    owned_numbers = client.find_owned_numbers(pending_number.number)
    for owned_number in owned_numbers:
        if owned_number.tag == tag:
            return owned_number
    if owned_numbers:
        raise reservation.number_unavailable_error()
    try:
        return client.buy_number(pending_number.number, tag=tag)
    except client.TwilioRejected as refusal:
        if refusal.code in client.UNBUYABLE_CODES:
            raise NumberNotPurchasable("This number cannot be purchased.", pointer="/phoneNumber") from refusal
        if refusal.code != client.NOT_AVAILABLE_CODE:
            raise errors.Unavailable("The telephone service rejects the purchase; retry later.") from refusal
        is_first_attempt = attempt.records is not None
        if is_first_attempt or attempt.at - pending_number.created_at > TWILIO_LIST_LAG:
            raise reservation.number_unavailable_error() from refusal
        raise errors.Unavailable("The result of the purchase is not known yet; retry.", retry_after=30) from refusal


def _default_configuration(location: "Location | None") -> dict[str, Any]:
    """How a location answers at first, in the language of its country."""
    if location is None:
        return ivr.default_configuration("us")
    country = dialing_rules.country_of_location(location.time_zone) or ""
    return ivr.default_configuration(location.name, language=LOCALE_BY_COUNTRY.get(country, "en-US"))


def _withdraw_purchase(pending_number: PhoneNumber, refusal: errors.DomainError, attempt: two_phase.Attempt) -> None:
    """Remove what the intent stored. Raises `errors.Conflict` if it is not pending any more."""
    with PURCHASE.withdraw(pending_number.purchase_id, pending_number, refusal, attempt) as write:
        write.remove(pending_number, only_if=_is_pending(pending_number))
        reservation.unassign_from_line(write, pending_number)
        reservation.decrement_held_count(write, pending_number)


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


def adopt_number(owned_number: client.OwnedNumber, location_id: str, *, actor: Actor, at: datetime) -> NumberWithLine:
    """Assign a number at Twilio without a record to a location.

    Raises what `purchase_number` raises. If this process dies on the way, the outbox withdraws the
    purchase, and the number stays unassigned.
    """
    actor.require("numbers:adopt")
    pending_number = _build_pending_number(owned_number.number, location_id, actor.customer_id, at)
    quota_key = dynamodb.RecordKey(Quota, actor.customer_id)
    records = dynamodb.batch_get([quota_key, locations.location_key(location_id)])
    locations.get_location_from(records, location_id, actor)
    with journal.write_intent(actor, at) as write:
        _reserve_number(write, pending_number, records.get(Quota, actor.customer_id))
    client.retag_number(owned_number.sid, tag=client.NUMBER_TAG_PREFIX + str(pending_number.purchase_id))
    return finish_purchase(pending_number, two_phase.Attempt(actor, at))
