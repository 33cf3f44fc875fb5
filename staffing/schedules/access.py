"""One schedule, and who may see it."""

from accounts.permissions import Actor
from config import dynamodb, errors
from staffing.models import Schedule


class ForeignSchedule(errors.Forbidden):
    """The schedule belongs to another customer."""

    code = "foreign_schedule"
    example_detail = "This schedule belongs to another customer."


def get_schedule(schedule_id: str, *, actor: Actor, known: dynamodb.BatchResult = dynamodb.NOTHING_READ) -> Schedule:
    """A schedule of the actor, or at one of their locations; it may be among the ``known`` records.

    Raises `errors.NotFound`, also for another customer's schedule, and `errors.Forbidden`.
    """
    actor.require("schedules:read")
    schedule = get_target(schedule_id, actor, known=known)
    check_visible(schedule, actor)
    return schedule


def check_visible(schedule: Schedule, actor: Actor) -> None:
    """Raise `errors.Forbidden` unless the actor may see a schedule of their customer."""
    if not can_see_schedule(actor, schedule):
        raise errors.Forbidden("You have no access to this location.")


def can_see_schedule(actor: Actor, schedule: Schedule) -> bool:
    """Whether a schedule is the actor's, or at one of their locations.

    Who only covers shifts of it sees those in `listing.list_shifts`, not the schedule.
    """
    return actor.can_access_locations([schedule.location_id]) or actor.id == schedule.staff_id


def schedule_keys(schedule_id: str) -> list[dynamodb.RecordKey]:
    """The key of a schedule, if this is an id of one, for a batch read."""
    return [dynamodb.RecordKey(Schedule, schedule_id)] if dynamodb.is_id("sch", schedule_id) else []


def get_target(
    schedule_id: str,
    actor: Actor,
    *,
    reveals_foreign: bool = False,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> Schedule:
    """A schedule of the actor's customer; it may be among the ``known`` records.

    Raises `errors.NotFound`; with ``reveals_foreign``, `ForeignSchedule` for another customer's.
    """
    schedule = dynamodb.batch_get(schedule_keys(schedule_id), known).get(Schedule, schedule_id)
    if schedule is None:
        raise errors.NotFound("Schedule not found.")
    if schedule.customer_id != actor.customer_id:
        if reveals_foreign:
            raise ForeignSchedule("This schedule belongs to another customer.")
        raise errors.NotFound("Schedule not found.")
    return schedule
