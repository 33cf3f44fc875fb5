"""What `commands.create_schedule` would do, without writing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from accounts import locations
from accounts.permissions import Actor
from config import dynamodb
from staffing.models import Schedule, format_instant
from staffing.recurrence import edit, expand, rules
from staffing.recurrence.edit import EditResult
from staffing.recurrence.expand import Series
from staffing.schedules import availability, commands, save
from staffing.schedules.availability import ShiftAssignment
from staffing.schedules.workloads import Workload

_COMPARED = ("staff_id", "location_id", "start", "end", "zone", "pattern")


def check_schedule(
    draft: commands.ScheduleDraft,
    *,
    planned: Sequence[ShiftAssignment],
    planned_workloads: Mapping[str, Workload],
    actor: Actor,
    at: datetime,
) -> tuple[Schedule, dict[str, Workload]]:
    """The schedule that a draft would become beside ``planned`` ones, and the work that it adds.

    Workloads are by person, of shifts that end after ``at``.

    Raises what `commands.create_schedule` raises.
    """
    schedule, records = _build(draft, actor, at)
    series = schedule.series()
    added = edit.list_assignments(series, schedule.staff_id)
    _, row_changes = save.check_edit(
        None,
        [schedule],
        EditResult(series, staff_id=schedule.staff_id, added=added),
        actor=actor,
        at=at,
        records=records,
        allow_overlap=draft.allow_overlap,
        planned=select_overlapping(planned, added),
        planned_workloads=planned_workloads,
    )
    workloads = {
        staff_id: Workload.of(row for row in changes.written if row.end > format_instant(at))
        for staff_id, changes in row_changes.items()
    }
    return schedule, workloads


def is_same_schedule(existing: Schedule, draft: commands.ScheduleDraft, *, actor: Actor, at: datetime) -> bool:
    """Whether a schedule still has the times, person and place of a draft.

    Raises what `commands.create_schedule` raises, but for overlaps.
    """
    schedule, _ = _build(draft, actor, at)
    return all(getattr(existing, name) == getattr(schedule, name) for name in _COMPARED)


def is_same_shift(
    existing: Schedule, start: datetime | None, draft: commands.ScheduleDraft, *, actor: Actor, at: datetime
) -> bool:
    """Whether a schedule, or the shift of a series that its rule starts then, is that of a draft.

    Compared are people, times and the rule. Raises what `commands.create_schedule` raises, but for
    overlaps.
    """
    schedule, _ = _build(draft, actor, at)
    series, drafted = existing.series(), schedule.series()
    if series.rule is None or drafted.rule:
        first, drafted_first = (each.first_occurrence for each in (series, drafted))
        is_same = (first.start, first.end, existing.staff_id) == (
            *(drafted_first.start, drafted_first.end),
            schedule.staff_id,
        )
        moved = [start for start, exception in drafted.exceptions.items() if exception.start]
        same_changes = (_find_shift(existing, start) == _find_shift(schedule, start) for start in moved)
        return is_same and drafted.rule == series.rule and all(same_changes)
    if start is None or not rules.has_start(series.rule, series.start, start):
        return False
    return _find_shift(existing, start) == _find_shift(schedule, drafted.start)


def _find_shift(schedule: Schedule, start: datetime) -> tuple[datetime, datetime, str] | None:
    """Start, end and person of the shift that the rule starts then; None if it is excluded."""
    series = schedule.series()
    exception = series.exceptions.get(start)
    if exception and exception.start is None:
        return None
    occurrence = expand.build_occurrence(series, start)
    return occurrence.start, occurrence.end, str(occurrence.staff_id or schedule.staff_id)


def _build(draft: commands.ScheduleDraft, actor: Actor, at: datetime) -> tuple[Schedule, dynamodb.BatchResult]:
    actor.require("schedules:write")
    staff_ids = [draft.staff_id, *availability.list_staff_in_pattern(draft.pattern)]
    records = commands.fetch_records(staff_ids, actor, locations.location_key(draft.location_id))
    return commands.build_schedule(draft, records, actor, at), records


def select_overlapping(
    planned: Iterable[ShiftAssignment], added: Iterable[tuple[str, Series]]
) -> list[ShiftAssignment]:
    """The planned shifts that could overlap the added ones: of the same people, at the time."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for staff_id, series in added:
        start, end = series.earliest_start, series.latest_end
        earliest, latest = spans.get(staff_id, (start, end))
        spans[staff_id] = min(start, earliest), max(end, latest)
    return [
        assignment
        for assignment in planned
        if (span := spans.get(assignment.staff_id))
        and assignment.series.earliest_start < span[1]
        and assignment.series.latest_end > span[0]
    ]


def find_existing(schedule_ids: Iterable[str], customer_id: str) -> dict[str, Schedule]:
    """The schedules of a customer with these ids that exist, by id."""
    ids = list(dict.fromkeys(schedule_ids))
    records = dynamodb.batch_get(dynamodb.RecordKey(Schedule, id) for id in ids)
    schedules = (records.get(Schedule, id) for id in ids)
    return {schedule.id: schedule for schedule in schedules if schedule and schedule.customer_id == customer_id}
