"""The outbox messages of a call: what follows from it, and what ends it if nobody reports its end.

The latter is stored with the call, in the same round trip, and the end of the call removes it:
without an index of calls in progress, and without anybody who looks for them, no caller is lost.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from config.journal.write_set import Write

if TYPE_CHECKING:
    from telephony.calls.state.call_record import CallRecord

OTHER_TIME = timedelta(minutes=30)
"""What a call may take besides a conversation: menus, ringing, and a voicemail."""


def enqueue_end(write: Write, call_id: str, began_at: datetime) -> None:
    """End a call after the longest time that it may take, unless `complete_end` comes first."""
    due = began_at + timedelta(minutes=settings.TELEPHONY["call_minutes"]) + OTHER_TIME
    write.enqueue("telephony.end_unreported", id=_message_id(call_id), due=due, call_id=call_id)


def complete_end(write: Write, call_id: str) -> None:
    """The end of the call was reported."""
    write.complete(_message_id(call_id))


def _message_id(call_id: str) -> str:
    return f"unreported-{call_id}"


def enqueue_follow_up(write: Write, call: "CallRecord", *, due: datetime | None = None) -> None:
    """Have `telephony.callbacks` decide what follows from a call: once, however often it is asked.

    The id makes requests one message while none has been processed.
    """
    write.enqueue("telephony.follow_up_call", id=follow_up_id(call.id), due=due, call_id=call.id)


def follow_up_id(call_id: str) -> str:
    """The id of the message of `enqueue_follow_up`."""
    return f"follow-up-{call_id}"
