"""The people of other locations whom a line rings: they handle its calls while on duty there."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.permissions import Actor
from config import dynamodb
from staffing.schedules import on_duty
from staffing.schedules.on_duty import OnDuty
from telephony import ivr
from telephony.calls.rota import routing
from telephony.models import Line

Neighbours = Mapping[str, list[Mapping[str, Any]]]
"""The targets of ring actions by the other location whose people they ring."""


def read_neighbours(configuration: ivr.IvrConfiguration) -> Neighbours:
    """The other locations whose people a line rings while it is open."""
    targets: dict[str, list[Mapping[str, Any]]] = {}
    for _, action in ivr.iter_actions({"open": configuration["open"]}):
        duty_target = action.get("target", {}).get("onDuty", {})
        for location_id in duty_target.get("locations", ()):
            targets.setdefault(location_id, []).append(duty_target)
    return targets


def load_neighbours(location_id: str) -> Neighbours:
    """As `read_neighbours`, of the line of a location as it is now; one read."""
    line = dynamodb.get_record(Line, location_id)
    return read_neighbours(line.configuration) if line and line.configuration else {}


def list_on_duty(
    neighbours: Neighbours, at: datetime, *, customer_id: str, grace: timedelta = timedelta(0)
) -> list[tuple[OnDuty, str]]:
    """Whom a line would ring at other locations, and where; two round trips, or none."""
    people = on_duty.list_on_duty_at(dict.fromkeys(neighbours, grace), at, customer_id=customer_id)
    return [
        (entry, location_id)
        for location_id, entries in people.items()
        for entry in entries
        if not all(routing.filter_reason(entry.user, target) for target in neighbours[location_id])
    ]


def find_workplace(actor: Actor, location_id: str) -> str | None:
    """The location that lets an actor handle calls of this one: itself, or one that its line rings.

    None if the actor has access to none of them.
    """
    if actor.can_access_locations([location_id]):
        return location_id
    return next((id for id in load_neighbours(location_id) if actor.can_access_locations([id])), None)


def find_duty_locations(actor: Actor, location_id: str) -> dict[str, str]:
    """The workplace of an actor by their id, if it is another location: for `Call.list_users`."""
    workplace = find_workplace(actor, location_id)
    return {actor.id: workplace} if workplace and workplace != location_id else {}
