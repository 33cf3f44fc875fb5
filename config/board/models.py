"""Records of the board. They hold ids, counts and times, no names; `config.dynamodb.unaudited`."""

from config import dynamodb
from config.dynamodb.attributes import Erasure, Json, Number, PersonalData, Text, Timestamp

BOARD = PersonalData(
    "technical",
    "show operators what needs attention",
    "until the cause is gone",
    Erasure.EXPIRES,
    withheld_because="references to records, which are exported themselves",
)


class BoardItem(dynamodb.Record):
    """Something that needs an operator's attention."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("board")
        ttl = "expires_at"

    by_kind = dynamodb.index("byKind", "kind", "first_seen_at")
    by_customer = dynamodb.index("byCustomer", "customer_id", "first_seen_at")
    by_owner = dynamodb.index("byOwner", "owner_id", "first_seen_at")
    scope = Text(BOARD, hash_key=True)
    """Whose check finds it: a customer's id, or ``platform`` and the name of a source."""
    key = Text(BOARD, range_key=True)
    """The kind, and what tells it from others of the kind."""
    kind = Text(BOARD)
    customer_id = Text(BOARD, null=True)
    """The customer that it is about, if it is about one."""
    facts = Json(BOARD)
    """What is known of it: ids, counts and times."""
    first_seen_at = Timestamp(BOARD)
    """Since when it lasts, or was first found."""
    last_seen_at = Timestamp(BOARD)
    """When it was last stored; it was there at each check since."""
    owner_id = Text(BOARD, null=True)
    """The operator who has taken it."""
    taken_at = Timestamp(BOARD, null=True)
    expires_at = Number(BOARD)


class BoardPass(dynamodb.Record):
    """The last check of all customers that has ended."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("board-passes")

    id = Text(BOARD, hash_key=True)
    began_at = Timestamp(BOARD)
    ended_at = Timestamp(BOARD)
    customers = Number(BOARD)
    """How many were checked."""
    failures = Number(BOARD)
    """Checks that failed: of what they look for, the items of before stay."""
    checked = Json(BOARD)
    """How many records each kind was looked for in, by kind."""
