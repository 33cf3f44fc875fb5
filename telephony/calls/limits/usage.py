"""The row of a customer's day: call minutes that are used or reserved, and the calls under way.

The row has a lease for each call under way: the minutes that it may still cost, of the caller and
of the phones. A lease is changed only if it is as it was read, so repeated and concurrent webhooks
count once. Days are those of UTC, at the beginning of a call.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from django.conf import settings
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import daily_limits, dynamodb, errors, observation
from config.dynamodb import unaudited
from telephony.models import Usage

logger = logging.getLogger("dutyline.calls")
T = TypeVar("T")
CALLER_MINUTES = 5
"""What a caller may need besides ringing and talking: prompts, menus, a voicemail."""
LEASE_GRACE = timedelta(minutes=30)
"""How long a lease lasts beyond the longest conversation."""
UNREPORTED_MINUTES = 10
"""What a call counts at most whose end was never reported. A message counts CALLER_MINUTES."""
MAX_EXPIRED = 20
"""Leases that one write removes: a condition has at most 4 KB."""
WITHHELD = "withheld"
"""In place of the pseudonym of a caller who withholds their number."""
MAX_CALLERS = 1_000
"""Callers of a day whose minutes are counted: DynamoDB's limit is 400 KB."""
WRITE_SECONDS, MAX_WRITES = 1.8, 20
"""Of one change, repeated while other webhooks of the same call change its lease.

Not longer than somebody waits for it: see `dynamodb.waited_for`.
"""
LIMIT_EVENTS = {
    "call_minutes_half": "half of a customer's call minutes of the day are used",
    "call_minutes_all": "a customer's call minutes of the day are used or reserved",
    "concurrent_calls_max": "a customer has as many calls at once as are allowed",
    "concurrent_calls_of_caller_max": "a caller has as many calls at once to a customer as are allowed",
    "call_minutes_of_caller_max": "a caller used as many call minutes of a customer as are allowed",
    "message_minutes_max": "messages take as many call minutes of a customer as are allowed",
}
"""Log messages for operators by their ``event``: each once per customer and day."""


@dataclass(frozen=True)
class Lease:
    """What a call under way may still cost, in minutes.

    Stored in this order, so a new field is the last one and has a default.
    """

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
    location_id: str = ""
    """Of the called number."""
    caller: str = WITHHELD
    """A pseudonym of the calling number."""
    can_ring: bool = True
    """Whether the call may ring phones; otherwise it leaves a message."""

    @property
    def minutes(self) -> int:
        """All minutes that are reserved."""
        return self.own + self.legs

    @property
    def text(self) -> str:
        """As stored."""
        return json.dumps(astuple(self))

    @classmethod
    def parse(cls, text: str) -> "Lease":
        """A lease from its stored text; another release may have written fewer or more fields."""
        return _parse_lease(text)


@lru_cache(maxsize=4_096)
def _parse_lease(text: str) -> Lease:
    """Remembered, as each call of a customer reads the leases of all the others."""
    return Lease(*json.loads(text)[: len(fields(Lease))])


def new_lease(at: datetime, location_id: str, caller: str) -> Lease:
    """The lease of a call that begins, by the number that calls; empty if it is withheld."""
    return Lease(expiry(at), location_id=location_id or "", caller=pseudonym_of(caller) if caller else WITHHELD)


def pseudonym_of(caller: str) -> str:
    """What a row has in place of a calling number. It changes with the data key."""
    return daily_limits.pseudonym(caller)[:16]


def expiry(at: datetime, minutes: int = 0) -> int:
    """When the lease of a call expires that may talk for so long."""
    return int((at + timedelta(minutes=minutes) + LEASE_GRACE).timestamp())


def load(customer_id: str, day: datetime) -> Usage:
    """The row, created if there is none."""
    row_key = key(customer_id, day)
    row = dynamodb.get_record(Usage, row_key)
    if row is None:
        row = Usage(row_key, calls={}, callers={}, expires_at=int((day + timedelta(days=2)).timestamp()))
        if not unaudited.create(row):
            row = dynamodb.get_record(Usage, row_key) or row
    return row


def update(customer_id: str, day: datetime, actions: Sequence[Action], only_if: Condition) -> Usage | None:
    """Change the row; None if there is none, or the condition is not met."""
    row = Usage(key(customer_id, day))
    item = unaudited.update(row, actions, Usage.key.exists() & only_if)
    return Usage.from_item(item) if item else None


def count(customer_id: str, day: datetime, actions: Sequence[Action], only_if: Condition) -> bool:
    """Update the row, and tell operators if used minutes reach half or all of the day's."""
    row = update(customer_id, day, actions, only_if)
    if row is None:
        return False
    limit = settings.TELEPHONY["daily_minutes"]
    if row.used * 2 >= limit:
        notify_operators(row, customer_id, "call_minutes_half", day)
    if row.used >= limit:
        notify_operators(row, customer_id, "call_minutes_all", day)
    return True


def count_expired(row: Usage, customer_id: str, *, day: datetime, at: datetime) -> bool:
    """Free what calls had reserved whose end was never reported; whether there were any.

    Nobody knows what they cost, so each counts with up to UNREPORTED_MINUTES.
    """
    leases = {call_id: Lease.parse(text) for call_id, text in row.calls.items()}
    expired = [(id, lease) for id, lease in leases.items() if lease.expires_at < at.timestamp()][:MAX_EXPIRED]
    if not expired:
        return False
    used = sum(min(lease.minutes, UNREPORTED_MINUTES) for _, lease in expired if lease.can_ring)
    messages = sum(CALLER_MINUTES for _, lease in expired if not lease.can_ring)
    reserved = sum(lease.minutes for _, lease in expired)
    only_if: Condition = Usage.key.exists()
    for call_id, _ in expired:
        only_if = only_if & is_unchanged(call_id, row.calls[call_id])
    actions: list[Action] = [Usage.calls[call_id].remove() for call_id, _ in expired]
    actions += [Usage.committed.add(used - reserved), Usage.used.add(used), Usage.messages.add(messages)]
    count(customer_id, day, actions, only_if)
    return True


def notify_operators(row: Usage, customer_id: str, event: str, day: datetime) -> None:
    """Log that a customer reached a limit, unless that was logged on this day."""
    if event in (row.notified or ()):
        return
    if update(customer_id, day, [Usage.notified.add({event})], ~Usage.notified.contains(event)):
        observation.count("limit", event)
        logger.warning(LIMIT_EVENTS[event], extra={"event": event, "customer_id": customer_id})


def is_unchanged(call_id: str, text: str | None) -> Condition:
    """Whether the lease of a call is still as it was read."""
    path = Usage.calls[call_id]
    return path.does_not_exist() if text is None else path == text


def minutes_of_caller(row: Usage, caller: str) -> int:
    """Minutes that the calls of a caller have used."""
    return int(row.callers.get(caller, "0"))


def count_caller(row: Usage, caller: str, used: int) -> tuple[list[Action], Condition]:
    """Add to the used minutes of a caller: the change, and its condition."""
    text, path = row.callers.get(caller), Usage.callers[caller]
    if not used or (text is None and len(row.callers) >= MAX_CALLERS):
        return [], Usage.key.exists()
    is_unchanged = path.does_not_exist() if text is None else path == text
    return [path.set(str(minutes_of_caller(row, caller) + used))], is_unchanged


def repeat(attempt: Callable[[], T | None]) -> T:
    """The result of the first attempt with one. Raises `errors.Unavailable`."""
    deadline = dynamodb.deadline_in(WRITE_SECONDS)
    for number in range(MAX_WRITES):
        result = attempt()
        if result is not None:
            return result
        if not dynamodb.back_off(min(number, 2), deadline=deadline):
            break
    raise errors.Unavailable("The minutes of the call cannot be counted at the moment.")


def key(customer_id: str, day: datetime) -> str:
    """The key of a row. Release 0.2.0 has rows without calls under ``minutes``."""
    return f"calls {customer_id} {day:%Y-%m-%d}"
