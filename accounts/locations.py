"""Locations: the places of a customer."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.models import Location, name_key
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency, ids, optimistic, pagination
from config.journal import write_set

SHOWN = ("name", "time_zone", "address")
SETTLED = timedelta(seconds=60)
"""After it, no request goes on that saw a location before it was removed."""


class InUse(errors.Conflict):
    """Something still depends on the location."""

    code = "location_in_use"


@dataclass(frozen=True)
class Hold:
    """What another floor has of a location; ``settings.LOCATION_HOLDS`` names them."""

    why: Callable[[str, datetime], str | None]
    """The sentence that keeps the location of this id from being removed; None: nothing does."""
    afterwards: str
    """The task that clears what was made in the moment in which the location went."""


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
        made = dynamodb.get(Location, seen.resource_id)
        if made is None:
            raise errors.NotFound("The location that this request created is gone.") from seen
        return made
    return place


def within_reach(
    actor: Actor, *, limit: int, start: pagination.Place | None
) -> pagination.Page[Location]:
    """The customer's locations by name; who is confined to some sees those."""
    if not actor.is_confined:
        condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
        return pagination.page(Location, "byCustomer", condition, values, limit=limit, start=start)
    found = dynamodb.fetch(dynamodb.Key(Location, id) for id in actor.locations)
    own = [place for id in actor.locations if (place := found.get(Location, id))]
    after = start["name_key"]["S"] if start else ""
    rest = sorted((place for place in own if place.name_key > after), key=_by_name)
    more = len(rest) > limit
    return pagination.Page(
        rest[:limit], pagination.place_of(rest[limit - 1], "byCustomer") if more else None
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
        optimistic.check_version(place, versions)
        return _keep(place, asked, actor=actor, at=at, found=found)

    return optimistic.repeated(decide)


def _keep(
    place: Location, asked: Mapping[str, Any], *, actor: Actor, at: datetime, found: dynamodb.Found
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
            refusal=optimistic.changed(),
        )
    return place.changed(**values, updated_at=at)


def remove(location_id: str, *, actor: Actor, at: datetime) -> Location:
    """Remove a place that nobody is confined to and nothing else needs. Raises `InUse`."""
    place, found = _target(location_id, actor)
    holds: list[Hold] = [import_string(path) for path in settings.LOCATION_HOLDS]
    for hold in holds:
        if why := hold.why(place.id, at):
            raise InUse(why)
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
        for hold in holds:
            write.later(hold.afterwards, due=at + SETTLED, location_id=place.id)
    return place


def sorted_by(name: str, id: str) -> str:
    """What lists by name are sorted by."""
    return name_key(name, id)


def key(location_id: str) -> dynamodb.Key:
    """Where a location's record is, to be read with others."""
    return dynamodb.Key(Location, location_id)


def among(found: dynamodb.Found, location_id: str, actor: Actor, *, pointer: str = "") -> Location:
    """A place of the actor's customer, of what was read.

    Raises `errors.NotFound`, alike for nobody's and another customer's.
    """
    place = found.get(Location, location_id)
    if place is None or place.customer_id != actor.customer_id:
        raise errors.NotFound("There is no such location.", pointer=pointer or None)
    return place


def in_found(found: dynamodb.Found, location_id: str, customer_id: str) -> Location | None:
    """A place of this customer, of what was read."""
    place = found.get(Location, location_id)
    return place if place and place.customer_id == customer_id else None


def require_there(write: write_set.Write, location_id: str, *, pointer: str) -> None:
    """Write only if this place is still there. Raises `errors.NotFound` at the commit."""
    gone = errors.NotFound("There is no such location.", pointer=pointer)
    write.require(Location(location_id), Location.id.exists(), refusal=gone)


def check_reach(actor: Actor, *location_ids: str) -> None:
    """Refuse what is beyond one's own locations. Raises `errors.Forbidden`."""
    if not actor.reaches(location_ids):
        raise errors.Forbidden("This location is not among yours.")


def named(location_ids: Iterable[str], customer_id: str) -> dict[str, Location]:
    """These places of a customer, as far as they are there."""
    found = dynamodb.fetch(key(id) for id in location_ids)
    places = (found.get(Location, id) for id in location_ids)
    return {one.id: one for one in places if one and one.customer_id == customer_id}


def _target(location_id: str, actor: Actor) -> tuple[Location, dynamodb.Found]:
    actor.require("locations:manage")
    if not ids.is_id("loc", location_id):
        raise _nowhere()
    streams = journal.keys([actor.stream, actor.customer_id])
    found = dynamodb.fetch([dynamodb.Key(Location, location_id), *streams])
    place = found.get(Location, location_id)
    if place is None or place.customer_id != actor.customer_id:
        raise _nowhere()
    check_reach(actor, place.id)
    return place, found


def _nowhere() -> errors.NotFound:
    return errors.NotFound("There is no such location.")
