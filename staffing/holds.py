"""What schedules have of locations: one with shifts to come is not removed under them."""

from datetime import datetime

from accounts import actors, locations
from config import errands
from staffing import clearing, windows


def _why(location_id: str, at: datetime) -> str | None:
    if windows.has_future(location_id, at):
        return "Schedules of this location are still to come; remove or move them first."
    return None


def clear(location_id: str, *, job: errands.Job) -> None:
    """Remove what was planned in the moment in which the location went."""
    if locations.named([location_id], job.author.customer_id):
        return
    house = actors.system(job.author.customer_id)
    for schedule in windows.future(location_id, job.at):
        clearing.clear(schedule.id, actor=house, at=job.at)


HOLD = locations.Hold(why=_why, afterwards="staffing.clear_location")
