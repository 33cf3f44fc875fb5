"""Records about callers: who is blocked, and who last talked with them."""

import base64
import hashlib

from config import audit, dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp
from telephony.models.personal_data import BLOCKED_CALLERS, BLOCKS, CONVERSATIONS

ALL_LOCATIONS = "*"


class BlockedCaller(dynamodb.Record):
    """A caller whose calls are rejected, at a location or at all. Written by `config.journal`."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("blocked-callers")

    by_customer = dynamodb.index("byCustomer", "customer_id", "number")
    id = Text(BLOCKS, hash_key=True)
    """See `blocked_caller_id`."""
    customer_id = Text(BLOCKS)
    location_id = Text(BLOCKS, null=True)
    """None: at all locations of the customer."""
    number = Text(BLOCKED_CALLERS)
    """In E.164; or an address, see `telephony.callers.parse_blockable`."""
    reason = Text(BLOCKED_CALLERS, null=True)
    blocked_by = Text(BLOCKS)
    """The id of the user or operator."""
    created_at = Timestamp(BLOCKS)
    version = Number(BLOCKS, default=1)

    @property
    def party(self) -> audit.Party:
        """Without the number, and without the id, from which it could be guessed."""
        return audit.Party("blocked caller", f"…{self.number[-4:]}", "", self.customer_id, self.customer_id)


def blocked_caller_id(customer_id: str, location_id: str | None, number: str) -> str:
    """The id of what blocks a caller at a location, or at all: the same for the same three."""
    digest = hashlib.sha256(f"{customer_id} {location_id or ALL_LOCATIONS} {number}".encode()).digest()
    return f"blk_{base64.b32hexencode(digest)[:26].decode().translate(_CROCKFORD)}"


_CROCKFORD = str.maketrans("0123456789ABCDEFGHIJKLMNOPQRSTUV", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""The alphabet of base32hex to that of our ids."""


class LastConversation(dynamodb.Record):
    """Who last talked with a caller at a location. Written by `config.dynamodb.unaudited`."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("last-conversations")
        ttl = "expires_at"

    key = Text(CONVERSATIONS, hash_key=True)
    """See `caller_key`."""
    user_id = Text(CONVERSATIONS)
    at = Timestamp(CONVERSATIONS)
    """When that call began."""
    expires_at = Number(CONVERSATIONS)
