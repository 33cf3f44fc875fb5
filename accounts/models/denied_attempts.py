"""Counters of attempts to exceed one's permissions."""

from accounts.models.personal_data import ATTEMPTS
from config import dynamodb
from config.dynamodb.attributes import Number, Text, TextSet


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
