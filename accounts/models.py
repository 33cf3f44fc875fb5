"""The records of people and of the businesses they work for. Written through `config.journal`."""

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, ListAttribute, NumberAttribute, UnicodeAttribute

from config import audit, dynamodb

ALL_LOCATIONS = "*"
"""In a user's locations: all of the customer's, present and future."""


class Customer(dynamodb.Record):
    """A tenant: one business."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("customers")

    by_name = dynamodb.index("byName", "listed", "name_key")
    id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    name_key = UnicodeAttribute()
    listed = UnicodeAttribute(default="all")
    """The same for every customer: what the index by name begins with."""
    status = UnicodeAttribute(default="active")
    """active or suspended"""
    owner_count = NumberAttribute(default=0)
    """How many full owners it has (see `accounts.users.counters`); it never falls to zero."""
    settings = dynamodb.CompactJSONAttribute(default=dict)
    """What holds for people who chose nothing: `accounts.preferences`."""
    terms_announced = UnicodeAttribute(null=True)
    """The newest version of the terms that its people were, or will be, told of."""
    created_at = dynamodb.UTCTimestampAttribute()
    updated_at = dynamodb.UTCTimestampAttribute(null=True)
    version = NumberAttribute(default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("customer", self.id, self.name, self.id, self.id)


class Location(dynamodb.Record):
    """A place of a customer."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("locations")

    by_customer = dynamodb.index("byCustomer", "customer_id", "name_key")
    id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    name = UnicodeAttribute()
    name_key = UnicodeAttribute()
    address = UnicodeAttribute(default="")
    time_zone = UnicodeAttribute()
    """An IANA name."""
    people = NumberAttribute(default=0)
    """How many people name this location as one of theirs."""
    created_at = dynamodb.UTCTimestampAttribute()
    updated_at = dynamodb.UTCTimestampAttribute(null=True)
    version = NumberAttribute(default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("location", self.id, self.name, self.customer_id, self.customer_id)


class User(dynamodb.Record):
    """A person of a customer."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("users")

    by_customer = dynamodb.index("byCustomer", "customer_id", "name_key")
    id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    email = UnicodeAttribute()
    email_key = UnicodeAttribute()
    name = UnicodeAttribute()
    name_key = UnicodeAttribute()
    profile_name = UnicodeAttribute(null=True)
    phone = UnicodeAttribute(null=True)
    role = UnicodeAttribute()
    extra = ListAttribute[str](default=list)
    """Permissions beyond the role's."""
    denied = ListAttribute[str](default=list)
    """Permissions of the role that this person does not have."""
    locations = ListAttribute[str](default=list)
    skills = ListAttribute[str](default=list)
    is_setup = BooleanAttribute(default=False)
    status = UnicodeAttribute()
    """pending, invited, active, blocked or deleting"""
    settings = dynamodb.CompactJSONAttribute(default=dict)
    """What they chose: `accounts.preferences`."""
    awaited = dynamodb.CompactJSONAttribute(null=True)
    """A change of e-mail address that waits for Auth0: `accounts.users.change_email`."""
    invited_at = dynamodb.UTCTimestampAttribute(null=True)
    invitation_expires_at = dynamodb.UTCTimestampAttribute(null=True)
    invitation_sent_at = dynamodb.UTCTimestampAttribute(null=True)
    """When an invitation last left for the address they have."""
    resent_at = dynamodb.UTCTimestampAttribute(null=True)
    """When somebody last asked for the invitation to be sent again."""
    accepted_at = dynamodb.UTCTimestampAttribute(null=True)
    created_at = dynamodb.UTCTimestampAttribute()
    updated_at = dynamodb.UTCTimestampAttribute()
    version = NumberAttribute(default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("user", self.id, self.name, self.id, self.customer_id)

    @property
    def can_sign_in(self) -> bool:
        """Whether tokens of this person are accepted."""
        return self.status in ("invited", "active")


class EmailOwner(dynamodb.Record):
    """Makes an e-mail address unique: whoever holds the guard has the address."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("emails")

    key = UnicodeAttribute(hash_key=True)
    user_id = UnicodeAttribute()


class PushToken(dynamodb.Record):
    """A device on which a person wants to be notified."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("push-tokens")

    user_id = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute(range_key=True)
    """The SHA-256 of the token."""
    token = UnicodeAttribute()
    registered_at = dynamodb.UTCTimestampAttribute()


class PushTokenOwner(dynamodb.Record):
    """Makes a push token one person's: whoever registered it last."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("push-owners")

    key = UnicodeAttribute(hash_key=True)
    user_id = UnicodeAttribute()
    customer_id = UnicodeAttribute()
    """Whose person that is."""


class TermsAcceptance(dynamodb.Record):
    """The proof that a person accepted one edition of the terms; never changed, never removed."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("terms")

    user_id = UnicodeAttribute(hash_key=True)
    version = UnicodeAttribute(range_key=True)
    """Of the edition: `accounts.terms.documents`."""
    customer_id = UnicodeAttribute()
    accepted_at = dynamodb.UTCTimestampAttribute()
    documents = dynamodb.CompactJSONAttribute()
    """Each document with its version, language and SHA-256."""
    locale = UnicodeAttribute()
    request_id = UnicodeAttribute()
    entry_id = UnicodeAttribute()
    """The audit entry that attests this record."""
    sealed = BinaryAttribute(legacy_encoding=False)
    """Who it was and from where, sealed under a key of the house: it outlives the account."""


def make_name_key(name: str, id: str) -> str:
    """What a name sorts by, made unique by the id; an index takes keys up to 1,024 bytes."""
    prefix = name.casefold().encode()[:900].decode(errors="ignore")
    return f"{prefix}#{id}"
