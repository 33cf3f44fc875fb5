"""The records of numbers, how they answer, and calls. Written through `config.journal`; how a call
goes is bookkeeping and has the other door, `config.dynamodb.unaudited`."""

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from config import audit, dynamodb


class PhoneNumber(dynamodb.Record):
    """A number bought, or being bought, for a location: whoever has this record has the number."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-numbers")

    by_customer = dynamodb.index("byCustomer", "customer_id", "number")
    number = UnicodeAttribute(hash_key=True)
    """In E.164."""
    customer_id = UnicodeAttribute()
    location_id = UnicodeAttribute()
    status = UnicodeAttribute()
    """buying, active or releasing"""
    purchase_id = UnicodeAttribute()
    """Tags the number at Twilio: how an unknown outcome is told from somebody else's purchase."""
    sid = UnicodeAttribute(null=True)
    """Twilio's name for it, once it is bought."""
    release_at = dynamodb.UTCTimestampAttribute(null=True)
    """When it is given back; until then it can be restored."""
    created_at = dynamodb.UTCTimestampAttribute()
    updated_at = dynamodb.UTCTimestampAttribute()
    version = NumberAttribute(default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("phone number", self.number, self.number, self.customer_id, self.customer_id)


class Line(dynamodb.Record):
    """How a location answers its number. It holds at most one: that is what makes it the only."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("ivr")

    by_customer = dynamodb.index("byCustomer", "customer_id", "location_id", keys_only=True)
    location_id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    number = UnicodeAttribute(null=True)
    """The number that is bought or being bought for it."""
    configuration = dynamodb.CompactJSONAttribute(null=True)
    """As `telephony.ivr.configuration` has it; None until the number is bought."""
    updated_at = dynamodb.UTCTimestampAttribute()
    version = NumberAttribute(default=1)
    """Of the configuration."""


class Quota(dynamodb.Record):
    """How many numbers a customer holds, and how many it may."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-quotas")

    customer_id = UnicodeAttribute(hash_key=True)
    held = NumberAttribute(default=0)
    most = NumberAttribute(null=True)
    """What operators allowed; None: what the settings say."""


class Orphan(dynamodb.Record):
    """A number at Twilio that no record explains: operators adopt it or give it back."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-orphans")

    number = UnicodeAttribute(hash_key=True)
    sid = UnicodeAttribute()
    tag = UnicodeAttribute()
    """Its friendly name at Twilio."""
    found_at = dynamodb.UTCTimestampAttribute()


class Call(dynamodb.Record):
    """A call to a location: who was rung, why, and what came of it."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("calls")
        ttl = "expires_at"

    by_location = dynamodb.index("byLocation", "location_id", "started_at")
    id = UnicodeAttribute(hash_key=True)
    """Twilio's call sid."""
    customer_id = UnicodeAttribute()
    location_id = UnicodeAttribute()
    number = UnicodeAttribute()
    caller = UnicodeAttribute()
    """The number that called; empty where it was withheld."""
    started_at = dynamodb.UTCTimestampAttribute()
    ended_at = dynamodb.UTCTimestampAttribute(null=True)
    seconds = NumberAttribute(null=True)
    outcome = UnicodeAttribute(default="ringing")
    """ringing, answered, voicemail, missed or closed"""
    answered_by = UnicodeAttribute(null=True)
    """A user's id, or a number of the configuration."""
    pinned = dynamodb.CompactJSONAttribute(null=True)
    """What every step of the call rests on, as it was when the call began."""
    plans = ListAttribute[str](default=list)
    """Whom a ring action rings: sealed, one per action, the first of each holds."""
    events = ListAttribute[str](default=list)
    """What happened, in order: JSON objects."""
    steps = UnicodeSetAttribute(null=True)
    """What was done already: a webhook that comes again does it no second time."""
    recordings = ListAttribute[str](default=list)
    """What was recorded, as JSON objects: the voicemail, or the conversation."""
    expires_at = NumberAttribute()

    @property
    def party(self) -> audit.Party:
        return audit.Party("call", self.id, "", self.customer_id, self.customer_id)


class PhoneVerification(dynamodb.Record):
    """That a person answers a phone: whoever said the code that was told to it."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-proofs")

    user_id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    phone = UnicodeAttribute(null=True)
    """The number that was proven; it counts while it is the one in the person's profile."""
    verified_at = dynamodb.UTCTimestampAttribute(null=True)
    asked_phone = UnicodeAttribute(null=True)
    """The number that is being called with a code."""
    nonce = UnicodeAttribute(null=True)
    """From which the code follows."""
    asked_at = dynamodb.UTCTimestampAttribute(null=True)
    tries = NumberAttribute(default=0)


class Usage(dynamodb.Record):
    """How much of something was used on a day, by somebody."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-usage")
        ttl = "expires_at"

    key = UnicodeAttribute(hash_key=True)
    """What, of whom, and the day."""
    used = NumberAttribute(default=0)
    expires_at = NumberAttribute()
