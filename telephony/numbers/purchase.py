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
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency, ids
from config.journal.write_set import Write
from config.outbox import worker
from telephony import dialing_rules, ivr
from telephony.ivr.phrases import LOCALE_BY_COUNTRY
from telephony.models import Line, PhoneNumber, Quota
from telephony.numbers import reservation
from telephony.twilio import client

if TYPE_CHECKING:
    from accounts.models import Location

TWILIO_LIST_LAG = timedelta(minutes=15)
"""After which Twilio's list is believed when it does not show a purchase."""


@dataclass(frozen=True)
class PurchaseContext:
    """What was read to begin a purchase: the place, its line, and heads of the audit."""

    location: "Location | None"
    records: dynamodb.BatchResult
    stream_records: dynamodb.BatchResult | None = None
    """What `journal.keys` asks for, where it was read."""


def purchase_number(
    number: str,
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> reservation.NumberWithLine:
    """Buy a number for a location. Repeating it for the same two is the same purchase.

    Raises the refusals of `telephony.numbers.reservation`, `errors.NotFound` (the
    location), or `errors.Unavailable`, after which the outbox finishes what was begun.
    """
    actor.require("phone:purchase")
    if dialing_rules.rejection_reason(number, dialing_rules.country_of_number(number)):
        detail = "Only ordinary local and mobile numbers can be bought."
        raise reservation.NumberNotPurchasable(detail, pointer="/phoneNumber")
    if not ids.is_id("loc", location_id):
        raise errors.NotFound("There is no such location.", pointer="/locationId")
    request_keys = [dynamodb.RecordKey(idempotency.IdempotencyRecord, idempotency_key.key)] if idempotency_key else []
    records = dynamodb.batch_get(
        [
            dynamodb.RecordKey(PhoneNumber, number),
            dynamodb.RecordKey(Line, location_id),
            dynamodb.RecordKey(Quota, actor.customer_id),
            locations.location_key(location_id),
            *journal.stream_keys([actor.stream, actor.customer_id]),
            *request_keys,
        ]
    )
    try:
        idempotency.ensure_key_unused(idempotency_key, records, at)
        location = locations.get_location_from(records, location_id, actor, pointer="/locationId")
        locations.check_access(actor, location_id)
        existing_number = records.get(PhoneNumber, number)
        if existing_number is not None:
            result = _finish_if_pending(_require_same_purchase(existing_number, location_id, actor), actor=actor, at=at)
            idempotency.save_completed(idempotency_key, number, at, status=200)
            return result
        _check_line_and_quota(records, location_id, actor)
        pending_number = _build_pending_number(number, location_id, actor.customer_id, at)
        with journal.write_intent(actor, at, prefetched=records) as write:
            write.begin_request(idempotency_key, number)
            _reserve_number(write, pending_number, records.get(Quota, actor.customer_id), idempotency_key)
    except idempotency.DuplicateRequest as earlier_request:
        return _replay_purchase(earlier_request, number, actor=actor, at=at, idempotency_key=idempotency_key)
    try:
        return finish_purchase(
            pending_number,
            actor=actor,
            at=at,
            idempotency_key=idempotency_key,
            context=PurchaseContext(location, records, records),
        )
    except errors.Unavailable:
        _release_idempotency_key(idempotency_key)
        raise


def _release_idempotency_key(idempotency_key: idempotency.IdempotencyKey | None) -> None:
    if idempotency_key:
        with suppress(errors.Unavailable):
            idempotency.release_request(idempotency_key)


def _require_same_purchase(existing_number: PhoneNumber, location_id: str, actor: Actor) -> PhoneNumber:
    if existing_number.customer_id != actor.customer_id:
        raise reservation.number_unavailable_error()
    if existing_number.status == "releasing":
        raise reservation.NumberReleasing("This number was given up; restore it.", pointer="/phoneNumber")
    if existing_number.location_id != location_id:
        raise reservation.number_unavailable_error()
    return existing_number


def _finish_if_pending(phone_number: PhoneNumber, *, actor: Actor, at: datetime) -> reservation.NumberWithLine:
    if phone_number.status == "buying":
        return finish_purchase(phone_number, actor=actor, at=at)
    return reservation.NumberWithLine(phone_number, dynamodb.get_record(Line, phone_number.location_id))


def _check_line_and_quota(records: dynamodb.BatchResult, location_id: str, actor: Actor) -> None:
    """What the transaction holds as well; here it saves the attempt."""
    line, quota = records.get(Line, location_id), records.get(Quota, actor.customer_id)
    if line and line.number:
        raise reservation.location_has_number_error()
    if int(quota.held if quota else 0) >= reservation.number_limit(quota):
        raise reservation.quota_reached_error(quota)


def _build_pending_number(number: str, location_id: str, customer_id: str, at: datetime) -> PhoneNumber:
    return PhoneNumber(
        number=number,
        customer_id=customer_id,
        location_id=location_id,
        status="buying",
        purchase_id=ids.new_id("pur", at),
        created_at=at,
        updated_at=at,
    )


def _reserve_number(
    write: Write, pending_number: PhoneNumber, quota: Quota | None, idempotency_key: idempotency.IdempotencyKey | None
) -> None:
    write.put(pending_number, only_if=PhoneNumber.number.does_not_exist(), error=reservation.number_unavailable_error())
    reservation.assign_to_line(write, pending_number)
    write.update(
        Quota(pending_number.customer_id),
        [Quota.held.add(1)],
        only_if=Quota.held.does_not_exist() | (Quota.held < reservation.number_limit(quota)),
        error=reservation.quota_reached_error(quota),
    )
    locations.require_exists(write, pending_number.location_id, pointer="/locationId")
    write.enqueue(
        "telephony.finish_purchase",
        id=_finish_message_id(pending_number),
        due=write.at + journal.FINISHER_DELAY,
        number=pending_number.number,
        purchase_id=pending_number.purchase_id,
        once=asdict(idempotency_key) if idempotency_key else None,
    )


@outbox.task("telephony.finish_purchase")
def resume_purchase(
    number: str, purchase_id: str, *, job: outbox.TaskContext, once: dict[str, str] | None = None
) -> None:
    """Finish a purchase that its request left; ``once`` is the request's idempotency key."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None or phone_number.status != "buying" or phone_number.purchase_id != purchase_id:
        return
    with suppress(reservation.NumberUnavailable, reservation.NumberNotPurchasable):  # it is settled and audited then
        idempotency_key = idempotency.IdempotencyKey(**once) if once else None
        finish_purchase(phone_number, actor=job.author, at=job.at, idempotency_key=idempotency_key)


def finish_purchase(
    pending_number: PhoneNumber,
    *,
    actor: audit.Author,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
    context: PurchaseContext | None = None,
) -> reservation.NumberWithLine:
    """The second half of a purchase: ask Twilio, then keep the number or give the claim back.

    ``begun``: this process has just begun it, and Twilio was not asked yet. Otherwise a number that
    "is not available" may be our own, bought by an attempt whose answer was lost: only after
    `CERTAIN` it is a verdict.
    """
    idempotency_key = (
        idempotency_key if at - pending_number.created_at < idempotency.RETENTION else None
    )  # the key may be another's
    try:
        owned_number = _find_or_buy(pending_number, at, is_first=context is not None)
    except (reservation.NumberUnavailable, reservation.NumberNotPurchasable) as refusal:
        if _withdraw_purchase(pending_number, refusal, actor=actor, at=at, idempotency_key=idempotency_key):
            raise
        return _load_concurrent_result(pending_number, refusal)
    context = context or _load_context(pending_number)
    line, location = context.records.get(Line, pending_number.location_id), context.location
    ivr_configuration = (line.configuration if line else None) or _default_configuration(location)
    active_number = pending_number.with_changes(status="active", sid=owned_number.sid, updated_at=at)
    answering_line = Line(
        location_id=pending_number.location_id,
        customer_id=pending_number.customer_id,
        number=pending_number.number,
        configuration=ivr_configuration,
        updated_at=at,
        version=int(line.version) if line else 1,
    )
    try:
        with journal.write(
            actor,
            "number.purchased",
            pending_number,
            at,
            changes=[audit.FieldChange("location", None, pending_number.location_id)],
            prefetched=context.stream_records,
        ) as write:
            write.put(active_number, only_if=_pending_condition(pending_number))
            write.update(
                answering_line,
                [
                    Line.configuration.set(Line.configuration | ivr_configuration),  # it may have one
                    Line.updated_at.set(at),
                ],
                only_if=Line.number == pending_number.number,
            )
            write.complete(_finish_message_id(pending_number))
            write.complete_request(idempotency_key, pending_number.number, status=200)
    except errors.Conflict as conflict:
        return _load_concurrent_result(pending_number, conflict)
    return reservation.NumberWithLine(active_number, answering_line)


def _default_configuration(location: "Location | None") -> dict[str, Any]:
    """How a place answers at first, in what is spoken in its country."""
    if location is None:
        return ivr.default_configuration("us")
    country = dialing_rules.country_of_location(location.time_zone) or ""
    return ivr.default_configuration(location.name, language=LOCALE_BY_COUNTRY.get(country, "en-US"))


def _load_context(pending_number: PhoneNumber) -> PurchaseContext:
    records = dynamodb.batch_get(
        [dynamodb.RecordKey(Line, pending_number.location_id), locations.location_key(pending_number.location_id)]
    )
    return PurchaseContext(
        locations.find_location_in(records, pending_number.location_id, pending_number.customer_id), records
    )


def _find_or_buy(pending_number: PhoneNumber, at: datetime, *, is_first: bool) -> client.OwnedNumber:
    """The number at Twilio, bought now or before. Raises `claims.Taken` or `claims.NotBuyable`."""
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
            raise reservation.NumberNotPurchasable("This number cannot be bought.", pointer="/phoneNumber") from refusal
        if refusal.code != client.NOT_AVAILABLE_CODE:
            raise errors.Unavailable("The telephone service refuses the purchase.") from refusal
        if is_first or at - pending_number.created_at > TWILIO_LIST_LAG:
            raise reservation.number_unavailable_error() from refusal
        raise errors.Unavailable("Whether the number was bought is not known yet.", retry_after=30) from refusal


def _load_concurrent_result(pending_number: PhoneNumber, cause: errors.DomainError) -> reservation.NumberWithLine:
    current_number = dynamodb.get_record(PhoneNumber, pending_number.number)
    if (
        current_number is None
        or current_number.purchase_id != pending_number.purchase_id
        or current_number.status != "active"
    ):
        raise reservation.number_unavailable_error() from cause
    return reservation.NumberWithLine(current_number, dynamodb.get_record(Line, current_number.location_id))


def _withdraw_purchase(
    pending_number: PhoneNumber,
    refusal: errors.DomainError,
    *,
    actor: audit.Author,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
) -> bool:
    """It will never be ours: take back what the intent stored. False: another hand was quicker."""
    try:
        with journal.write(
            actor, "number.refused", pending_number, at, changes=[audit.FieldChange("reason", None, refusal.code)]
        ) as write:
            write.remove(pending_number, only_if=_pending_condition(pending_number))
            reservation.unassign_from_line(write, pending_number)
            reservation.decrement_held_count(write, pending_number)
            write.complete(_finish_message_id(pending_number))
            write.complete_request(idempotency_key, pending_number.number, status=refusal.status, code=refusal.code)
    except errors.Conflict:
        return False
    return True


def _pending_condition(pending_number: PhoneNumber) -> Condition:
    is_same_purchase: Condition = PhoneNumber.purchase_id == pending_number.purchase_id
    is_pending: Condition = is_same_purchase & (PhoneNumber.status == "buying")
    return is_pending


def _replay_purchase(
    earlier_request: idempotency.DuplicateRequest,
    number: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
) -> reservation.NumberWithLine:
    """What a repeated purchase is told: the same number, or the same refusal."""
    if earlier_request.status == 400:
        raise reservation.NumberNotPurchasable("This number cannot be bought.", pointer="/phoneNumber")
    phone_number = dynamodb.get_record(PhoneNumber, earlier_request.resource_id)
    if earlier_request.status == 409 or phone_number is None or phone_number.customer_id != actor.customer_id:
        raise reservation.number_unavailable_error()
    if phone_number.status != "buying":
        return reservation.NumberWithLine(phone_number, dynamodb.get_record(Line, phone_number.location_id))
    if idempotency_key:
        idempotency.resume_request(idempotency_key, earlier_request, at)
    try:
        return finish_purchase(phone_number, actor=actor, at=at, idempotency_key=idempotency_key)
    except errors.Unavailable:
        _release_idempotency_key(idempotency_key)
        raise


def _finish_message_id(pending_number: PhoneNumber) -> str:
    return f"purchase-{pending_number.purchase_id}"


def retry_purchase(number: str, *, actor: Actor, at: datetime) -> None:
    """Have a purchase of the customer's finished or withdrawn now, because somebody asks.

    Raises `errors.NotFound`, or `errors.Unavailable` where it cannot be yet.
    """
    actor.require("phone:purchase")
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None or phone_number.customer_id != actor.customer_id:
        raise errors.NotFound("There is no such number.")
    journal.write_audit_event(actor, "number.purchase_retried", phone_number, at)
    complete_purchase(number, at=at)


def complete_purchase(number: str, *, at: datetime) -> None:
    """Have a purchase that was begun finished now. Raises `errors.Unavailable`."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number and phone_number.status == "buying":
        worker.run_message_now(_finish_message_id(phone_number), clock=lambda: at)


def adopt_number(
    owned_number: client.OwnedNumber, location_id: str, *, actor: Actor, at: datetime
) -> reservation.NumberWithLine:
    """Make a number of ours that no record explains a location's.

    Raises what `purchase` raises. If we die in the middle, the claim is withdrawn by itself and
    the number is unexplained as before.
    """
    actor.require("numbers:adopt")
    customer_id = actor.customer_id
    pending_number = _build_pending_number(owned_number.number, location_id, customer_id, at)
    records = dynamodb.batch_get([dynamodb.RecordKey(Quota, customer_id), locations.location_key(location_id)])
    locations.get_location_from(records, location_id, actor)
    with journal.write_intent(actor, at) as write:
        _reserve_number(write, pending_number, records.get(Quota, customer_id), None)
    client.retag_number(owned_number.sid, tag=client.NUMBER_TAG_PREFIX + str(pending_number.purchase_id))
    return finish_purchase(pending_number, actor=actor, at=at)
