"""Records of the devices that receive a person's notifications."""

from accounts.models.personal_data import DEVICE_KEYS, DEVICE_UNIQUENESS, DEVICES
from config import dynamodb
from config.dynamodb.attributes import Text, Timestamp


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
