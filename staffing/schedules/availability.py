"""When people work: rows for detecting conflicts, read strongly consistent.

Each person has a row per schedule and a version record. A decision reads the version record first,
then the rows, and writes on condition that the version is unchanged. A Query may see half of a
transaction: the version record lists what the last one wrote, so the decision notices and is
repeated (`journal.retry_on_conflict`).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from config import dynamodb, errors, journal, zone_rules
from config.journal import write_set
from staffing.models import VERSION_RECORD_KEY, Schedule, StaffAvailability
from staffing.recurrence import conflicts
from staffing.recurrence.expand import Series
from staffing.schedules.availability_rows import StoredRow, build_rows, list_series_near, query_rows, read_stored_rows
from staffing.schedules.workloads import NO_WORKLOADS, Workload

MAX_SERIES_PER_PERSON = 100
"""Series and long shifts that a person may have at a time: a new one is compared with all of them,
and lists read every series of a location that has not ended."""
MAX_CHANGED_SHIFTS_PER_PERSON = 2_000
"""Shifts of these series that may be moved, excluded or covered: each is compared with others."""
MAX_SINGLE_SHIFTS_PER_PERSON = 5_000
"""Single shifts from now, or from the start of a change, on; those that the person covers count."""
MAX_COVERING_STAFF = 12
"""People other than the owner who may cover shifts of one series."""


class ScheduleConflict(errors.Conflict):
    """The person has another shift at that time."""

    code = "schedule_clash"
    title = "Schedule conflict"
    members: ClassVar = {
        "scheduleId": errors.Member("Id of the other schedule."),
        "staffId": errors.Member("Id of the person who has both shifts."),
        "at": errors.Member("When the overlap begins, with the offset of the schedule's time zone.", is_date_time=True),
    }

    def __init__(self, staff_id: str, schedule_id: str, at: datetime, zone: str) -> None:
        local = at.astimezone(ZoneInfo(zone))
        detail = f"Overlaps another shift of this person from {local:%a} {local.day} {local:%b %Y, %H:%M} ({zone})."
        super().__init__(detail)
        extra = {"scheduleId": schedule_id, "staffId": staff_id, "at": local.isoformat()}
        self.field_errors.append(errors.FieldError("/startTime", self.code, detail, extra))

    @classmethod
    def example(cls) -> Self:
        """An overlap in Boston."""
        ids = ("usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF", "sch_01JDCXS2N4P6Q8R0S2T4V6W8XY")
        return cls(*ids, datetime(2027, 3, 1, 14, tzinfo=UTC), "America/New_York")


class AssignmentLimitExceeded(errors.Conflict):
    """Too many people or series for one request."""

    code = "assignment_limit_exceeded"
    example_detail = "A person can have at most 100 series at a time."


@dataclass(frozen=True)
class ShiftAssignment:
    """Shifts of one schedule that one person gets."""

    staff_id: str
    schedule_id: str
    series: Series


def version_record_keys(staff_ids: Iterable[str]) -> list[dynamodb.RecordKey]:
    """The keys of people's version records, to be read before their rows."""
    return [dynamodb.RecordKey(StaffAvailability, staff_id, VERSION_RECORD_KEY) for staff_id in staff_ids]


def list_staff_in_pattern(pattern_fields: Mapping[str, Any] | None) -> list[str]:
    """Who covers shifts of a pattern that was not checked yet."""
    exceptions = (pattern_fields or {}).get("exceptions")
    values = exceptions.values() if isinstance(exceptions, Mapping) else ()
    candidates = (value.get("staffId") for value in values if isinstance(value, Mapping))
    staff_ids = list(dict.fromkeys(staff_id for staff_id in candidates if isinstance(staff_id, str)))
    if len(staff_ids) > MAX_COVERING_STAFF:
        raise AssignmentLimitExceeded(f"At most {MAX_COVERING_STAFF} other people can cover shifts of one series.")
    return staff_ids


# --- deciding -------------------------------------------------------------------------------------
def check_available(
    assignments: Collection[ShiftAssignment],
    row_changes: Mapping[str, "RowChanges"],
    records: dynamodb.BatchResult,
    *,
    existing: Collection[ShiftAssignment],
    excluded_schedule_id: str | None,
    at: datetime,
    allow_overlap: bool = False,
    planned_workloads: Mapping[str, Workload] = NO_WORKLOADS,
) -> None:
    """Raise if shifts overlap each other, ``existing`` ones, or other shifts of their people.

    ``row_changes`` is what the change does to the rows of everybody; it must keep within the limits
    of each person. ``records`` holds the version records, read before; rows of
    ``excluded_schedule_id`` do not count. With ``allow_overlap`` only the limits are checked;
    ``planned_workloads`` of people, who will have these shifts too, count towards them.
    Raises `ScheduleConflict`, `AssignmentLimitExceeded`, or `journal.StaleRecord`.
    """
    for staff_id in dict.fromkeys([*(assignment.staff_id for assignment in assignments), *row_changes]):
        own_assignments = [assignment for assignment in assignments if assignment.staff_id == staff_id]
        changes = row_changes.get(staff_id, RowChanges([], []))
        if not own_assignments and not changes.grows:
            continue
        since = min([at, *(assignment.series.earliest_start for assignment in own_assignments)])
        rows = _fetch_stored_rows(staff_id, since, records)
        _check_limits(rows, changes, planned_workloads.get(staff_id, Workload()))
        if own_assignments and not allow_overlap:
            other_rows = [row for row in rows if row.schedule_id != excluded_schedule_id]
            _check_conflicts(own_assignments, other_rows, existing)


def _check_conflicts(
    own_assignments: Sequence[ShiftAssignment], other_rows: Iterable[StoredRow], existing: Iterable[ShiftAssignment]
) -> None:
    staff_id = own_assignments[0].staff_id
    since = min(assignment.series.earliest_start for assignment in own_assignments)
    until = max(assignment.series.latest_end for assignment in own_assignments)
    existing_series = list_series_near(other_rows, since, until)
    existing_series += [(entry.schedule_id, entry.series) for entry in existing if entry.staff_id == staff_id]
    first_conflict = conflicts.find_first_conflict(
        [(entry.schedule_id, entry.series) for entry in own_assignments], existing_series
    )
    if first_conflict:
        schedule_id, conflict = first_conflict
        raise ScheduleConflict(staff_id, schedule_id, conflict.at, own_assignments[0].series.zone)


def _check_limits(rows: Iterable[StoredRow], changes: "RowChanges", planned: Workload) -> None:
    """Raise `AssignmentLimitExceeded` if a change exceeds a limit; what exceeds one may shrink."""
    rows = list(rows)
    changed_ends = {row.end for row in (*changes.removed, *changes.written)}
    before = Workload.of(rows) + planned
    after = before - Workload.of(row for row in rows if row.end in changed_ends) + Workload.of(changes.written)
    if after.series > max(MAX_SERIES_PER_PERSON, before.series):
        raise AssignmentLimitExceeded(
            f"A person can have at most {MAX_SERIES_PER_PERSON} series at a time; "
            "shifts of more than two days count as series."
        )
    if after.changed_shifts > max(MAX_CHANGED_SHIFTS_PER_PERSON, before.changed_shifts):
        raise AssignmentLimitExceeded(
            f"At most {MAX_CHANGED_SHIFTS_PER_PERSON:,} shifts of a person's series can be moved, excluded or covered "
            f"at a time, and this would make {after.changed_shifts:,}. End a series and create one that fits better."
        )
    if after.single_shifts > max(MAX_SINGLE_SHIFTS_PER_PERSON, before.single_shifts):
        raise AssignmentLimitExceeded(
            f"A person can have at most {MAX_SINGLE_SHIFTS_PER_PERSON:,} single shifts at a time; create series."
        )


def fetch_rows(
    staff_id: str,
    since: datetime | None,
    records: dynamodb.BatchResult | None,
    *,
    consistent: bool = True,
    projection: str | None = None,
) -> list[StaffAvailability]:
    """The rows of schedules that end after an instant, by end; all attributes, or a projection.

    Raises `journal.StaleRecord` if they lack what the version record in ``records`` lists.
    """
    options = {"ProjectionExpression": projection} if projection else {}
    return query_rows(StaffAvailability.from_item, staff_id, since, records, ConsistentRead=consistent, **options)


def _fetch_stored_rows(staff_id: str, since: datetime, records: dynamodb.BatchResult) -> list[StoredRow]:
    """The same to be compared with new shifts."""
    return query_rows(StoredRow, staff_id, since, records, ConsistentRead=True)


def fetch_row_keys(
    staff_id: str, since: datetime | None, records: dynamodb.BatchResult | None
) -> list[StaffAvailability]:
    """The same rows as `fetch_rows` without their shifts, which may be many.

    After a change of zone rules there may also be rows that ended some hours before.
    """
    return fetch_rows(staff_id, since, records, projection="#staff_id, #end, version, schedule_id")


def count_changes(staff_id: str, records: dynamodb.BatchResult) -> int:
    """How often a person's schedules have changed, by their version record in ``records``."""
    version_record = records.get(StaffAvailability, staff_id, VERSION_RECORD_KEY)
    return int(version_record.version) if version_record else 0


# --- writing --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class RowChanges:
    """Changes of one person's rows."""

    removed: list[StaffAvailability]
    written: list[StaffAvailability]
    grows: bool = False
    """Whether the person has more series, changed shifts or single shifts than before."""


def plan_row_changes(before: Iterable[Schedule], after: Iterable[Schedule]) -> dict[str, RowChanges]:
    """Row changes by person. Raises `AssignmentLimitExceeded`.

    Rows of schedules that were derived with other zone rules are read: their keys are unknown.
    """
    before = list(before)
    rows_before, rows_after = build_rows(before), build_rows(after)
    _check_covering_staff(rows_before.values())
    _check_covering_staff(rows_after.values())
    for schedule in before:
        if not schedule.follows_present_rules():
            rows_before |= read_stored_rows(schedule, rows_before)
    changes_by_staff = {}
    for staff_id in sorted({*rows_before, *rows_after}):
        old_rows, new_rows = rows_before.get(staff_id, {}), rows_after.get(staff_id, {})
        removed = [old_rows[end] for end in old_rows if end not in new_rows]
        written = [row for end, row in new_rows.items() if end not in old_rows or old_rows[end].shifts != row.shifts]
        if removed or written:
            changes_by_staff[staff_id] = RowChanges(removed, written, _grows(old_rows.values(), new_rows.values()))
    if len(changes_by_staff) > MAX_COVERING_STAFF + 1:
        raise AssignmentLimitExceeded(f"One change can concern at most {MAX_COVERING_STAFF + 1} people; make several.")
    return changes_by_staff


def _check_covering_staff(rows_of_staff: Collection[Mapping[str, StaffAvailability]]) -> None:
    if len(rows_of_staff) <= MAX_COVERING_STAFF + 1:
        return  # each person has one row of a schedule
    counts = Counter(row.schedule_id for rows in rows_of_staff for row in rows.values())
    if max(counts.values(), default=0) > MAX_COVERING_STAFF + 1:
        raise AssignmentLimitExceeded(f"At most {MAX_COVERING_STAFF} other people can cover shifts of one series.")


def _grows(old_rows: Iterable[StaffAvailability], new_rows: Iterable[StaffAvailability]) -> bool:
    return Workload.of(new_rows).exceeds(Workload.of(old_rows))


def write_row_changes(
    write: write_set.Write, changes_by_staff: Mapping[str, RowChanges], records: dynamodb.BatchResult
) -> None:
    """Write rows on condition that each person's version record is as it was read."""
    zone_rules.note_use()
    for staff_id, row_changes in changes_by_staff.items():
        _put_version_record(write, staff_id, row_changes, records)
        for row in row_changes.removed:
            write.remove(row)
        for row in row_changes.written:
            write.put(row)


def _put_version_record(
    write: write_set.Write, staff_id: str, row_changes: RowChanges, records: dynamodb.BatchResult
) -> None:
    version_record = records.get(StaffAvailability, staff_id, VERSION_RECORD_KEY)
    condition = (
        StaffAvailability.version == version_record.version
        if version_record
        else StaffAvailability.end.does_not_exist()
    )
    written_versions = {row.end: 0 for row in row_changes.removed}
    written_versions |= {row.end: int(row.version) for row in row_changes.written}
    if not written_versions and version_record:
        written_versions = version_record.wrote or {}  # their transaction may still be under way
    version = count_changes(staff_id, records) + 1
    next_record = StaffAvailability(staff_id=staff_id, end=VERSION_RECORD_KEY, version=version, wrote=written_versions)
    write.put(next_record, only_if=condition, error=journal.StaleRecord())
