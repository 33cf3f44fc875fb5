"""What numbers have of locations: one that is called is not removed under its callers."""

from datetime import datetime

from accounts import locations, permissions
from config import outbox
from telephony.numbers import inventory, purchase


def _removal_block_reason(location_id: str, at: datetime) -> str | None:
    if inventory.get_location_number(location_id):
        return "This location has a phone number; give it up first."
    return None


@outbox.task("telephony.clear_location")
def release_location_number(location_id: str, *, job: outbox.TaskContext) -> None:
    """Give up what was bought in the moment in which the location went."""
    customer_id = job.author.customer_id
    number = inventory.get_location_number(location_id)
    if number and not locations.load_locations([location_id], customer_id):
        purchase.complete_purchase(number, at=job.at)
        inventory.schedule_release(number, actor=permissions.system_actor(customer_id), at=job.at)


LOCATION_GUARD = locations.LocationGuard(find_blocker=_removal_block_reason, cleanup_task="telephony.clear_location")
