"""Templates: reusable schedules without a date and a person, for one location or all."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts import locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency, pagination
from staffing.models import Template
from staffing.recurrence import rrule
from staffing.recurrence.details import WIRE_NAMES, check_breaks, get_details, normalize_details
from staffing.recurrence.expand import Series

FIELDS = ("name", "location_id", "start", "end", "pattern", *WIRE_NAMES)
_SERIES_ONLY_FIELDS = ("exceptions", "until", "count")
"""Fields that belong to one series, not to a template."""


def get_template_from(
    records: dynamodb.BatchResult, template_id: str, actor: Actor, pointer: str | None = None
) -> Template:
    """A template of the actor's customer from records that were read.

    Raises `errors.NotFound`, also for a template of another customer.
    """
    template = records.get(Template, template_id)
    if template is None or template.customer_id != actor.customer_id:
        raise errors.NotFound("Schedule template not found.", pointer=pointer)
    return template


def list_templates(
    actor: Actor, *, location_id: str | None, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Template]:
    """Templates of the actor's locations and those for all locations, by name.

    A page may hold fewer than ``limit`` before the list ends.
    """
    actor.require("schedules:read")
    if location_id is not None:
        records = dynamodb.batch_get([locations.location_key(location_id)])
        locations.get_location_from(records, location_id, actor, pointer="?locationId")
    key_values = {":of": {"S": actor.customer_id}}
    page = pagination.query_page(Template, "byCustomer", "#customer_id = :of", key_values, limit=limit, cursor=cursor)
    visible = [template for template in page.records if _is_visible(template, actor, location_id)]
    return pagination.CursorPage(visible, page.next_cursor)


def get_template(template_id: str, *, actor: Actor) -> Template:
    """A template. Raises `errors.NotFound`, and `errors.Forbidden` for one of other locations."""
    actor.require("schedules:read")
    if not dynamodb.is_id("tpl", template_id):
        raise errors.NotFound("Schedule template not found.")
    records = dynamodb.batch_get([dynamodb.RecordKey(Template, template_id)])
    template = get_template_from(records, template_id, actor)
    _check_visible(template, actor)
    return template


def _check_visible(template: Template, actor: Actor) -> None:
    if not _is_visible(template, actor, None):
        raise errors.Forbidden("This template applies to locations that you have no access to.")


def _is_visible(template: Template, actor: Actor, location_id: str | None) -> bool:
    template_location_id = template.location_id
    return template_location_id is None or (
        actor.can_access_locations([template_location_id]) and location_id in (None, template_location_id)
    )


def create_template(
    values: Mapping[str, Any], *, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> Template:
    """Create a template; ``values`` are attributes of the record, named in `FIELDS`.

    Actors with some locations must name one of them. Raises `errors.Forbidden`, `errors.NotFound`
    (the location) or `errors.InvalidRequest` (the pattern).
    """
    actor.require("schedules:write")
    location_id = values.get("location_id")
    location_keys = [locations.location_key(location_id)] if location_id else []
    records = dynamodb.batch_get([*location_keys, *journal.stream_keys([actor.stream, actor.customer_id])])
    _check_location(location_id, records, actor)
    template_id = dynamodb.new_id("tpl", at)
    template = Template(
        id=template_id,
        customer_id=actor.customer_id,
        name_key=locations.name_sort_key(values["name"], template_id),
        created_at=at,
        updated_at=at,
        version=1,
        **{**_normalize_pattern(values), **normalize_details(values)},
    )
    _check_break(template)
    return journal.create_record(
        actor,
        "template.created",
        template,
        at,
        audited=FIELDS,
        idempotency_key=idempotency_key,
        check_replay=lambda created: _check_visible(created, actor),
        prefetched=records,
    )


def _check_location(location_id: str | None, records: dynamodb.BatchResult, actor: Actor) -> None:
    if location_id is None:
        if actor.is_location_restricted:
            raise errors.Forbidden("Specify one of your locations; a template without `locationId` is for all.")
        return
    locations.get_location_from(records, location_id, actor, pointer="/locationId")
    locations.check_access(actor, location_id)


def _check_break(template: Template) -> None:
    day = "2001-01-01"
    start, end = (datetime.fromisoformat(f"{day}T{time}") for time in (template.start, template.end))
    series = Series(start, end if end > start else end + timedelta(days=1), "UTC")
    check_breaks(series, get_details(template))


def _normalize_pattern(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the pattern in canonical form. Raises `errors.InvalidRequest`."""
    pattern = values.get("pattern")
    if not pattern:
        return {**values, "pattern": None} if "pattern" in values else dict(values)
    for name in _SERIES_ONLY_FIELDS:
        if name in pattern:
            raise rrule.invalid_field(name, "A template cannot have this; set it on the schedule.")
    zone = rrule.parse_zone(pattern["timeZone"]) if "timeZone" in pattern else None
    gap = pattern.get("gap", "shift")
    rule = rrule.parse_rule(pattern, zone=zone or "UTC")
    if rule.until or rule.count:
        raise rrule.invalid_field("rrule", "A template cannot have UNTIL or COUNT; set the end on the schedule.")
    if gap not in ("shift", "skip"):
        raise rrule.invalid_field("gap", "Must be shift or skip.")
    extra_fields = {**({"timeZone": zone} if zone else {}), **({"gap": gap} if gap != "shift" else {})}
    return {**values, "pattern": {**rrule.to_fields(rule), **extra_fields}}


def update_template(
    template_id: str,
    updates: Mapping[str, Any],
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> Template:
    """Change a template, not the schedules made from it. Raises `errors.PreconditionFailed`."""

    def decide() -> Template:
        location_id = updates.get("location_id")
        location_keys = [locations.location_key(location_id)] if location_id else []
        before, records = _fetch_target(template_id, actor, *location_keys)
        precondition.check(before)
        if "location_id" in updates:
            _check_location(location_id, records, actor)
        values = _normalize_pattern(updates)
        if "name" in values:
            values["name_key"] = locations.name_sort_key(values["name"], before.id)
        after = before.with_changes(**{**values, **normalize_details(values)}, updated_at=at)
        _check_break(after)
        return journal.update_record(actor, "template.changed", before, after, at, audited=FIELDS, prefetched=records)

    return journal.retry_on_conflict(decide)


def delete_template(
    template_id: str, *, actor: Actor, at: datetime, precondition: journal.Precondition = journal.NO_PRECONDITION
) -> Template:
    """Remove a template, not the schedules made from it. Raises `errors.PreconditionFailed`."""

    def decide() -> Template:
        before, records = _fetch_target(template_id, actor)
        precondition.check(before)
        with journal.write(
            actor,
            "template.removed",
            before,
            at,
            changes=[audit.FieldChange("name", before.name, None)],
            prefetched=records,
        ) as write:
            write.remove_unchanged(before)
        return before

    return journal.retry_on_conflict(decide)


def _fetch_target(
    template_id: str, actor: Actor, *extra_keys: dynamodb.RecordKey
) -> tuple[Template, dynamodb.BatchResult]:
    actor.require("schedules:write")
    if not dynamodb.is_id("tpl", template_id):
        raise errors.NotFound("Schedule template not found.")
    streams = journal.stream_keys([actor.stream, actor.customer_id])
    records = dynamodb.batch_get([dynamodb.RecordKey(Template, template_id), *extra_keys, *streams])
    template = get_template_from(records, template_id, actor)
    if actor.is_location_restricted and not (
        template.location_id and actor.can_access_locations([template.location_id])
    ):
        raise errors.Forbidden("This template applies to locations that you have no access to.")
    return template, records
