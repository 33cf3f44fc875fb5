"""Records of call-backs and of blocked callers. Written through `config.journal`."""

import hashlib
from datetime import datetime
from typing import Literal, get_args

from config import audit, dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp
from telephony.models.personal_data import CALLBACKS, CALLERS, HELD_CALLBACKS

CALLBACK_STATUSES = {
    "open": "waits for somebody to take it",
    "taken": "somebody has taken it",
    "done": "closed: the caller was reached, or could not be reached",
    "dropped": "closed without calling back: a wrong number or spam",
}
CallbackOutcome = Literal["reached", "no_answer", "wrong_number", "spam"]
CALLBACK_OUTCOMES = get_args(CallbackOutcome)
_QUEUES = {"open": "1", "taken": "2", "done": "3", "dropped": "3"}
"""First part of the sort key of a location's call-backs: what waits comes first."""


class Callback(dynamodb.Record):
    """A caller who is to be called back: at most one open for a caller and location."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("callbacks")
        ttl = "expires_at"

    by_location = dynamodb.index("byLocation", "location_id", "queue")
    by_customer = dynamodb.index("byCustomer", "customer_id", "queue", keys_only=True)
    id = Text(HELD_CALLBACKS, hash_key=True)
    customer_id = Text(CALLBACKS)
    location_id = Text(HELD_CALLBACKS)
    queue = Text(CALLBACKS)
    """See `queue_key`."""
    caller = Text(CALLERS)
    """As in the call; empty if withheld."""
    call_id = Text(CALLBACKS)
    """The last call of the caller."""
    calls = Number(CALLBACKS, default=1)
    """How often they have called since it was opened."""
    last_call_at = Timestamp(HELD_CALLBACKS)
    due_at = Timestamp(CALLBACKS)
    """When to call back: at once, or when the caller was told."""
    status = Text(HELD_CALLBACKS, default="open")
    """One of `CALLBACK_STATUSES`."""
    taken_by = Text(HELD_CALLBACKS, null=True)
    """The id of the user who has taken it, or who has closed it."""
    taken_until = Timestamp(CALLBACKS, null=True)
    """When it is open again unless it is closed by then; of one that its own call has closed, until
    when who called may correct the outcome."""
    taken_at = Timestamp(CALLBACKS, null=True)
    """When whoever holds it has taken it, the last time."""
    called_at = Timestamp(CALLBACKS, null=True)
    """When somebody last called the caller back, or tried."""
    outcome = Text(HELD_CALLBACKS, null=True)
    """One of `CALLBACK_OUTCOMES`; None until it is closed."""
    note = Text(CALLERS, null=True)
    """What whoever closed it wrote."""
    created_at = Timestamp(CALLBACKS)
    updated_at = Timestamp(CALLBACKS)
    version = Number(CALLBACKS, default=1)
    expires_at = Number(CALLBACKS)

    @property
    def party(self) -> audit.Party:
        return audit.Party("call-back", self.id, "", self.customer_id, self.customer_id)

    @property
    def is_closed(self) -> bool:
        """Whether nothing is to be done any more."""
        return self.status in ("done", "dropped")


def queue_key(status: str, due_at: datetime) -> str:
    """The sort key of a location's call-backs: open ones, taken ones, closed ones, by due time."""
    return f"{_QUEUES[status]}#{dynamodb.format_timestamp(due_at)}"


class OpenCallback(dynamodb.Record):
    """The uniqueness record of the call-back of a caller at a location that is not closed."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("open-callbacks")
        ttl = "expires_at"

    key = Text(CALLBACKS, hash_key=True)
    """See `caller_key`."""
    callback_id = Text(CALLBACKS)
    expires_at = Number(CALLBACKS)


def caller_key(location_id: str, caller: str) -> str:
    """The key of what is stored about a caller at a location, without the caller's number."""
    return f"{location_id}#{hashlib.sha256(caller.encode()).hexdigest()}"
