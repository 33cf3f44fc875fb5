"""Calls at once: limited per customer, so that nobody who calls often keeps others from ringing.

Each location has places of its own besides those that all locations of a customer share: neither a
busy location nor somebody who calls it takes the last place of another. One calling number takes
few of them, and a part of the day's minutes; callers who withhold theirs take at most half. Beyond
that a caller leaves a message, which takes no minutes from those who ring, and only beyond as many
of those hears that all lines are busy.
"""

from dataclasses import replace
from datetime import datetime
from enum import Enum

from django.conf import settings
from pynamodb.expressions.update import Action

from config import daily_limits
from telephony.calls import usage
from telephony.calls.usage import Lease
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
    pseudonym = daily_limits.pseudonym(caller)[:16] if caller else usage.WITHHELD
    lease = Lease(usage.expiry(at), location_id=location_id, caller=pseudonym)
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
    shared = settings.TELEPHONY["concurrent_calls"]
    of_caller = settings.TELEPHONY["concurrent_calls_of_caller"]
    minutes_of_caller = settings.TELEPHONY["daily_minutes_of_caller"]
    if lease.caller == usage.WITHHELD:
        of_caller, minutes_of_caller = max(1, shared // 2), settings.TELEPHONY["daily_minutes"] // 2
    leases = [Lease.parse(text) for id, text in row.calls.items() if id != call_id]
    ringing = [other for other in leases if other.can_ring]
    messages = [other for other in leases if not other.can_ring]
    event = "concurrent_calls_max"
    if usage.minutes_of_caller(row, lease.caller) >= minutes_of_caller:
        event = "call_minutes_of_caller_max"
    elif sum(other.caller == lease.caller for other in ringing) >= of_caller:
        event = "concurrent_calls_of_caller_max"
    elif len(ringing) < shared or _count_at(lease, ringing) < settings.TELEPHONY["concurrent_calls_of_location"]:
        return Admission.RING, ""
    has_message_place = len(messages) < shared * MESSAGES_PER_PLACE
    if has_message_place and sum(other.caller == lease.caller for other in messages) < of_caller:
        return Admission.MESSAGE, event
    return Admission.NONE, event


def _count_at(lease: Lease, others: list[Lease]) -> int:
    return sum(other.location_id == lease.location_id for other in others)


def _give_back(customer_id: str, call_id: str, lease: Lease, admission: Admission, at: datetime) -> None:
    """Give back the place of a call that may not ring, with its minutes if it leaves no message."""
    actions: list[Action]
    if admission is Admission.MESSAGE:
        actions = [Usage.calls[call_id].set(replace(lease, can_ring=False).text)]
    else:
        actions = [Usage.calls[call_id].remove(), Usage.committed.add(-lease.minutes)]
    usage.update(customer_id, at, actions, usage.is_unchanged(call_id, lease.text))
