"""Rows of availability: built from schedules, or as they are stored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import orjson

from config import dynamodb, journal, zone_rules
from staffing.models import VERSION_RECORD_KEY, Schedule, StaffAvailability, format_instant, to_row_values
from staffing.recurrence import covers, pattern, wall_clock
from staffing.recurrence.details import strip_details
from staffing.recurrence.expand import Series


class StoredRow:
    """A row that is only compared with new shifts: people have thousands, and few are near.

    Read from an item in DynamoDB's notation, in a sixth of the time of a `StaffAvailability`.
    """

    __slots__ = ("end", "schedule_id", "shifts", "version")

    def __init__(self, item: Mapping[str, Any]) -> None:
        self.end: str = item["end"]["S"]
        self.version = int(item["version"]["N"])
        self.schedule_id: str = item["schedule_id"]["S"]
        self.shifts: list[list[Any]] = orjson.loads(item["shifts"]["S"])

    @property
    def latest_end(self) -> datetime:
        """The instant by which these shifts have ended, by the present rules of their zones."""
        return max(pattern.from_stored_pattern(*values).latest_end for values in self.shifts)


def list_series_near(rows: Iterable[StoredRow], since: datetime, until: datetime) -> list[tuple[str, Series]]:
    """The series, and the single shifts that may take place between two instants, with their ids.

    Times are compared as text, which sorts like them; most rows have ended before a new shift.
    """
    low, high = (at.isoformat() for at in wall_clock.widen_to_wall_times(since, until))
    ended_before = format_instant(since - zone_rules.tolerance())
    return [
        (row.schedule_id, pattern.from_stored_pattern(start, end, zone, fields))
        for row in rows
        if row.end > ended_before
        for start, end, zone, fields in row.shifts
        if fields is not None or (start <= high and end >= low)
    ]


R = TypeVar("R", StaffAvailability, StoredRow)


def build_rows(schedules: Iterable[Schedule]) -> dict[str, dict[str, StaffAvailability]]:
    """The rows of schedules, by person and key."""
    rows: dict[str, dict[str, StaffAvailability]] = {}
    for schedule in schedules:
        series_by_staff = covers.split_by_staff(strip_details(schedule.series()), schedule.staff_id)
        for staff_id, shifts in series_by_staff.items():
            row = _build_row(schedule, staff_id, shifts)
            rows.setdefault(staff_id, {})[row.end] = row
    return rows


def _build_row(schedule: Schedule, staff_id: str, shifts: list[Series]) -> StaffAvailability:
    latest_end = max(series.latest_end for series in shifts)
    return StaffAvailability(
        staff_id=staff_id,
        end=f"{format_instant(latest_end)}#{schedule.id}",
        version=schedule.version,
        schedule_id=schedule.id,
        shifts=[to_row_values(series) for series in shifts],
    )


def read_stored_rows(
    schedule: Schedule, derived_rows: Mapping[str, Mapping[str, StaffAvailability]]
) -> dict[str, dict[str, StaffAvailability]]:
    """The stored rows of a schedule, by person and key; one round trip.

    ``derived_rows`` are those that it has by the present zone rules.
    """

    def read_rows(staff_id: str) -> list[StaffAvailability]:
        ends = [datetime.fromisoformat(end.partition("#")[0]) for end in derived_rows[staff_id]]
        values = {
            ":staff": {"S": staff_id},
            ":low": {"S": format_instant(min(ends) - zone_rules.MAX_RULE_CHANGE)},
            ":high": {"S": format_instant(max(ends) + zone_rules.MAX_RULE_CHANGE) + "~"},
        }
        condition = "#staff_id = :staff AND #end BETWEEN :low AND :high"
        rows = dynamodb.iter_records(StaffAvailability, condition, values, ConsistentRead=True)
        return [row for row in rows if row.schedule_id == schedule.id]

    rows_of_staff = dynamodb.gather(*(partial(read_rows, staff_id) for staff_id in derived_rows))
    return {
        staff_id: {str(row.end): row for row in rows}
        for staff_id, rows in zip(derived_rows, rows_of_staff, strict=True)
    }


def query_rows(
    read: Callable[[Mapping[str, Any]], R],
    staff_id: str,
    since: datetime | None,
    records: dynamodb.BatchResult | None,
    **options: Any,
) -> list[R]:
    """The rows of a person that end after an instant, as `availability.fetch_rows` says."""
    tolerance = zone_rules.tolerance()
    lower_bound = format_instant(since - tolerance) if since else "0"
    values = {":staff": {"S": staff_id}, ":low": {"S": lower_bound}}
    query = dynamodb.query_arguments(StaffAvailability, "#staff_id = :staff AND #end > :low", values)
    rows = [read(item) for items in dynamodb.iter_pages("Query", **query, **options) for item in items]
    version_record = records.get(StaffAvailability, staff_id, VERSION_RECORD_KEY) if records else None
    _check_completeness(rows, version_record, lower_bound)
    if since is None or not tolerance:
        return rows
    certain_bound = format_instant(since + tolerance)
    return [row for row in rows if row.end > certain_bound or row.shifts is None or row.latest_end >= since]


def _check_completeness(
    rows: Sequence[StaffAvailability | StoredRow], version_record: StaffAvailability | None, lower_bound: str
) -> None:
    """Raise `journal.StaleRecord` if rows lack what the version record lists."""
    wrote = (version_record.wrote if version_record else None) or {}
    seen_versions = {row.end: int(row.version) for row in rows if row.end in wrote}
    for end, version in wrote.items():
        if end > lower_bound and not (seen_versions.get(end, 0) >= version if version else end not in seen_versions):
            raise journal.StaleRecord()
