"""Records of users and of what they are found by."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from accounts.models.personal_data import (
    ACCOUNT,
    CONTACT,
    DELETION,
    DIRECTORY,
    EMAIL_SENDERS,
    EMAIL_UNIQUENESS,
    HANDOVER,
    IDENTITY,
    PREFERENCES,
    RIGHTS,
    SORTING,
    VERSION,
)
from config import audit, dynamodb, folding, search_index
from config.dynamodb.attributes import Boolean, Json, Number, Text, TextList, Timestamp

ALL_LOCATIONS = "*"
"""In a user's ``locations``: all locations of the customer, present and future."""
DIRECTORY_VERSION = 2
"""Of what a `DirectoryEntry` contains; `manage.py directory` updates older entries."""
DIRECTORY_STATUSES = ("invited", "active", "blocked")
MAX_FOLDED_LENGTH = 1_000
"""Characters of a folded value in a `DirectoryEntry`, which may be longer than the value."""

USER_STATUSES = {
    "pending": "being created",
    "invited": "has not signed in yet",
    "active": "has signed in",
    "blocked": "has no access",
    "deleting": "being deleted",
}


class User(dynamodb.Record):
    """A user: a person who works for a customer."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("users")

    SEARCH_KIND: ClassVar = "usr"
    by_customer = dynamodb.index("byCustomer", "customer_id", "name_key")
    id = Text(IDENTITY.sent_to("Auth0"), hash_key=True, label="User id")
    name = Text(IDENTITY.sent_to(*EMAIL_SENDERS))
    profile_name = Text(IDENTITY, null=True)
    email = Text(CONTACT.sent_to(*EMAIL_SENDERS))
    phone = Text(CONTACT.sent_to("the mail service"), null=True)
    customer_id = Text(RIGHTS.sent_to("Auth0"), label="Customer id")
    role = Text(RIGHTS)
    extra = TextList(RIGHTS, default=list, label="Permissions beyond the role's")
    """Permissions beyond the role's."""
    denied = TextList(RIGHTS, default=list, label="Permissions taken from the role")
    """Permissions of the role that were taken from this person."""
    locations = TextList(RIGHTS, default=list, label="Ids of your locations (*: all)")
    skills = TextList(RIGHTS, default=list)
    settings = Json(PREFERENCES, default=dict, label="Settings")
    """What the person chose: `accounts.preferences`."""
    awaited = Json(CONTACT.sent_to(*EMAIL_SENDERS), null=True, label="Pending change of e-mail address")
    """A pending change of e-mail address: `accounts.users.change_email`."""
    status = Text(ACCOUNT)
    """One of `USER_STATUSES`."""
    is_setup = Boolean(ACCOUNT, default=False, label="Set up")
    invited_at = Timestamp(ACCOUNT, null=True)
    invitation_expires_at = Timestamp(ACCOUNT, null=True)
    invitation_sent_at = Timestamp(ACCOUNT, null=True)
    """When an invitation was last sent to the current address."""
    resent_at = Timestamp(ACCOUNT, null=True, label="Invitation resend requested")
    """When somebody last asked to resend the invitation."""
    accepted_at = Timestamp(ACCOUNT, null=True, label="First signed in")
    handed_over_at = Timestamp(ACCOUNT, null=True, label="Earlier sign-ins ended")
    """What an earlier holder of the account had ended then: `accounts.users.handover`."""
    address_freed_at = Timestamp(ACCOUNT, null=True, label="Address freed")
    """Since when others may use the address, as nobody accepted the invitation; null once they are
    invited again: `accounts.users.address_claims`."""
    handover_id = Text(HANDOVER, null=True)
    """The outbox message of the last handover that was begun."""
    completed_handover_id = Text(HANDOVER, null=True)
    status_before_deletion = Text(DELETION, null=True)
    deleted_at = Timestamp(DELETION, null=True)
    """When the deletion began."""
    erase_at = Timestamp(DELETION, null=True)
    """Until when a deleted person can be restored; null: their deletion is final."""
    created_at = Timestamp(ACCOUNT)
    updated_at = Timestamp(ACCOUNT, label="Last changed")
    email_key = Text(EMAIL_UNIQUENESS)
    name_key = Text(SORTING)
    version = Number(VERSION, default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("user", self.id, self.name, self.id, self.customer_id)

    @property
    def can_sign_in(self) -> bool:
        """Whether the API accepts tokens of this person."""
        return self.status in ("invited", "active") and not self.address_freed_at

    @property
    def is_handover_pending(self) -> bool:
        """Whether what an earlier holder of the account has is still to be ended."""
        return bool(self.handover_id != self.completed_handover_id)

    def is_of_present_holder(self, issued_at: datetime) -> bool:
        """Whether what was issued to this account then, such as a token, still counts.

        Of tokens only the second is known, so those of the second of the handover do not.
        """
        if self.is_handover_pending:
            return False
        return bool(self.handed_over_at is None or issued_at > self.handed_over_at)

    def derived_records(self) -> Sequence[dynamodb.Record]:
        """What support finds them by, and their entry in the directory.

        No entry in the directory while they are being created or deleted.
        """
        return [self.search_entry(), *([self.directory_entry()] if self.status in DIRECTORY_STATUSES else [])]

    def search_entry(self) -> search_index.SearchEntry:
        """What support finds them by, across customers."""
        texts = [self.name, self.profile_name, self.email]
        return search_index.build_entry(self.SEARCH_KIND, self.id, texts=texts, phones=[self.phone])

    def directory_entry(self) -> "DirectoryEntry":
        """What they are found by."""
        names = [self.name, self.profile_name or ""]
        return DirectoryEntry(
            customer_id=self.customer_id,
            key=self.name_key,
            id=self.id,
            names="\n".join(folding.fold_text(name)[:MAX_FOLDED_LENGTH] for name in names),
            email=folding.fold_text(self.email)[:MAX_FOLDED_LENGTH],
            role=self.role,
            status=self.status,
            locations=list(self.locations),
            skills=[folding.fold_text(skill)[:MAX_FOLDED_LENGTH] for skill in self.skills],
        )


class DirectoryEntry(dynamodb.Record):
    """What a person is found by in lists: small, as a search reads many."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("directory")

    customer_id = Text(DIRECTORY, hash_key=True)
    key = Text(DIRECTORY, range_key=True)
    """The person's ``name_key``."""
    id = Text(DIRECTORY)
    names = Text(DIRECTORY)
    """Name and profile name, folded, one per line."""
    email = Text(DIRECTORY)
    role = Text(DIRECTORY)
    status = Text(DIRECTORY)
    locations = TextList(DIRECTORY)
    skills = TextList(DIRECTORY)
    """Folded."""


class EmailOwner(dynamodb.Record):
    """The uniqueness record of an e-mail address."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("emails")

    key = Text(EMAIL_UNIQUENESS, hash_key=True)
    user_id = Text(EMAIL_UNIQUENESS)


def make_name_key(name: str, id: str) -> str:
    """The sort key of a name, made unique by the id; an index takes keys of up to 1,024 bytes."""
    prefix = name.casefold().encode()[:900].decode(errors="ignore")
    return f"{prefix}#{id}"
