"""Templates: reusable shapes of schedules, of one location or of all."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency, ids, optimistic, pagination
from staffing.models import Template
from staffing.recurrence import rrule

NAMES = ("name", "location_id", "start", "end", "pattern")
_NEITHER = ("exceptions", "until", "count")
"""What only makes sense of one series."""


def key(template_id: str) -> dynamodb.Key:
    """Where a template is, to be read with others."""
    return dynamodb.Key(Template, template_id)


def among(found: dynamodb.Found, template_id: str, actor: Actor) -> Template:
    """A template of the actor's customer, of what was read.

    Raises `errors.NotFound`, alike for nobody's and another customer's.
    """
    template = found.get(Template, template_id)
    if template is None or template.customer_id != actor.customer_id:
        raise errors.NotFound("There is no such template.", pointer="/templateId")
    return template


def within_reach(
    actor: Actor, *, location_id: str | None, limit: int, start: pagination.Place | None
) -> pagination.Page[Template]:
    """Templates by name: of one's locations, and those that are for any.

    A page may hold fewer than ``limit`` before the list ends.
    """
    actor.require("schedules:read")
    if location_id is not None:
        found = dynamodb.fetch([locations.key(location_id)])
        locations.among(found, location_id, actor, pointer="?locationId")
    of = {":of": {"S": actor.customer_id}}
    page = pagination.page(
        Template, "byCustomer", "#customer_id = :of", of, limit=limit, start=start
    )
    shown = [one for one in page.records if _is_shown(one, actor, location_id)]
    return pagination.Page(shown, page.next)


def _is_shown(template: Template, actor: Actor, location_id: str | None) -> bool:
    where = template.location_id
    return where is None or (actor.reaches([where]) and location_id in (None, where))


def create(
    values: Mapping[str, Any],
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None = None,
) -> Template:
    """A new template; ``values`` are attributes of the record, of `NAMES`.

    Who is confined to some locations makes one for one of them.
    """
    actor.require("schedules:write")
    location_id = values.get("location_id")
    places = [locations.key(location_id)] if location_id else []
    found = dynamodb.fetch([*places, *journal.keys([actor.stream, actor.customer_id])])
    _check_place(location_id, found, actor)
    id = ids.new("tpl", at)
    template = Template(
        id=id,
        customer_id=actor.customer_id,
        name_key=locations.sorted_by(values["name"], id),
        created_at=at,
        updated_at=at,
        version=1,
        **_checked(values),
    )
    shown = {name: getattr(template, name) for name in NAMES}
    try:
        with journal.write(
            actor=actor,
            action="template.created",
            subject=template.party,
            at=at,
            customer_id=actor.customer_id,
            changes=[audit.Change(name, None, value) for name, value in shown.items() if value],
            found=found,
        ) as write:
            write.put(template, only_if=Template.id.does_not_exist())
            write.answer(once, id, status=201)
    except idempotency.Seen as seen:
        made = dynamodb.get(Template, seen.resource_id)
        if made is None:
            raise errors.NotFound("The template that this request created is gone.") from seen
        return made
    return template


def _check_place(location_id: str | None, found: dynamodb.Found, actor: Actor) -> None:
    if location_id is None:
        if actor.is_confined:
            raise errors.Forbidden("Name one of your locations: this would be for all.")
        return
    locations.among(found, location_id, actor, pointer="/locationId")
    locations.check_reach(actor, location_id)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a pattern in canonical form. Raises `errors.Invalid`."""
    pattern = values.get("pattern")
    if not pattern:
        return {**values, **({"pattern": None} if "pattern" in values else {})}
    for name in _NEITHER:
        if name in pattern:
            raise rrule.wrong(name, "A template says how, not until when or except when.")
    zone = rrule.known_zone(pattern["timeZone"]) if "timeZone" in pattern else None
    gap = pattern.get("gap", "shift")
    checked = rrule.parse(pattern, zone=zone or "UTC")
    if checked.until or checked.count:
        raise rrule.wrong("rrule", "A template says how, not until when.")
    if gap not in ("shift", "skip"):
        raise rrule.wrong("gap", "It must be shift or skip.")
    kept = rrule.to_members(checked)
    more = {**({"timeZone": zone} if zone else {}), **({"gap": gap} if gap != "shift" else {})}
    return {**values, "pattern": {**kept, **more}}


def change(
    template_id: str,
    asked: Mapping[str, Any],
    *,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> Template:
    """Change a template; schedules made of it stay. Raises `errors.PreconditionFailed`."""

    def decide() -> Template:
        place = asked.get("location_id")
        before, found = _target(template_id, actor, *([locations.key(place)] if place else []))
        optimistic.check_version(before, versions)
        if "location_id" in asked:
            _check_place(place, found, actor)
        values = _checked(asked)
        told = [
            audit.Change(name, getattr(before, name), value)
            for name, value in values.items()
            if value != getattr(before, name)
        ]
        if not told:
            return before
        if "name" in values:
            values["name_key"] = locations.sorted_by(values["name"], before.id)
        after = before.changed(**values, updated_at=at)
        with journal.write(
            actor=actor,
            action="template.changed",
            subject=before.party,
            at=at,
            customer_id=before.customer_id,
            changes=told,
            found=found,
        ) as write:
            as_read = Template.version == before.version
            write.put(after, only_if=as_read, refusal=optimistic.changed())
        return after

    return optimistic.repeated(decide)


def remove(template_id: str, *, actor: Actor, at: datetime) -> Template:
    """Remove a template; schedules made of it stay."""

    def decide() -> Template:
        before, found = _target(template_id, actor)
        with journal.write(
            actor=actor,
            action="template.removed",
            subject=before.party,
            at=at,
            customer_id=before.customer_id,
            changes=[audit.Change("name", before.name, None)],
            found=found,
        ) as write:
            as_read = Template.version == before.version
            write.remove(before, only_if=as_read, refusal=optimistic.changed())
        return before

    return optimistic.repeated(decide)


def _target(template_id: str, actor: Actor, *more: dynamodb.Key) -> tuple[Template, dynamodb.Found]:
    actor.require("schedules:write")
    if not ids.is_id("tpl", template_id):
        raise errors.NotFound("There is no such template.")
    streams = journal.keys([actor.stream, actor.customer_id])
    found = dynamodb.fetch([key(template_id), *more, *streams])
    template = found.get(Template, template_id)
    if template is None or template.customer_id != actor.customer_id:
        raise errors.NotFound("There is no such template.")
    if actor.is_confined and not (template.location_id and actor.reaches([template.location_id])):
        raise errors.Forbidden("This template is not of your locations alone.")
    return template, found
