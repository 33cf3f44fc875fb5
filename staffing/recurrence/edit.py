"""Edits of a series: one shift, one and all that follow, or all of it. Pure.

A shift is named by its recurrence id: the wall time at which the rule starts it, wherever it was
put since. What an edit does not name stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from config import errors
from staffing.recurrence import expand, local_time, pattern, rrule, rules
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import RecurrenceRule

EditScope = Literal["occurrence", "following", "all"]
_WHOLE_SERIES_ONLY = "It concerns the whole series; use scope=following or all."


class OccurrenceNotFound(errors.NotFound):
    """The series starts no shift then."""

    code = "no_such_occurrence"


class ExceptionsLost(errors.Conflict):
    """What became of single shifts has no place in what the series would be."""

    code = "exceptions_lost"


@dataclass(frozen=True)
class SeriesUpdate:
    """What is to be changed; None stays as it is. Times are naive or aware."""

    start: datetime | None = None
    end: datetime | None = None
    recurring: bool | None = None
    pattern: Mapping[str, Any] | None = None
    staff_id: str | None = None

    @property
    def has_times(self) -> bool:
        return self.start is not None or self.end is not None


@dataclass(frozen=True)
class EditResult:
    """What an edit makes of a series: what it was, without what was split off."""

    remaining: Series | None
    """What stays; None: nothing."""
    split_off: Series | None = None
    """What was split off, to be a series of its own."""
    staff_id: str = ""
    """Whose it is then: the rest, where there is one."""
    added: tuple[tuple[str, Series], ...] = ()
    """Who gets which shifts that they did not have, or not then."""
    existing: tuple[tuple[str, Series], ...] = ()
    """What else of it people have, as far as the fresh could overlap it."""


def add_series(series: Series, staff_id: str) -> EditResult:
    """A series that was not there."""
    assigned = assign_series(series, staff_id)
    return EditResult(assigned, staff_id=staff_id, added=_list_assignments(assigned, staff_id))


def update_series(
    series: Series,
    update: SeriesUpdate,
    *,
    staff_id: str,
    scope: EditScope,
    recurrence_id: datetime | None,
    local_zone: str,
) -> EditResult:
    """A series after an edit; ``local`` is the zone in which times without offset are read.

    Raises `NoSuchShift` and `errors.Invalid`.
    """
    _check_update(series, update)
    if series.rule is None or scope == "all":
        if series.rule is None and (scope != "all" or recurrence_id):
            raise errors.InvalidRequest("It does not recur: use scope=all.", pointer="?scope")
        if recurrence_id is not None:
            _check_recurrence_id(series, recurrence_id)
        updated = _update_whole_series(series, update, recurrence_id or series.start, local_zone)
        return _build_result(series, updated, update.staff_id or staff_id, previous_staff_id=staff_id)
    if recurrence_id is None:
        raise errors.InvalidRequest("Name the shift.", pointer="?recurrenceId")
    _check_recurrence_id(series, recurrence_id)
    if scope == "occurrence":
        return _update_occurrence(series, update, recurrence_id, staff_id, local_zone)
    remaining, following = split_series(series, recurrence_id)
    if remaining is None:
        return update_series(
            series, update, staff_id=staff_id, scope="all", recurrence_id=recurrence_id, local_zone=local_zone
        )
    updated_following = _update_whole_series(following, update, following.start, local_zone)
    result = _build_result(following, updated_following, update.staff_id or staff_id, previous_staff_id=staff_id)
    return EditResult(
        assign_series(remaining, staff_id),
        result.remaining,
        result.staff_id,
        result.added,
        _list_assignments(remaining, staff_id),
    )


def remove_from_series(
    series: Series, *, staff_id: str, scope: EditScope, recurrence_id: datetime | None
) -> EditResult:
    """A series without one shift, without what follows, or nothing of it.

    Raises `NoSuchShift` and `errors.Invalid`.
    """
    if scope == "all":
        if recurrence_id is not None:
            raise errors.InvalidRequest("scope=all names no shift.", pointer="?recurrenceId")
        return EditResult(None, staff_id=staff_id)
    if series.rule is None:
        raise errors.InvalidRequest("It does not recur: use scope=all.", pointer="?scope")
    if recurrence_id is None:
        raise errors.InvalidRequest("Name the shift.", pointer="?recurrenceId")
    _check_recurrence_id(series, recurrence_id)
    if scope == "following":
        return EditResult(split_series(series, recurrence_id)[0], staff_id=staff_id)
    if recurrence_id in series.exceptions and series.exceptions[recurrence_id].start is None:
        raise OccurrenceNotFound("This shift was left out already.", pointer="?recurrenceId")
    return EditResult(_set_exception(series, recurrence_id, RecurrenceException()), staff_id=staff_id)


def _check_update(series: Series, update: SeriesUpdate) -> None:
    if update.recurring is False and update.pattern is not None:
        raise errors.InvalidRequest("What does not recur has no pattern.", pointer="/recurrencePattern")
    if update.recurring and update.pattern is None and series.rule is None:
        raise errors.InvalidRequest("What recurs needs a pattern.", pointer="/recurrencePattern")


def _check_recurrence_id(series: Series, recurrence_id: datetime) -> None:
    if series.rule is None or not rules.has_start(series.rule, series.start, recurrence_id):
        raise OccurrenceNotFound("The series starts no shift then.", pointer="?recurrenceId")


def split_series(series: Series, recurrence_id: datetime) -> tuple[Series | None, Series]:
    """A series before one of its shifts, if there is any, and from it on."""
    rule = series.rule
    previous_start = rules.find_last_start_before(rule, series.start, recurrence_id) if rule else None
    if rule is None or previous_start is None:
        return None, series
    rule_before, rule_from = _split_rule(rule, series.start, recurrence_id, previous_start)
    duration = series.end - series.start
    return (
        replace(
            series,
            rule=rule_before,
            exceptions={
                exception_id: exception
                for exception_id, exception in series.exceptions.items()
                if exception_id < recurrence_id
            },
        ),
        replace(
            series,
            start=recurrence_id,
            end=recurrence_id + duration,
            rule=rule_from,
            exceptions={
                exception_id: exception
                for exception_id, exception in series.exceptions.items()
                if exception_id >= recurrence_id
            },
        ),
    )


def _split_rule(
    rule: RecurrenceRule, first_start: datetime, recurrence_id: datetime, previous_start: datetime
) -> tuple[RecurrenceRule, RecurrenceRule]:
    if rule.count:
        count_before = sum(1 for _ in rules.iter_starts(rule, first_start, first_start, recurrence_id))
        return replace(rule, count=count_before), replace(rule, count=rule.count - count_before)
    return replace(rule, until=previous_start), rule


# --- one shift ------------------------------------------------------------------------------------
def _update_occurrence(
    series: Series, update: SeriesUpdate, recurrence_id: datetime, staff_id: str, local_zone: str
) -> EditResult:
    if update.recurring is not None:
        raise errors.InvalidRequest(_WHOLE_SERIES_ONLY, pointer="/recurring")
    if update.pattern is not None:
        raise errors.InvalidRequest(_WHOLE_SERIES_ONLY, pointer="/recurrencePattern")
    current = series.exceptions.get(recurrence_id, RecurrenceException(recurrence_id))
    start, end = _resolve_times(series, update, current.start or recurrence_id, current.end, local_zone)
    if abs(start - recurrence_id) > pattern.MAX_MOVE_DISTANCE:
        detail = f"It must be within {pattern.MAX_MOVE_DISTANCE.days} days of where it was."
        raise errors.InvalidRequest(detail, pointer="/startTime")
    assignee_id = update.staff_id or current.staff_id or staff_id
    cover_id = assignee_id if assignee_id != staff_id else None
    is_regular = start == recurrence_id and end - start == series.end - series.start and cover_id is None
    exception = None if is_regular else RecurrenceException(start, end, cover_id)
    updated = _set_exception(series, recurrence_id, exception)
    shift = Series(start, end, series.zone)
    has_same_times = current.start == start and (current.end or start + (series.end - series.start)) == end
    is_unchanged = recurrence_id in series.exceptions and has_same_times and current.staff_id == cover_id
    if is_unchanged:
        return EditResult(updated, staff_id=staff_id)
    existing = _list_assignments(_set_exception(series, recurrence_id, RecurrenceException()), staff_id)
    return EditResult(updated, staff_id=staff_id, added=((assignee_id, shift),), existing=existing)


def _set_exception(series: Series, recurrence_id: datetime, exception: RecurrenceException | None) -> Series:
    other_exceptions = {
        other_id: other_exception
        for other_id, other_exception in series.exceptions.items()
        if other_id != recurrence_id
    }
    exceptions = {**other_exceptions, **({recurrence_id: exception} if exception else {})}
    if len(exceptions) > pattern.MAX_EXCEPTIONS:
        raise errors.InvalidRequest(f"A series takes {pattern.MAX_EXCEPTIONS} changes at most; split it.")
    return replace(series, exceptions=exceptions)


def _resolve_times(
    series: Series, update: SeriesUpdate, start: datetime, end: datetime | None, local_zone: str
) -> tuple[datetime, datetime]:
    duration = (end or start + (series.end - series.start)) - start
    new_start = _to_wall_time(update.start, series.zone, local_zone, "/startTime") or start
    new_end = _to_wall_time(update.end, series.zone, local_zone, "/endTime") or new_start + duration
    local_time.check_times(new_start, new_end)
    return new_start, new_end


def _to_wall_time(at: datetime | None, zone: str, local_zone: str, pointer: str) -> datetime | None:
    return local_time.resolve_wall_time(at, input_zone=local_zone, zone=zone, pointer=pointer) if at else None


# --- all of a series ------------------------------------------------------------------------------
def _update_whole_series(series: Series, update: SeriesUpdate, recurrence_id: datetime, local_zone: str) -> Series:
    """A series whose shift ``id`` is to have these times, and others accordingly."""
    if series.rule is None and update.pattern is None:
        return _update_single_shift(series, update, local_zone)
    pattern_fields = dict(update.pattern or {})
    zone = rrule.parse_zone(pattern_fields.get("timeZone", series.zone))
    series_in_zone = replace(series, zone=zone)
    start, end = _resolve_times(series_in_zone, update, recurrence_id, None, local_zone)
    offset = start - recurrence_id
    first_start = series.start + offset
    if update.recurring is False:
        if recurrence_id in series.exceptions or series.start in series.exceptions:
            raise ExceptionsLost("What became of this shift would be lost; change it first.")
        return Series(first_start, first_start + (end - start), zone)
    local_time.check_times(first_start, first_start + (end - start))
    if update.pattern is None and series.rule is not None:
        rule = _move_rule_end(series.rule, series.start, offset)
        updated = replace(series, start=first_start, end=first_start + (end - start), rule=rule, exceptions={})
        pattern.check_series(updated, is_new=False)
        exceptions = _carry_exceptions(series, updated, offset)
        if len(exceptions) < len(series.exceptions):
            raise ExceptionsLost("Changes of single shifts would be lost; give a recurrencePattern.")
        return replace(updated, exceptions=exceptions)
    pattern_fields.setdefault("timeZone", zone)
    updated = pattern.parse_series(pattern_fields, start=first_start, end=first_start + (end - start), zone=zone)
    if "exceptions" in pattern_fields or series.rule is None:
        return updated
    return replace(updated, exceptions=_carry_exceptions(series, updated, offset))


def _update_single_shift(series: Series, update: SeriesUpdate, local_zone: str) -> Series:
    """A single shift at other times; it may stand in a zone of its own."""
    zone = local_zone if update.start and update.end else series.zone
    start = update.start or series.start.replace(tzinfo=None)
    end = update.end or series.end
    if update.start and not update.end:
        new_start = local_time.resolve_wall_time(update.start, input_zone=local_zone, zone=zone, pointer="/startTime")
        return _build_single_shift(new_start, new_start + (series.end - series.start), zone)
    if update.end and not update.start:
        new_end = local_time.resolve_wall_time(update.end, input_zone=local_zone, zone=zone, pointer="/endTime")
        return _build_single_shift(start, new_end, zone)
    if not update.has_times:
        return series
    return Series(*local_time.resolve_wall_times(start, end, input_zone=local_zone, zone=zone, allow_utc=True))


def _build_single_shift(start: datetime, end: datetime, zone: str) -> Series:
    local_time.check_times(start, end)
    return Series(start, end, zone)


def _move_rule_end(rule: RecurrenceRule, first_start: datetime, offset: timedelta) -> RecurrenceRule:
    """A rule with an end that takes in as many shifts once they are moved."""
    if rule.until is None or not offset:
        return rule
    last_start = rules.find_last_start_before(rule, first_start, rule.until + timedelta(seconds=1)) or first_start
    return replace(rule, until=last_start + offset)


def _carry_exceptions(before: Series, after: Series, offset: timedelta) -> dict[datetime, RecurrenceException]:
    """The changes of single shifts that the new rule still starts, moved along."""
    exceptions = {}
    for recurrence_id, exception in before.exceptions.items():
        if after.rule and rules.has_start(after.rule, after.start, recurrence_id + offset):
            exceptions[recurrence_id + offset] = _move_exception(exception, recurrence_id, offset)
    return exceptions


def _move_exception(exception: RecurrenceException, recurrence_id: datetime, offset: timedelta) -> RecurrenceException:
    if exception.start != recurrence_id:
        return exception
    return replace(exception, start=recurrence_id + offset, end=exception.end + offset if exception.end else None)


def _build_result(before: Series, after: Series, staff_id: str, *, previous_staff_id: str) -> EditResult:
    """Who gets what by a change of a whole series."""
    after = assign_series(after, staff_id)
    if after == before and staff_id == previous_staff_id:
        return EditResult(after, staff_id=staff_id)
    return EditResult(after, staff_id=staff_id, added=_list_assignments(after, staff_id))


def _list_assignments(series: Series, staff_id: str) -> tuple[tuple[str, Series], ...]:
    series_by_staff = expand.split_by_staff(series, staff_id)
    return tuple((assignee_id, part) for assignee_id, parts in series_by_staff.items() for part in parts)


def assign_series(series: Series, staff_id: str) -> Series:
    """A series of somebody: shifts that were given to them are simply theirs."""
    exceptions = {
        recurrence_id: replace(exception, staff_id=None) if exception.staff_id == staff_id else exception
        for recurrence_id, exception in series.exceptions.items()
    }
    return replace(series, exceptions=exceptions)
