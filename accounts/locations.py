"""Locations: the places of a customer."""

from datetime import datetime

from accounts.actors import Actor
from accounts.models import Location, name_key
from config import audit, ids, journal


def create(*, actor: Actor, name: str, time_zone: str, address: str = "", at: datetime) -> Location:
    """A new place, in an IANA time zone."""
    actor.require("locations:manage")
    id = ids.new("loc", at)
    place = Location(
        id=id,
        customer_id=actor.customer_id,
        name=name,
        name_key=name_key(name, id),
        address=address,
        time_zone=time_zone,
        created_at=at,
    )
    shown = {"name": name, "timeZone": time_zone, "address": address}
    with journal.write(
        actor=actor,
        action="location.created",
        subject=place.party,
        at=at,
        customer_id=actor.customer_id,
        changes=[audit.Change(field, None, value) for field, value in shown.items() if value],
    ) as write:
        write.put(place, only_if=Location.id.does_not_exist())
    return place
