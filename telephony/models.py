"""Records of phone numbers, lines and calls.

Written through `config.journal`; the progress of a call through `config.dynamodb.unaudited`.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, get_args

from django.conf import settings

from config import audit, dynamodb
from config.dynamodb.attributes import (
    Binary,
    Boolean,
    Erasure,
    Json,
    Number,
    PersonalData,
    Text,
    TextList,
    TextMap,
    TextSet,
    Timestamp,
    ZonedJson,
)

VERIFICATION = PersonalData(
    "verified phone",
    "ring only phones that their owner verified",
    "until another phone is verified or the account is deleted",
    Erasure.REMOVED,
)
CALLS = PersonalData(
    "calls",
    "know who called, which phones rang and why, and how the call ended",
    f"{settings.TELEPHONY['kept_days']} days",
    Erasure.EXPIRES,
)
CALLERS = CALLS.sent_to("Twilio").withheld("about the caller, not the person")
CALL_FLOW = replace(CALLS, category="technical").withheld("technical course of the call")
HEARD = replace(CALLS, category="technical", purpose="show who has listened to a recording").withheld(
    "part of the audit log"
)
CALL_KEYS = replace(
    CALLS, category="technical", purpose="find the calls of a person", erasure=Erasure.REMOVED
).withheld("derived from exported values")
BUSINESS = PersonalData(
    "business",
    "answer calls to the locations",
    "until the number is released",
    Erasure.NOT_PERSONAL,
    withheld_because="not about a person",
)
PROFILES = replace(
    BUSINESS, purpose="buy numbers where an address is demanded", retention="until the customer removes it"
)
USAGE = PersonalData(
    "business",
    "limit the cost of calls",
    "two days",
    Erasure.EXPIRES,
    withheld_because="counters; calling numbers as HMAC under a key of Dutyline",
)


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
CALL_OUTCOMES = {
    "ringing": "in progress",
    "answered": "a user or number took the call",
    "voicemail": "the caller left a message",
    "missed": "ended without either",
    "closed": "the same, outside opening hours",
}
EventKind = Literal[
    "entered",
    "planned",
    "nobody_to_ring",
    "lookup_failed",
    "rung",
    "accepted",
    "not_taken",
    "key",
    "voicemail",
    "conversation",
    "ended",
]
EVENT_KINDS = get_args(EventKind)


class PhoneNumber(dynamodb.Record):
    """The number of a location, bought or being bought; the record reserves the number."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-numbers")

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


class Call(dynamodb.Record):
    """A call to a location: which phones rang, why, and how it ended."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("calls")
        ttl = "expires_at"

    by_location = dynamodb.index("byLocation", "location_id", "started_at")
    id = Text(CALLS, hash_key=True)
    """Twilio's call sid."""
    customer_id = Text(CALL_FLOW)
    location_id = Text(CALLS)
    number = Text(CALL_FLOW)
    caller = Text(CALLERS)
    """The number or address of the caller; empty if withheld."""
    started_at = Timestamp(CALLS)
    ended_at = Timestamp(CALL_FLOW, null=True)
    seconds = Number(CALL_FLOW, null=True)
    leg_minutes = Number(CALL_FLOW, default=0)
    """Minutes of the phones that it rang, as far as they are reported."""
    outcome = Text(CALL_FLOW, default="ringing")
    """ringing, answered, voicemail, missed or closed"""
    answered_by = Text(CALLS, null=True)
    """A user's id, or a number of the configuration."""
    pinned = Json(CALL_FLOW, null=True)
    """The configuration of the call, as it was at its start."""
    plans = TextList(CALLS.sent_to("Twilio"), default=list)
    """Whom each ring action rings: encrypted, one per action; the first of each counts."""
    events = TextList(CALL_FLOW, default=list)
    """Events in order: JSON objects."""
    steps = TextSet(CALL_FLOW, null=True)
    """Completed steps: a repeated webhook does not repeat them."""
    recordings = TextList(CALLERS, default=list)
    """Voicemail or conversation recordings: JSON objects."""
    heard_by = TextSet(HEARD, null=True)
    """Who listened to a recording: a user's id, a space, and when for the first time."""
    has_people = Boolean(CALL_FLOW, null=True)
    """Whether its people are in `CallOfUser`; those of calls from before that are not."""
    expires_at = Number(CALL_FLOW)

    @property
    def party(self) -> audit.Party:
        return audit.Party("call", self.id, "", self.customer_id, self.customer_id)

    def list_users(self, candidate_ids: Iterable[str]) -> "list[CallOfUser]":
        """The records by which those candidates who are users find this call."""
        key = f"{dynamodb.format_timestamp(self.started_at)}#{self.id}"
        return [
            CallOfUser(user_id=id, key=key, call_id=self.id, location_id=self.location_id, expires_at=self.expires_at)
            for id in candidate_ids
            if dynamodb.is_id("usr", id)
        ]


class CallOfUser(dynamodb.Record):
    """A call for which a user was considered, or of which they were told while on duty.

    They may see these calls, and an export of their data reads these only.
    """

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("call-people")
        ttl = "expires_at"

    user_id = Text(CALL_KEYS, hash_key=True)
    key = Text(CALL_KEYS, range_key=True)
    """When the call began, and its id."""
    call_id = Text(CALL_KEYS)
    location_id = Text(CALL_KEYS, null=True)
    """None in records of 0.2.0 and before: their calls say it."""
    expires_at = Number(CALL_KEYS)


class PhoneVerification(dynamodb.Record):
    """The verification of a person's phone: they entered the code that was spoken to it."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-proofs")

    user_id = Text(VERIFICATION.withheld("part of the profile"), hash_key=True)
    customer_id = Text(VERIFICATION.withheld("part of the profile"))
    phone = Text(VERIFICATION.sent_to("Twilio"), null=True, label="Verified phone")
    """The verified number; it counts while the profile has the same."""
    verified_at = Timestamp(VERIFICATION.sent_to("Twilio"), null=True)
    asked_phone = Text(VERIFICATION.sent_to("Twilio"), null=True, label="Phone called with a code")
    """The number that was last called with a code."""
    nonce = Text(VERIFICATION.withheld("secret: checks the code"), null=True)
    """The code is derived from it."""
    asked_at = Timestamp(VERIFICATION.sent_to("Twilio"), null=True, label="Called with a code")
    tries = Number(VERIFICATION.withheld("secret: checks the code"), default=0)


class Usage(dynamodb.Record):
    """A counter of usage per day; that of call minutes also has the calls under way."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-usage")
        ttl = "expires_at"

    key = Text(USAGE, hash_key=True)
    """Kind, owner and day."""
    used = Number(USAGE, default=0)
    committed = Number(USAGE, default=0)
    """Call minutes that are used or reserved."""
    messages = Number(USAGE, default=0)
    """Minutes of calls that could only leave a message."""
    calls = TextMap(USAGE, default=dict)
    """The leases of calls under way, by the id of the call."""
    callers = TextMap(USAGE, default=dict)
    """Used call minutes by the pseudonym of the calling number."""
    notified = TextSet(USAGE, null=True)
    """The limits whose reaching operators were told."""
    expires_at = Number(USAGE)
