"""Records of customers and their locations."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from accounts.models.personal_data import BUSINESS, PLACES
from config import audit, dynamodb, search_index
from config.dynamodb.attributes import Json, Number, Text, Timestamp, TimeZoneName

CUSTOMER_STATUSES = {"active": "users have access", "suspended": "users have no access"}
"""As the API has them: requests of a deleted customer are refused."""
DELETED_STATUSES = {
    "deleted": "users have no access; it can be restored until it is erased",
    "erasing": "it is being erased, which cannot be undone",
}


class Customer(dynamodb.Record):
    """A tenant: one business."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("customers")

    SEARCH_KIND: ClassVar = "cus"
    by_name = dynamodb.index("byName", "listed", "name_key")
    id = Text(BUSINESS, hash_key=True)
    name = Text(BUSINESS)
    name_key = Text(BUSINESS)
    listed = Text(BUSINESS, default="all")
    """The same for every customer: the hash key of the index by name."""
    status = Text(BUSINESS, default="active")
    """One of `CUSTOMER_STATUSES` or `DELETED_STATUSES`."""
    status_before_deletion = Text(BUSINESS, null=True)
    deleted_at = Timestamp(BUSINESS, null=True)
    erase_at = Timestamp(BUSINESS, null=True)
    """When it is erased; until then it can be restored."""
    owner_count = Number(BUSINESS, default=0)
    """Owners with full access (`accounts.users.side_effects`); never zero."""
    settings = Json(BUSINESS, default=dict)
    """Defaults for people who chose nothing: `accounts.preferences`."""
    directory_version = Number(BUSINESS, null=True)
    """The version of which all its people have an entry in the directory."""
    terms_announced = Text(BUSINESS, null=True)
    """The newest version of the terms that was announced to its people."""
    created_at = Timestamp(BUSINESS)
    updated_at = Timestamp(BUSINESS, null=True)
    version = Number(BUSINESS, default=1)

    @property
    def is_deleted(self) -> bool:
        """Whether it is deleted, and perhaps being erased."""
        return self.status in DELETED_STATUSES

    @property
    def party(self) -> audit.Party:
        return audit.Party("customer", self.id, self.name, self.id, self.id)

    def derived_records(self) -> Sequence[dynamodb.Record]:
        """What support finds it by."""
        return [search_index.build_entry(self.SEARCH_KIND, self.id, texts=[self.name])]


class Location(dynamodb.Record):
    """A location of a customer."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("locations")

    SEARCH_KIND: ClassVar = "loc"
    by_customer = dynamodb.index("byCustomer", "customer_id", "name_key")
    id = Text(PLACES, hash_key=True)
    customer_id = Text(BUSINESS)
    name = Text(PLACES)
    name_key = Text(BUSINESS)
    address = Text(PLACES, default="")
    time_zone = TimeZoneName(PLACES)
    """A canonical IANA name."""
    settings = Json(BUSINESS, null=True)
    """What it has for itself: `accounts.reach_alerts`; None: nothing."""
    people = Number(BUSINESS, default=0)
    """How many people are assigned to this location."""
    created_at = Timestamp(BUSINESS)
    updated_at = Timestamp(BUSINESS, null=True)
    version = Number(BUSINESS, default=1)
    phone_number: str | None = None
    """Not stored here: `accounts.locations` adds it where a client sees the location."""

    @property
    def own_settings(self) -> Mapping[str, Any]:
        """`settings`; empty where there are none."""
        return self.settings or {}

    @property
    def party(self) -> audit.Party:
        return audit.Party("location", self.id, self.name, self.customer_id, self.customer_id)

    def derived_records(self) -> Sequence[dynamodb.Record]:
        """What support finds it by."""
        return [search_index.build_entry(self.SEARCH_KIND, self.id, texts=[self.name, self.address])]
