"""Records of deleted people, until they are erased."""

from collections.abc import Sequence
from typing import Any, ClassVar

from accounts.models.personal_data import DELETED, VERSION
from accounts.models.users import User
from config import audit, dynamodb, search_index
from config.dynamodb.attributes import Boolean, Json, Number, Text, Timestamp

_DERIVED = DELETED.withheld("derived from the deleted account")


class DeletedUser(dynamodb.Record):
    """A deleted person, who can be restored until they are erased."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("deleted-users")

    SEARCH_KIND: ClassVar = "del"
    by_customer = dynamodb.index("byCustomer", "customer_id", "deleted_at")
    by_deletion = dynamodb.index("byDeletion", "listed", "deleted_at")
    id = Text(_DERIVED, hash_key=True)
    customer_id = Text(_DERIVED)
    listed = Text(_DERIVED, default="all")
    """The same for everybody: the hash key of the list across customers."""
    name = Text(_DERIVED)
    email = Text(_DERIVED)
    role = Text(_DERIVED)
    account = Json(DELETED.withheld("the account itself, which exports show"))
    """The item of the `User`, as it was while it was being deleted."""
    deleted_at = Timestamp(DELETED.withheld("told when the account is deleted"), label="Deleted")
    erase_at = Timestamp(DELETED.withheld("told when the account is deleted"), label="Erased on")
    is_erasing = Boolean(DELETED.withheld("whether the erasure has begun"), default=False)
    version = Number(VERSION, default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("user", self.id, self.name, self.id, self.customer_id)

    def derived_records(self) -> Sequence[dynamodb.Record]:
        """What support finds them by until they are erased."""
        return [search_index.build_entry(self.SEARCH_KIND, self.id, texts=[self.name, self.email])]

    def user(self) -> User:
        """The person as they were, with the status ``deleting``."""
        item: dict[str, Any] = self.account
        return User.from_item(item)

    @classmethod
    def of_user(cls, user: User) -> "DeletedUser":
        """The record of a person whose deletion ends."""
        return cls(
            id=user.id,
            customer_id=user.customer_id,
            name=user.name,
            email=user.email,
            role=user.role,
            account=user.serialize(),
            deleted_at=user.deleted_at,
            erase_at=user.erase_at,
        )
