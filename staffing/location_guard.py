"""What schedules have of locations: one with shifts to come is not removed under them."""

from datetime import datetime

from accounts import locations, permissions
from config.outbox import worker
from staffing.schedules import cleanup, queries


def _why(location_id: str, at: datetime) -> str | None:
    if queries.has_future(location_id, at):
        return "Schedules of this location are still to come; remove or move them first."
    return None


def clear(location_id: str, *, job: worker.Job) -> None:
    """Remove what was planned in the moment in which the location went."""
    if locations.named([location_id], job.author.customer_id):
        return
    house = permissions.system(job.author.customer_id)
    for schedule in queries.future(location_id, job.at):
        cleanup.clear(schedule.id, actor=house, at=job.at)


HOLD = locations.Hold(why=_why, afterwards="staffing.clear_location")
