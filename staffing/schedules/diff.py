"""The changes of schedules that an audit entry stores, and reading them for notifications.

The fields of an entry are those of the schedule, ``rest/…`` of the series that was split off,
``shift/…`` of single shifts and ``details/…`` of single occurrences, by start.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from config import audit, dynamodb
from config.audit import reader
from staffing.models import Schedule
from staffing.recurrence import covers, details, rrule, rules
from staffing.recurrence.expand import RecurrenceException, Series

MAX_LISTED_SHIFTS = 20
"""Single shifts that one entry lists."""
_FIELDS = ("staffId", "locationId", "startTime", "endTime", "timeZone", "rrule")


@dataclass(frozen=True)
class ShiftState:
    """The person and the wall times of a shift or a series, as stored."""

    staff_id: str
    location_id: str | None
    start: str
    end: str
    zone: str
    rrule: str | None = None

    def to_json(self) -> dict[str, str]:
        values = (self.staff_id, self.location_id, self.start, self.end, self.zone, self.rrule)
        return {name: value for name, value in zip(_FIELDS, values, strict=True) if value is not None}


def _from_json(values: Mapping[str, Any]) -> ShiftState | None:
    """The inverse of `ShiftState.to_json`; None of nothing, or where the values were erased."""
    return ShiftState(*(values.get(name) for name in _FIELDS)) if values.get("staffId") else None  # type: ignore[arg-type]


@dataclass(frozen=True)
class ShiftChange:
    """A shift or a series before and after; None: there was none, there is none."""

    before: ShiftState | None
    after: ShiftState | None

    def to_field_change(self, name: str) -> audit.FieldChange:
        before, after = (state.to_json() if state else None for state in (self.before, self.after))
        return audit.FieldChange(f"shift/{name}", before, after)


# --- writing --------------------------------------------------------------------------------------
def diff_schedules(
    before: Schedule | None, after: list[Schedule], *, allow_overlap: bool = False
) -> list[audit.FieldChange]:
    """The fields of the audit entry of a change; a second schedule ``after`` was split off."""
    old_values, new_values = (
        _to_json(schedule) if schedule else {} for schedule in (before, after[0] if after else None)
    )
    changes = [
        audit.FieldChange(name, old_values.get(name), new_values.get(name))
        for name in (*_FIELDS, *details.WIRE_NAMES.values())
        if old_values.get(name) != new_values.get(name)
    ]
    for split_off in after[1:]:
        changes.append(audit.FieldChange("splitOff", None, split_off.id))
        for name, value in _to_json(split_off).items():
            changes.append(audit.FieldChange(f"rest/{name}", old_values[name] if name == "staffId" else None, value))
    shifts = _diff_series(before, after[0]) if before and len(after) == 1 else None
    if shifts is None:
        shifts = _diff_covers(before, after)
    listed = _limit_shifts(shifts)
    changes += listed
    if len(shifts) > len(listed):
        changes.append(audit.FieldChange("shifts", None, f"{len(shifts) - len(listed)} more"))
    changes += _diff_occurrence_details(before, after)
    if allow_overlap:
        changes.append(audit.FieldChange("allowOverlap", before=None, after=True))
    return changes


def _to_json(schedule: Schedule) -> dict[str, Any]:
    values = details.to_json(details.get_details(schedule))
    return {**_get_state(schedule).to_json(), **{name: value for name, value in values.items() if value is not None}}


def _diff_occurrence_details(before: Schedule | None, after: list[Schedule]) -> list[audit.FieldChange]:
    """The details of single occurrences that changed: ``details/`` and the original start."""
    old, new = (
        {
            recurrence_id.isoformat(): details.to_json(exception.details)
            for schedule in schedules
            for recurrence_id, exception in schedule.series().exceptions.items()
            if exception.details
        }
        for schedules in ([before] if before else [], after)
    )
    changes = [
        audit.FieldChange(f"details/{id}", old.get(id), new.get(id))
        for id in sorted({*old, *new})
        if old.get(id) != new.get(id)
    ]
    return changes[:MAX_LISTED_SHIFTS] if after else []


def _limit_shifts(shifts: list[audit.FieldChange]) -> list[audit.FieldChange]:
    """At most `MAX_LISTED_SHIFTS`, among them the first of each person."""
    first_by_staff: dict[str, int] = {}
    for index, change in enumerate(shifts):
        for shift in (change.before, change.after):
            if shift:
                first_by_staff.setdefault(shift["staffId"], index)
    listed_indexes = list(dict.fromkeys([*first_by_staff.values(), *range(len(shifts))]))[:MAX_LISTED_SHIFTS]
    return [shifts[index] for index in sorted(listed_indexes)]


def _get_state(schedule: Schedule) -> ShiftState:
    series = schedule.series()
    rrule_text = rrule.to_rrule(series.rule, zone=series.zone) if series.rule else None
    return ShiftState(schedule.staff_id, schedule.location_id, schedule.start, schedule.end, schedule.zone, rrule_text)


def _diff_series(before: Schedule, after: Schedule) -> list[audit.FieldChange] | None:
    """The single shifts that changed; None where the series moved.

    The owner's shifts after a new end of the series are not listed.
    """
    old_series, new_series = before.series(), after.series()
    if old_series.rule is None or new_series.rule is None or old_series.start != new_series.start:
        return None
    changes = []
    for recurrence_id in sorted({*old_series.exceptions, *new_series.exceptions}):
        change = ShiftChange(
            _get_shift_state(before, old_series, recurrence_id), _get_shift_state(after, new_series, recurrence_id)
        )
        is_own = change.before is not None and change.before.staff_id == after.staff_id
        if change.before != change.after and (_is_regular_start(new_series, recurrence_id) or not is_own):
            changes.append(change.to_field_change(recurrence_id.isoformat()))
    return changes


def _is_regular_start(series: Series, recurrence_id: datetime) -> bool:
    return series.rule is not None and rules.has_start(series.rule, series.start, recurrence_id)


def _get_shift_state(schedule: Schedule, series: Series, recurrence_id: datetime) -> ShiftState | None:
    """One shift of a series; None if the rule has no such shift, or it is excluded."""
    exception = series.exceptions.get(recurrence_id)
    if exception is None and _is_regular_start(series, recurrence_id):
        exception = RecurrenceException(recurrence_id)
    if exception is None or exception.start is None:
        return None
    shift = covers.to_single_shift(series, recurrence_id, exception)
    staff_id = exception.staff_id or schedule.staff_id
    return ShiftState(staff_id, None, shift.start.isoformat(), shift.end.isoformat(), shift.zone)


def _diff_covers(before: Schedule | None, after: list[Schedule]) -> list[audit.FieldChange]:
    """The shifts that other people than the owner lose or get."""
    old_covers = _list_covers(before) if before else []
    new_covers = [cover for schedule in after for cover in _list_covers(schedule)]
    owners = {schedule.staff_id for schedule in after}
    removed = [cover for cover in old_covers if cover not in new_covers and cover.staff_id not in owners]
    added = [cover for cover in new_covers if cover not in old_covers]
    return [
        *(ShiftChange(cover, None).to_field_change(cover.start) for cover in removed),
        *(ShiftChange(None, cover).to_field_change(cover.start) for cover in added),
    ]


def _list_covers(schedule: Schedule) -> list[ShiftState]:
    series = schedule.series()
    covered_ids = (id for id, exception in sorted(series.exceptions.items()) if exception.staff_id)
    return [state for id in covered_ids if (state := _get_shift_state(schedule, series, id))]


# --- reading --------------------------------------------------------------------------------------
def read_shift_changes(entry: reader.DecryptedEntry) -> Iterator[ShiftChange]:
    """The shifts and series that an entry says were changed.

    A series that was changed as a whole is shown as it is now, and not at all if it is gone.
    """
    before = {change["field"]: change["before"] for change in entry.changes}
    after = {change["field"]: change["after"] for change in entry.changes}
    if entry.action == "schedule.changed":
        schedule = dynamodb.get_record(Schedule, str(entry.subject["id"])) if after.keys() & set(_FIELDS) else None
        if schedule:
            state = _get_state(schedule)
            owners = (values.get("staffId", schedule.staff_id) for values in (before, after))
            yield ShiftChange(*(replace(state, staff_id=owner_id) for owner_id in owners))
            if "locationId" in after:
                yield from (ShiftChange(cover, cover) for cover in _list_covers(schedule))
    elif entry.action == "schedule.split":
        rest = _from_json({name: after.get(f"rest/{name}") for name in _FIELDS})
        yield ShiftChange(replace(rest, staff_id=before["rest/staffId"]) if rest else None, rest)
    else:
        yield ShiftChange(_from_json(before), _from_json(after))
    for name in after:
        if name.startswith("shift/"):
            yield ShiftChange(_from_json(before[name] or {}), _from_json(after[name] or {}))
