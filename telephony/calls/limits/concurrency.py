"""Calls at once: limited per customer, so that nobody who calls often keeps others from ringing.

Each location has places of its own besides those that all locations of a customer share: neither a
busy location nor somebody who calls it takes the last place of another. One calling number takes
few of them, and a part of the day's minutes; callers who withhold theirs take at most half. Beyond
that a caller leaves a message, which takes no minutes from those who ring, and only beyond as many
of those, or their own minutes, hears that all lines are busy.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import Enum

from django.conf import settings
from pynamodb.expressions.update import Action

from telephony.calls.limits import usage
from telephony.calls.limits.usage import Lease
from telephony.models import Usage

MESSAGES_PER_PLACE = 2
"""Callers who may leave a message at once, for each shared place."""


class Admission(Enum):
    """What a call that begins may do."""

    RING = "ring phones"
    MESSAGE = "leave a message"
    NONE = "hear that all lines are busy"


def begin(customer_id: str, call_id: str, at: datetime, *, location_id: str = "", caller: str = "") -> Admission:
    """Count a call that begins; what it may do. Raises `errors.Unavailable`.

    The lease is written first, and the row that the write returns decides: of two calls at the same
    time the later one sees the earlier one, however many processes there are.
    """
    lease = usage.new_lease(at, location_id, caller)
    actions = [Usage.calls[call_id].set(lease.text), Usage.committed.add(lease.minutes)]
    row = usage.update(customer_id, at, actions, Usage.calls[call_id].does_not_exist())
    if row is None:
        row = usage.load(customer_id, at)
        if text := row.calls.get(call_id):
            return Admission.RING if Lease.parse(text).can_ring else Admission.MESSAGE
        row = usage.update(customer_id, at, actions, Usage.calls[call_id].does_not_exist()) or usage.load(
            customer_id, at
        )
    while usage.count_expired(row, customer_id, day=at, at=at):
        row = usage.load(customer_id, at)
    admission, event = _admit(row, call_id, lease)
    if admission is not Admission.RING:
        _give_back(customer_id, call_id, lease, admission, at)
        usage.notify_operators(row, customer_id, event, at)
    return admission


def _admit(row: Usage, call_id: str, lease: Lease) -> tuple[Admission, str]:
    """What a call may do beside the others of the row, and why no more."""
    if row.used >= settings.TELEPHONY["daily_minutes"] <= (row.used + row.messages) // 2:
        return Admission.NONE, "message_minutes_max"
    leases = [Lease.parse(text) for id, text in row.calls.items() if id != call_id]
    ringing = [other for other in leases if other.can_ring]
    calls_of_caller, minutes_of_caller = _limits_of_caller(lease)
    event = "concurrent_calls_max"
    if usage.minutes_of_caller(row, lease.caller) >= minutes_of_caller:
        event = "call_minutes_of_caller_max"
    elif sum(other.caller == lease.caller for other in ringing) >= calls_of_caller:
        event = "concurrent_calls_of_caller_max"
    elif len(ringing) < settings.TELEPHONY["concurrent_calls"] or has_own_place(lease, ringing):
        return Admission.RING, ""
    if row.messages * 2 >= settings.TELEPHONY["daily_minutes"]:
        return Admission.NONE, "message_minutes_max"
    messages = [other for other in leases if not other.can_ring]
    return Admission.MESSAGE if _has_message_place(row, lease, messages) else Admission.NONE, event


def _limits_of_caller(lease: Lease) -> tuple[int, int]:
    """How many calls at once, and minutes of the day, a caller may have to ring phones."""
    limits = settings.TELEPHONY
    if lease.caller == usage.WITHHELD:
        return max(1, limits["concurrent_calls"] // 2), limits["daily_minutes"] // 2
    return limits["concurrent_calls_of_caller"], limits["daily_minutes_of_caller"]


def _has_message_place(row: Usage, lease: Lease, messages: list[Lease]) -> bool:
    """Whether a caller may leave a message beside others, with half more minutes of theirs."""
    calls_of_caller, minutes_of_caller = _limits_of_caller(lease)
    return (
        usage.minutes_of_caller(row, lease.caller) * 2 < minutes_of_caller * 3
        and len(messages) < settings.TELEPHONY["concurrent_calls"] * MESSAGES_PER_PLACE
        and sum(other.caller == lease.caller for other in messages) < calls_of_caller
    )


def has_own_place(lease: Lease, ringing: Iterable[Lease]) -> bool:
    """Whether a call is within the places that its location has for itself, beside other calls."""
    at_location = sum(other.location_id == lease.location_id for other in ringing)
    return at_location < settings.TELEPHONY["concurrent_calls_of_location"]


def _give_back(customer_id: str, call_id: str, lease: Lease, admission: Admission, at: datetime) -> None:
    """Give back the place and the minutes of a call that may not ring."""
    actions: list[Action] = [Usage.committed.add(-lease.minutes)]
    if admission is Admission.MESSAGE:
        actions += [Usage.calls[call_id].set(replace(lease, can_ring=False, own=0).text)]
    else:
        actions += [Usage.calls[call_id].remove()]
    usage.update(customer_id, at, actions, usage.is_unchanged(call_id, lease.text))
