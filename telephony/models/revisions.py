"""Earlier IVR configurations of locations. Written through `config.journal`."""

from config import audit, dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp, ZonedJson
from telephony.models.personal_data import IVR_CHANGES, REVISIONS


class IvrRevision(dynamodb.Record):
    """How a location answered from one change to the next; see `telephony.ivr_revisions`."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("ivr-revisions")

    location_id = Text(REVISIONS, hash_key=True)
    number = Number(REVISIONS, range_key=True)
    """The version of the line."""
    customer_id = Text(REVISIONS)
    configuration = ZonedJson(REVISIONS)
    saved_at = Timestamp(REVISIONS)
    saved_by = Text(IVR_CHANGES, null=True)
    """The id of the user or operator; None: not known, from before there were revisions."""

    @property
    def party(self) -> audit.Party:
        return audit.Party("IVR revisions", self.location_id, "", self.customer_id, self.customer_id)
