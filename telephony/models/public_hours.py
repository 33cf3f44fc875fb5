"""Which lines publish when they are open. Written through `config.journal`."""

from config import audit, dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp
from telephony.models.personal_data import PUBLIC_HOURS

PUBLIC_ID_PREFIX = "pub_"


class PublicHours(dynamodb.Record):
    """Whether anybody may read when the line of a location is open, and at which address."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("public-hours")

    location_id = Text(PUBLIC_HOURS, hash_key=True)
    customer_id = Text(PUBLIC_HOURS)
    secret = Text(PUBLIC_HOURS, null=True)
    """The part of the address that nobody can guess; None: the hours are not public."""
    updated_at = Timestamp(PUBLIC_HOURS, null=True)
    version = Number(PUBLIC_HOURS, default=1)

    @property
    def is_public(self) -> bool:
        return bool(self.secret)

    @property
    def public_id(self) -> str | None:
        """What the address names: the location's ULID, then the secret; None if not public."""
        return f"{PUBLIC_ID_PREFIX}{self.location_id.partition('_')[2]}{self.secret}" if self.secret else None

    @property
    def party(self) -> audit.Party:
        return audit.Party("location", self.location_id, "", self.customer_id, self.customer_id)
