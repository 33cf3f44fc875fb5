"""Call minutes: reserved before phones ring, counted when calls end, limited per customer and day.

The customer's row of the day has a lease for each call under way: the minutes that it may still
cost, of the caller and of each phone. A lease is changed only if it is as it was read, and settled
from what the call's record says, so repeated and concurrent webhooks count once. A call whose end
is never reported counts with its whole lease once that expires. Days are those of UTC, at the
beginning of a call.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from config import dynamodb, errors
from config.dynamodb import unaudited
from telephony.calls.call_record import CallRecord
from telephony.calls.routing import RingPlan
from telephony.models import Usage

logger = logging.getLogger("dutyline.calls")
T = TypeVar("T")
CALLER_MINUTES = 5
"""What a caller may need besides ringing and talking: prompts, menus, a voicemail."""
MIN_MINUTES = 3
"""Shortest conversation worth ringing for."""
LEASE_GRACE = timedelta(minutes=30)
"""How long a lease lasts beyond the longest conversation."""
WRITE_SECONDS, MAX_WRITES = 1.8, 20
"""Of one change, repeated while other webhooks of the same call change its lease."""
LIMIT_EVENTS = {
    "call_minutes_half": "half of a customer's call minutes of the day are used",
    "call_minutes_all": "a customer's call minutes of the day are used or reserved",
    "concurrent_calls_max": "a customer has as many calls at once as are allowed",
}
"""Log messages for operators by their ``event``: each once per customer and day."""


@dataclass(frozen=True)
class Lease:
    """What a call under way may still cost, in minutes."""

    expires_at: int
    own: int = CALLER_MINUTES
    """Of the caller, and of phones that ring in turn."""
    legs: int = 0
    """Of phones that ring at once."""
    counted: int = 0
    """Used minutes of the call that are counted already."""
    path: str = ""
    """Of the ring action that it was last changed for."""
    limit: int = 0
    """Longest conversation of that action."""

    @property
    def minutes(self) -> int:
        """All minutes that are reserved."""
        return self.own + self.legs

    @property
    def text(self) -> str:
        """As stored."""
        return json.dumps(astuple(self))


def begin(customer_id: str, call_id: str, at: datetime) -> bool:
    """Count a call that begins; False if the customer has as many at once as are allowed.

    Callers can leave a voicemail without minutes, so only their number is limited here.
    """
    limit = settings.TELEPHONY["concurrent_calls"]
    lease = Lease(_expiry(at))
    has_place = size(Usage.calls) < limit  # type: ignore[no-untyped-call]
    for _ in range(3):
        actions = [Usage.calls[call_id].set(lease.text), Usage.committed.add(lease.minutes)]
        if _update(customer_id, at, actions, Usage.calls[call_id].does_not_exist() & has_place):
            return True
        row = _load(customer_id, at)
        if call_id in row.calls:
            return True
        if len(row.calls) >= limit and not _count_expired(row, customer_id, at):
            break
    _notify_operators(row, customer_id, "concurrent_calls_max", at)
    return False


def reserve(call: CallRecord, path: str, *, phones: int, is_sequence: bool, at: datetime) -> int:
    """Reserve what a ring action may cost; the minutes that a conversation may take, 0 if too few.

    The caller and each phone that rings at once may take as long; of phones that ring in turn only
    one talks, and ringing or reaching the mailbox of another takes less than two minutes.
    A conversation takes at most half of what is left, so that calls at the same time get some too.
    """
    wish = settings.TELEPHONY["call_minutes"]
    least, parties = min(MIN_MINUTES, wish), 2 if is_sequence else 1 + phones
    ringing = CALLER_MINUTES + (2 * (phones - 1) if is_sequence else 1)
    customer_id, day = call.row.customer_id, call.row.started_at

    def attempt() -> int | None:
        row = _load(customer_id, day)
        text = row.calls.get(call.id)
        lease = Lease(*json.loads(text)) if text else Lease(0, own=0)
        if text and lease.path == path:
            return lease.limit
        left = settings.TELEPHONY["daily_minutes"] - int(row.committed) + lease.own - ringing
        minutes = max(least, min(wish, left // 2 // parties))
        if minutes * parties > left:
            _notify_operators(row, customer_id, "call_minutes_all", day)
            return 0
        own = ringing + minutes * (2 if is_sequence else 1)
        legs = lease.legs + (0 if is_sequence else minutes * phones)
        new_lease = replace(lease, expires_at=_expiry(at, minutes), own=own, legs=legs, path=path, limit=minutes)
        added = new_lease.minutes - lease.minutes
        is_free = Usage.committed <= settings.TELEPHONY["daily_minutes"] - max(added, 0)
        actions = [Usage.calls[call.id].set(new_lease.text), Usage.committed.add(added)]
        is_done = _update(customer_id, day, actions, _is_unchanged(call.id, text) & is_free)
        return minutes if is_done else None

    return _repeat(attempt)


def settle(call: CallRecord) -> bool:
    """Count what a call has cost so far, and free what it cannot cost any more.

    False if it has no lease: it was settled before, or the store failed when it began.
    """
    customer_id, day = call.row.customer_id, call.row.started_at
    is_over, legs = call.row.ended_at is not None, _open_leg_minutes(call)

    def attempt() -> bool | None:
        row = _load(customer_id, day)
        text = row.calls.get(call.id)
        if text is None:
            return False
        lease = Lease(*json.loads(text))
        new_lease = replace(
            lease,
            own=0 if is_over else lease.own,
            legs=min(legs, lease.legs),
            counted=max(_used_minutes(call), lease.counted),
        )
        if new_lease == lease:
            return True
        used = new_lease.counted - lease.counted
        is_settled = is_over and not new_lease.legs
        actions = [
            Usage.calls[call.id].remove() if is_settled else Usage.calls[call.id].set(new_lease.text),
            Usage.committed.add(used + new_lease.minutes - lease.minutes),
            Usage.used.add(used),
        ]
        return _count(customer_id, day, actions, _is_unchanged(call.id, text)) or None

    return _repeat(attempt)


def count_without_lease(call: CallRecord) -> None:
    """Count a call that ended, for which nothing could be reserved when it began."""
    customer_id, day = call.row.customer_id, call.row.started_at
    _load(customer_id, day)
    used = _used_minutes(call)
    actions = [Usage.committed.add(used), Usage.used.add(used)]
    _count(customer_id, day, actions, Usage.key.exists())


def to_minutes(seconds: int) -> int:
    """What a phone costs: each minute that begins."""
    return -(-seconds // 60)


def _used_minutes(call: CallRecord) -> int:
    """Minutes of the caller and of the phones that are over.

    A phone that rang in turn and was connected, without a report of its end, counts as long as the
    caller.
    """
    caller = to_minutes(int(call.row.seconds or 0)) if call.row.ended_at else 0
    accepted = [step for step in call.steps if step.kind == "accept" and step.number is not None]
    unreported = [step for step in accepted if not call.has_step("dialled", step.path, step.number)]
    return int(call.row.leg_minutes) + caller + (caller if unreported else 0)


def _open_leg_minutes(call: CallRecord) -> int:
    """Minutes that the phones which ring at once, and are not over, may take."""
    total = 0
    for path in (step.path for step in call.steps if step.kind == "place"):
        plan = call.plan(path) or RingPlan()
        legs = range(len(plan.ringable))
        total += plan.minutes * sum(not call.has_step("left", path, number) for number in legs)
    return total


def _count_expired(row: Usage, customer_id: str, at: datetime) -> bool:
    """Count calls whose end was never reported with what they had reserved; whether there are any.

    The minutes are committed already.
    """
    leases = {call_id: Lease(*json.loads(text)) for call_id, text in row.calls.items()}
    expired = {call_id: lease for call_id, lease in leases.items() if lease.expires_at < at.timestamp()}
    for call_id, lease in expired.items():
        actions = [Usage.calls[call_id].remove(), Usage.used.add(lease.minutes)]
        _count(customer_id, at, actions, _is_unchanged(call_id, lease.text))
    return bool(expired)


# --- the row of a day -----------------------------------------------------------------------------
def _key(customer_id: str, day: datetime) -> str:
    return f"calls {customer_id} {day:%Y-%m-%d}"


def _load(customer_id: str, day: datetime) -> Usage:
    """The row, created if there is none."""
    key = _key(customer_id, day)
    row = dynamodb.get_record(Usage, key)
    if row is None:
        row = Usage(key, calls={}, expires_at=int((day + timedelta(days=2)).timestamp()))
        if not unaudited.create(row):
            row = dynamodb.get_record(Usage, key) or row
    return row


def _update(customer_id: str, day: datetime, actions: Sequence[Action], only_if: Condition) -> Usage | None:
    row = Usage(_key(customer_id, day))
    item = unaudited.update(row, actions, Usage.key.exists() & only_if)
    return Usage.from_item(item) if item else None


def _count(customer_id: str, day: datetime, actions: Sequence[Action], only_if: Condition) -> bool:
    """Update the row, and tell operators if used minutes reach half or all of the day's."""
    row = _update(customer_id, day, actions, only_if)
    if row is None:
        return False
    limit = settings.TELEPHONY["daily_minutes"]
    if row.used * 2 >= limit:
        _notify_operators(row, customer_id, "call_minutes_half", day)
    if row.used >= limit:
        _notify_operators(row, customer_id, "call_minutes_all", day)
    return True


def _notify_operators(row: Usage, customer_id: str, event: str, day: datetime) -> None:
    """Log that a customer reached a limit, unless that was logged on this day."""
    if event in (row.notified or ()):
        return
    if _update(customer_id, day, [Usage.notified.add({event})], ~Usage.notified.contains(event)):
        logger.warning(LIMIT_EVENTS[event], extra={"event": event, "customer_id": customer_id})


def _is_unchanged(call_id: str, text: str | None) -> Condition:
    """Whether the lease of a call is still as it was read."""
    path = Usage.calls[call_id]
    return path.does_not_exist() if text is None else path == text


def _expiry(at: datetime, minutes: int = 0) -> int:
    return int((at + timedelta(minutes=minutes) + LEASE_GRACE).timestamp())


def _repeat(attempt: Callable[[], T | None]) -> T:
    """The result of the first attempt with one. Raises `errors.Unavailable`."""
    deadline = time.monotonic() + WRITE_SECONDS
    for number in range(MAX_WRITES):
        result = attempt()
        if result is not None:
            return result
        if not dynamodb.back_off(min(number, 2), deadline=deadline):
            break
    raise errors.Unavailable("The minutes of the call cannot be counted at the moment.")
