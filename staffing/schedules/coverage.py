"""When somebody is on duty at locations, and when nobody is. Two round trips."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain

from accounts import users
from staffing.schedules import expansion, queries
from staffing.schedules.queries import ScheduleFilter

Period = tuple[datetime, datetime]


def list_covered(
    location_ids: Iterable[str], since: datetime, until: datetime, *, customer_id: str
) -> dict[str, list[Period]]:
    """When somebody who can work is on duty in a window, by location; in order, without overlaps.

    Raises `queries.QueryTooWide`.
    """
    filters = {id: ScheduleFilter(location_id=id, since=since, until=until) for id in location_ids}
    if not filters:
        return {}
    schedules = dict(zip(filters, queries.list_schedules_in_each(list(filters.values())), strict=True))
    staff_ids = {id for schedule in chain.from_iterable(schedules.values()) for id in queries.list_staff_ids(schedule)}
    staff = users.load_users(sorted(staff_ids), customer_id) if staff_ids else {}
    working = {id for id, user in staff.items() if user.status in users.WORKING_STATUSES}
    return {
        id: merge(
            (max(shift.occurrence.start, since), min(shift.occurrence.end, until))
            for shift in expansion.iter_series_shifts(schedules[id], schedule_filter)
            if shift.staff_id in working
        )
        for id, schedule_filter in filters.items()
    }


def merge(periods: Iterable[Period]) -> list[Period]:
    """Periods in order, those that touch as one. Pure."""
    merged: list[Period] = []
    for start, end in sorted(periods):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif start < end:
            merged.append((start, end))
    return merged


def subtract(required: Iterable[Period], covered: Iterable[Period]) -> list[Period]:
    """The parts of required periods that are not covered; ``covered`` as of `merge`. Pure."""
    covered, gaps = list(covered), list[Period]()
    for start, end in merge(required):
        uncovered_since = start
        for covered_start, covered_end in covered:
            if covered_end <= uncovered_since:
                continue
            if covered_start >= end:
                break
            if uncovered_since < covered_start:
                gaps.append((uncovered_since, covered_start))
            uncovered_since = covered_end
        if uncovered_since < end:
            gaps.append((uncovered_since, end))
    return gaps


def list_empty(required: Iterable[Period], covered: Sequence[Period]) -> list[Period]:
    """Those required periods, such as days, in which nobody is on duty at any time. Pure."""
    return [
        (start, end)
        for start, end in required
        if not any(covered_start < end and covered_end > start for covered_start, covered_end in covered)
    ]
