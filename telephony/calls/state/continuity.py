"""Who last talked with a caller at a location, so that they can be rung first next time."""

from config import dynamodb
from config.dynamodb import unaudited
from telephony.calls.state.call_record import CallRecord
from telephony.models import LastConversation, caller_key


def remember(call: CallRecord) -> None:
    """Store who talked with the caller of a call that has ended, unless a later call is stored.

    Withheld callers and numbers of the configuration are not stored. Raises `errors.Unavailable`.
    """
    row = call.row
    if not row.caller or not dynamodb.is_id("usr", row.answered_by or ""):
        return
    unaudited.update(
        LastConversation(caller_key(row.location_id, row.caller)),
        [
            LastConversation.user_id.set(row.answered_by),
            LastConversation.at.set(row.started_at),
            LastConversation.expires_at.set(row.expires_at),
        ],
        LastConversation.key.does_not_exist() | (LastConversation.at <= row.started_at),
    )
