"""Rosters: the schedules, or the single shifts, of a location, a customer or a person.

What may be seen is one's own, and what is at one's locations.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from accounts import denied_attempts, locations, permissions, users
from accounts.permissions import Actor
from config import dynamodb, errors
from config.dynamodb import pagination
from staffing.models import Schedule
from staffing.recurrence import expand
from staffing.recurrence.expand import Occurrence
from staffing.schedules import availability, commands, queries
from staffing.schedules.queries import EXPANSION_STEP, LATEST_INSTANT, QueryTooWide, ScheduleFilter, Shift

MAX_WINDOW = timedelta(days=400)
"""Of a window in which single shifts are listed."""
ROWS_PER_READ = 250
"""Schedules of a person that are read at once."""


def list_schedules(
    schedule_filter: ScheduleFilter, *, actor: Actor, at: datetime, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    """Schedules with a shift in the window: single ones by start, then series by their end.

    A page may hold fewer than ``limit`` before the list ends. Raises `errors.NotFound` and
    `errors.Forbidden` for a location that is not there or not within reach.
    """
    check_access = _build_access_check(schedule_filter, actor, at)
    if schedule_filter.staff_id is not None:
        return _list_staff_schedules(schedule_filter, actor, check_access, limit=limit, cursor=cursor)
    if cursor:
        check_access()
        result_page = queries.query_schedules(schedule_filter, limit=limit, cursor=cursor)
    else:
        _, result_page = dynamodb.gather(
            check_access, lambda: queries.query_schedules(schedule_filter, limit=limit, cursor=None)
        )
    visible = [schedule for schedule in result_page.records if _is_visible(schedule, schedule_filter, actor)]
    return pagination.CursorPage(visible, result_page.next_cursor)


def _build_access_check(schedule_filter: ScheduleFilter, actor: Actor, at: datetime) -> Any:
    """Check what can be checked at once; answers what is left to ask."""
    actor.require("schedules:read")
    if schedule_filter.location_id is None and schedule_filter.customer_id is None:
        detail = "Name a locationId or a customerId."
        faults = [errors.FieldError(f"?{name}", "required", detail) for name in _REQUIRED_FILTERS]
        raise errors.InvalidRequest(detail, field_errors=faults)
    if schedule_filter.customer_id is not None:
        with denied_attempts.audit_denied_attempts(actor, at, values={"customerId": schedule_filter.customer_id}):
            permissions.check_customer(actor, schedule_filter.customer_id, pointer="?customerId")

    def check_access() -> None:
        keys = [locations.location_key(schedule_filter.location_id)] if schedule_filter.location_id is not None else []
        keys += [users.user_key(schedule_filter.staff_id)] if schedule_filter.staff_id is not None else []
        records = dynamodb.batch_get(keys) if keys else None
        if records and schedule_filter.location_id is not None:
            locations.get_location_from(records, schedule_filter.location_id, actor, pointer="?locationId")
            if schedule_filter.staff_id != actor.id:
                locations.check_access(actor, schedule_filter.location_id)
        if records and schedule_filter.staff_id is not None:
            users.get_user_from(records, schedule_filter.staff_id, actor.customer_id, pointer="?staffId")

    return check_access


_REQUIRED_FILTERS = ("locationId", "customerId")


def _is_visible(schedule: Schedule, schedule_filter: ScheduleFilter, actor: Actor) -> bool:
    return commands.can_see_schedule(actor, schedule) and _has_shift(schedule, schedule_filter)


def _has_shift(schedule: Schedule, schedule_filter: ScheduleFilter) -> bool:
    """Whether it has a shift in the window, of the person where one is named."""
    if schedule_filter.since is None and schedule_filter.until is None:
        return True
    series = schedule.series()
    since = max(schedule_filter.since or expand.get_earliest_start(series), expand.get_earliest_start(series))
    until = min(schedule_filter.until or LATEST_INSTANT, expand.get_latest_end(series))
    occurrences = _iter_occurrences(schedule, schedule_filter, since, until)
    return next(occurrences, None) is not None


def _iter_occurrences(
    schedule: Schedule, schedule_filter: ScheduleFilter, since: datetime, until: datetime
) -> Iterator[Occurrence]:
    """The shifts in a window by their start, of the person where one is named; slice by slice."""
    series = schedule.series()
    if schedule_filter.staff_id not in (None, schedule.staff_id):
        covers = {
            recurrence_id: exception
            for recurrence_id, exception in series.exceptions.items()
            if exception.staff_id == schedule_filter.staff_id
        }
        candidates = (
            expand.build_exception_occurrence(series, recurrence_id, cover) for recurrence_id, cover in covers.items()
        )
        yield from (
            occurrence
            for occurrence in candidates
            if occurrence and occurrence.start < until and occurrence.end > since
        )
        return
    step_start, step = since, EXPANSION_STEP
    while step_start < until:
        step_end = min(step_start + step, until)
        for occurrence in expand.iter_occurrences(series, step_start, step_end):
            assignee_id = occurrence.staff_id or schedule.staff_id
            is_new = step_start == since or occurrence.start >= step_start
            if is_new and schedule_filter.staff_id in (None, assignee_id):
                yield occurrence
        step_start, step = step_end, step * 2


def _list_staff_schedules(
    schedule_filter: ScheduleFilter, actor: Actor, check_access: Any, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    """Schedules of which somebody has shifts, by their end."""
    staff_id = schedule_filter.staff_id or ""
    _, rows = dynamodb.gather(check_access, lambda: availability.fetch_rows(staff_id, schedule_filter.since, None))
    cursor_end = cursor["end"]["S"] if cursor else ""
    remaining_rows = [row for row in rows if row.end > cursor_end]
    visible: list[Schedule] = []
    last_end = ""
    for offset in range(0, len(remaining_rows), ROWS_PER_READ):
        batch = remaining_rows[offset : offset + ROWS_PER_READ]
        for row, schedule in queries.join_schedules(batch):
            if _is_matching(schedule, schedule_filter, actor):
                if len(visible) == limit:
                    return pagination.CursorPage(visible, {"end": {"S": last_end}})
                visible.append(schedule)
                last_end = str(row.end)
    return pagination.CursorPage(visible, None)


def _is_matching(schedule: Schedule, schedule_filter: ScheduleFilter, actor: Actor) -> bool:
    if schedule_filter.location_id not in (None, schedule.location_id):
        return False
    if schedule.customer_id != actor.customer_id:
        return False
    return _is_visible(schedule, schedule_filter, actor)


def list_shifts(
    schedule_filter: ScheduleFilter, *, actor: Actor, at: datetime, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Shift]:
    """The single shifts in a window, by start; series are expanded.

    Raises as `page` does, and `TooWide`.
    """
    check_access = _build_access_check(schedule_filter, actor, at)
    if schedule_filter.since is None or schedule_filter.until is None:
        raise errors.InvalidRequest("Single shifts need a window: from and to.", pointer="?from")
    if schedule_filter.until - schedule_filter.since > MAX_WINDOW:
        raise QueryTooWide(f"A window is {MAX_WINDOW.days} days at most.", pointer="?to")
    last_key = (cursor["start"]["S"], cursor["id"]["S"], cursor["recurrence_id"]["S"]) if cursor else None
    since = max(schedule_filter.since, _parse_instant(last_key[0])) if last_key else schedule_filter.since
    candidates = _iter_shifts(schedule_filter, since, check_access, limit)
    visible = (
        shift
        for shift in candidates
        if (last_key is None or shift.sort_key > last_key) and _can_see_shift(actor, shift)
    )
    results = list(islice(visible, limit + 1))
    if len(results) <= limit:
        return pagination.CursorPage(results, None)
    names = ("start", "id", "recurrence_id")
    next_cursor = {name: {"S": value} for name, value in zip(names, results[limit - 1].sort_key, strict=True)}
    return pagination.CursorPage(results[:limit], next_cursor)


def _can_see_shift(actor: Actor, shift: Shift) -> bool:
    return shift.staff_id == actor.id or commands.can_see_schedule(actor, shift.schedule)


def _parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _iter_shifts(schedule_filter: ScheduleFilter, since: datetime, check_access: Any, limit: int) -> Iterator[Shift]:
    remaining_filter = ScheduleFilter(
        schedule_filter.location_id, schedule_filter.customer_id, schedule_filter.staff_id, since, schedule_filter.until
    )
    if schedule_filter.staff_id is not None:
        staff_id = schedule_filter.staff_id
        _, rows = dynamodb.gather(check_access, lambda: availability.fetch_rows(staff_id, since, None))
        staff_schedules = [schedule for _, schedule in queries.join_schedules(rows)]
        matching = [
            candidate for candidate in staff_schedules if schedule_filter.location_id in (None, candidate.location_id)
        ]
        return queries.iter_series_shifts(matching, remaining_filter)
    read_limit = min(limit + 1, 500)
    _, first_page, series_schedules = dynamodb.gather(
        check_access,
        lambda: queries.query_single_schedules(remaining_filter, read_limit, None),
        lambda: queries.query_series(remaining_filter),
    )
    return heapq.merge(
        queries.iter_single_shifts(remaining_filter, first_page, read_limit),
        queries.iter_series_shifts(series_schedules, remaining_filter),
        key=lambda shift: shift.sort_key,
    )
