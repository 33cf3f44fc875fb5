"""Daily usage of what costs money (days in UTC). Call minutes: `telephony.calls.minutes`."""

from datetime import datetime, timedelta

from config.dynamodb import unaudited
from telephony.models import Usage


def _usage_key(resource: str, owner_id: str, at: datetime) -> str:
    return f"{resource} {owner_id} {at:%Y-%m-%d}"


def consume(resource: str, owner_id: str, at: datetime, *, amount: int = 1, limit: int) -> bool:
    """Use an amount of a resource with a daily limit; False if the limit is reached."""
    is_within_limit = Usage.used.does_not_exist() | (Usage.used <= limit - amount)
    expires_at = int((at + timedelta(days=2)).timestamp())
    changes = [Usage.used.add(amount), Usage.expires_at.set(expires_at)]
    return unaudited.update(Usage(_usage_key(resource, owner_id, at)), changes, is_within_limit) is not None
