"""Who may see and handle call-backs: the one rule of the API, of calls from the app and of pages.

Whoever has `calls:read` may at all locations of theirs. Others may, at a location of theirs where
they are on duty or were until a moment ago, what is not closed; and what they have closed
themselves, or hold, for as long as they may hold it.
"""

from datetime import UTC, datetime, timedelta

from accounts import locations
from accounts.permissions import Actor
from config import errors
from staffing.schedules import on_duty
from telephony.models import Callback

GRACE = timedelta(minutes=15)
"""How long after a shift somebody may still handle call-backs, and holds those they have taken."""


def find_duty_end(location_id: str, actor: Actor, at: datetime) -> datetime | None:
    """When the actor's shift at a location ends or, within `GRACE`, ended; None: not on duty."""
    entries = on_duty.list_on_duty(location_id, at, customer_id=actor.customer_id, grace=GRACE)
    return max((entry.until.astimezone(UTC) for entry in entries if entry.user.id == actor.id), default=None)


def check_location(location_id: str, actor: Actor, at: datetime) -> None:
    """Raise `errors.Forbidden` unless the actor may see what is not closed at this location.

    The location is one of the actor's customer.
    """
    actor.require("calls:handle")
    locations.check_access(actor, location_id)
    if not actor.has_permission("calls:read") and find_duty_end(location_id, actor, at) is None:
        raise errors.Forbidden("You can see and handle call-backs of this location while you are on duty there.")


def check_callback(callback: Callback, actor: Actor, at: datetime) -> None:
    """Raise unless the actor may see this call-back.

    Raises `errors.NotFound`, also for one of another customer, and `errors.Forbidden`.
    """
    actor.require("calls:handle")
    if callback.customer_id != actor.customer_id:
        raise callback_not_found()
    locations.check_access(actor, callback.location_id)
    if actor.has_permission("calls:read") or (callback.taken_by == actor.id and not is_hold_over(callback, at)):
        return
    if callback.is_closed:
        raise errors.Forbidden("You can see the closed call-backs that you have closed.")
    check_location(callback.location_id, actor, at)


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
