"""Records of people's phones."""

from config import dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp
from telephony.models.personal_data import VERIFICATION


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
