"""Records of phone numbers and lines. Written through `config.journal`."""

from collections.abc import Sequence
from typing import Any, ClassVar

from config import audit, dynamodb, search_index
from config.dynamodb.attributes import Binary, Number, Text, Timestamp, ZonedJson
from telephony.models.personal_data import BUSINESS, PROFILES

ADDRESS_STATUSES = {
    "pending": "is being registered with the telephone service",
    "registered": "can be used for purchases",
    "rejected": "the telephone service does not know this address; correct it",
}
NUMBER_STATUSES = {
    "buying": "the purchase is not complete",
    "active": "answers calls",
    "releasing": "no longer answers calls, can be restored",
}


class PhoneNumber(dynamodb.Record):
    """The number of a location, bought or being bought; the record reserves the number."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-numbers")

    SEARCH_KIND: ClassVar = "num"
    by_customer = dynamodb.index("byCustomer", "customer_id", "number")
    number = Text(BUSINESS, hash_key=True)
    """In E.164."""
    customer_id = Text(BUSINESS)
    location_id = Text(BUSINESS)
    status = Text(BUSINESS)
    """One of `NUMBER_STATUSES`."""
    purchase_id = Text(BUSINESS)
    """The friendly name at Twilio: identifies our purchase if its outcome is unknown."""
    sid = Text(BUSINESS, null=True)
    """Twilio's id of the number; None until it is bought. An adopted number has it already."""
    release_at = Timestamp(BUSINESS, null=True)
    """When it is released; until then it can be restored."""
    webhook_digest = Text(BUSINESS, null=True)
    """The settings of its webhooks to which it was last updated, if it was bought with others."""
    created_at = Timestamp(BUSINESS)
    updated_at = Timestamp(BUSINESS)
    version = Number(BUSINESS, default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("phone number", self.number, self.number, self.customer_id, self.customer_id)

    def derived_records(self) -> Sequence[dynamodb.Record]:
        """What support finds it by."""
        return [search_index.build_entry(self.SEARCH_KIND, self.number, phones=[self.number])]


class Line(dynamodb.Record):
    """The phone line of a location: its number and how it answers."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("ivr")

    by_customer = dynamodb.index("byCustomer", "customer_id", "location_id", keys_only=True)
    location_id = Text(BUSINESS, hash_key=True)
    customer_id = Text(BUSINESS)
    number = Text(BUSINESS, null=True)
    """At most one number, bought or being bought."""
    configuration = ZonedJson(BUSINESS, null=True)
    """See `telephony.ivr.configuration`; None until the number is bought."""
    updated_at = Timestamp(BUSINESS)
    version = Number(BUSINESS, default=1)
    """Of the configuration."""


class Quota(dynamodb.Record):
    """How many numbers a customer has, and the limit."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-quotas")

    customer_id = Text(BUSINESS, hash_key=True)
    held = Number(BUSINESS, default=0)
    most = Number(BUSINESS, null=True)
    """The limit that operators set; None: the limit of the settings."""
    blocked = Number(BUSINESS, default=0)
    """How many callers are blocked."""


class NumberProfile(dynamodb.Record):
    """What a customer needs to buy numbers in a country: an address, a regulatory bundle."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("number-profiles")

    customer_id = Text(BUSINESS, hash_key=True)
    country = Text(BUSINESS, range_key=True)
    encrypted_address = Binary(PROFILES.sent_to("Twilio"), legacy_encoding=False)
    """See `telephony.numbers.address_registration.Address`."""
    address_status = Text(PROFILES, default="pending")
    """One of `ADDRESS_STATUSES`."""
    address_sid = Text(PROFILES, null=True)
    address_tag = Text(PROFILES, default="")
    """Friendly name of the address at Twilio; no other profile has it."""
    bundle_sid = Text(PROFILES, null=True)
    """Twilio's id of the bundle of documents that an operator recorded."""
    bundle_address_sid = Text(PROFILES, null=True)
    """Twilio's id of the address in it, if that is another one than `address_sid`."""
    updated_at = Timestamp(PROFILES)
    version = Number(PROFILES, default=1)
    address: Any = None
    """Not stored in clear text: `telephony.numbers.address_registration` sets its `Address`."""

    @property
    def party(self) -> audit.Party:
        id = f"{self.customer_id}~{self.country}"
        return audit.Party("number profile", id, self.country, self.customer_id, self.customer_id)


class Orphan(dynamodb.Record):
    """A number at Twilio without a record; operators reserve, adopt or release it."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-orphans")

    number = Text(BUSINESS, hash_key=True)
    sid = Text(BUSINESS)
    tag = Text(BUSINESS)
    """Its friendly name at Twilio."""
    found_at = Timestamp(BUSINESS)
    reserved_for = Text(BUSINESS, null=True)
    """The customer that may adopt it; None: nobody but operators."""
    releasing_sid = Text(BUSINESS, null=True)
    """The sid, once an operator began to release the number at Twilio."""
