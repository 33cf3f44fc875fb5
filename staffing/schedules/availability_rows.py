"""Rows of availability: built from schedules, or as they are stored."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from config import dynamodb, zone_rules
from staffing.models import Schedule, StaffAvailability, format_instant, to_attributes
from staffing.recurrence import covers
from staffing.recurrence.details import strip_details
from staffing.recurrence.expand import Series


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
    shift_values = [to_attributes(series) for series in shifts]
    return StaffAvailability(
        staff_id=staff_id,
        end=f"{format_instant(latest_end)}#{schedule.id}",
        version=schedule.version,
        schedule_id=schedule.id,
        shifts=[[values["start"], values["end"], values["zone"], values["pattern"]] for values in shift_values],
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
