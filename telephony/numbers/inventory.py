"""Phone numbers: searching for sale, listing, releasing and restoring."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings

from accounts import locations, permissions
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import idempotency, pagination
from telephony import dialing_rules
from telephony.models import Line, PhoneNumber
from telephony.numbers import purchase, reservation
from telephony.twilio import available_numbers, client

RELEASE_GRACE_PERIOD = timedelta(days=7)
"""How long a number that was given up can be restored."""
RESTORE_CUTOFF = timedelta(minutes=1)
"""How long before its release a number can no longer be restored."""
MAX_SEARCH_RESULTS = 30
TOLL_FREE_CODES = ("800", "833", "844", "855", "866", "877", "888")
"""Of the US and Canada."""


def search_numbers(
    country: str, area_code: str, number_type: str = "local", *, actor: Actor
) -> list[available_numbers.AvailableNumber]:
    """Numbers of a type (`dialing_rules.NUMBER_TYPES`) for sale in a country with an area code.

    Raises `errors.InvalidRequest` for an unknown country or area code, and `errors.Unavailable`.
    """
    actor.require("phone:search")
    calling_code = dialing_rules.calling_code(country)
    if calling_code is None:
        raise errors.InvalidRequest("Unknown country code.", pointer="/country")
    is_north_american = country in dialing_rules.NORTH_AMERICA
    if not area_code.isascii() or not area_code.isdigit() or not _is_valid_area_code(area_code, is_north_american):
        raise _area_code_error()
    if is_north_american and (area_code in TOLL_FREE_CODES) != (number_type == "tollFree"):
        raise errors.InvalidRequest(
            f"The toll-free codes are {', '.join(TOLL_FREE_CODES)}; search for them with `type` tollFree.",
            pointer="/areaCode",
        )
    has_area_code = is_north_american and number_type == "local"
    try:
        numbers = available_numbers.search_numbers(
            country,
            number_type=number_type,
            area_code=int(area_code) if has_area_code else None,
            prefix=None if has_area_code else f"+{calling_code}{area_code.lstrip('0')}",
        )
    except client.TwilioRejected as refusal:
        if refusal.status == 404:
            detail = "The telephone service offers no numbers of this type in this country."
            raise errors.InvalidRequest(detail, pointer="/country") from refusal
        raise _area_code_error() from refusal
    return [number for number in numbers if number.capabilities.get("voice")][:MAX_SEARCH_RESULTS]


def _is_valid_area_code(area_code: str, is_north_american: bool) -> bool:  # noqa: FBT001 - private
    if is_north_american:
        return len(area_code) == 3 and area_code[0] in "23456789"
    return 1 <= len(area_code) <= 6 and bool(area_code.strip("0"))


def _area_code_error() -> errors.InvalidRequest:
    return errors.InvalidRequest("Unknown area code for this country.", pointer="/areaCode")


def list_numbers(actor: Actor, *, limit: int, start: pagination.Cursor | None) -> pagination.CursorPage[PhoneNumber]:
    """The customer's numbers at locations that the actor can access.

    A page may hold fewer than ``limit`` before the list ends.
    """
    actor.require("phone:search")
    condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
    page = pagination.query_page(PhoneNumber, "byCustomer", condition, values, limit=limit, cursor=start)
    visible = [number for number in page.records if actor.can_access_locations([number.location_id])]
    return pagination.CursorPage(visible, page.next_cursor)


def schedule_release(number: str, *, actor: Actor, at: datetime) -> PhoneNumber:
    """Stop answering a number; it is released after `RELEASE_GRACE_PERIOD` unless restored."""
    actor.require("phone:release")

    def decide() -> PhoneNumber:
        before, records = _load_number(number, actor)
        if before.status == "releasing":
            return before
        if before.status == "buying":
            raise reservation.NumberBeingPurchased("This number is still being purchased; retry in a moment.")
        after = before.with_changes(status="releasing", release_at=at + RELEASE_GRACE_PERIOD, updated_at=at)
        with journal.write(
            actor,
            "number.given_up",
            before,
            at,
            changes=[audit.FieldChange("location", before.location_id, None)],
            prefetched=records,
        ) as write:
            write.save(before, after)
            reservation.unassign_from_line(write, before)
            _enqueue_release(write, after)
        return after

    return journal.retry_on_conflict(decide)


def restore_number(
    number: str, *, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> reservation.NumberWithLine:
    """Answer again a number that was given up.

    Raises `reservation.NumberReleasing`, `reservation.LocationHasNumber` or `errors.NotFound`.
    """
    actor.require("phone:release")

    def decide() -> PhoneNumber:
        before, records = _load_number(number, actor, *idempotency.record_keys(idempotency_key))
        idempotency.ensure_key_unused(idempotency_key, records, at)
        if before.status == "releasing":
            return _restore(before, actor=actor, at=at, records=records, idempotency_key=idempotency_key)
        idempotency.save_completed(idempotency_key, before.number, at, status=200)
        return before

    try:
        restored_number = journal.retry_on_conflict(decide)
    except idempotency.DuplicateRequest:  # what was read before may be older than the first request's write
        restored_number, _ = _load_number(number, actor)
    return reservation.load_with_line(restored_number)


def _restore(
    before: PhoneNumber,
    *,
    actor: Actor,
    at: datetime,
    records: dynamodb.BatchResult,
    idempotency_key: idempotency.IdempotencyKey | None,
) -> PhoneNumber:
    if before.release_at and before.release_at <= at + RESTORE_CUTOFF:
        raise reservation.NumberReleasing("The release of this number can no longer be cancelled.")
    after = before.with_changes(status="active", release_at=None, updated_at=at)
    with journal.write(
        actor,
        "number.restored",
        before,
        at,
        changes=[audit.FieldChange("location", None, before.location_id)],
        prefetched=records,
    ) as write:
        write.save(before, after)
        reservation.assign_to_line(write, after)
        locations.require_exists(write, before.location_id, pointer="")
        write.complete(_release_message_id(before))
        write.record_response(idempotency_key, before.number, status=200)
    return after


def release_now(number: str, *, actor: Actor, at: datetime) -> None:
    """Release a number of a customer that is erased, without the time to restore it.

    A purchase that is under way is finished first. Raises `errors.Unavailable`.
    """
    purchase.complete_purchase(number, at=at)

    def decide() -> PhoneNumber | None:
        try:
            before, records = _load_number(number, actor)
        except errors.NotFound:  # the purchase was withdrawn, or the number is released
            return None
        after = before.with_changes(status="releasing", release_at=at, updated_at=at)
        changes = [audit.FieldChange("location", before.location_id, None)]
        with journal.write(actor, "number.given_up", before, at, changes=changes, prefetched=records) as write:
            write.save(before, after)
            if before.status != "releasing":
                reservation.unassign_from_line(write, before)
            _enqueue_release(write, after)
        return after

    if releasing := journal.retry_on_conflict(decide):
        outbox.run_message_now(_release_message_id(releasing), clock=lambda: at)


def _enqueue_release(write: journal.Write, phone_number: PhoneNumber) -> None:
    write.enqueue(
        "telephony.release_number",
        id=_release_message_id(phone_number),
        due=phone_number.release_at,
        number=phone_number.number,
        purchase_id=phone_number.purchase_id,
    )


@outbox.task("telephony.release_number", lane="telephone")
def release_number(number: str, purchase_id: str, *, job: outbox.TaskContext) -> None:
    """Release a number at Twilio once its grace period is over."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None or phone_number.purchase_id != purchase_id or phone_number.status != "releasing":
        return
    if phone_number.release_at is None or phone_number.release_at > job.at:
        return
    client.release_number(str(phone_number.sid))
    with journal.write(
        job.author, "number.released", phone_number, job.at, changes=[audit.FieldChange("number", number, None)]
    ) as write:
        write.remove_unchanged(phone_number)
        reservation.decrement_held_count(write, phone_number)


def _release_message_id(phone_number: PhoneNumber) -> str:
    return f"release-{phone_number.purchase_id}"


def _load_number(
    number: str, actor: Actor, *extra_keys: dynamodb.RecordKey
) -> tuple[PhoneNumber, dynamodb.BatchResult]:
    stream_keys = journal.stream_keys([actor.stream, actor.customer_id])
    records = dynamodb.batch_get([dynamodb.RecordKey(PhoneNumber, number[:32]), *stream_keys, *extra_keys])
    phone_number = records.get(PhoneNumber, number)
    if phone_number is None or phone_number.customer_id != actor.customer_id:
        raise errors.NotFound("Phone number not found.")
    locations.check_access(actor, phone_number.location_id)
    return phone_number, records


def get_location_number(location_id: str) -> str | None:
    """The number that a location has or that is being purchased for it."""
    line = dynamodb.get_record(Line, location_id)
    return line.number if line else None


def list_location_numbers(customer_id: str) -> dict[str, str]:
    """The numbers of a customer's locations, by location id; as `get_location_number`."""
    condition, values = "#customer_id = :of", {":of": {"S": customer_id}}
    numbers = dynamodb.iter_records(PhoneNumber, condition, values, IndexName="byCustomer")
    return {number.location_id: number.number for number in numbers if number.status != "releasing"}


def is_own_number(number: str) -> bool:
    """Whether a number is that of a location of any customer, or the one we call from."""
    return number == settings.TWILIO["caller_id"] or dynamodb.get_record(PhoneNumber, number) is not None


def filter_unexplained(owned_numbers: Sequence[client.OwnedNumber]) -> list[client.OwnedNumber]:
    """Our numbers at Twilio without a record.

    The sid tells which number a record means; only a purchase without one yet is told by its tag,
    as an adoption has not set the tag yet, or had not when Twilio's list was read.
    """
    records = dynamodb.batch_get(dynamodb.RecordKey(PhoneNumber, owned.number) for owned in owned_numbers)

    def has_record(owned: client.OwnedNumber) -> bool:
        record = records.get(PhoneNumber, owned.number)
        return record is not None and (owned.sid == record.sid or owned.tag == client.number_tag(record.purchase_id))

    return [owned for owned in owned_numbers if not has_record(owned)]


# --- locations ------------------------------------------------------------------------------------
def _find_blocker(location_id: str, at: datetime) -> str | None:
    if get_location_number(location_id):
        return "This location has a phone number; release it first."
    return None


@outbox.task("telephony.clear_location", lane="telephone")
def release_location_number(location_id: str, *, job: outbox.TaskContext) -> None:
    """Release a number that was purchased while the location was being removed."""
    customer_id = job.author.customer_id
    number = get_location_number(location_id)
    if number and not locations.load_locations([location_id], customer_id):
        purchase.complete_purchase(number, at=job.at)
        schedule_release(number, actor=permissions.system_actor(customer_id), at=job.at)


LOCATION_GUARD = locations.LocationGuard(find_blocker=_find_blocker, cleanup_task="telephony.clear_location")
LOCATION_NUMBERS = locations.LocationNumbers(get_number=get_location_number, list_numbers=list_location_numbers)
