"""What an audit entry says of a change of schedules.

`staffing.notifications.rota_changes` notifies people of it.
"""

from datetime import datetime
from itertools import chain
from typing import Any

from config import audit
from staffing.models import Schedule
from staffing.recurrence import expand, rrule
from staffing.recurrence.expand import RecurrenceException, Series

MAX_LISTED_SHIFTS = 20
"""Single shifts that one entry tells one by one."""
_FIELDS = ("staffId", "locationId", "startTime", "endTime", "timeZone", "rrule")
ShiftValues = dict[str, Any]


def diff_schedules(
    before: Schedule | None, after: list[Schedule], *, allow_overlap: bool = False
) -> list[audit.FieldChange]:
    """Fields of the schedule, ``rest/…`` of what was split off, ``shift/…`` of single shifts."""
    remaining = after[0] if after else None
    old_values, new_values = _to_values(before), _to_values(remaining)
    changes = [
        audit.FieldChange(field, old_values[field], new_values[field])
        for field in _FIELDS
        if old_values[field] != new_values[field]
    ]
    for split_off in after[1:]:
        changes.append(audit.FieldChange("splitOff", None, split_off.id))
        for name, value in _to_values(split_off).items():
            old_value = old_values[name] if name == "staffId" else None
            changes += [audit.FieldChange(f"rest/{name}", old_value, value)] if value is not None else []
    shifts = _diff_series(before, remaining) if before and remaining and len(after) == 1 else None
    if shifts is None:
        shifts = _diff_covers([before] if before else [], after)
    listed = _limit_shifts(shifts)
    changes += listed
    if len(shifts) > len(listed):
        changes.append(audit.FieldChange("shifts", None, f"{len(shifts) - len(listed)} more"))
    if allow_overlap:
        changes.append(audit.FieldChange("allowOverlap", before=None, after=True))
    return changes


def _limit_shifts(shifts: list[audit.FieldChange]) -> list[audit.FieldChange]:
    """So many as one entry tells, the first of each person among them."""
    first_by_staff: dict[str, int] = {}
    for index, change in enumerate(shifts):
        for shift in (change.before, change.after):
            if shift:
                first_by_staff.setdefault(shift["staffId"], index)
    listed_indexes = list(dict.fromkeys([*first_by_staff.values(), *range(len(shifts))]))[:MAX_LISTED_SHIFTS]
    return [shifts[index] for index in sorted(listed_indexes)]


def _to_values(schedule: Schedule | None) -> dict[str, Any]:
    if schedule is None:
        return dict.fromkeys(_FIELDS)
    series = schedule.series()
    rrule_text = rrule.to_rrule(series.rule, zone=series.zone) if series.rule else None
    values = (schedule.staff_id, schedule.location_id, schedule.start, schedule.end, schedule.zone, rrule_text)
    return dict(zip(_FIELDS, values, strict=True))


def _diff_series(before: Schedule, after: Schedule) -> list[audit.FieldChange] | None:
    """Shifts that were changed by themselves; None where the series did not stay in its place."""
    old_series, new_series = before.series(), after.series()
    if old_series.rule is None or new_series.rule is None or old_series.start != new_series.start:
        return None
    changes = []
    for recurrence_id in sorted({*old_series.exceptions, *new_series.exceptions}):
        old_shift, new_shift = (
            _to_shift_values(before, old_series, recurrence_id),
            _to_shift_values(after, new_series, recurrence_id),
        )
        is_cut_off = (
            not _is_regular_start(new_series, recurrence_id) and (old_shift or {}).get("staffId") == after.staff_id
        )
        if old_shift != new_shift and not is_cut_off:  # what the end cut off of one's own, the end tells
            changes.append(audit.FieldChange(f"shift/{recurrence_id.isoformat()}", old_shift, new_shift))
    return changes


def _is_regular_start(series: Series, recurrence_id: datetime) -> bool:
    return series.rule is not None and expand.has_start(series.rule, series.start, recurrence_id)


def _to_shift_values(schedule: Schedule, series: Series, recurrence_id: datetime) -> ShiftValues | None:
    """One shift as it is; None where there is none."""
    if recurrence_id not in series.exceptions and not _is_regular_start(series, recurrence_id):
        return None
    exception = series.exceptions.get(recurrence_id, RecurrenceException(recurrence_id))
    if exception.start is None:
        return None
    shift = expand.to_single_shift(series, recurrence_id, exception)
    return {
        "staffId": exception.staff_id or schedule.staff_id,
        "startTime": shift.start.isoformat(),
        "endTime": shift.end.isoformat(),
        "timeZone": shift.zone,
    }


def _diff_covers(before: list[Schedule], after: list[Schedule]) -> list[audit.FieldChange]:
    """Shifts that others than whose series it is had and have not, or have and had not."""
    old_covers, new_covers = ([*chain.from_iterable(map(_list_covers, schedules))] for schedules in (before, after))
    owners = {schedule.staff_id for schedule in after}
    removed = [shift for shift in old_covers if shift not in new_covers and shift["staffId"] not in owners]
    added = [shift for shift in new_covers if shift not in old_covers]
    return [
        *(audit.FieldChange(f"shift/{shift['startTime']}", shift, None) for shift in removed),
        *(audit.FieldChange(f"shift/{shift['startTime']}", None, shift) for shift in added),
    ]


def _list_covers(schedule: Schedule) -> list[ShiftValues]:
    series = schedule.series()
    recurrence_ids = (
        recurrence_id for recurrence_id, exception in sorted(series.exceptions.items()) if exception.staff_id
    )
    return [shift for recurrence_id in recurrence_ids if (shift := _to_shift_values(schedule, series, recurrence_id))]
