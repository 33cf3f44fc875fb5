"""Who is on duty at a location at a moment: what the rota says, and the phone asks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from accounts import locations, users
from accounts.permissions import Actor
from config import dynamodb
from staffing.schedules import queries
from staffing.schedules.queries import Shift

if TYPE_CHECKING:
    from accounts.models import User

WORKING = ("active", "invited")


@dataclass(frozen=True)
class OnDuty:
    """Somebody who is on duty, until when, and why."""

    user: "User"
    shift: Shift
    is_over: bool = False
    """Whether the shift has just ended: there to hand over."""

    @property
    def until(self) -> datetime:
        """When the shift ends."""
        return self.shift.occurrence.end

    @property
    def reason(self) -> Literal["scheduled", "moved", "covering"]:
        """Planned so, put there, or standing in for whose series it is."""
        if self.shift.occurrence.staff_id:
            return "covering"
        return "moved" if self.shift.occurrence.is_changed else "scheduled"


def on_duty(
    location_id: str, at: datetime, *, customer_id: str, grace: timedelta = timedelta(0)
) -> list[OnDuty]:
    """Who is on duty at a customer's location, who came first first; nobody blocked or gone.

    After them, who left last first, those whose shift ended less than ``grace`` ago. Two round
    trips, whatever the table holds.
    """
    shifts = queries.running(location_id, at, grace=grace)
    people = users.named(dict.fromkeys(shift.staff_id for shift in shifts), customer_id)
    there = [one for one in shifts if one.staff_id in people]
    found = [
        OnDuty(people[one.staff_id], one, is_over=one.occurrence.end <= at)
        for one in there
        if people[one.staff_id].status in WORKING
    ]
    gone = sorted((one for one in found if one.is_over), key=lambda one: one.until, reverse=True)
    return [*(one for one in found if not one.is_over), *gone]


def asked(location_id: str, at: datetime, *, actor: Actor) -> list[OnDuty]:
    """The same for somebody who asks. Raises `errors.NotFound` and `errors.Forbidden`."""
    actor.require("schedules:read")
    found = dynamodb.fetch([locations.key(location_id)])
    locations.among(found, location_id, actor)
    locations.check_reach(actor, location_id)
    return on_duty(location_id, at, customer_id=actor.customer_id)
