"""Records of customers, locations and users. Written through `config.journal`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from config import audit, dynamodb, folding
from config.dynamodb.attributes import (
    Binary,
    Boolean,
    Erasure,
    Json,
    Number,
    PersonalData,
    Text,
    TextList,
    TextSet,
    Timestamp,
    TimeZoneName,
)

ALL_LOCATIONS = "*"
"""In a user's ``locations``: all locations of the customer, present and future."""
DIRECTORY_VERSION = 2
"""Of what a `DirectoryEntry` contains; `manage.py directory` updates older entries."""
DIRECTORY_STATUSES = ("invited", "active", "blocked")
MAX_FOLDED_LENGTH = 1_000
"""Characters of a folded value in a `DirectoryEntry`, which may be longer than the value."""

_personal = partial(PersonalData, retention="until the account is deleted", erasure=Erasure.REMOVED)
_derived = partial(_personal, "technical", withheld_because="derived from exported values")
IDENTITY = _personal("identity", "identify and address the person")
CONTACT = _personal("contact", "sign the person in, send them e-mail and call them")
RIGHTS = _personal("role and permissions", "decide what the person may do, and where")
PREFERENCES = _personal("preferences", "use the language and the notifications that the person chose")
ACCOUNT = _personal("account", "track the life of the account")
DEVICES = _personal("devices", "send notifications to the person's devices")
EMAIL_UNIQUENESS = _derived("allow one account per e-mail address")
DEVICE_UNIQUENESS = _derived("send the notifications of a device to one person only")
DEVICE_KEYS = _derived("find the devices of a person")
SORTING = _derived("sort people by name")
DIRECTORY = _derived("find people by name, e-mail address, role, location and skill")
HANDOVER = _personal(
    "technical", "end the access of an earlier holder of the account", withheld_because="references to messages"
)
VERSION = _personal("technical", "detect concurrent changes", withheld_because="a counter of changes")
TERMS = PersonalData(
    "terms",
    "prove what was agreed",
    "for as long as the customer exists, also after the account is deleted",
    Erasure.PROOF,
)
PLACES = PersonalData(
    "locations", "manage customers and locations", "for as long as the customer exists", Erasure.NOT_PERSONAL
)
BUSINESS = replace(PLACES, category="business").withheld("not about a person")
ATTEMPTS = PersonalData(
    "technical",
    "limit and count attempts to exceed one's permissions",
    "7 days",
    Erasure.EXPIRES,
    withheld_because="counters; the audit log has the attempts",
)
EMAIL_SENDERS = ("Auth0", "the mail service")


CUSTOMER_STATUSES = {"active": "users have access", "suspended": "users have no access"}
USER_STATUSES = {
    "pending": "being created",
    "invited": "has not signed in yet",
    "active": "has signed in",
    "blocked": "has no access",
    "deleting": "being deleted",
}


class Customer(dynamodb.Record):
    """A tenant: one business."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("customers")

    by_name = dynamodb.index("byName", "listed", "name_key")
    id = Text(BUSINESS, hash_key=True)
    name = Text(BUSINESS)
    name_key = Text(BUSINESS)
    listed = Text(BUSINESS, default="all")
    """The same for every customer: the hash key of the index by name."""
    status = Text(BUSINESS, default="active")
    """One of `CUSTOMER_STATUSES`."""
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
    def party(self) -> audit.Party:
        return audit.Party("customer", self.id, self.name, self.id, self.id)


class Location(dynamodb.Record):
    """A location of a customer."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("locations")

    by_customer = dynamodb.index("byCustomer", "customer_id", "name_key")
    id = Text(PLACES, hash_key=True)
    customer_id = Text(BUSINESS)
    name = Text(PLACES)
    name_key = Text(BUSINESS)
    address = Text(PLACES, default="")
    time_zone = TimeZoneName(PLACES)
    """A canonical IANA name."""
    people = Number(BUSINESS, default=0)
    """How many people are assigned to this location."""
    created_at = Timestamp(BUSINESS)
    updated_at = Timestamp(BUSINESS, null=True)
    version = Number(BUSINESS, default=1)
    phone_number: str | None = None
    """Not stored here: `accounts.locations` adds it where a client sees the location."""

    @property
    def party(self) -> audit.Party:
        return audit.Party("location", self.id, self.name, self.customer_id, self.customer_id)


class User(dynamodb.Record):
    """A user: a person who works for a customer."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("users")

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
        """Their entry in the directory, unless they are being created or deleted."""
        return [self.directory_entry()] if self.status in DIRECTORY_STATUSES else []

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


class PushToken(dynamodb.Record):
    """A device that receives the notifications of a person."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("push-tokens")

    user_id = Text(DEVICE_KEYS, hash_key=True)
    key = Text(DEVICE_KEYS, range_key=True)
    """The SHA-256 of the token."""
    token = Text(DEVICES.sent_to("Expo"))
    registered_at = Timestamp(DEVICES)


class PushTokenOwner(dynamodb.Record):
    """The uniqueness record of a push token, which belongs to the user who registered it last."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("push-owners")

    key = Text(DEVICE_UNIQUENESS, hash_key=True)
    user_id = Text(DEVICE_UNIQUENESS)
    customer_id = Text(DEVICE_UNIQUENESS)
    """The customer of that person."""


class AttemptCounter(dynamodb.Record):
    """How often somebody tried to exceed their permissions, in a minute or, by code, in an hour."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("denied-attempts")
        ttl = "expires_at"

    key = Text(ATTEMPTS, hash_key=True)
    """The actor's id, the error code if any, and the minute or the hour (UTC)."""
    attempts = Number(ATTEMPTS, default=0)
    subjects = TextSet(ATTEMPTS, null=True)
    """The ids of those at whom the attempts of the hour aimed."""
    expires_at = Number(ATTEMPTS)


class TermsAcceptance(dynamodb.Record):
    """The proof that a person accepted an edition of the terms; never changed, never removed."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("terms")

    user_id = Text(TERMS.withheld("part of the profile"), hash_key=True)
    version = Text(TERMS, range_key=True)
    """Of the edition: `accounts.terms.documents`."""
    customer_id = Text(TERMS.withheld("part of the profile"))
    accepted_at = Timestamp(TERMS)
    documents = Json(TERMS)
    """Each document with its version, language and SHA-256."""
    locale = Text(TERMS)
    request_id = Text(TERMS)
    entry_id = Text(TERMS)
    """The audit entry that attests this record."""
    sealed = Binary(TERMS, legacy_encoding=False)
    """Who accepted, and from where; encrypted under a key of Dutyline: it outlives the account."""


def make_name_key(name: str, id: str) -> str:
    """The sort key of a name, made unique by the id; an index takes keys of up to 1,024 bytes."""
    prefix = name.casefold().encode()[:900].decode(errors="ignore")
    return f"{prefix}#{id}"
