"""Records of people's phones."""

from datetime import datetime, timedelta

from config import dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp
from telephony.models.calls import CLOCK_DIFFERENCE
from telephony.models.personal_data import PAUSE, VERIFICATION


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


class PhonePause(dynamodb.Record):
    """A break of a person: until it ends, calls do not ring their phone. Written by the journal."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-pauses")
        ttl = "expires_at"

    user_id = Text(PAUSE.withheld("part of the profile"), hash_key=True)
    customer_id = Text(PAUSE.withheld("part of the profile"))
    began_at = Timestamp(PAUSE, label="Began")
    paused_until = Timestamp(PAUSE, label="Ends")
    expires_at = Number(PAUSE.withheld("when the record is removed"))

    @classmethod
    def of_user(cls, user_id: str, customer_id: str, began_at: datetime, paused_until: datetime) -> "PhonePause":
        """A break that is not stored yet."""
        expires_at = int((paused_until + timedelta(days=1)).timestamp())
        return cls(
            user_id, customer_id=customer_id, began_at=began_at, paused_until=paused_until, expires_at=expires_at
        )

    @property
    def effective_from(self) -> datetime:
        """From when on the person is left alone, by any clock."""
        return self.began_at - CLOCK_DIFFERENCE

    def is_current(self, at: datetime) -> bool:
        """Whether the person is to be left alone at this time."""
        return bool(self.effective_from <= at < self.paused_until)
