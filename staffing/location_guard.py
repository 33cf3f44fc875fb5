"""What schedules have of locations: one with shifts to come is not removed under them."""

from datetime import datetime

from accounts import locations, permissions
from config import outbox
from staffing.schedules import cleanup, queries


def _find_blocker(location_id: str, at: datetime) -> str | None:
    if queries.has_future_schedules(location_id, at):
        return "Schedules of this location are still to come; remove or move them first."
    return None


@outbox.task("staffing.clear_location")
def end_location_schedules(location_id: str, *, job: outbox.TaskContext) -> None:
    """Remove what was planned in the moment in which the location went."""
    if locations.load_locations([location_id], job.author.customer_id):
        return
    system_actor = permissions.system_actor(job.author.customer_id)
    for schedule in queries.list_future_schedules(location_id, job.at):
        cleanup.end_schedule(schedule.id, actor=system_actor, at=job.at)


LOCATION_GUARD = locations.LocationGuard(find_blocker=_find_blocker, cleanup_task="staffing.clear_location")
