"""Who is on duty at a location at a moment: what the rota says, and the phone asks."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from accounts import locations, users
from accounts.actors import Actor
from config import dynamo
from staffing import windows
from staffing.windows import Shift

if TYPE_CHECKING:
    from accounts.models import User

WORKING = ("active", "invited")


@dataclass(frozen=True)
class OnDuty:
    """Somebody who is on duty, until when, and why."""

    user: "User"
    shift: Shift

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


def on_duty(location_id: str, at: datetime, *, customer_id: str) -> list[OnDuty]:
    """Who is on duty at a customer's location, who came first first; nobody blocked or gone.

    Two round trips, whatever the table holds.
    """
    shifts = windows.running(location_id, at)
    people = users.named(dict.fromkeys(shift.staff_id for shift in shifts), customer_id)
    there = {id: one for id, one in people.items() if one.status in WORKING}
    return [OnDuty(there[one.staff_id], one) for one in shifts if one.staff_id in there]


def asked(location_id: str, at: datetime, *, actor: Actor) -> list[OnDuty]:
    """The same for somebody who asks. Raises `errors.NotFound` and `errors.Forbidden`."""
    actor.require("schedules:read")
    found = dynamo.fetch([locations.key(location_id)])
    locations.among(found, location_id, actor)
    locations.check_reach(actor, location_id)
    return on_duty(location_id, at, customer_id=actor.customer_id)
