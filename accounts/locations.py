"""Locations of a customer: created, listed, changed, removed, and checked by other modules."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from accounts import reach_alerts
from accounts.models import ALL_LOCATIONS, Location, make_name_key
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, names, zone_names
from config.dynamodb import idempotency, pagination
from config.journal import write_set

AUDITED_FIELDS = ("name", "time_zone", "address", "settings")
MAX_COMPARED = 20
"""The most locations whose time zones are compared."""
REMOVAL_GRACE = timedelta(seconds=60)
"""By then every request that read the location before its removal has ended."""


class LocationInUse(errors.Conflict):
    """Something still depends on the location."""

    code = "location_in_use"
    title = "Location in use"
    example_detail = "This location has a phone number; release it first."


@dataclass(frozen=True)
class LocationGuard:
    """What another app stores of a location; ``settings.LOCATION_GUARDS`` lists them."""

    find_blocker: Callable[[str, datetime], str | None]
    """Why the location of this id cannot be removed, as a sentence; None: it can."""
    cleanup_task: str
    """The task that removes what was created while the location was being removed."""


@dataclass(frozen=True)
class LocationNumbers:
    """Where another app keeps the phone numbers of locations: ``settings.LOCATION_NUMBERS``."""

    get_number: Callable[[str], str | None]
    """The number of the location of this id."""
    list_numbers: Callable[[str], Mapping[str, str]]
    """The numbers of a customer's locations, by location id; one round trip."""


def create_location(
    *,
    actor: Actor,
    name: str,
    time_zone: str,
    address: str = "",
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> Location:
    """Create a location; ``time_zone`` is any name of the zone of a place.

    Raises `errors.InvalidRequest` for other zones.
    """
    actor.require("locations:manage")
    if actor.is_location_restricted:
        raise errors.Forbidden("Only people with access to all locations can create a location.")
    time_zone = zone_names.parse_place(time_zone, pointer="/timeZone")
    id = dynamodb.new_id("loc", at)
    location = Location(
        id=id,
        customer_id=actor.customer_id,
        name=name,
        name_key=make_name_key(name, id),
        address=address,
        time_zone=time_zone,
        created_at=at,
        updated_at=at,
    )
    return journal.create_record(
        actor,
        "location.created",
        location,
        at,
        audited=AUDITED_FIELDS,
        idempotency_key=idempotency_key,
        check_replay=lambda created: check_access(actor, created.id),
    )


def list_accessible_locations(
    actor: Actor, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Location]:
    """The locations that the actor can access, by name."""
    if not actor.is_location_restricted:
        condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
        return pagination.query_page(Location, "byCustomer", condition, values, limit=limit, cursor=cursor)
    records = dynamodb.batch_get(dynamodb.RecordKey(Location, id) for id in actor.locations)
    accessible = [location for id in actor.locations if (location := records.get(Location, id))]
    accessible.sort(key=attrgetter("name_key"))
    after_key = cursor["name_key"]["S"] if cursor else ""
    remaining = [location for location in accessible if location.name_key > after_key]
    has_more = len(remaining) > limit
    return pagination.CursorPage(
        remaining[:limit], pagination.cursor_after(remaining[limit - 1], "byCustomer") if has_more else None
    )


def list_locations(actor: Actor, *, limit: int, cursor: pagination.Cursor | None) -> pagination.CursorPage[Location]:
    """The locations that the actor can access with their phone numbers, by name."""
    page, numbers = dynamodb.gather(
        lambda: list_accessible_locations(actor, limit=limit, cursor=cursor),
        lambda: _location_numbers().list_numbers(actor.customer_id),
    )
    for location in page.records:
        location.phone_number = numbers.get(location.id)
    return cast(pagination.CursorPage[Location], page)


def get_location(location_id: str, *, actor: Actor, known: dynamodb.BatchResult = dynamodb.NOTHING_READ) -> Location:
    """A location with its phone number; the location may be among the ``known`` records.

    Raises `errors.NotFound`, also for another customer's location, and `errors.Forbidden`.
    """
    actor.require("self:read")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    location = get_location_from(dynamodb.batch_get([location_key(location_id)], known), location_id, actor)
    check_access(actor, location_id)
    return _with_phone_number(location)


def _with_phone_number(location: Location) -> Location:
    location.phone_number = _location_numbers().get_number(location.id)
    return location


def _location_numbers() -> LocationNumbers:
    return cast(LocationNumbers, import_string(settings.LOCATION_NUMBERS))


def update_location(
    location_id: str,
    patch: Mapping[str, Any],
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> Location:
    """Change name, address, time zone or settings of a location; it has its phone number.

    Raises `errors.InvalidRequest` or `errors.PreconditionFailed`.
    """

    def decide() -> Location:
        before, records = _load_target(location_id, actor)
        precondition.check(_with_phone_number(before))
        values = {name: patch[name] for name in AUDITED_FIELDS if name in patch}
        if "name" in values:
            names.check_change("/name", before.name, values["name"])
            values["name_key"] = make_name_key(values["name"], before.id)
        if values.get("time_zone", before.time_zone) != before.time_zone:  # a stored one may be older than the rule
            values["time_zone"] = zone_names.parse_place(values["time_zone"], pointer="/timeZone")
        if "settings" in values:
            values["settings"] = _merge_settings(before.own_settings, values["settings"])
        after = before.with_changes(**values, updated_at=at)
        updated = journal.update_record(
            actor, "location.changed", before, after, at, audited=AUDITED_FIELDS, prefetched=records
        )
        updated.phone_number = before.phone_number
        return updated

    return journal.retry_on_conflict(decide)


def _merge_settings(settings: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any] | None:
    """The stored settings after a partial change; None: there are none."""
    if "reach_alerts" not in change:
        return dict(settings) or None
    choices = reach_alerts.merge(settings, change["reach_alerts"])
    others = {name: value for name, value in settings.items() if name != "reach_alerts"}
    return others | ({"reach_alerts": choices} if choices else {}) or None


def delete_location(location_id: str, *, actor: Actor, at: datetime) -> Location:
    """Remove a location. Raises `LocationInUse` while users or other records depend on it."""
    location, records = _load_target(location_id, actor)
    guards: list[LocationGuard] = [import_string(path) for path in settings.LOCATION_GUARDS]
    for guard in guards:
        if reason := guard.find_blocker(location.id, at):
            raise LocationInUse(reason)
    with journal.write(
        actor,
        "location.removed",
        location,
        at,
        changes=[audit.FieldChange("name", location.name, None)],
        prefetched=records,
    ) as write:
        write.remove(
            location,
            only_if=Location.people == 0,
            error=LocationInUse("Users are assigned to this location; remove it from them first."),
        )
        for guard in guards:
            write.enqueue(guard.cleanup_task, due=at + REMOVAL_GRACE, location_id=location.id)
    return location


def name_sort_key(name: str, id: str) -> str:
    """The sort key of a record in a list by name."""
    return make_name_key(name, id)


def location_key(location_id: str) -> dynamodb.RecordKey:
    """The key of a location's record, for a batch read."""
    return dynamodb.RecordKey(Location, location_id)


def get_location_from(records: dynamodb.BatchResult, location_id: str, actor: Actor, *, pointer: str = "") -> Location:
    """A location of the actor's customer from records that were read.

    Raises `errors.NotFound`, also for a location of another customer.
    """
    location = records.get(Location, location_id)
    if location is None or location.customer_id != actor.customer_id:
        raise errors.NotFound("Location not found.", pointer=pointer or None)
    return location


def find_location_in(records: dynamodb.BatchResult, location_id: str, customer_id: str) -> Location | None:
    """A location of this customer from records that were read, or None."""
    location = records.get(Location, location_id)
    return location if location and location.customer_id == customer_id else None


def require_exists(write: write_set.Write, location_id: str, *, pointer: str = "") -> None:
    """Write only if this location exists. Raises `errors.NotFound` at the commit."""
    refusal = errors.NotFound("Location not found.", pointer=pointer or None)
    write.require(location_key(location_id), Location.id.exists(), error=refusal)


def check_access(actor: Actor, *location_ids: str) -> None:
    """Raise `errors.Forbidden` unless the actor can access all of these locations."""
    if not actor.can_access_locations(location_ids):
        raise errors.Forbidden("You have no access to this location.")


def load_locations(location_ids: Iterable[str], customer_id: str) -> dict[str, Location]:
    """The locations of a customer with these ids that exist, by id."""
    records = dynamodb.batch_get(location_key(id) for id in location_ids)
    locations = (records.get(Location, id) for id in location_ids)
    return {location.id: location for location in locations if location and location.customer_id == customer_id}


def find_usual_zone(customer_id: str) -> str | None:
    """The time zone of most of the first locations of a customer; None without locations."""
    values = {":of": {"S": customer_id}}
    options = {"IndexName": "byCustomer", "Limit": MAX_COMPARED}
    zones = [
        str(location.time_zone)
        for location in dynamodb.query_records(Location, "#customer_id = :of", values, **options)
    ]
    return max(zones, key=zones.count) if zones else None


def list_first_names(customer_id: str, most: int) -> list[str]:
    """The names of the first locations of a customer, in order."""
    values = {":of": {"S": customer_id}}
    records = dynamodb.query_records(Location, "#customer_id = :of", values, IndexName="byCustomer", Limit=most)
    return [str(location.name) for location in records]


def load_accessible_names(location_ids: Iterable[str], actor: Actor) -> dict[str, str]:
    """The names by id of those of these locations that the actor can access."""
    distinct_ids = dict.fromkeys(location_ids)
    accessible_ids = [id for id in distinct_ids if id != ALL_LOCATIONS and actor.can_access_locations([id])]
    return {id: str(location.name) for id, location in load_locations(accessible_ids, actor.customer_id).items()}


def _load_target(location_id: str, actor: Actor) -> tuple[Location, dynamodb.BatchResult]:
    actor.require("locations:manage")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    streams = journal.stream_keys([actor.stream, actor.customer_id])
    records = dynamodb.batch_get([dynamodb.RecordKey(Location, location_id), *streams])
    location = get_location_from(records, location_id, actor)
    check_access(actor, location.id)
    return location, records
