"""Which line takes a call, and whether it takes calls of this caller: read in one batch."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from accounts import customers, locations
from config import dynamodb
from telephony import callers, dialing_rules
from telephony.lines import ResolvedLine, to_resolved_line
from telephony.models import BlockedCaller, Call, Line, PhoneNumber, blocked_caller_id


class _Destination(NamedTuple):
    """Where the calls to a number go."""

    number: str
    customer_id: str
    location_id: str


_known_destinations: dict[str, _Destination] = {}
"""Where the calls to numbers went last, so that all is read in one batch. The batch tells whether
that is still so; if not, the rest is read anew."""
MAX_KNOWN_DESTINATIONS = 10_000


def resolve_line(number: str, caller: str = "") -> ResolvedLine | None:
    """The line that answers a number, or None; at most two round trips."""
    return read_line(number, caller)[0]


def read_line(
    number: str, caller: str, other_keys: Iterable[dynamodb.RecordKey] = ()
) -> tuple[ResolvedLine | None, dynamodb.BatchResult]:
    """The line that answers a number, and the records of other keys.

    One round trip, two for a number that this process has not read before.
    """
    lookup_numbers = [candidate for candidate in (number, caller) if 0 < len(candidate) < 32]
    number_keys = [dynamodb.RecordKey(PhoneNumber, candidate) for candidate in lookup_numbers]
    destination = _known_destinations.get(number)
    destination_keys = _list_destination_keys(destination, caller) if destination else []
    records = dynamodb.batch_get([*other_keys, *number_keys, *destination_keys])
    phone_number = records.get(PhoneNumber, number)
    if phone_number is None or phone_number.status != "active":
        return None, records
    current = _Destination(number, phone_number.customer_id, phone_number.location_id)
    if destination != current:
        destination_keys = _list_destination_keys(current, caller)
        records |= dynamodb.batch_get(destination_keys)
        if len(_known_destinations) >= MAX_KNOWN_DESTINATIONS:
            _known_destinations.clear()
        _known_destinations[number] = current
    line = records.get(Line, current.location_id)
    if line is None or line.number != number or not line.configuration:
        return None, records
    location = locations.find_location_in(records, line.location_id, phone_number.customer_id)
    resolved = replace(
        to_resolved_line(line, location),
        is_suspended=not customers.is_active_in(records, line.customer_id),
        is_called_by_own_number=records.get(PhoneNumber, caller) is not None,
        is_caller_blocked=any(
            records.get(BlockedCaller, key.hash) for key in destination_keys if key.record_class is BlockedCaller
        ),
    )
    return resolved, records


def _list_destination_keys(destination: _Destination, caller: str) -> list[dynamodb.RecordKey]:
    """The keys of a line, its location and customer, and of what blocks a caller there."""
    return [
        dynamodb.RecordKey(Line, destination.location_id),
        locations.location_key(destination.location_id),
        customers.customer_key(destination.customer_id),
        *list_block_keys(destination, caller),
    ]


def list_block_keys(called: _Destination | Call, caller: str) -> list[dynamodb.RecordKey]:
    """The keys of what blocks a caller of a number, at its location or at all."""
    identities = callers.list_identities(caller, dialing_rules.country_of_number(called.number))
    return [
        dynamodb.RecordKey(BlockedCaller, blocked_caller_id(str(called.customer_id), location_id, identity))
        for identity in identities
        for location_id in (called.location_id, None)
    ]


def is_caller_blocked(call: Call) -> bool:
    """Whether the caller of a call is blocked by now; one round trip."""
    keys = list_block_keys(call, str(call.caller or ""))
    records = dynamodb.batch_get(keys)
    return any(records.get(BlockedCaller, key.hash) for key in keys)
