"""What those in charge were told of times in which callers would reach nobody."""

from config import dynamodb
from config.dynamodb.attributes import Json, Text, Timestamp
from telephony.models.personal_data import REACH


class ReachAlert(dynamodb.Record):
    """The holes of a location that those in charge were told of; see `telephony.reach.alarms`.

    Written by the journal, without an audit entry.
    """

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("reach")

    location_id = Text(REACH, hash_key=True)
    customer_id = Text(REACH)
    holes = Json(REACH, default=list)
    """As `telephony.reach.known_holes` stores them: times and ways through the menu."""
    told_at = Timestamp(REACH, null=True)
    updated_at = Timestamp(REACH)
