"""What costs money, counted per day (UTC): minutes of calls, and calls that tell a code."""

from datetime import datetime, timedelta

from config import dynamodb
from config.dynamodb import unaudited
from telephony.models import Usage


def minutes_used(customer_id: str, at: datetime) -> int:
    """Minutes that calls to a customer's numbers took today (UTC)."""
    usage = dynamodb.get(Usage, _key("minutes", customer_id, at))
    return int(usage.used) if usage else 0


def add_minutes(customer_id: str, minutes: int, at: datetime) -> None:
    """Count the minutes of a call that ended."""
    use("minutes", customer_id, at, many=minutes, most=10**9)


def _key(what: str, whose: str, at: datetime) -> str:
    return f"{what} {whose} {at:%Y-%m-%d}"


def use(what: str, whose: str, at: datetime, *, many: int = 1, most: int) -> bool:
    """Count something that is limited per day; False: the limit is reached."""
    is_left = Usage.used.does_not_exist() | (Usage.used <= most - many)
    expires = int((at + timedelta(days=2)).timestamp())
    changes = [Usage.used.add(many), Usage.expires_at.set(expires)]
    return unaudited.update(Usage(_key(what, whose, at)), changes, is_left) is not None
