"""Queries for the schedules of a location, a customer or a person in a window.

A window takes three ranges of an index, read at once: single shifts that start in it or up to two
days before, long ones up to 31 days before, and series that end after it begins. So the cost
depends on what is alive in the window. After a change of zone rules the ranges are wider.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from config import dynamodb, errors, zone_rules
from config.dynamodb import pagination
from staffing.models import (
    LONG_PREFIX,
    LONG_SHIFT_DURATION,
    SERIES_PREFIX,
    SINGLE_PREFIX,
    Schedule,
    StaffAvailability,
    format_instant,
)
from staffing.recurrence import wall_clock
from staffing.recurrence.expand import MAX_SHIFT_DURATION

T = TypeVar("T")
MAX_SINGLE_SHIFTS = 5_000
"""Single shifts, and long ones, that one look ahead reads: the earliest."""
MAX_SERIES = 5_000
"""Series that one list may expand. More than a location may have, so that calls never need more."""
_LOOKBACKS = {
    SINGLE_PREFIX: LONG_SHIFT_DURATION + wall_clock.MAX_CLOCK_JUMP,
    LONG_PREFIX: MAX_SHIFT_DURATION + wall_clock.MAX_CLOCK_JUMP,
}
"""How long ago a current single shift, and a long one, may have started."""
LATEST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC)


class QueryTooWide(errors.InvalidRequest):
    """The query would read more than is allowed at once."""

    code = "query_too_wide"
    example_detail = "A window is at most 400 days long."
    example_pointer = "?to"


@dataclass(frozen=True)
class ScheduleFilter:
    """Which schedules: of a location or customer, optionally of one person, in a window."""

    location_id: str | None = None
    customer_id: str | None = None
    staff_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def window(self) -> tuple[datetime, datetime]:
        return self.since or LATEST_INSTANT, self.until or LATEST_INSTANT

    def key_ranges(self) -> list[tuple[str, str]]:
        """The ranges of the index to read: single shifts, long ones, then series."""
        tolerance = zone_rules.tolerance()
        until = format_instant(self.window[1] + tolerance)
        single_ranges = [
            (prefix + (format_instant(self.since - lookback - tolerance) if self.since else ""), prefix + until)
            for prefix, lookback in _LOOKBACKS.items()
        ]
        earliest_end = format_instant(self.since - tolerance) if self.since else ""
        return [*single_ranges, (SERIES_PREFIX + earliest_end, SERIES_PREFIX + "~")]


def _index_of(schedule_filter: ScheduleFilter) -> str:
    return "byLocation" if schedule_filter.location_id is not None else "byCustomer"


def build_query(
    schedule_filter: ScheduleFilter, key_range: tuple[str, str], page_size: int | None = None
) -> dynamodb.RecordQuery:
    """The query of a range."""
    if schedule_filter.location_id is not None:
        key_name, key_value = "location_id", schedule_filter.location_id
    else:
        key_name, key_value = "customer_id", schedule_filter.customer_id or ""
    values = {":of": {"S": key_value}, ":low": {"S": key_range[0]}, ":high": {"S": key_range[1]}}
    condition = f"#{key_name} = :of AND #window BETWEEN :low AND :high"
    options: dict[str, Any] = {"IndexName": _index_of(schedule_filter)} | ({"Limit": page_size} if page_size else {})
    return dynamodb.RecordQuery(Schedule, condition, values, options)


def query_schedules(
    schedule_filter: ScheduleFilter, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    """Up to ``limit`` schedules, range by range; the ranges are read in the time of one.

    A page that goes on among single shifts may be full of them, so it reads those first.
    """
    key_ranges = [key_range for key_range in schedule_filter.key_ranges() if _last_key(cursor) <= key_range[1]]
    first_count = 1 if cursor and len(key_ranges) == len(_LOOKBACKS) + 1 else len(key_ranges)
    schedules: list[Schedule] = []
    for part in filter(None, (key_ranges[:first_count], key_ranges[first_count:])):
        for page in _query_pages(schedule_filter, part, limit, cursor):
            schedules += page.records
            if page.next_cursor or len(schedules) >= limit:
                next_cursor = page.next_cursor
                if len(schedules) > limit or next_cursor is None:
                    next_cursor = pagination.cursor_after(schedules[limit - 1], _index_of(schedule_filter))
                return pagination.CursorPage(schedules[:limit], next_cursor)
    return pagination.CursorPage(schedules, None)


def _last_key(cursor: pagination.Cursor | None) -> str:
    return str(cursor["window"]["S"]) if cursor else ""


def _query_pages(
    schedule_filter: ScheduleFilter, key_ranges: list[tuple[str, str]], limit: int, cursor: pagination.Cursor | None
) -> list[pagination.CursorPage[Schedule]]:
    """A page of each range, from the cursor on if that is one of this range."""
    queries = [build_query(schedule_filter, key_range) for key_range in key_ranges]
    cursors = [cursor if _last_key(cursor) >= low else None for low, _ in key_ranges]
    return pagination.query_pages(queries, limit=limit, cursors=cursors)


def take_series(series: Iterator[T]) -> list[T]:
    """The series alive in a window. Raises `QueryTooWide`."""
    taken = list(islice(series, MAX_SERIES + 1))
    if len(taken) > MAX_SERIES:
        raise QueryTooWide("Too many series for one list; filter by `locationId`.")
    return taken


def query_series(schedule_filter: ScheduleFilter) -> list[Schedule]:
    """The series alive in the window. Raises `QueryTooWide`."""
    *_, series_range = schedule_filter.key_ranges()
    (series,) = dynamodb.iter_records_together([build_query(schedule_filter, series_range, MAX_SERIES + 1)])
    return take_series(series)


def has_more_series(location_id: str, at: datetime, limit: int) -> bool:
    """Whether a location has more series than ``limit`` that have not ended; soon after writes."""
    schedule_filter = ScheduleFilter(location_id=location_id, since=at)
    *_, series_range = schedule_filter.key_ranges()
    arguments = build_query(schedule_filter, series_range).arguments
    count = 0
    for items in dynamodb.iter_pages("Query", **arguments, ProjectionExpression="id"):
        count += len(items)
        if count > limit:
            return True
    return False


def list_schedules_in(schedule_filter: ScheduleFilter) -> list[Schedule]:
    """The schedules that may have a shift in a window; three ranges at once.

    Of single shifts and of long ones, the earliest `MAX_SINGLE_SHIFTS`. Raises `QueryTooWide`.
    """
    (schedules,) = list_schedules_in_each([schedule_filter])
    return schedules


def list_schedules_in_each(filters: Sequence[ScheduleFilter]) -> list[list[Schedule]]:
    """As `list_schedules_in`, for several places or windows at once."""
    page_sizes = (1_000, 1_000, MAX_SERIES + 1)
    pages = iter(
        dynamodb.iter_records_together(
            [
                build_query(schedule_filter, key_range, page_size)
                for schedule_filter in filters
                for key_range, page_size in zip(schedule_filter.key_ranges(), page_sizes, strict=True)
            ]
        )
    )
    return [
        [*islice(next(pages), MAX_SINGLE_SHIFTS), *islice(next(pages), MAX_SINGLE_SHIFTS), *take_series(next(pages))]
        for _ in filters
    ]


def is_cut(schedules: Iterable[Schedule]) -> bool:
    """Whether `list_schedules_in` may have left out later single shifts of a window."""
    return sum(not schedule.is_series for schedule in schedules) >= MAX_SINGLE_SHIFTS


def list_staff_ids(schedule: Schedule) -> set[str]:
    """The ids of the owner of a schedule, and of those who cover shifts of it."""
    covers = (exception.get("staffId") for exception in (schedule.pattern or {}).get("exceptions", {}).values())
    return {str(schedule.staff_id), *filter(None, covers)}


def list_future_schedules(location_id: str, at: datetime) -> list[Schedule]:
    """The schedules of a location that have current or future shifts."""
    schedule_filter = ScheduleFilter(location_id=location_id, since=at)
    return [
        schedule
        for key_range in schedule_filter.key_ranges()
        for schedule in next(iter(dynamodb.iter_records_together([build_query(schedule_filter, key_range, 250)])))
        if schedule.series().latest_end > at
    ]


def join_schedules(rows: Iterable[StaffAvailability]) -> Iterator[tuple[StaffAvailability, Schedule]]:
    """Each row with its schedule, where that still exists."""
    rows = list(rows)
    records = dynamodb.batch_get(dynamodb.RecordKey(Schedule, str(row.schedule_id)) for row in rows)
    for row in rows:
        schedule = records.get(Schedule, str(row.schedule_id))
        if schedule:
            yield row, schedule
