"""Who may see and handle call-backs: the one rule of the API, of calls from the app and of pages.

Whoever has `calls:read` may at all locations of theirs. Others may, at a location of theirs where
they are on duty or were until a moment ago, what is not closed; and what they have closed
themselves, or hold, for as long as they may hold it. So may who is on duty at another location
whose people the line rings.
"""

from datetime import UTC, datetime, timedelta

from accounts import locations
from accounts.permissions import Actor
from config import errors
from staffing.schedules import on_duty
from telephony.calls.rota import neighbours
from telephony.models import Callback

GRACE = timedelta(minutes=15)
"""How long after a shift somebody may still handle call-backs, and holds those they have taken."""


class NotOnDuty(errors.Forbidden):
    """The user is not on duty at the location now; possible again during their next shift there."""

    code = "not_on_duty"
    title = "Not on duty"
    example_detail = "You are not on duty at this location now; you can handle its call-backs during your shifts there."


def is_in_charge(actor: Actor, location_id: str) -> bool:
    """Whether an actor may handle the call-backs of a location without being on duty."""
    return actor.has_permission("calls:read") and actor.can_access_locations([location_id])


def find_duty_end(location_id: str, actor: Actor, at: datetime) -> datetime | None:
    """When the actor's shift ends, or within `GRACE` ended, which has to do with this location.

    None: they are not on duty there, nor at another location whose people its line rings. Of who is
    in charge, only shifts at the location itself count.
    """
    ends: list[datetime] = []
    if actor.can_access_locations([location_id]):
        entries = on_duty.list_on_duty(location_id, at, customer_id=actor.customer_id, grace=GRACE)
        ends = [entry.until for entry in entries if entry.user.id == actor.id]
    if not ends and not is_in_charge(actor, location_id):
        targets = neighbours.load_neighbours(location_id)
        theirs = {id: duty_targets for id, duty_targets in targets.items() if actor.can_access_locations([id])}
        people = neighbours.list_on_duty(theirs, at, customer_id=actor.customer_id, grace=GRACE) if theirs else ()
        ends = [entry.until for entry, _ in people if entry.user.id == actor.id]
    return max((end.astimezone(UTC) for end in ends), default=None)


def check_location(location_id: str, actor: Actor, at: datetime) -> None:
    """Raise unless the actor may see what is not closed at this location of their customer.

    Raises `errors.Forbidden`, and `NotOnDuty` off duty.
    """
    actor.require("calls:handle")
    if is_in_charge(actor, location_id) or find_duty_end(location_id, actor, at) is not None:
        return
    locations.check_access(actor, location_id)
    raise NotOnDuty(NotOnDuty.example_detail)


def check_workplace(location_id: str, actor: Actor) -> None:
    """Raise `errors.Forbidden` unless the actor works at a location, or at one that it rings."""
    if neighbours.find_workplace(actor, location_id) is None:
        locations.check_access(actor, location_id)


def check_callback(callback: Callback, actor: Actor, at: datetime) -> None:
    """Raise unless the actor may see this call-back.

    Raises `errors.NotFound`, also for one of another customer, `errors.Forbidden` and `NotOnDuty`.
    """
    actor.require("calls:handle")
    if callback.customer_id != actor.customer_id:
        raise callback_not_found()
    location_id = str(callback.location_id)
    if is_in_charge(actor, location_id):
        return
    is_theirs = callback.taken_by == actor.id and not is_hold_over(callback, at)
    if is_theirs or callback.is_closed:
        check_workplace(location_id, actor)
        if is_theirs:
            return
        raise errors.Forbidden(
            "This call-back is closed; without `calls:read`, you can see those that you have closed."
        )
    check_location(location_id, actor, at)


def is_hold_over(callback: Callback, at: datetime) -> bool:
    """Whether the time is over for which a call-back is taken, though it may not be open yet."""
    return callback.taken_until is not None and callback.taken_until <= at


def require_handling(actor: Actor) -> None:
    """Raise `errors.Forbidden` for those who may read everything and change nothing."""
    if "calls:handle" not in actor.permissions:
        raise errors.Forbidden("This requires the permission `calls:handle`.")


def callback_not_found() -> errors.NotFound:
    """The same error for an unknown call-back and for one of another customer."""
    return errors.NotFound("Call-back not found.")
