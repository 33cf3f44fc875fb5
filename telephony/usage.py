"""Daily usage of what costs money (days in UTC): call minutes, and calls that say a code."""

from datetime import datetime, timedelta

from config import dynamodb
from config.dynamodb import unaudited
from telephony.models import Usage


def minutes_used(customer_id: str, at: datetime) -> int:
    """Minutes that calls to a customer's numbers took today."""
    usage = dynamodb.get_record(Usage, _usage_key("minutes", customer_id, at))
    return int(usage.used) if usage else 0


def add_minutes(customer_id: str, minutes: int, at: datetime) -> None:
    """Add the minutes of a call that ended."""
    consume("minutes", customer_id, at, amount=minutes, limit=10**9)


def _usage_key(resource: str, owner_id: str, at: datetime) -> str:
    return f"{resource} {owner_id} {at:%Y-%m-%d}"


def consume(resource: str, owner_id: str, at: datetime, *, amount: int = 1, limit: int) -> bool:
    """Use an amount of a resource with a daily limit; False if the limit is reached."""
    is_within_limit = Usage.used.does_not_exist() | (Usage.used <= limit - amount)
    expires_at = int((at + timedelta(days=2)).timestamp())
    changes = [Usage.used.add(amount), Usage.expires_at.set(expires_at)]
    return unaudited.update(Usage(_usage_key(resource, owner_id, at)), changes, is_within_limit) is not None
