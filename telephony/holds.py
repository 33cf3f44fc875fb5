"""What numbers have of locations: one that is called is not removed under its callers."""

from datetime import datetime

from accounts import actors, locations
from config import errands
from telephony import numbers, purchases


def _why(location_id: str, at: datetime) -> str | None:
    if numbers.at_location(location_id):
        return "This location has a phone number; give it up first."
    return None


def clear(location_id: str, *, job: errands.Job) -> None:
    """Give up what was bought in the moment in which the location went."""
    customer_id = job.author.customer_id
    number = numbers.at_location(location_id)
    if number and not locations.named([location_id], customer_id):
        purchases.settle(number, at=job.at)
        numbers.give_up(number, actor=actors.system(customer_id), at=job.at)


HOLD = locations.Hold(why=_why, afterwards="telephony.clear_location")
