"""How the numbers and calls of a customer are erased, here and at Twilio."""

from collections.abc import Iterator, Sequence

from accounts import permissions
from config import dynamodb, errors, outbox
from config.dynamodb import unaudited
from config.privacy.customer_data import read_all, read_by_index
from config.privacy.customer_erasure import Erasure, ErasureStep, remove_records
from telephony.caller_data import erasure as caller_erasure
from telephony.models import (
    Call,
    Callback,
    LastConversation,
    Line,
    NumberProfile,
    OpenCallback,
    Orphan,
    PhoneNumber,
    Quota,
    caller_key,
)
from telephony.numbers import adoption, inventory, profiles, unassigned
from telephony.reach import look

CALLS_AT_ONCE, NUMBERS_AT_ONCE = 50, 5
CALL_RETRY_SECONDS = 300
"""After which calls that are under way are looked at again."""


def _release_numbers(numbers: Sequence[PhoneNumber], erasure: Erasure) -> None:
    """Finish purchases that are under way, and give the numbers back to Twilio at once."""
    actor = permissions.system_actor(erasure.customer_id)
    for number in numbers:
        inventory.release_now(str(number.number), actor=actor, at=erasure.at)
        erasure.save_point()


def _iter_reserved_numbers(customer_id: str) -> Iterator[Orphan]:
    yield from (orphan for orphan in unassigned.list_numbers() if orphan.reserved_for == customer_id)


def _withdraw_reservations(numbers: Sequence[Orphan], erasure: Erasure) -> None:
    actor = permissions.system_actor(erasure.customer_id)
    for number in numbers:
        adoption.withdraw_reservation(str(number.number), actor=actor, at=erasure.at)


def _erase_calls(calls: Sequence[Call], erasure: Erasure) -> None:
    """With their recordings. Raises `outbox.MustWait` while one of them is under way."""
    chosen = [call for call in calls if not caller_erasure.is_under_way(call, erasure.at)]
    actor = permissions.system_actor(erasure.customer_id)
    caller_erasure.delete_recordings(chosen, author=actor, at=erasure.at)
    conversations = {caller_key(str(call.location_id), str(call.caller)) for call in chosen if call.caller}
    unaudited.write_all(removals=[*map(LastConversation, sorted(conversations)), *chosen])
    if len(chosen) < len(calls):
        raise outbox.MustWait("Calls are under way; they end first.", retry_after=CALL_RETRY_SECONDS)


def _erase_callbacks(callbacks: Sequence[Callback], erasure: Erasure) -> None:
    """With what makes sure that a caller has one at most."""
    keys = {caller_key(str(callback.location_id), str(callback.caller)) for callback in callbacks}
    remove_records([*map(OpenCallback, sorted(keys)), *callbacks], erasure)


def _erase_profiles(number_profiles: Sequence[NumberProfile], erasure: Erasure) -> None:
    """With their addresses at Twilio."""
    actor = permissions.system_actor(erasure.customer_id)
    for profile in number_profiles:
        try:
            profiles.delete_profile(str(profile.country), actor=actor, at=erasure.at)
        except profiles.ProfileInUse as in_use:  # the index may still have a number
            raise errors.Unavailable(in_use.detail, retry_after=5) from in_use


def _erase_lines(configured: Sequence[Line], erasure: Erasure) -> None:
    """With what those in charge were told of them."""
    for line in configured:
        look.forget(str(line.location_id))
    remove_records(configured, erasure)


def _iter_profiles(customer_id: str) -> Iterator[NumberProfile]:
    values = {":of": {"S": customer_id}}
    yield from dynamodb.iter_records(NumberProfile, "#customer_id = :of", values, ConsistentRead=True)


def _iter_quota(customer_id: str) -> Iterator[Quota]:
    if quota := dynamodb.get_record(Quota, customer_id):
        yield quota


STEPS = (
    ErasureStep("phone-numbers", 10, read_by_index(PhoneNumber, limit=NUMBERS_AT_ONCE), _release_numbers),
    ErasureStep("reserved-numbers", 11, read_all(_iter_reserved_numbers), _withdraw_reservations),
    ErasureStep("calls", 15, read_by_index(Call, limit=CALLS_AT_ONCE), _erase_calls),
    ErasureStep("call-backs", 16, read_by_index(Callback, limit=CALLS_AT_ONCE), _erase_callbacks),
    ErasureStep("number-profiles", 50, read_all(_iter_profiles), _erase_profiles),
    ErasureStep("ivr-configurations", 60, read_by_index(Line), _erase_lines),
    ErasureStep("number-quota", 70, read_all(_iter_quota)),
)
