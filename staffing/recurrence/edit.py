"""Edits of a series: one shift, one and all that follow, or all of it. Pure.

A shift is identified by its recurrence id: the wall time at which the rule starts it, even if it
was moved since. Fields that an edit omits stay as they are.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from config import errors
from staffing.recurrence import covers, expand, local_time, pattern, rrule, rules
from staffing.recurrence.details import Details, find_overrides, strip_details
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.recurrence.series_update import SeriesUpdate, drop_unchanged_pattern, drop_unchanged_values

EditScope = Literal["occurrence", "following", "all"]


class OccurrenceNotFound(errors.NotFound):
    """No occurrence of the series starts at that recurrence id."""

    code = "occurrence_not_found"
    example_detail = "No occurrence of this series starts at that `recurrenceId`."
    example_pointer = "?recurrenceId"


class ExceptionsLost(errors.Conflict):
    """Exceptions would be lost, because the changed series has no such occurrences."""

    code = "exceptions_lost"


@dataclass(frozen=True)
class EditResult:
    """What an edit makes of a series."""

    remaining: Series | None
    """The series itself; None: nothing is left."""
    split_off: Series | None = None
    """The shift and all that follow, as a new series."""
    staff_id: str = ""
    """The owner of ``split_off`` if there is one, otherwise of ``remaining``."""
    added: tuple[tuple[str, Series], ...] = ()
    """Shifts that people did not have before, or not at that time, by user id."""
    existing: tuple[tuple[str, Series], ...] = ()
    """Other shifts of the series that the added ones could overlap, by user id."""
    details: Details = field(default_factory=dict)
    """Those to change of the series that was edited."""


def update_series(
    series: Series,
    update: SeriesUpdate,
    *,
    staff_id: str,
    scope: EditScope,
    recurrence_id: datetime | None,
    local_zone: str,
    series_details: Details,
) -> EditResult:
    """A series after an edit, without its details; naive times are local in ``local_zone``.

    Raises `OccurrenceNotFound`, `ExceptionsLost` and `errors.InvalidRequest`.
    """
    update = drop_unchanged_pattern(series, update)
    if scope == "all" and recurrence_id is None:
        recurrence_id = series.start
    else:
        recurrence_id = _require_recurrence_id(series, recurrence_id)
    update = drop_unchanged_values(
        series, update, recurrence_id, staff_id=staff_id, details=series_details, local_zone=local_zone
    )
    if scope == "all":
        result = _update_whole_series(series, update, recurrence_id, staff_id, local_zone)
        return replace(result, details=update.details)
    if scope == "occurrence":
        return _update_occurrence(series, update, recurrence_id, staff_id, local_zone, series_details)
    remaining, following = split_series(series, recurrence_id)
    result = _update_whole_series(following, update, recurrence_id, staff_id, local_zone)
    result = replace(result, details=update.details)
    if remaining is None:
        return result
    remaining = assign_series(remaining, staff_id)
    existing = list_assignments(remaining, staff_id)
    return replace(result, remaining=remaining, split_off=result.remaining, existing=existing)


def remove_from_series(
    series: Series, *, staff_id: str, scope: EditScope, recurrence_id: datetime | None
) -> EditResult:
    """A series without one shift, without one and all that follow, or nothing of it.

    Raises `OccurrenceNotFound` and `errors.InvalidRequest`.
    """
    if scope == "all":
        if recurrence_id is not None:
            raise errors.InvalidRequest("Omit `recurrenceId` with scope=all.", pointer="?recurrenceId")
        return EditResult(None, staff_id=staff_id)
    recurrence_id = _require_recurrence_id(series, recurrence_id)
    if scope == "following":
        return EditResult(split_series(series, recurrence_id)[0], staff_id=staff_id)
    if recurrence_id in series.exceptions and series.exceptions[recurrence_id].start is None:
        raise OccurrenceNotFound("This shift is already excluded.", pointer="?recurrenceId")
    return EditResult(_set_exception(series, recurrence_id, RecurrenceException()), staff_id=staff_id)


def _require_recurrence_id(series: Series, recurrence_id: datetime | None) -> datetime:
    if series.rule is None:
        raise errors.InvalidRequest("This schedule does not recur; use scope=all.", pointer="?scope")
    if recurrence_id is None:
        raise errors.InvalidRequest("A `recurrenceId` is required with this scope.", pointer="?recurrenceId")
    recurrence_id = local_time.to_recurrence_id(series, recurrence_id)
    if not rules.has_start(series.rule, series.start, recurrence_id):
        raise OccurrenceNotFound("No occurrence of this series has that `recurrenceId`.", pointer="?recurrenceId")
    return recurrence_id


def split_series(series: Series, recurrence_id: datetime) -> tuple[Series | None, Series]:
    """A series before one of its shifts (None: nothing), and from it on."""
    rule = series.rule
    previous_start = rules.find_last_start_before(rule, series.start, recurrence_id) if rule else None
    if rule is None or previous_start is None:
        return None, series
    if rule.count:
        count_before = sum(1 for _ in rules.iter_starts(rule, series.start, series.start, recurrence_id))
        rule_before, rule_from = replace(rule, count=count_before), replace(rule, count=rule.count - count_before)
    else:
        rule_before, rule_from = replace(rule, until=previous_start), rule
    exceptions = series.exceptions.items()
    before = replace(series, rule=rule_before, exceptions={id: item for id, item in exceptions if id < recurrence_id})
    following = replace(
        series,
        start=recurrence_id,
        end=recurrence_id + (series.end - series.start),
        rule=rule_from,
        exceptions={id: item for id, item in exceptions if id >= recurrence_id},
    )
    return before, following


# --- one shift ------------------------------------------------------------------------------------
def _update_occurrence(
    series: Series,
    update: SeriesUpdate,
    recurrence_id: datetime,
    staff_id: str,
    local_zone: str,
    series_details: Details,
) -> EditResult:
    if update.recurring is False or update.pattern is not None:
        pointer = "/recurring" if update.recurring is False else "/recurrencePattern"
        raise errors.InvalidRequest("Applies to the whole series; use scope=following or all.", pointer=pointer)
    current = series.exceptions.get(recurrence_id, RecurrenceException(recurrence_id))
    start, end = local_time.resolve_changed_times(
        series, current.start or recurrence_id, current.end, (update.start, update.end), local_zone
    )
    if abs(start - recurrence_id) > pattern.MAX_MOVE_DISTANCE:
        detail = f"Must be within {pattern.MAX_MOVE_DISTANCE.days} days of the original start."
        raise errors.InvalidRequest(detail, pointer="/startTime")
    duration = series.end - series.start
    assignee_id = update.staff_id or current.staff_id or staff_id
    cover_id = assignee_id if assignee_id != staff_id else None
    overrides = find_overrides({**current.details, **update.details}, series_details)
    exception: RecurrenceException | None = RecurrenceException(start, end, cover_id, overrides)
    if start == recurrence_id and end - start == duration and cover_id is None:
        exception = RecurrenceException(start, details=overrides) if overrides else None
    updated = _set_exception(series, recurrence_id, exception)
    has_same_times = current.start == start and (current.end or start + duration) == end
    takes_place = recurrence_id in series.exceptions or expand.build_regular_occurrence(series, recurrence_id)
    if takes_place and has_same_times and current.staff_id == cover_id:
        return EditResult(updated, staff_id=staff_id)
    added = ((assignee_id, Series(start, end, series.zone)),)
    existing = list_assignments(_set_exception(series, recurrence_id, RecurrenceException()), staff_id)
    return EditResult(updated, staff_id=staff_id, added=added, existing=existing)


def _set_exception(series: Series, recurrence_id: datetime, exception: RecurrenceException | None) -> Series:
    exceptions = {id: item for id, item in series.exceptions.items() if id != recurrence_id}
    if exception:
        exceptions[recurrence_id] = exception
    if len(exceptions) > pattern.MAX_EXCEPTIONS:
        raise errors.InvalidRequest(f"A series has at most {pattern.MAX_EXCEPTIONS} exceptions; split it.")
    return replace(series, exceptions=exceptions)


# --- all of a series ------------------------------------------------------------------------------
def _update_whole_series(
    series: Series, update: SeriesUpdate, recurrence_id: datetime, staff_id: str, local_zone: str
) -> EditResult:
    new_staff_id = update.staff_id or staff_id
    updated = assign_series(_build_updated_series(series, update, recurrence_id, local_zone), new_staff_id)
    is_unchanged = updated == series and new_staff_id == staff_id
    added = () if is_unchanged else list_assignments(updated, new_staff_id)
    return EditResult(updated, staff_id=new_staff_id, added=added)


def _build_updated_series(series: Series, update: SeriesUpdate, recurrence_id: datetime, local_zone: str) -> Series:
    """A series after moving the shift ``recurrence_id`` to new times, and the others by as much."""
    if series.rule is None and update.pattern is None:
        return _update_single_shift(series, update, local_zone)
    pattern_fields = dict(update.pattern or {})
    zone = rrule.parse_zone(pattern_fields.get("timeZone", series.zone))
    start, end = local_time.resolve_changed_times(
        replace(series, zone=zone), recurrence_id, None, (update.start, update.end), local_zone
    )
    offset, duration = start - recurrence_id, end - start
    first_start = series.start + offset
    if update.recurring is False:
        if recurrence_id in series.exceptions or series.start in series.exceptions:
            raise ExceptionsLost("This shift has an exception, which would be lost; remove the exception first.")
        return Series(first_start, first_start + duration, zone)
    local_time.check_times(first_start, first_start + duration)
    if update.pattern is None and series.rule is not None:
        rule = _move_rule_end(series.rule, series.start, offset)
        updated = replace(series, start=first_start, end=first_start + duration, rule=rule, exceptions={})
        pattern.check_series(updated, is_new=False)
        exceptions = _carry_exceptions(series, updated, offset)
        if len(exceptions) < len(series.exceptions):
            raise ExceptionsLost("Exceptions of the series would be lost; send a `recurrencePattern`.")
        return replace(updated, exceptions=exceptions)
    pattern_fields.setdefault("timeZone", zone)
    updated = pattern.parse_series(pattern_fields, start=first_start, end=first_start + duration, zone=zone)
    if "exceptions" in pattern_fields or series.rule is None:
        return updated
    return replace(updated, exceptions=_carry_exceptions(series, updated, offset))


def _update_single_shift(series: Series, update: SeriesUpdate, local_zone: str) -> Series:
    """A single shift at other times; if both are new, it may move to another zone."""
    shown = series.first_occurrence
    if update.start and update.end and (update.start, update.end) != (shown.start, shown.end):
        start, end, zone = local_time.resolve_wall_times(
            update.start, update.end, input_zone=local_zone, zone=local_zone, allow_utc=True
        )
        return Series(start, end, zone)
    start, end = local_time.resolve_changed_times(series, series.start, None, (update.start, update.end), local_zone)
    return Series(start, end, series.zone)


def _move_rule_end(rule: RecurrenceRule, first_start: datetime, offset: timedelta) -> RecurrenceRule:
    """The rule with its end moved, so that the number of shifts stays the same."""
    if rule.until is None or not offset:
        return rule
    last_start = rules.find_last_start_before(rule, first_start, rule.until + timedelta(seconds=1)) or first_start
    return replace(rule, until=last_start + offset)


def _carry_exceptions(before: Series, after: Series, offset: timedelta) -> dict[datetime, RecurrenceException]:
    """The exceptions that still match a shift of the new rule, moved along with it."""
    exceptions = {}
    for recurrence_id, exception in before.exceptions.items():
        if after.rule and rules.has_start(after.rule, after.start, recurrence_id + offset):
            exceptions[recurrence_id + offset] = _move_exception(exception, recurrence_id, offset)
    return exceptions


def _move_exception(exception: RecurrenceException, recurrence_id: datetime, offset: timedelta) -> RecurrenceException:
    if exception.start != recurrence_id:
        return exception
    return replace(exception, start=recurrence_id + offset, end=exception.end + offset if exception.end else None)


def list_assignments(series: Series, staff_id: str) -> tuple[tuple[str, Series], ...]:
    """The shifts of a series by user id: those of its owner, and single ones of who covers."""
    series_by_staff = covers.split_by_staff(strip_details(series), staff_id)
    return tuple((assignee_id, part) for assignee_id, parts in series_by_staff.items() for part in parts)


def assign_series(series: Series, staff_id: str) -> Series:
    """A series assigned to a person; their covers in it become regular shifts."""
    if not series.exceptions:
        return series
    exceptions = {
        recurrence_id: replace(exception, staff_id=None) if exception.staff_id == staff_id else exception
        for recurrence_id, exception in series.exceptions.items()
    }
    return replace(series, exceptions=exceptions)
