"""What people are told of at a location: call-backs that wait, and calls nobody can return."""

from dataclasses import dataclass
from datetime import datetime

from config import dynamodb
from telephony.callbacks import callback_record
from telephony.models import Callback, last_message_key, queue_key

MISSED, DUE, HANDED_OVER = "call_missed", "callback_due", "callback_handed_over"
HELD, LATE, WITHHELD = "held", "late", "withheld"
"""Topics of messages about one thing, apart from those that count what waits: a call-back that is
due, for whoever has it; one that is late, for those in charge; a call with a withheld number."""
MAX_COUNT = 100
"""Call-backs that a message counts."""


@dataclass(frozen=True)
class Subject:
    """What a user is told of at a location."""

    event: str
    user_id: str
    location_id: str
    callback_id: str
    topic: str = ""
    """One of those above; empty: what waits for them is counted."""
    call_id: str = ""
    """The call, if nobody can call back."""

    @property
    def key(self) -> str:
        """Of the last message: each topic has its own."""
        event = f"{self.event}.{self.topic}" if self.topic else self.event
        return last_message_key(event, self.location_id, self.user_id)

    def is_waiting(self, at: datetime) -> bool:
        """Whether there is still something to tell."""
        return self.topic == WITHHELD or bool(self.list_waiting(at))

    def list_waiting(self, at: datetime) -> list[Callback]:
        """The call-backs of the message."""
        if not self.topic:
            return list_waiting(self.location_id, self.callback_id, self.user_id, at)
        callback = callback_record.load(self.callback_id)
        if callback is None or callback.is_closed or callback_record.is_expired(callback, at):
            return []
        return [callback] if self.topic == LATE or callback.taken_by == self.user_id else []


def is_held_by_operator(callback: Callback) -> bool:
    """Whether somebody of Dutyline has taken a call-back, whom no message reaches."""
    return callback.status == "taken" and not dynamodb.is_id("usr", str(callback.taken_by))


def list_waiting(location_id: str, callback_id: str, user_id: str, at: datetime) -> list[Callback]:
    """What waits for a user at a location: what is open and due, and this call-back.

    Of this call-back the record itself decides: the index may lag behind it. At most `MAX_COUNT`.
    """
    condition = "#location_id = :of AND #queue BETWEEN :low AND :high"
    values = {":of": {"S": location_id}, ":low": {"S": "1#"}, ":high": {"S": queue_key("open", at)}}
    listed = dynamodb.query_records(Callback, condition, values, IndexName="byLocation", Limit=MAX_COUNT)
    waiting = [callback for callback in listed if callback.id != callback_id]
    callback = callback_record.load(callback_id)
    if callback and not callback.is_closed:
        is_theirs = callback.status == "open" or callback.taken_by == user_id or is_held_by_operator(callback)
        waiting += [callback] if is_theirs else []
    return [callback for callback in waiting if not callback_record.is_expired(callback, at)]
