"""How locations answer: reading and changing configurations, and finding the line of a call."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings

from accounts import customers, locations, users
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import ids, optimistic
from telephony import dialing_rules, ivr
from telephony.models import Line, PhoneNumber

if TYPE_CHECKING:
    from accounts.models import Location

T = TypeVar("T")


@dataclass(frozen=True)
class Answering:
    """A number that is called, and all that its calls rest on."""

    number: str
    customer_id: str
    location_id: str
    location: str
    zone: str
    configuration: dict[str, Any]
    is_suspended: bool
    is_called_by_us: bool = False
    """Whether another of our numbers calls it: lines that ring each other would never end."""

    @property
    def country(self) -> str | None:
        """Where its calls may go."""
        return allowed(dialing_rules.country(self.zone, self.number))


def allowed(country: str | None) -> str | None:
    """A country, if whoever runs this lets calls go there."""
    return country if country in settings.CALL_COUNTRIES else None


def answering(number: str, caller: str = "") -> Answering | None:
    """What answers a number; None where nothing does. Two round trips."""
    wanted = [one for one in (number, caller) if 0 < len(one) < 32]
    ours = dynamodb.fetch(dynamodb.Key(PhoneNumber, one) for one in wanted)
    held = ours.get(PhoneNumber, number)
    if held is None or held.status != "active":
        return None
    found = dynamodb.fetch(
        [
            dynamodb.Key(Line, held.location_id),
            locations.key(held.location_id),
            customers.key(held.customer_id),
        ]
    )
    line = found.get(Line, held.location_id)
    if line is None or line.number != number or not line.configuration:
        return None
    place = locations.in_found(found, held.location_id, held.customer_id)
    return replace(
        answered_by(line, place),
        is_suspended=not customers.is_active_in(found, line.customer_id),
        is_called_by_us=ours.get(PhoneNumber, caller) is not None,
    )


def answered_by(line: Line, place: "Location | None") -> Answering:
    """What answers the number of a line."""
    return Answering(
        number=str(line.number or ""),
        customer_id=line.customer_id,
        location_id=line.location_id,
        location=place.name if place else "",
        zone=place.time_zone if place else "UTC",
        configuration=dict(line.configuration or {}),
        is_suspended=False,
    )


def get(location_id: str, *, actor: Actor) -> tuple[Line, "Location"]:
    """How a location answers. Raises `errors.NotFound` and `errors.Forbidden`."""
    actor.require("calls:read")
    if not ids.is_id("loc", location_id):
        raise errors.NotFound("There is no such location.")
    found = dynamodb.fetch([locations.key(location_id), dynamodb.Key(Line, location_id)])
    place = locations.among(found, location_id, actor)
    locations.check_reach(actor, location_id)
    return _configured(found, location_id), place


def _configured(found: dynamodb.Found, location_id: str) -> Line:
    line = found.get(Line, location_id)
    if line is None or not line.configuration:
        raise errors.NotFound("This location has no number to answer; buy one first.")
    return line


def change(
    location_id: str,
    configuration: Any,
    *,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> Line:
    """Let a location answer otherwise; it holds for the next call.

    Raises `ivr.BadConfiguration` (also for numbers that may not be called from there),
    `errors.NotFound` (the location, or a person that is named) and `errors.PreconditionFailed`.
    """
    actor.require("ivr:update")
    if not ids.is_id("loc", location_id):
        raise errors.NotFound("There is no such location.")
    checked = _in_body(lambda: ivr.check(configuration))
    named = ivr.people_in(checked)
    called = ivr.numbers_in(checked)

    def decide() -> Line:
        found = dynamodb.fetch(
            [
                locations.key(location_id),
                dynamodb.Key(Line, location_id),
                *(users.key(id) for _, id in named),
                *(dynamodb.Key(PhoneNumber, number) for _, number in called),
                *journal.keys([actor.stream, actor.customer_id]),
            ]
        )
        place = locations.among(found, location_id, actor)
        locations.check_reach(actor, location_id)
        before = _configured(found, location_id)
        optimistic.check_version(before, versions)
        for pointer, id in named:
            users.among(found, id, actor.customer_id, pointer=f"/configuration{pointer}")
        country = allowed(dialing_rules.country(place.time_zone, before.number))
        ours = {number for _, number in called if found.get(PhoneNumber, number)}
        _in_body(lambda: _check_numbers(called, country, ours))
        if before.configuration == checked:
            return before
        return _keep(before, checked, place, actor=actor, at=at, found=found)

    return optimistic.repeated(decide)


def _keep(
    before: Line,
    configuration: dict[str, Any],
    place: "Location",
    *,
    actor: Actor,
    at: datetime,
    found: dynamodb.Found,
) -> Line:
    was = before.configuration or {}
    members = [
        name for name in {**was, **configuration} if was.get(name) != configuration.get(name)
    ]
    with journal.write(
        actor=actor,
        action="ivr.changed",
        subject=place.party,
        at=at,
        customer_id=before.customer_id,
        changes=[audit.Change(name, was.get(name), configuration.get(name)) for name in members],
        found=found,
    ) as write:
        write.update(
            before,
            [
                Line.configuration.set(configuration),
                Line.updated_at.set(at),
                Line.version.add(1),
            ],
            only_if=Line.version == before.version,
            refusal=optimistic.changed(),
        )
    return before.changed(configuration=configuration, updated_at=at)


def _in_body(check: Callable[[], T]) -> T:
    """Run a check of the configuration; its faults are told as members of the body."""
    try:
        return check()
    except ivr.BadConfiguration as refusal:
        faults = [
            replace(fault, pointer=f"/configuration{fault.pointer}") for fault in refusal.faults
        ]
        raise ivr.BadConfiguration(refusal.detail, faults=faults) from refusal


WHY_NOT = {
    "no_number": "This is no phone number.",
    "other_country": "Calls go to numbers of the location's own country only.",
    "kind_of_number": "Calls go to ordinary numbers only.",
    "own_number": "This number is answered here: lines may not ring each other.",
}


def _check_numbers(
    called: Iterable[tuple[str, str]], country: str | None, ours: Collection[str]
) -> None:
    faults = [
        errors.Fault(pointer, why, WHY_NOT[why])
        for pointer, number in called
        if (why := "own_number" if number in ours else dialing_rules.why_not(number, country))
    ]
    if faults:
        raise ivr.BadConfiguration("Some numbers may not be called.", faults=faults)
