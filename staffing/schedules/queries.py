"""Queries for the schedules of a location, a customer or a person in a window, and their shifts.

A window takes two ranges of an index: single shifts that start in it, and series that end after it
begins. So the cost depends on the window and the series alive in it, not on what ended before.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from config import dynamodb, errors
from config.dynamodb import pagination
from staffing.models import SERIES_PREFIX, SINGLE_PREFIX, Schedule, StaffAvailability, format_instant
from staffing.recurrence import expand
from staffing.recurrence.expand import MAX_SHIFT_DURATION, Occurrence

MAX_SERIES = 5_000
"""Series that one list may expand."""
SINGLE_SHIFT_LOOKBACK = MAX_SHIFT_DURATION + timedelta(hours=3)
"""How long ago a current single shift may have started."""
FIRST_STEP = timedelta(days=7)
LATEST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC)


class QueryTooWide(errors.InvalidRequest):
    """The query would read more than is allowed at once."""

    code = "too_wide"


@dataclass(frozen=True)
class ScheduleFilter:
    """Which schedules: of a location or customer, optionally of one person, in a window."""

    location_id: str | None = None
    customer_id: str | None = None
    staff_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def partition(self) -> tuple[str, str, str]:
        """The index to read, the name of its hash key, and the key."""
        if self.location_id is not None:
            return "byLocation", "location_id", self.location_id
        return "byCustomer", "customer_id", self.customer_id or ""

    def key_ranges(self) -> list[tuple[str, str]]:
        """The ranges of windows to read: single shifts, then series."""
        earliest_start = self.since - SINGLE_SHIFT_LOOKBACK if self.since else None
        singles = (
            SINGLE_PREFIX + (format_instant(earliest_start) if earliest_start else ""),
            SINGLE_PREFIX + (format_instant(self.until or LATEST_INSTANT)),
        )
        series = (SERIES_PREFIX + (format_instant(self.since) if self.since else ""), SERIES_PREFIX + "~")
        return [singles, series]


@dataclass(frozen=True)
class Shift:
    """One shift of a schedule."""

    schedule: Schedule
    occurrence: Occurrence

    @property
    def staff_id(self) -> str:
        """The person on duty: who covers the shift, or else the owner of the schedule."""
        return self.occurrence.staff_id or str(self.schedule.staff_id)

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """What shifts are sorted by, and what a cursor holds."""
        occurrence = self.occurrence
        return (format_instant(occurrence.start), str(self.schedule.id), occurrence.recurrence_id.isoformat())


def _query_range(
    schedule_filter: ScheduleFilter, key_range: tuple[str, str], limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    index, key_name, key_value = schedule_filter.partition
    values = {":of": {"S": key_value}, ":low": {"S": key_range[0]}, ":high": {"S": key_range[1]}}
    condition = f"#{key_name} = :of AND #window BETWEEN :low AND :high"
    return pagination.query_page(Schedule, index, condition, values, limit=limit, cursor=cursor)


def query_schedules(
    schedule_filter: ScheduleFilter, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    """Up to ``limit`` schedules of both ranges."""
    index = schedule_filter.partition[0]
    schedules: list[Schedule] = []
    for key_range in schedule_filter.key_ranges():
        if cursor and cursor["window"]["S"] > key_range[1]:
            continue
        page = _query_range(schedule_filter, key_range, limit - len(schedules), cursor)
        schedules += page.records
        cursor = None
        if page.next_cursor or len(schedules) == limit:
            return pagination.CursorPage(schedules, page.next_cursor or pagination.cursor_after(schedules[-1], index))
    return pagination.CursorPage(schedules, None)


def query_single_schedules(
    schedule_filter: ScheduleFilter, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    return _query_range(schedule_filter, schedule_filter.key_ranges()[0], limit, cursor)


def query_series(schedule_filter: ScheduleFilter) -> list[Schedule]:
    """The series alive in the window. Raises `QueryTooWide`."""
    schedules: list[Schedule] = []
    cursor: pagination.Cursor | None = None
    while True:
        page = _query_range(schedule_filter, schedule_filter.key_ranges()[1], 1000, cursor)
        schedules += page.records
        if len(schedules) > MAX_SERIES:
            raise QueryTooWide("Too many series for one list; filter by `locationId`.")
        if page.next_cursor is None:
            return schedules
        cursor = page.next_cursor


def iter_shifts(schedule_filter: ScheduleFilter, read_limit: int) -> Iterator[Shift]:
    """The shifts of a location or customer in a window, by start; single ones are read as taken."""
    first_page, series_schedules = dynamodb.gather(
        lambda: query_single_schedules(schedule_filter, read_limit, None), lambda: query_series(schedule_filter)
    )
    return heapq.merge(
        _iter_single_shifts(schedule_filter, first_page, read_limit),
        iter_series_shifts(series_schedules, schedule_filter),
        key=lambda shift: shift.sort_key,
    )


def _iter_single_shifts(
    schedule_filter: ScheduleFilter, first_page: pagination.CursorPage[Schedule], limit: int
) -> Iterator[Shift]:
    """Single shifts by start and id."""
    schedules = _iter_single_schedules(schedule_filter, first_page, limit)
    for _, group in groupby(schedules, key=lambda schedule: schedule.window):
        for schedule in sorted(group, key=lambda schedule: str(schedule.id)):
            yield from _iter_shifts_in_window(schedule, schedule_filter)


def _iter_single_schedules(
    schedule_filter: ScheduleFilter, page: pagination.CursorPage[Schedule], limit: int
) -> Iterator[Schedule]:
    yield from page.records
    while page.next_cursor is not None:
        page = query_single_schedules(schedule_filter, limit, page.next_cursor)
        yield from page.records


def _iter_shifts_in_window(schedule: Schedule, schedule_filter: ScheduleFilter) -> Iterator[Shift]:
    if schedule_filter.since and schedule_filter.until:
        for occurrence in expand.iter_occurrences(schedule.series(), schedule_filter.since, schedule_filter.until):
            yield Shift(schedule, occurrence)


def iter_series_shifts(schedules: Iterable[Schedule], schedule_filter: ScheduleFilter) -> Iterator[Shift]:
    """The shifts of schedules by start, expanded lazily, window by window."""
    schedule_series = [(schedule, schedule.series()) for schedule in schedules]
    since, until = schedule_filter.since or LATEST_INSTANT, schedule_filter.until or LATEST_INSTANT
    for step_start, step_end in iter_steps(since, until):
        shifts = [
            Shift(schedule, occurrence)
            for schedule, series in schedule_series
            for occurrence in expand.iter_occurrences(series, step_start, step_end)
            if step_start == since or occurrence.start >= step_start
        ]
        matching_shifts = (shift for shift in shifts if schedule_filter.staff_id in (None, shift.staff_id))
        yield from sorted(matching_shifts, key=lambda shift: shift.sort_key)


def iter_steps(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Windows that follow each other and double in length, to expand only as far as is needed."""
    step = FIRST_STEP
    while since < until:
        step_end = min(since + step, until)
        yield since, step_end
        since, step = step_end, step * 2


def list_current_shifts(location_id: str, at: datetime, *, grace: timedelta = timedelta(0)) -> list[Shift]:
    """The current shifts at a location, and those that ended less than ``grace`` ago, by start."""
    until = at + timedelta(microseconds=1)
    return list(iter_shifts(ScheduleFilter(location_id=location_id, since=at - grace, until=until), 1000))


def list_future_schedules(location_id: str, at: datetime) -> list[Schedule]:
    """The schedules of a location that have current or future shifts."""
    schedule_filter = ScheduleFilter(location_id=location_id, since=at)
    schedules: list[Schedule] = []
    cursor: pagination.Cursor | None = None
    while True:
        page = query_schedules(schedule_filter, limit=250, cursor=cursor)
        schedules += [schedule for schedule in page.records if expand.get_latest_end(schedule.series()) > at]
        if page.next_cursor is None:
            return schedules
        cursor = page.next_cursor


def has_future_schedules(location_id: str, at: datetime) -> bool:
    """Whether any schedule of a location has current or future shifts."""
    return bool(list_future_schedules(location_id, at))


def join_schedules(rows: Iterable[StaffAvailability]) -> Iterator[tuple[StaffAvailability, Schedule]]:
    """Each row with its schedule, where that still exists."""
    rows = list(rows)
    records = dynamodb.batch_get(dynamodb.RecordKey(Schedule, str(row.schedule_id)) for row in rows)
    for row in rows:
        schedule = records.get(Schedule, str(row.schedule_id))
        if schedule:
            yield row, schedule
