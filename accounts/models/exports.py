"""Exports of personal data that take long to print."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from accounts.models.personal_data import CUSTOMER_EXPORTS, PREPARED_EXPORTS
from config import dynamodb
from config.dynamodb.attributes import Boolean, Json, Number, Text, Timestamp

ExportState = Literal["preparing", "ready", "failed"]
PRINTING_TIME = timedelta(minutes=20)
"""How long an export may take; after that it counts as failed."""


class PreparedExport(dynamodb.Record):
    """A PDF of a person's data that is printed in the background: at most one per requester."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("prepared-exports")
        ttl = "expires_at"

    user_id = Text(PREPARED_EXPORTS, hash_key=True)
    requester_id = Text(PREPARED_EXPORTS, range_key=True)
    """Who may fetch it: the person, or an operator."""
    id = Text(PREPARED_EXPORTS)
    requested_at = Timestamp(PREPARED_EXPORTS)
    completed_at = Timestamp(PREPARED_EXPORTS, null=True)
    file = Text(PREPARED_EXPORTS, null=True)
    """The stored file, encrypted under the person's key; None until it is ready."""
    is_impossible = Boolean(PREPARED_EXPORTS, null=True)
    """Whether it exceeds a limit of printing."""
    expires_at = Number(PREPARED_EXPORTS)

    @property
    def expiry(self) -> datetime:
        """When it is deleted."""
        return datetime.fromtimestamp(int(self.expires_at), UTC)

    def state(self, at: datetime) -> ExportState:
        """How far it is."""
        if self.file:
            return "ready"
        return "failed" if self.is_impossible or at - self.requested_at > PRINTING_TIME else "preparing"


class CustomerExport(dynamodb.Record):
    """An export of everything of a customer, prepared in the background: the last one."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("customer-exports")
        ttl = "expires_at"

    customer_id = Text(CUSTOMER_EXPORTS, hash_key=True)
    id = Text(CUSTOMER_EXPORTS)
    requested_at = Timestamp(CUSTOMER_EXPORTS)
    completed_at = Timestamp(CUSTOMER_EXPORTS, null=True)
    sources_done = Number(CUSTOMER_EXPORTS, default=0)
    """Kinds of records that are prepared: `config.privacy.customer_data`."""
    cursor = Json(CUSTOMER_EXPORTS, null=True)
    """Where the kind that is being prepared goes on."""
    parts = Number(CUSTOMER_EXPORTS, default=0)
    """Stored files, encrypted under the customer's key."""
    rows = Number(CUSTOMER_EXPORTS, default=0)
    expires_at = Number(CUSTOMER_EXPORTS)
