"""When people were last told of something at a location, so that they are not told too often."""

from config import dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp
from telephony.models.personal_data import LAST_MESSAGES


class LastMessage(dynamodb.Record):
    """When a person was last sent an event of one location; see `callbacks.notifications`."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("last-messages")
        ttl = "expires_at"

    key = Text(LAST_MESSAGES, hash_key=True)
    """See `last_message_key`."""
    told_at = Timestamp(LAST_MESSAGES)
    expires_at = Number(LAST_MESSAGES)


def last_message_key(event: str, location_id: str, user_id: str) -> str:
    """The key of what was last told to a person of an event at a location."""
    return f"{event}-{location_id}-{user_id}"
