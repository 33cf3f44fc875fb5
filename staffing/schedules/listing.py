"""Lists: the schedules, or the single shifts, of a location, a customer or a person.

People see their own shifts, and those at their locations.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from accounts import locations, permissions, users
from accounts.permissions import Actor
from config import dynamodb, errors, local_time
from config.dynamodb import pagination
from staffing.models import Schedule
from staffing.recurrence import expand, windows
from staffing.schedules import access, availability, expansion, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import LATEST_INSTANT, QueryTooWide, ScheduleFilter

MAX_WINDOW = timedelta(days=400)
"""The longest window in which single shifts are listed."""
ROWS_PER_READ = 250
"""Schedules of a person that are read at once."""
_REQUIRED_FILTERS = ("locationId", "customerId")


def list_schedules(
    schedule_filter: ScheduleFilter,
    *,
    actor: Actor,
    at: datetime,
    limit: int,
    cursor: pagination.Cursor | None,
    customer_zone: str | None = None,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> pagination.CursorPage[Schedule]:
    """Schedules with a shift in the window: single ones by start, then series by their end.

    Naive times of the window are local at the location, or without one in ``customer_zone``. A page
    may hold fewer than ``limit`` before the list ends. ``known``: records that were read with the
    actor. Raises `errors.NotFound` and `errors.Forbidden` for a location that does not exist or is
    not one of the actor's, and as `local_time.resolve_range` does.
    """
    schedule_filter = _resolve_filter(schedule_filter, actor, at, customer_zone, known)
    if schedule_filter.staff_id is not None:
        return _list_staff_schedules(schedule_filter, schedule_filter.staff_id, actor, limit=limit, cursor=cursor)
    page = queries.query_schedules(schedule_filter, limit=limit, cursor=cursor)
    visible = [schedule for schedule in page.records if _is_visible(schedule, schedule_filter, actor)]
    return pagination.CursorPage(visible, page.next_cursor)


def _resolve_filter(
    schedule_filter: ScheduleFilter, actor: Actor, at: datetime, customer_zone: str | None, known: dynamodb.BatchResult
) -> ScheduleFilter:
    """The filter with instants; refused if it names nothing, or what the actor may not see."""
    actor.require("schedules:read")
    customer_id, location_id, staff_id = (
        schedule_filter.customer_id,
        schedule_filter.location_id,
        schedule_filter.staff_id,
    )
    if location_id is None and customer_id is None:
        detail = "A `locationId` or a `customerId` is required."
        field_errors = [errors.FieldError(f"?{name}", "required", detail) for name in _REQUIRED_FILTERS]
        raise errors.InvalidRequest(detail, field_errors=field_errors)
    if customer_id is not None:
        with permissions.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id, pointer="?customerId")
    records = dynamodb.batch_get(list_named_keys(location_id, staff_id), known)
    zone = customer_zone
    if location_id is not None:
        zone = locations.get_location_from(records, location_id, actor, pointer="?locationId").time_zone
        if staff_id != actor.id:
            locations.check_access(actor, location_id)
    if staff_id is not None:
        users.get_user_from(records, staff_id, actor.customer_id, pointer="?staffId")
    since, until = local_time.resolve_range(schedule_filter.since, schedule_filter.until, zone)
    return replace(schedule_filter, since=since, until=until)


def list_named_keys(location_id: str | None, staff_id: str | None) -> list[dynamodb.RecordKey]:
    """What a list reads first: the location and the person of its filter."""
    keys = [locations.location_key(location_id)] if location_id is not None else []
    return keys + ([users.user_key(staff_id)] if staff_id is not None else [])


def _is_visible(schedule: Schedule, schedule_filter: ScheduleFilter, actor: Actor) -> bool:
    return access.can_see_schedule(actor, schedule) and _has_shift(schedule, schedule_filter)


def _has_shift(schedule: Schedule, schedule_filter: ScheduleFilter) -> bool:
    """Whether it has a shift in the window, of the person where the filter names one."""
    if schedule_filter.since is None and schedule_filter.until is None:
        return True
    staff_id = schedule_filter.staff_id
    if not schedule.is_series and not schedule.first_shift.is_adjusted:  # most: 20 times as fast as the general way
        start, end = schedule.first_shift.start, schedule.first_shift.end
        is_within = start < schedule_filter.window[1] and (schedule_filter.since is None or end > schedule_filter.since)
        return is_within and staff_id in (None, schedule.staff_id)
    series = schedule.series()
    earliest_start = series.earliest_start
    since = max(schedule_filter.since or earliest_start, earliest_start)
    until = min(schedule_filter.until or LATEST_INSTANT, series.latest_end)
    if staff_id not in (None, schedule.staff_id):
        return any(
            shift.staff_id == staff_id and shift.start < until and shift.end > since
            for shift in expand.iter_exception_occurrences(series)
        )
    if staff_id is None:
        return any(windows.has_shift(series, *window) for window in expansion.iter_steps(since, until))
    return any(
        shift.staff_id is None
        for window in expansion.iter_steps(since, until)
        for shift in expand.iter_occurrences(series, *window)
    )


def _list_staff_schedules(
    schedule_filter: ScheduleFilter, staff_id: str, actor: Actor, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    """Schedules of which a person has shifts, by their end."""
    cursor_end = cursor["end"]["S"] if cursor else ""
    rows = [row for row in availability.fetch_rows(staff_id, schedule_filter.since, None) if row.end > cursor_end]
    visible: list[Schedule] = []
    last_end = ""
    for offset in range(0, len(rows), ROWS_PER_READ):
        for row, schedule in queries.join_schedules(rows[offset : offset + ROWS_PER_READ]):
            if _is_matching(schedule, schedule_filter, actor):
                if len(visible) == limit:
                    return pagination.CursorPage(visible, {"end": {"S": last_end}})
                visible.append(schedule)
                last_end = str(row.end)
    return pagination.CursorPage(visible, None)


def _is_matching(schedule: Schedule, schedule_filter: ScheduleFilter, actor: Actor) -> bool:
    if schedule_filter.location_id not in (None, schedule.location_id) or schedule.customer_id != actor.customer_id:
        return False
    return _is_visible(schedule, schedule_filter, actor)


def list_shifts(
    schedule_filter: ScheduleFilter,
    *,
    actor: Actor,
    at: datetime,
    limit: int,
    cursor: pagination.Cursor | None,
    customer_zone: str | None = None,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> pagination.CursorPage[Shift]:
    """The single shifts in a window, by start; series are expanded.

    Raises as `list_schedules` does, and `queries.QueryTooWide`.
    """
    schedule_filter = _resolve_filter(schedule_filter, actor, at, customer_zone, known)
    since, until = schedule_filter.since, schedule_filter.until
    if since is None or until is None:
        raise errors.InvalidRequest("Single shifts need a window: `from` and `to`.", pointer="?from")
    if until - since > MAX_WINDOW:
        raise QueryTooWide(f"A window is at most {MAX_WINDOW.days} days long.", pointer="?to")
    last_key = (cursor["start"]["S"], cursor["id"]["S"], cursor["recurrence_id"]["S"]) if cursor else ("", "", "")
    if cursor:
        since = max(since, datetime.fromisoformat(last_key[0]))
    shifts = _iter_shifts(replace(schedule_filter, since=since), limit)
    visible = (
        shift for shift in shifts if (cursor is None or shift.sort_key > last_key) and _can_see_shift(actor, shift)
    )
    results = list(islice(visible, limit + 1))
    if len(results) <= limit:
        return pagination.CursorPage(results, None)
    names = ("start", "id", "recurrence_id")
    next_cursor = {name: {"S": value} for name, value in zip(names, results[limit - 1].sort_key, strict=True)}
    return pagination.CursorPage(results[:limit], next_cursor)


def _can_see_shift(actor: Actor, shift: Shift) -> bool:
    return shift.staff_id == actor.id or access.can_see_schedule(actor, shift.schedule)


def _iter_shifts(schedule_filter: ScheduleFilter, limit: int) -> Iterator[Shift]:
    if schedule_filter.staff_id is None:
        return expansion.iter_shifts(schedule_filter, min(limit + 1, 500))
    rows = availability.fetch_rows(schedule_filter.staff_id, schedule_filter.since, None)
    schedules = [schedule for _, schedule in queries.join_schedules(rows)]
    matching = (item for item in schedules if schedule_filter.location_id in (None, item.location_id))
    return expansion.iter_series_shifts(matching, schedule_filter)


def list_locations_on_duty(user_id: str, at: datetime) -> list[str]:
    """The ids of the locations where a user is on duty. Two round trips."""
    return list_locations_of_shifts(user_id, at, at + timedelta(microseconds=1))


def list_locations_of_shifts(user_id: str, since: datetime, until: datetime) -> list[str]:
    """The ids of the locations where a user has shifts in a window. Two round trips, if few."""
    shifts = _iter_shifts(ScheduleFilter(staff_id=user_id, since=since, until=until), limit=1)
    return list(dict.fromkeys(str(shift.schedule.location_id) for shift in shifts))
