"""Create, update and delete schedules.

Every write is conditional on the version records of the people that it concerns
(`staffing.schedules.availability`), so two managers at once never schedule one person twice. An
edit is one transaction and one audit entry, also if it splits a series.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from accounts import locations, users
from accounts.permissions import Actor
from config import dynamodb, errors, journal
from config.dynamodb import idempotency
from staffing import shift_templates
from staffing.models import Schedule, Template, to_attributes
from staffing.recurrence import edit, local_time, pattern, rrule, series_update
from staffing.recurrence.details import WIRE_NAMES, Details, get_details, normalize_details
from staffing.recurrence.edit import EditResult, EditScope
from staffing.recurrence.expand import Series
from staffing.recurrence.series_update import SeriesUpdate
from staffing.schedules import access, availability, save


@dataclass(frozen=True)
class ScheduleDraft:
    """A schedule to create; times without offset are local at the location."""

    customer_id: str
    location_id: str
    staff_id: str
    start: datetime
    end: datetime
    recurring: bool | None = None
    pattern: Mapping[str, Any] | None = None
    is_pattern_null: bool = False
    """It does not recur, whatever the template says."""
    template_id: str | None = None
    allow_overlap: bool = False
    details: Details = field(default_factory=dict)
    """Those that are missing are the template's."""
    id: str | None = None  # of an import, which creates a schedule of this id once


def create_schedule(
    draft: ScheduleDraft,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None = None,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> Schedule:
    """Create a shift or a series of a person at a location.

    What it reads, except rows of availability, may be among the ``known`` records. Raises
    `availability.ScheduleConflict` naming the first overlap, `errors.NotFound` for an unknown
    location, user or template, and `errors.InvalidRequest` for an invalid pattern.
    """
    actor.require("schedules:write")
    actor.check_customer(draft.customer_id, at)

    def decide(known: dynamodb.BatchResult = dynamodb.NOTHING_READ) -> Schedule:
        records = fetch_records(
            [draft.staff_id, *availability.list_staff_in_pattern(draft.pattern)],
            actor,
            locations.location_key(draft.location_id),
            *(dynamodb.RecordKey(*key) for key in ((Template, draft.template_id), (Schedule, draft.id)) if key[1]),
            *idempotency.record_keys(idempotency_key),
            known=known,
        )
        idempotency.ensure_key_unused(idempotency_key, records, at)
        if (existing := records.get(Schedule, draft.id or "")) and existing.customer_id == actor.customer_id:
            return existing
        schedule = build_schedule(draft, records, actor, at)
        added = edit.list_assignments(schedule.series(), schedule.staff_id)
        save.save_schedules(
            None,
            [schedule],
            EditResult(schedule.series(), staff_id=schedule.staff_id, added=added),
            actor=actor,
            at=at,
            records=records,
            allow_overlap=draft.allow_overlap,
            idempotency_key=idempotency_key,
        )
        return schedule

    try:
        return journal.retry_on_conflict(decide, known)
    except idempotency.DuplicateRequest as duplicate:
        return idempotency.get_created_record(Schedule, duplicate, lambda created: access.check_visible(created, actor))


def fetch_records(
    user_ids: Iterable[str],
    actor: Actor,
    *extra_keys: dynamodb.RecordKey,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> dynamodb.BatchResult:
    """Users, their version records and streams, and ``extra_keys``, in one round trip.

    In none if all are among the ``known`` records.
    """
    return dynamodb.batch_get([*extra_keys, *list_keys(user_ids, actor.stream)], known)


def list_keys(user_ids: Iterable[str], author_stream: str) -> list[dynamodb.RecordKey]:
    """Of what a change of these people's schedules reads before rows of availability."""
    valid_ids = [user_id for user_id in dict.fromkeys(user_ids) if dynamodb.is_id("usr", user_id)]
    return list(_list_keys(tuple(valid_ids), author_stream))


@lru_cache(maxsize=1024)  # a request asks several times
def _list_keys(user_ids: tuple[str, ...], author_stream: str) -> tuple[dynamodb.RecordKey, ...]:
    user_keys = [users.user_key(user_id) for user_id in user_ids]
    streams = journal.stream_keys(dict.fromkeys([author_stream, *user_ids]))
    return (*user_keys, *availability.version_record_keys(user_ids), *streams)


def build_schedule(draft: ScheduleDraft, records: dynamodb.BatchResult, actor: Actor, at: datetime) -> Schedule:
    """The schedule of a draft, from ``records``; not compared with other schedules."""
    location = locations.get_location_from(records, draft.location_id, actor, pointer="/locationId")
    locations.check_access(actor, location.id)
    check_staff(draft.staff_id, records, actor)
    template = (
        shift_templates.get_template_from(records, draft.template_id, actor, "/templateId")
        if draft.template_id
        else None
    )
    if template and template.location_id not in (None, location.id):
        raise errors.InvalidRequest("This template belongs to another location.", pointer="/templateId")
    series = _build_series(draft, location.time_zone, template)
    return save.build_schedule(
        edit.assign_series(series, draft.staff_id),
        draft.staff_id,
        at=at,
        customer_id=actor.customer_id,
        location_id=location.id,
        template_id=draft.template_id,
        details={**(get_details(template) if template else {}), **normalize_details(draft.details)},
        id=draft.id,
    )


def _build_series(draft: ScheduleDraft, local_zone: str, template: Template | None) -> Series:
    pattern_fields, recurring = draft.pattern, draft.recurring
    if pattern_fields is None and recurring is not False and template and not draft.is_pattern_null:
        pattern_fields = template.pattern
    if pattern_fields is None:
        if recurring:
            raise errors.InvalidRequest(series_update.PATTERN_MISSING, pointer="/recurrencePattern")
        wall_times = local_time.resolve_wall_times(
            draft.start, draft.end, input_zone=local_zone, zone=local_zone, allow_utc=True
        )
        return Series(*wall_times)
    if recurring is False:
        raise errors.InvalidRequest(series_update.PATTERN_OF_SINGLE_SHIFT, pointer="/recurrencePattern")
    zone = rrule.parse_zone(pattern_fields.get("timeZone", local_zone))
    start, end, _ = local_time.resolve_wall_times(draft.start, draft.end, input_zone=local_zone, zone=zone)
    return pattern.parse_series(pattern_fields, start=start, end=end, zone=zone)


def check_staff(user_id: str, records: dynamodb.BatchResult, actor: Actor) -> None:
    """Raise `errors.NotFound`, and as `users.check_schedulable`, for who cannot get shifts."""
    user = users.get_user_from(records, user_id, actor.customer_id, pointer="/staffId")
    users.check_schedulable(user, pointer="/staffId")


def update_schedule(
    schedule_id: str,
    update: SeriesUpdate,
    *,
    location_id: str | None = None,
    scope: EditScope = "all",
    recurrence_id: datetime | None = None,
    allow_overlap: bool = False,
    actor: Actor,
    at: datetime,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> Schedule:
    """Change a single shift, one shift of a series, one and all that follow, or all of it.

    It may be among the ``known`` records. With scope ``following``, the answer is the new series.
    Raises `edit.OccurrenceNotFound`, `edit.ExceptionsLost`, `errors.PreconditionFailed`, and as
    `create_schedule` does.
    """
    actor.require("schedules:write")
    update = replace(update, details=normalize_details(update.details))

    def decide(known: dynamodb.BatchResult = dynamodb.NOTHING_READ) -> Schedule:
        before = access.get_target(schedule_id, actor, known=known)
        locations.check_access(actor, before.location_id)
        precondition.check(before)
        new_location_id = location_id or before.location_id
        if new_location_id != before.location_id and scope == "occurrence":
            detail = "A single shift of a series cannot move to another location; create a schedule there."
            raise errors.InvalidRequest(detail, pointer="/locationId")
        new_staff = [update.staff_id] if update.staff_id else []
        staff_ids = [*save.list_assigned_staff(before), *new_staff, *availability.list_staff_in_pattern(update.pattern)]
        records = fetch_records(staff_ids, actor, locations.location_key(new_location_id))
        location = locations.get_location_from(records, new_location_id, actor, pointer="/locationId")
        locations.check_access(actor, location.id)
        for user_id in new_staff:
            check_staff(user_id, records, actor)
        edit_result = edit.update_series(
            before.series(),
            update,
            staff_id=before.staff_id,
            scope=scope,
            recurrence_id=recurrence_id,
            local_zone=location.time_zone,
            series_details=get_details(before),
        )
        after = build_records(before, edit_result, location_id=new_location_id, at=at)
        if _is_unchanged(before, after):
            return before
        save.save_schedules(
            before, after, edit_result, actor=actor, at=at, records=records, allow_overlap=allow_overlap
        )
        return after[-1]

    return journal.retry_on_conflict(decide, known)


def build_records(before: Schedule, edit_result: EditResult, *, location_id: str, at: datetime) -> list[Schedule]:
    """The records that an edit leaves; the last is the one that was edited."""
    if edit_result.remaining is None:
        return []
    values: dict[str, Any] = {**to_attributes(edit_result.remaining), "updated_at": at}
    details = edit_result.details
    if edit_result.split_off is None:
        return [before.with_changes(**values, **details, location_id=location_id, staff_id=edit_result.staff_id)]
    split_off = save.build_schedule(
        edit_result.split_off,
        edit_result.staff_id,
        at=at,
        customer_id=before.customer_id,
        location_id=location_id,
        template_id=before.template_id,
        split_from=before.id,
        details={**get_details(before), **details},
    )
    return [before.with_changes(**values), split_off]


def _is_unchanged(before: Schedule, after: list[Schedule]) -> bool:
    names = ("staff_id", "location_id", "start", "end", "zone", "pattern", *WIRE_NAMES)
    return len(after) == 1 and all(getattr(before, name) == getattr(after[0], name) for name in names)


def delete_schedule(
    schedule_id: str,
    *,
    scope: EditScope = "all",
    recurrence_id: datetime | None = None,
    actor: Actor,
    at: datetime,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> Schedule:
    """Delete a schedule, one of its shifts, or one and all that follow; returns it as it was.

    It may be among the ``known`` records. Raises `errors.NotFound`, and `ForeignSchedule` for
    another customer's.
    """
    actor.require("schedules:write")

    def decide(known: dynamodb.BatchResult = dynamodb.NOTHING_READ) -> Schedule:
        before = access.get_target(schedule_id, actor, reveals_foreign=True, known=known)
        locations.check_access(actor, before.location_id)
        precondition.check(before)
        edit_result = edit.remove_from_series(
            before.series(), staff_id=before.staff_id, scope=scope, recurrence_id=recurrence_id
        )
        records = fetch_records(save.list_assigned_staff(before), actor)
        after = build_records(before, edit_result, location_id=before.location_id, at=at)
        save.save_schedules(before, after, edit_result, actor=actor, at=at, records=records)
        return before

    return journal.retry_on_conflict(decide, known)
