"""What numbers have of locations: one that is called is not removed under its callers."""

from datetime import datetime

from accounts import locations, permissions
from config.outbox import worker
from telephony.numbers import inventory, purchase


def _why(location_id: str, at: datetime) -> str | None:
    if inventory.at_location(location_id):
        return "This location has a phone number; give it up first."
    return None


def clear(location_id: str, *, job: worker.Job) -> None:
    """Give up what was bought in the moment in which the location went."""
    customer_id = job.author.customer_id
    number = inventory.at_location(location_id)
    if number and not locations.named([location_id], customer_id):
        purchase.settle(number, at=job.at)
        inventory.give_up(number, actor=permissions.system(customer_id), at=job.at)


HOLD = locations.Hold(why=_why, afterwards="telephony.clear_location")
