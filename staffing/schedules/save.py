"""One transaction for a change of schedules: records, availability, audit entry, notifications."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

import orjson

from accounts import users
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency
from config.journal import write_set
from staffing.models import Schedule, to_attributes
from staffing.recurrence.details import Details, check_breaks, get_details
from staffing.recurrence.edit import EditResult
from staffing.recurrence.expand import Series
from staffing.schedules import availability, diff, queries
from staffing.schedules.availability import ShiftAssignment
from staffing.schedules.workloads import NO_WORKLOADS, Workload

BATCH_PERIOD = timedelta(seconds=60)
"""Changes of one author to one person's schedules within this period are sent together."""
BATCH_GRACE = timedelta(seconds=5)
"""For changes that are written at the very end of a batch."""


MAX_PATTERN_BYTES = 100_000
"""Of the rule and exceptions of a series as stored: an item has at most 400 KB, a list many."""


MAX_SERIES_PER_LOCATION = 4_000
"""Series that a location may have at a time: every call to it reads them, and has two seconds."""


class SeriesTooLarge(errors.InvalidRequest):
    """The exceptions of the series, with their notes, are too long together."""

    code = "series_too_large"


def list_assigned_staff(schedule: Schedule) -> set[str]:
    """The owner of a schedule and those who cover shifts of it."""
    exceptions = (schedule.pattern or {}).get("exceptions", {}).values()
    return {schedule.staff_id, *(exception["staffId"] for exception in exceptions if "staffId" in exception)}


def build_schedule(
    series: Series,
    staff_id: str,
    *,
    at: datetime,
    customer_id: str,
    location_id: str,
    template_id: str | None = None,
    split_from: str | None = None,
    details: Details,
    id: str | None = None,
) -> Schedule:
    """A new schedule, with a new id unless there is one."""
    return Schedule(
        id=id or dynamodb.new_id("sch", at),
        customer_id=customer_id,
        location_id=location_id,
        staff_id=staff_id,
        template_id=template_id,
        split_from=split_from,
        created_at=at,
        updated_at=at,
        version=1,
        **to_attributes(series),
        **details,
    )


def save_schedules(
    before: Schedule | None,
    after: list[Schedule],
    edit_result: EditResult,
    *,
    actor: audit.Author,
    at: datetime,
    records: dynamodb.BatchResult,
    allow_overlap: bool = False,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> None:
    """Write schedules as an edit leaves them, with everything that depends on them.

    ``records`` holds the people concerned, their version records and streams. Raises
    `availability.ScheduleConflict` unless ``allow_overlap``, `SeriesTooLarge`,
    `availability.AssignmentLimitExceeded`, `errors.InvalidRequest` for too long a break, and as
    `users.check_schedulable` does.
    """
    new_staff, row_changes = check_edit(
        before, after, edit_result, actor=actor, at=at, records=records, allow_overlap=allow_overlap
    )
    target = after[-1] if after else None
    subject = before or after[0]
    owners = {schedule.staff_id for schedule in [before, *after] if schedule}
    affected_staff = sorted({*row_changes, *_list_relocated_staff(before, after)})
    for staff_id in {staff_id for schedule in after for staff_id in list_assigned_staff(schedule)}:
        row_changes.setdefault(staff_id, availability.RowChanges([], []))  # their calendar feeds change
    with journal.write(
        actor,
        _get_audit_action(before, after),
        subject,
        at,
        changes=diff.diff_schedules(before, after, allow_overlap=allow_overlap),
        related_streams=sorted({*affected_staff, *owners}),
        prefetched=records,
    ) as write:
        put_schedules(write, before, after)
        availability.write_row_changes(write, row_changes, records)
        for user_id in new_staff:
            users.require_schedulable(write, user_id)
        for user_id in affected_staff:
            _enqueue_rota_messages(write, user_id)
        if idempotency_key and target:
            write.record_response(idempotency_key, target.id, status=201)
    if target:
        target.staff_names = users.display_names_in(records, list_assigned_staff(target))


def check_edit(
    before: Schedule | None,
    after: list[Schedule],
    edit_result: EditResult,
    *,
    actor: audit.Author,
    at: datetime,
    records: dynamodb.BatchResult,
    allow_overlap: bool = False,
    planned: Sequence[ShiftAssignment] = (),
    planned_workloads: Mapping[str, Workload] = NO_WORKLOADS,
) -> tuple[list[str], dict[str, availability.RowChanges]]:
    """New people of the schedules, and row changes; raises what `save_schedules` raises.

    ``planned`` are shifts that are not stored yet, but will be, as far as they could overlap;
    ``planned_workloads`` are all of these by person.
    """
    for schedule in after:
        _check_details(schedule)
    target = after[-1] if after else None
    new_staff = _check_new_staff(before, after, edit_result, records, actor)
    row_changes = availability.plan_row_changes([before] if before else [], after)
    if target:
        existing = [ShiftAssignment(staff_id, after[0].id, series) for staff_id, series in edit_result.existing]
        check_available = partial(
            availability.check_available,
            [ShiftAssignment(staff_id, target.id, series) for staff_id, series in edit_result.added],
            row_changes,
            records,
            existing=[*existing, *planned],
            excluded_schedule_id=(before or target).id,
            at=at,
            allow_overlap=allow_overlap,
            planned_workloads=planned_workloads,
        )
        growing_locations = _list_growing_locations(before, after)
        dynamodb.gather(check_available, *(partial(_check_series_limit, id, at) for id in growing_locations))
    return new_staff, row_changes


def _list_growing_locations(before: Schedule | None, after: list[Schedule]) -> set[str]:
    """Locations that get a new series; other changes are possible beyond the limit."""
    known = (before.id, before.location_id, before.is_series) if before else None
    return {
        schedule.location_id
        for schedule in after
        if schedule.is_series and (schedule.id, schedule.location_id, True) != known
    }


def _check_series_limit(location_id: str, at: datetime) -> None:
    """Raise `availability.AssignmentLimitExceeded` if a location cannot have another series."""
    if queries.has_more_series(location_id, at, MAX_SERIES_PER_LOCATION - 1):
        raise availability.AssignmentLimitExceeded(
            f"A location can have at most {MAX_SERIES_PER_LOCATION:,} series at a time; end some of them, "
            "or plan what follows each other as one series."
        )


def _check_details(schedule: Schedule) -> None:
    if len(orjson.dumps(schedule.pattern)) > MAX_PATTERN_BYTES:
        detail = "The exceptions and notes of this series are too long together; shorten notes, or split the series."
        raise SeriesTooLarge(detail, pointer="/notes")
    check_breaks(schedule.series(), get_details(schedule))


def _list_relocated_staff(before: Schedule | None, after: list[Schedule]) -> set[str]:
    """People with shifts that moved to another location, which their availability does not show."""
    if before is None:
        return set()
    moved_schedules = [schedule for schedule in after if schedule.location_id != before.location_id]
    return {staff_id for schedule in moved_schedules for staff_id in list_assigned_staff(schedule)}


def _check_new_staff(
    before: Schedule | None,
    after: list[Schedule],
    edit_result: EditResult,
    records: dynamodb.BatchResult,
    actor: audit.Author,
) -> list[str]:
    """Check that people who are new to the schedule may be scheduled."""
    previous_staff = list_assigned_staff(before) if before else set()
    reassigned_staff = {staff_id for staff_id, _ in edit_result.added if staff_id == edit_result.staff_id}
    new_staff = sorted(
        ({staff_id for schedule in after for staff_id in list_assigned_staff(schedule)} - previous_staff)
        | reassigned_staff
    )
    for staff_id in new_staff:
        pointer = _find_staff_pointer(after, staff_id)
        user = users.get_user_from(records, staff_id, actor.customer_id, pointer=pointer)
        users.check_schedulable(user, pointer=pointer)
    return new_staff


def _find_staff_pointer(after: list[Schedule], staff_id: str) -> str:
    """Where a request names a user: as the owner, or as the one who covers an occurrence."""
    if all(staff_id != schedule.staff_id for schedule in after):
        for schedule in after:
            for recurrence_id, exception in (schedule.pattern or {}).get("exceptions", {}).items():
                if exception.get("staffId") == staff_id:
                    return f"/recurrencePattern/exceptions/{recurrence_id}/staffId"
    return "/staffId"


def put_schedules(write: write_set.Write, before: Schedule | None, after: list[Schedule]) -> None:
    """Put the schedules as they are after; remove the one before if it is not among them."""
    if before and before.id not in {schedule.id for schedule in after}:
        write.remove_unchanged(before)
    for schedule in after:
        if before and schedule.id == before.id:
            write.save(before, schedule)
        else:
            write.put(schedule, only_if=Schedule.id.does_not_exist(), error=journal.StaleRecord())


def _get_audit_action(before: Schedule | None, after: list[Schedule]) -> str:
    if before is None:
        return "schedule.created"
    if not after:
        return "schedule.removed"
    return "schedule.changed" if len(after) == 1 else "schedule.split"


def _enqueue_rota_messages(write: write_set.Write, user_id: str) -> None:
    """Notify a person once of all that the author changes in the same batch."""
    since, name = _batch_at(int(write.at.timestamp()) // BATCH_PERIOD.seconds)
    write.enqueue(
        "staffing.follow",
        id=f"rota-{user_id}-{write.author.id}-{name}",
        due=since + BATCH_PERIOD + BATCH_GRACE,
        user_id=user_id,
        since=since.isoformat(),
    )


@lru_cache(maxsize=16)  # formatting a time takes as long as all the rest
def _batch_at(number: int) -> tuple[datetime, str]:
    """The start of a batch, by its number since the epoch, and its name in ids."""
    since = datetime.fromtimestamp(number * BATCH_PERIOD.seconds, UTC)
    return since, f"{since:%Y%m%d%H%M}"
