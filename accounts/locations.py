"""Locations: the places of a customer."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from accounts.actors import Actor
from accounts.models import Location, name_key
from config import audit, decisions, dynamo, errors, idempotency, ids, journal, listing

SHOWN = ("name", "time_zone", "address")


class InUse(errors.Conflict):
    """Something still depends on the location."""

    code = "location_in_use"


def create(
    *,
    actor: Actor,
    name: str,
    time_zone: str,
    address: str = "",
    at: datetime,
    once: idempotency.Once | None = None,
) -> Location:
    """A new place, in an IANA time zone."""
    actor.require("locations:manage")
    if actor.is_confined:
        raise errors.Forbidden("Only who works in every location may add one.")
    id = ids.new("loc", at)
    place = Location(
        id=id,
        customer_id=actor.customer_id,
        name=name,
        name_key=name_key(name, id),
        address=address,
        time_zone=time_zone,
        created_at=at,
        updated_at=at,
    )
    shown = {field: getattr(place, field) for field in SHOWN}
    try:
        with journal.write(
            actor=actor,
            action="location.created",
            subject=place.party,
            at=at,
            customer_id=actor.customer_id,
            changes=[audit.Change(field, None, value) for field, value in shown.items() if value],
        ) as write:
            write.put(place, only_if=Location.id.does_not_exist())
            write.answer(once, place.id, status=201)
    except idempotency.Seen as seen:
        made = dynamo.get(Location, seen.resource_id)
        if made is None:
            raise errors.NotFound("The location that this request created is gone.") from seen
        return made
    return place


def within_reach(
    actor: Actor, *, limit: int, start: listing.Place | None
) -> listing.Page[Location]:
    """The customer's locations by name; who is confined to some sees those."""
    if not actor.is_confined:
        condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
        return listing.page(Location, "byCustomer", condition, values, limit=limit, start=start)
    found = dynamo.fetch(dynamo.Key(Location, id) for id in actor.locations)
    own = [place for id in actor.locations if (place := found.get(Location, id))]
    after = start["name_key"]["S"] if start else ""
    rest = sorted((place for place in own if place.name_key > after), key=_by_name)
    more = len(rest) > limit
    return listing.Page(
        rest[:limit], listing.place_of(rest[limit - 1], "byCustomer") if more else None
    )


def _by_name(place: Location) -> str:
    return str(place.name_key)


def change(
    location_id: str,
    asked: Mapping[str, Any],
    *,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> Location:
    """Change the name, address or time zone of a place. Raises `errors.PreconditionFailed`."""

    def decide() -> Location:
        place, found = _target(location_id, actor)
        decisions.check_version(place, versions)
        return _keep(place, asked, actor=actor, at=at, found=found)

    return decisions.repeated(decide)


def _keep(
    place: Location, asked: Mapping[str, Any], *, actor: Actor, at: datetime, found: dynamo.Found
) -> Location:
    values = {name: asked[name] for name in SHOWN if name in asked}
    told = [
        audit.Change(name, getattr(place, name), value)
        for name, value in values.items()
        if value != getattr(place, name)
    ]
    if not told:
        return place
    if "name" in values:
        values["name_key"] = name_key(values["name"], place.id)
    with journal.write(
        actor=actor,
        action="location.changed",
        subject=place.party,
        at=at,
        customer_id=place.customer_id,
        changes=told,
        found=found,
    ) as write:
        sets = [getattr(Location, name).set(value) for name, value in values.items()]
        write.update(
            place,
            [*sets, Location.updated_at.set(at), Location.version.add(1)],
            only_if=Location.version == place.version,
            refusal=decisions.changed(),
        )
    return place.changed(**values, updated_at=at)


def remove(location_id: str, *, actor: Actor, at: datetime) -> Location:
    """Remove a place that nobody is confined to. Raises `InUse`."""
    place, found = _target(location_id, actor)
    with journal.write(
        actor=actor,
        action="location.removed",
        subject=place.party,
        at=at,
        customer_id=place.customer_id,
        changes=[audit.Change("name", place.name, None)],
        found=found,
    ) as write:
        write.remove(
            place,
            only_if=Location.people == 0,
            refusal=InUse("People are confined to this location; move them first."),
        )
    return place


def _target(location_id: str, actor: Actor) -> tuple[Location, dynamo.Found]:
    actor.require("locations:manage")
    if not ids.is_id("loc", location_id):
        raise _nowhere()
    streams = journal.keys([actor.stream, actor.customer_id])
    found = dynamo.fetch([dynamo.Key(Location, location_id), *streams])
    place = found.get(Location, location_id)
    if place is None or place.customer_id != actor.customer_id:
        raise _nowhere()
    if not actor.reaches([place.id]):
        raise errors.Forbidden("This location is not among yours.")
    return place, found


def _nowhere() -> errors.NotFound:
    return errors.NotFound("There is no such location.")
